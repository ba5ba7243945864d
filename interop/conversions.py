"""What a library wrote is inspected, and converted to each format, which that format's library must load."""

import json

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
                check_listing(tool.inspect(case.path, *case.flags), case)
    outputs = folder / "converted"
    outputs.mkdir()
    for extension, load in [("safetensors", check_safetensors), ("pt", check_torch), ("h5", check_hdf5)]:
        with report.group(f"{name} → {extension}"):
            for number, case in enumerate(cases):
                with report.check(f"{case.name} → {extension}"):
                    check_conversion(tool, case, outputs / f"{number}.{extension}", load)


def check_listing(listing, case):
    listing.require(case.weights, case.ties)
    others = {entry["name"]: entry["description"] for entry in listing.document.get("others", [])}
    require_words(others, case.left_out | case.refused)
    require_attributes(listing, case)


def require_attributes(listing, case):
    if case.attributes is not None:
        require(listing.document.get("attributes", {}), case.attributes, "attributes")


def require_words(found, expected):
    """Compares what is said of things by name with words that must be in it."""
    require(sorted(found), sorted(expected), "what is named besides tensors")
    for name, words in expected.items():
        require(words in found[name], True, f"of {name!r} is said {found[name]!r}: {words!r} in it")


def require_refusal(tool, case, path):
    """What cannot be carried is refused with its name, and with the options that leave it out."""
    outcome = tool.expect(65, "convert", case.path, path, *case.flags)
    require(any(f"tensor '{name}'" in outcome.error for name in case.refused), True, f"a name in {outcome.error!r}")
    require(all(f"--exclude '{name}'" in outcome.error for name in list(case.refused)[:8]), True, f"options in {outcome.error!r}")
    require(path.exists(), False, f"{path.name} exists")


def check_conversion(tool, case, path, load):
    options = [*case.flags, *(f"--exclude={name}" for name in case.refused)]
    if case.refused:
        require_refusal(tool, case, path)
    narrow = {weight.dtype for weight in case.weights.values()} & NOT_IN_SAFETENSORS
    if path.suffix == ".safetensors" and narrow:
        check_refusal_of_types(tool, case, path)
        case = without_types(case, narrow)
        tool.convert(case.path, path, *options, *(f"--exclude={name}" for name in case.excluded))
        load(path, case)
        return
    receipt = tool.convert(case.path, path, *options)
    require(receipt["tensors"], len(case.weights), "tensors in the receipt")
    require((receipt["verified"] or {}).get("equal"), True, "verified in the receipt")
    dropped = {entry["item"]: entry["reason"] for entry in receipt["dropped"] if entry["item"].startswith("tensor ")}
    require_words(dropped, {f"tensor {quoted(name)}": words for name, words in case.left_out.items()}
                  | {f"tensor {quoted(name)}": "matches --exclude" for name in case.refused})
    for words in case.said:
        require(words in " ".join(receipt["notes"]), True, f"{words!r} in the notes {receipt['notes']}")
    load(path, case)
    difference = json.loads(tool.expect(1 if case.refused else 0, "diff", case.path, path, "--json", *case.flags).output)
    require(difference["missing"] + difference["extra"], [], "names in one only")
    require(all(entry["identical"] for entry in difference["tensors"]), True, f"identical tensors {difference['tensors']}")
    require(set(difference["not_compared"]), set(case.refused), "what is not compared")
    listing = tool.inspect(path)
    listing.require(case.weights, case.ties)
    require_attributes(listing, case)


def quoted(name):
    return f"'{name}'"


def check_refusal_of_types(tool, case, path):
    outcome = tool.expect(65, "convert", case.path, path)
    require("safetensors has no dtype" in outcome.error, True, "the message says why")
    require(path.exists(), False, f"{path.name} exists")


def without_types(case, dtypes):
    weights = {name: weight for name, weight in case.weights.items() if weight.dtype not in dtypes}
    ties = {names & weights.keys() for names in case.ties}
    rest = type(case)(case.name, case.path, weights, {names for names in ties if len(names) > 1})
    rest.excluded = sorted(case.weights.keys() - weights.keys())
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
