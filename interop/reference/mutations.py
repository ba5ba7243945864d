"""Faulty files. A checker that lets one pass proves nothing.

Each fault is of the values or of the names only: two square matrices exchanged, one transposed, a layer dropped, a name
too many."""

import shutil

import h5py
import numpy
from safetensors.numpy import load_file, save_file

import names
from by_hand import write_tensorflow
from cases import CASES

CLASS = "BertForSequenceClassification"
FIRST, SECOND = "attention.self.query", "attention.self.key"


def exchanged(tensors):
    def other(name):
        return name.replace(FIRST, SECOND) if FIRST in name else name.replace(SECOND, FIRST)

    return {name: tensors[other(name)] for name in tensors}


def transposed(tensors):
    square = "bert.encoder.layer.1.attention.output.dense.weight"
    return tensors | {square: numpy.ascontiguousarray(tensors[square].T)}


def without_layer(tensors):
    return {name: array for name, array in tensors.items() if ".layer.1." not in name}


FAULTS = {"exchanged": exchanged, "transposed": transposed, "without-layer": without_layer, "too-many": dict}
COUNT = 3 * len(FAULTS)


def write(folder):
    """Yields the jobs."""
    case, home = CASES[CLASS], folder / CLASS
    for fault, change in FAULTS.items():
        place = folder / "mutations" / fault
        for framework in ("transformers", "tensorflow", "keras-hub"):
            (place / framework).mkdir(parents=True, exist_ok=True)
            shutil.copy(home / "transformers" / "config.json", place / framework)
        tensors = change(load_file(home / "transformers" / "model.safetensors"))
        extra = {"extra": numpy.ones(3, numpy.float32)} if fault == "too-many" else {}
        save_file({**tensors, **extra}, place / "transformers" / "model.safetensors", metadata={"format": "pt"})
        yield "transformers", CLASS, place / "transformers", home / "outputs.safetensors"

        groups = names.tensorflow(case, tensors)
        groups["bert"] |= {f"bert/{name}": array for name, array in extra.items()}
        write_tensorflow(place / "tensorflow" / "tf_model.h5", groups, f"{names.tensorflow_scope(case)}/")
        yield "tensorflow", CLASS, place / "tensorflow", home / "outputs.safetensors"

        path = place / "keras-hub" / "model.weights.h5"
        with h5py.File(path, "w") as file:
            for name, array in (keras_hub(case, change, home) | extra).items():
                file[f"layers/{name}/vars/0" if name in extra else name] = array
        yield "keras-hub", CLASS, path, home / "outputs.keras-hub.safetensors"


def keras_hub(case, change, home):
    tensors = load_file(home / "transformers.keras-hub" / "model.safetensors")
    changed = change(tensors)
    # The table wants every row; what the fault took away is taken away again afterwards.
    converted = names.keras_hub(case, tensors | changed)
    gone = "/transformer_encoder_1/" if len(changed) < len(tensors) else None
    return {name: array for name, array in converted.items() if gone is None or gone not in name}
