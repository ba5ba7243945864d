"""What a library wrote is inspected, and converted to each format, which that format's library must load."""

import hdf5_cases
import safetensors_cases
import torch_cases
from report import require, require_weights
from weights import NOT_IN_SAFETENSORS


def check(report, tool, folder, name, source):
    with report.group(f"{name} → inspect"):
        cases = list(source.cases(folder))
        for case in cases:
            with report.check(f"{case.name}: inspect"):
                tool.inspect(case.path).require(case.weights, case.ties)
    outputs = folder / "converted"
    outputs.mkdir()
    for extension, load in [("safetensors", check_safetensors), ("pt", check_torch), ("h5", check_hdf5)]:
        with report.group(f"{name} → {extension}"):
            for number, case in enumerate(cases):
                with report.check(f"{case.name} → {extension}"):
                    check_conversion(tool, case, outputs / f"{number}.{extension}", load)


def check_conversion(tool, case, path, load):
    narrow = {weight.dtype for weight in case.weights.values()} & NOT_IN_SAFETENSORS
    if path.suffix == ".safetensors" and narrow:
        check_refusal_of_types(tool, case, path)
        case = without_types(case, narrow)
        tool.convert(case.path, path, *(f"--exclude={name}" for name in case.left_out))
        load(path, case)
        return
    receipt = tool.convert(case.path, path)
    require(receipt["tensors"], len(case.weights), "tensors in the receipt")
    require((receipt["verified"] or {}).get("equal"), True, "verified in the receipt")
    load(path, case)
    tool.expect(0, "diff", case.path, path)
    tool.inspect(path).require(case.weights, case.ties)


def check_refusal_of_types(tool, case, path):
    outcome = tool.expect(65, "convert", case.path, path)
    require("safetensors has no dtype" in outcome.error, True, "the message says why")
    require(path.exists(), False, f"{path.name} exists")


def without_types(case, dtypes):
    weights = {name: weight for name, weight in case.weights.items() if weight.dtype not in dtypes}
    ties = {names & weights.keys() for names in case.ties}
    rest = type(case)(case.name, case.path, weights, {names for names in ties if len(names) > 1})
    rest.left_out = sorted(case.weights.keys() - weights.keys())
    return rest


def check_safetensors(path, case):
    """Of tied names the first is in the file, and the metadata leads from the others to it, as `save_model` has it."""
    weights, metadata = safetensors_cases.loaded(path)
    for names in case.ties:
        kept, *others = sorted(names)
        for name in others:
            require(metadata.get(name), kept, f"metadata of the tied name {name!r}")
            require(name in weights, False, f"tensor {name!r} is stored")
            weights[name] = weights[kept]
    require_weights(weights, case.weights)


def check_torch(path, case):
    weights, ties = torch_cases.loaded(path)
    require_weights(weights, case.weights)
    require(ties, case.ties, "tensors that share memory")


def check_hdf5(path, case):
    weights, ties = hdf5_cases.loaded(path)
    require_weights(weights, case.weights)
    require(ties, case.ties, "names of one data set")
