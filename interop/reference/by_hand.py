"""Files that follow names.py and nothing else: no empty groups, no optimizer, none of the frameworks' own extras. They show
what a writer must put there. Needs numpy, h5py and safetensors only."""

import shutil

import h5py
from safetensors.numpy import load_file

import names
from cases import CASES


def write_tensorflow(path, groups, scope):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = list(groups)
        for group, weights in groups.items():
            paths = {f"{scope}{name}:0": array for name, array in weights.items()}
            file.create_group(group).attrs["weight_names"] = list(paths)
            for name, array in paths.items():
                file[group][name] = array


def write(folder):
    for case in CASES.values():
        home = folder / case.name
        if case.tensorflow:
            tensors = load_file(home / "transformers" / "model.safetensors")
            directory = home / "tensorflow.by-hand"
            directory.mkdir(exist_ok=True)
            shutil.copy(home / "transformers" / "config.json", directory)
            write_tensorflow(
                directory / "tf_model.h5", names.tensorflow(case, tensors), f"{names.tensorflow_scope(case)}/")
        if case.keras_hub:
            tensors = load_file(home / "transformers.keras-hub" / "model.safetensors")
            directory = home / "keras-hub.by-hand"
            directory.mkdir(exist_ok=True)
            with h5py.File(directory / "model.weights.h5", "w") as file:
                for path, array in names.keras_hub(case, tensors).items():
                    file[path] = array
