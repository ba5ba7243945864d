"""Beyond single tensors: structures come back whole, and models of the libraries take what was converted."""

import keras
import numpy
import torch
from safetensors.torch import load_model

import keras_cases
import torch_cases
from report import Mismatch, require
from safetensors_cases import Tied
from weights import of_tensor


def check(report, tool, folder):
    with report.group("structures and models"):
        for stops in (["pt"], ["safetensors", "pt"], ["h5", "pt"], ["h5", "safetensors", "h5", "pt"]):
            with report.check(f"nested.pt → {' → '.join(stops)}: dictionaries, plain values, order"):
                check_structure(tool, folder, stops)
        with report.check("torch: load_state_dict(strict=True) of what was converted"):
            check_torch_module(tool, folder)
        with report.check("safetensors: load_model of a converted tied model"):
            check_tied_model(tool, folder)
        for stops in (["h5"], ["safetensors", "h5"], ["pt", "h5"]):
            with report.check(f"Keras: load_weights of .weights.h5 → {' → '.join(stops)}"):
                check_keras(tool, folder, stops)


def journey(tool, folder, source, stops, suffix=""):
    here = source
    for number, extension in enumerate(stops):
        there = folder / f"stop-{number}{suffix if extension == 'h5' else ''}.{extension}"
        tool.convert(here, there, "--force")
        here = there
    return here


def require_same(found, expected, path="root"):
    require(type(found), type(expected), f"{path}, type")
    if isinstance(expected, torch.Tensor):
        require(of_tensor(found), of_tensor(expected), path)
    elif isinstance(expected, dict):
        require(list(found), list(expected), f"{path}, keys")
        for key in expected:
            require_same(found[key], expected[key], f"{path}[{key!r}]")
        require(sorted(vars(found)) if hasattr(found, "__dict__") else [],
                sorted(vars(expected)) if hasattr(expected, "__dict__") else [], f"{path}, attributes")
    elif isinstance(expected, (list, tuple)):
        require(len(found), len(expected), f"{path}, length")
        for index, pair in enumerate(zip(found, expected)):
            require_same(*pair, f"{path}[{index}]")
    else:
        require(found, expected, path)


def check_structure(tool, folder, stops):
    source = folder / "nested.pt"
    torch.manual_seed(1)
    torch.save(torch_cases.nested(), source)
    require_same(torch.load(journey(tool, folder, source, stops)), torch.load(source))


def check_torch_module(tool, folder):
    torch.manual_seed(4)
    model, other = torch_cases.Block(), torch_cases.Block()
    torch.save(model.state_dict(), folder / "block.pt")
    for stops in (["pt"], ["safetensors", "pt"], ["h5", "pt"]):
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        other.load_state_dict(torch.load(journey(tool, folder, folder / "block.pt", stops)), strict=True)
        require_same(dict(other.state_dict()), dict(model.state_dict()))


def check_tied_model(tool, folder):
    model = Tied()
    torch.save(model.state_dict(), folder / "tied.pt")
    tool.convert(folder / "tied.pt", folder / "tied.safetensors")
    other = Tied()
    with torch.no_grad():
        other.embedding.weight.zero_()
    missing, unexpected = load_model(other, folder / "tied.safetensors")
    require((list(missing), list(unexpected)), ([], []), "missing and unexpected names")
    require(torch.equal(other.decoder.weight, model.embedding.weight), True, "the decoder is the embedding")


def check_keras(tool, folder, stops):
    network = keras_cases.trained()
    source = folder / "source.weights.h5"
    network.save_weights(source)
    loaded = keras_cases.model()
    for variable in loaded.weights:
        variable.assign(keras.ops.zeros_like(variable))
    loaded.load_weights(journey(tool, folder, source, stops, suffix=".weights"))
    for left, right in zip(loaded.weights, network.weights, strict=True):
        if not numpy.array_equal(keras.ops.convert_to_numpy(left), keras.ops.convert_to_numpy(right)):
            raise Mismatch(f"variable {right.path}: another value than before")
