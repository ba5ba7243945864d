"""Writes `tf_model.h5` files with the last TensorFlow classes of Transformers, and checks directories that hold one
(tensorflow environment). See __main__.py for the folder's layout."""

import json
import os
import pathlib
import re
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy
import tensorflow
import transformers
from safetensors.numpy import load_file

from answers import answer
from cases import CASES


def loaded(case, directory):
    # Keras numbers the layers of a process: a `dropout_37` that the file does not have would be unexpected.
    tensorflow.keras.backend.clear_session()
    return getattr(transformers, case.tensorflow).from_pretrained(directory, output_loading_info=True)


def write(folder):
    """From the safetensors files of Transformers 5, with the names that its own TensorFlow classes translate."""
    for case in CASES.values():
        if case.tensorflow:
            model, _ = loaded(case, folder / case.name / "transformers")
            model.save_pretrained(folder / case.name / "tensorflow", safe_serialization=False)


def check(case, directory, expected):
    model, information = loaded(case, directory)
    inputs = {name: tensorflow.constant(array) for name, array in case.inputs().items()}
    found = model(inputs, training=False)
    recorded = load_file(expected)
    return {
        # A dropout without a name has the number of its making, and no weights.
        "missing": sorted(key for key in information["missing_keys"] if not re.fullmatch(r"dropout(_\d+)?", key)),
        "unexpected": sorted(information["unexpected_keys"]),
        "mismatched": sorted(map(str, information["mismatched_keys"])),
        "difference": max(float(numpy.abs(found[name].numpy() - recorded[name]).max()) for name in case.outputs),
    }


def main():
    transformers.logging.set_verbosity_error()
    command, *arguments = sys.argv[1:]
    if command == "write":
        write(pathlib.Path(arguments[0]))
    else:
        for line in sys.stdin:
            name, directory, expected = json.loads(line)
            print(json.dumps(answer(lambda: check(CASES[name], directory, expected))), flush=True)


if __name__ == "__main__":
    main()
