"""Writes KerasHub backbones and tasks, and checks files of weights against the recorded outputs (keras-hub environment).
See __main__.py for the folder's layout."""

import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "torch"

import h5py
import keras
import keras_hub
import numpy
from safetensors.numpy import load_file

from answers import answer
from cases import CASES, EMBEDDING, HEADS, HIDDEN, INNER, LABELS, LAYERS, POSITIONS, VOCABULARY
import names

BACKBONES = {"bert": "BertBackbone", "distilbert": "DistilBertBackbone", "electra": "ElectraBackbone",
             "roberta": "RobertaBackbone", "gpt2": "GPT2Backbone"}


def model_of(case):
    keras.utils.clear_session()
    sizes = {
        "vocabulary_size": VOCABULARY, "num_layers": LAYERS, "num_heads": HEADS, "hidden_dim": HIDDEN,
        "intermediate_dim": INNER, "max_sequence_length": POSITIONS, "dropout": 0.0,
    }
    if case.family in ("bert", "electra"):
        sizes["num_segments"] = 2
    if case.family == "electra":
        sizes |= {"vocab_size": sizes.pop("vocabulary_size"), "embedding_dim": EMBEDDING}
    backbone = getattr(keras_hub.models, BACKBONES[case.family])(**sizes)
    if case.keras_hub.endswith("Backbone"):
        return backbone
    labels = {"num_classes": LABELS} if case.keras_hub.endswith("TextClassifier") else {}
    return getattr(keras_hub.models, case.keras_hub)(backbone=backbone, **labels)


def variables(group):
    """Every data set of the model. Tasks are born compiled, so their files hold the state of an optimizer as well: it need
    not be there on loading."""
    found = {}
    group.visititems(
        lambda name, entry: found.update({name: entry[()]}) if isinstance(entry, h5py.Dataset) else None)
    return {name: array for name, array in found.items() if not name.startswith("optimizer/")}


def write(folder):
    """Weights by this package's own table (names.py), laid into the file that the model itself wrote: a name that the file
    does not have, or one that is left over, is a fault of the table."""
    for case in CASES.values():
        if not case.keras_hub:
            continue
        home = folder / case.name / "keras-hub"
        home.mkdir(exist_ok=True)
        model = model_of(case)
        path = home / "model.weights.h5"
        model.save_weights(path)
        tensors = load_file(folder / case.name / "transformers.keras-hub" / "model.safetensors")
        converted = names.keras_hub(case, tensors)
        with h5py.File(path, "r+") as file:
            shapes = {name: array.shape for name, array in variables(file).items()}
            assert shapes == {name: array.shape for name, array in converted.items()}, (
                case.name, set(shapes.items()) ^ {(name, array.shape) for name, array in converted.items()})
            for name, array in converted.items():
                file[name][...] = array
        # Through KerasHub once more, so that the file is its own, and as it saves presets.
        model.load_weights(path)
        model.save_weights(path)
        with h5py.File(path) as file:
            assert all(numpy.array_equal(array, converted[name]) for name, array in variables(file).items())
        model.save_to_preset(str(home / "preset"))


def outputs_of(case, model):
    inputs = case.inputs()
    given = {"token_ids": inputs["input_ids"].astype("int32"), "padding_mask": inputs["attention_mask"].astype("int32")}
    if case.family in ("bert", "electra"):
        given["segment_ids"] = inputs["token_type_ids"].astype("int32")
    if case.keras_hub.endswith("MaskedLM"):
        batch, length = inputs["input_ids"].shape
        given["mask_positions"] = numpy.tile(numpy.arange(length, dtype="int32"), (batch, 1))
    # Not predict(), which needs grain or TensorFlow to make batches.
    found = model(given, training=False)
    if case.keras_hub == "BertBackbone":
        found = {"last_hidden_state": found["sequence_output"], "pooler_output": found["pooled_output"]}
    elif case.keras_hub == "ElectraBackbone":
        found = {"last_hidden_state": found["sequence_output"]}
    else:
        found = {case.outputs[0]: found}
    return {name: keras.ops.convert_to_numpy(tensor) for name, tensor in found.items()}


def stored_names(case, path):
    """A preset's two files, under the names that a whole model has in one."""
    if not path.is_dir():
        with h5py.File(path) as file:
            return set(variables(file))
    with h5py.File(path / "model.weights.h5") as file:
        found = set(variables(file))
    if case.keras_hub.endswith("Backbone"):
        return found
    found = {f"layers/{names.BACKBONE[case.family]}/{name}" for name in found}
    if (path / "task.weights.h5").exists():
        with h5py.File(path / "task.weights.h5") as file:
            found |= set(variables(file))
    return found


def check(case, path, expected):
    """A directory is a preset; a file goes through load_weights. Neither complains of a name too many, and from_preset
    leaves a head random without a word, so names are compared here as well."""
    path = pathlib.Path(path)
    untouched = []
    if path.is_dir():
        options = {} if case.keras_hub.endswith("Backbone") else {"preprocessor": None}
        model = getattr(keras_hub.models, case.keras_hub).from_preset(str(path), **options)
    else:
        model = model_of(case)
        before = [keras.ops.convert_to_numpy(variable).copy() for variable in model.weights]
        model.load_weights(path)
        untouched = [
            variable.path for variable, array in zip(model.weights, before, strict=True)
            # A bias of zeros that zeros are loaded into is the same.
            if numpy.array_equal(keras.ops.convert_to_numpy(variable), array) and variable.path != "pooled_dense/bias"
        ]
    stored, known = stored_names(case, path), set(names.keras_hub_names(case))
    recorded = load_file(expected)
    real = case.inputs()["attention_mask"] == 1
    differences = []
    for name, found in outputs_of(case, model).items():
        difference = numpy.abs(found - recorded[name])
        # Padded positions carry no meaning: their embeddings differ between the frameworks.
        differences.append(float((difference[real] if difference.ndim == 3 else difference).max()))
    return {
        "missing": sorted(known - stored) + untouched, "unexpected": sorted(stored - known), "mismatched": [],
        "difference": max(differences),
    }


def main():
    command, *arguments = sys.argv[1:]
    if command == "write":
        write(pathlib.Path(arguments[0]))
    else:
        for line in sys.stdin:
            name, path, expected = json.loads(line)
            print(json.dumps(answer(lambda: check(CASES[name], path, expected))), flush=True)


if __name__ == "__main__":
    main()
