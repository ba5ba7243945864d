"""Weights saved by Keras: .weights.h5, .keras, the legacy .h5, bfloat16, shards."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import json
import shutil
import zipfile

import h5py
import keras
import numpy

import hdf5_cases
from case import Case
from weights import of_array


def model(dtype="float32"):
    keras.utils.clear_session()
    keras.utils.set_random_seed(9)
    policy = keras.dtype_policies.DTypePolicy(dtype)
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    embedded = keras.layers.Embedding(11, 8, dtype=policy)(tokens)
    attended = keras.layers.MultiHeadAttention(2, 4, dtype=policy)(embedded, embedded)
    normed = keras.layers.LayerNormalization(dtype=policy)(attended)
    hidden = keras.layers.Dense(16, activation="gelu", dtype=policy, name="intermediate")(normed)
    dropped = keras.layers.Dropout(0.1, dtype=policy)(hidden)
    return keras.Model(tokens, keras.layers.Dense(3, dtype=policy)(keras.layers.Dense(8, dtype=policy)(dropped)))


def trained():
    """With an optimizer's variables."""
    network = model()
    network.compile(optimizer="adam", loss="mse")
    network.train_on_batch(numpy.ones((2, 5), dtype="int32"), numpy.zeros((2, 5, 3), dtype="float32"))
    return network


def require_all_variables(case, network):
    """The file holds the value of each of the model's variables: h5py is not asked alone."""
    held = {weight.data for weight in case.weights.values()}
    for variable in network.weights:
        if keras.backend.standardize_dtype(variable.dtype) != "bfloat16":
            assert of_array(keras.ops.convert_to_numpy(variable.value)).data in held, variable.path
    return case


def cases(folder):
    network = trained()
    path = folder / "keras.weights.h5"
    network.save_weights(path)
    yield require_all_variables(hdf5_cases.of_file("keras/weights.h5", path), network)

    path = folder / "whole.keras"
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        inner = folder / "inner.h5"
        inner.write_bytes(archive.read("model.weights.h5"))
    case = hdf5_cases.of_file("keras/whole.keras", inner)
    case.path = path
    yield require_all_variables(case, network)

    path = folder / "legacy.h5"
    network.save(path)
    yield require_all_variables(hdf5_cases.of_file("keras/legacy.h5", path), network)

    half = model("bfloat16")
    for name in ("bfloat16.weights.h5", "bfloat16-legacy.h5"):
        path = folder / name
        half.save_weights(path) if "weights" in name else half.save(path)
        case = hdf5_cases.of_file(f"keras/{name}", path)
        assert "BF16" in {weight.dtype for weight in case.weights.values()}
        yield case
    yield from sharded_case(folder, network)


def sharded_case(folder, network):
    directory = folder / "sharded"
    directory.mkdir()
    path = directory / "model.weights.json"
    network.save_weights(path, max_shard_size=1e-6)
    shards = sorted({file for files in json.loads(path.read_text())["weight_map"].values()
                     for file in ([files] if isinstance(files, str) else files)})
    assert len(shards) > 1
    weights = {}
    for shard in shards:
        part = hdf5_cases.of_file(shard, directory / shard).weights
        assert not weights.keys() & part.keys()
        weights |= part
    yield require_all_variables(Case("keras/sharded", path, weights), network)
    # One data set in two shards, with the same numbers: Keras reads it where the index says, and it is one weight.
    twice = folder / "sharded-twice"
    shutil.copytree(directory, twice)
    name = next(iter(hdf5_cases.of_file(shards[0], twice / shards[0]).weights))
    with h5py.File(twice / shards[0]) as first, h5py.File(twice / shards[-1], "a") as last:
        last[name] = first[name][()]
    again = model()
    again.load_weights(twice / path.name)
    assert all(numpy.array_equal(ours, theirs) for ours, theirs in zip(again.get_weights(), network.get_weights()))
    yield Case("keras/sharded, a data set twice", twice / path.name, weights, said=["taken once"])
