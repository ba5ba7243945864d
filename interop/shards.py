"""Shards: ours must be those of huggingface_hub, and load one by one."""

import json
import shutil

import h5py
import torch
import transformers
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file

import safetensors_cases
import torch_cases
from report import Mismatch, require, require_weights
from safetensors_cases import Tied
from seeded import model_of
from weights import numbers, of_array, of_tensor

LIMIT = 1000


def state():
    # One tensor is larger than a shard may be; names are not in order.
    return {f"layer.{i}.{kind}": numbers(*shape, start=i) for i in (3, 0, 11, 2)
            for kind, shape in (("weight", (8, 20)), ("bias", (8,)))} | {"head.weight": numbers(20, 20), "norm": numbers(7)}


def check(report, tool, folder):
    transformers.utils.logging.disable_progress_bar()
    with report.group("shards"):
        torch.save(state(), folder / "whole.pt")
        for format, extension, pattern in [
            ("safetensors", "safetensors", "model{suffix}.safetensors"), ("pytorch", "bin", "pytorch_model{suffix}.bin"),
        ]:
            with report.check(f"{format}: index and shards"):
                check_shards(tool, folder, format, extension, pattern)
        with report.check("ties stay together"):
            check_ties(tool, folder)
        for format in LIBRARIES:
            for name, check in NEIGHBOURS.items():
                with report.check(f"{format}: {name}"):
                    place = folder / f"{format}-{check.__name__}"
                    check(tool, place, format)
        with report.check("HDF5 is not written in shards"):
            outcome = tool.expect(65, "convert", folder / "whole.pt", folder / "whole.h5", f"--max-shard-size={LIMIT}B")
            require("shards" in outcome.error, True, "the message says why")
            require((folder / "whole.h5").exists(), False, "whole.h5 exists")


def check_shards(tool, folder, format, extension, pattern):
    directory = folder / format
    tool.convert(folder / "whole.pt", f"{directory}/", "--format", format, f"--max-shard-size={LIMIT}B")
    split = split_torch_state_dict_into_shards(state(), max_shard_size=LIMIT, filename_pattern=pattern)
    index_path = directory / (pattern.format(suffix="") + ".index.json")
    index = json.loads(index_path.read_text())
    require(index["weight_map"], split.tensor_to_filename, "weight_map")
    require(index["metadata"]["total_size"], split.metadata["total_size"], "total_size")
    require(index_path.read_text(), json.dumps(index, indent=2, sort_keys=True) + "\n", "the index's text")
    require(sorted(path.name for path in directory.iterdir()),
            sorted([index_path.name, *split.filename_to_tensors]), "files")
    weights = {}
    for file, names in split.filename_to_tensors.items():
        load = safetensors_cases.loaded if extension == "safetensors" else torch_cases.loaded
        part, _ = load(directory / file)
        require(sorted(part), sorted(names), f"names in {file}")
        weights |= part
    expected = {name: of_tensor(value) for name, value in state().items()}
    require_weights(weights, expected)
    for path in (directory, index_path):
        tool.inspect(path).require(expected, set())
        tool.expect(0, "diff", path, folder / "whole.pt")
    tool.convert(directory, folder / f"{format}-again.safetensors")
    require_weights(safetensors_cases.loaded(folder / f"{format}-again.safetensors")[0], expected)


# MARK: Neighbours, by Transformers

# By format: the single file, its shards, the index.
LIBRARIES = {
    "safetensors": ("model.safetensors", ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], "model.safetensors.index.json"),
    "pytorch": ("pytorch_model.bin", ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], "pytorch_model.bin.index.json"),
    "hdf5": (None, ["tf_model-00001-of-00002.h5", "tf_model-00002-of-00002.h5"], "tf_model.h5.index.json"),
}


def write(tensors, path, format):
    if format == "safetensors":
        save_file(tensors, path, metadata={"format": "pt"})
    elif format == "pytorch":
        torch.save(tensors, path)
    else:
        with h5py.File(path, "w") as file:
            for name, tensor in tensors.items():
                file[h5_name(name)] = tensor.numpy()


def h5_name(name):
    return name.replace(".", "/") + ":0"


def sharded(home, format, change=lambda first, second, places: None):
    """A BERT in two shards: its state, after a change of what the shards hold and of what the index says of them."""
    shutil.rmtree(home, ignore_errors=True)
    model = model_of("BertModel", 5, layers=1)
    model.config.save_pretrained(home)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    _, files, index = LIBRARIES[format]
    half = len(state) // 2
    first, second = dict(list(state.items())[:half]), dict(list(state.items())[half:])
    places = {name: files[0] for name in first} | {name: files[1] for name in second}
    change(first, second, places)
    for tensors, file in zip((first, second), files):
        write(tensors, home / file, format)
    if format == "hdf5":
        # The index has variables by their whole names, the shards leave out the first component.
        places = {f"tf_bert_model/{h5_name(name)}": file for name, file in places.items()}
    (home / index).write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": places}))
    return state


def weights_of(home, state, format):
    """What the reference holds: Transformers' model, and for HDF5, which it reads no more, what h5py reads of all shards."""
    if format == "hdf5":
        found = {}
        for file in LIBRARIES[format][1]:
            with h5py.File(home / file) as shard:
                shard.visititems(lambda name, item: found.__setitem__(name, of_array(item[()])) if isinstance(item, h5py.Dataset) else None)
        return found
    loaded = transformers.BertModel.from_pretrained(home).state_dict()
    return {name: of_tensor(loaded[name]) for name in state}


def require_read(tool, home, expected, words=()):
    tool.inspect(home).require(expected, set())
    receipt = tool.convert(home, home.parent / "one.safetensors", "--layout=flat", "--force")
    require_weights(safetensors_cases.loaded(home.parent / "one.safetensors")[0], expected)
    for word in words:
        require(any(word in note for note in receipt["notes"]), True, f"{word!r} in the notes {receipt['notes']}")


def check_equal_twice(tool, home, format):
    name = "pooler.dense.bias"
    state = sharded(home, format, lambda first, second, places: first.update({name: second[name].clone()}))
    require_read(tool, home, weights_of(home, state, format), ["taken once", *LIBRARIES[format][1]])


def check_different_twice(tool, home, format):
    name = "pooler.dense.bias"
    sharded(home, format, lambda first, second, places: first.update({name: second[name] + 1}))
    outcome = tool.expect(65, "convert", home, home.parent / "none.safetensors")
    for word in (h5_name(name) if format == "hdf5" else name, *LIBRARIES[format][1]):
        require(word in outcome.error, True, f"{word!r} in {outcome.error!r}")
    require((home.parent / "none.safetensors").exists(), False, "a file was written")


def check_stray(tool, home, format):
    state = sharded(home, format)
    expected = weights_of(home, state, format)
    write({"pooler.dense.bias": torch.full((48,), 9.0)}, home / ("other" + home.joinpath(LIBRARIES[format][1][0]).suffix), format)
    write({"more": numbers(2)}, home / LIBRARIES[format][1][0].replace("00002", "00003"), format)
    require(weights_of(home, state, format), expected, "what the reference reads")
    require_read(tool, home, expected)


def check_single_beside(tool, home, format):
    single = LIBRARIES[format][0]
    state = sharded(home, format)
    if single is None:
        return
    write({name: value + 1 if value.is_floating_point() else value for name, value in state.items()}, home / single, format)
    require_read(tool, home, weights_of(home, state, format), ["and not the shards"])


def check_lists(tool, home, format):
    def listed(first, second, places):
        for name, file in places.items():
            places[name] = [file]

    state = sharded(home, format, listed)
    if format == "hdf5":
        return  # Keras has such indices, of groups: keras_cases
    try:
        weights_of(home, state, format)
    except Exception:
        outcome = tool.expect(65, "inspect", home)
        require("list" in outcome.error, True, f"'list' in {outcome.error!r}")
    else:
        raise Mismatch("the reference reads it")


def check_missing(tool, home, format):
    sharded(home, format)
    (home / LIBRARIES[format][1][1]).unlink()
    outcome = tool.expect(65, "inspect", home)
    require(LIBRARIES[format][1][1] in outcome.error and "missing" in outcome.error, True, f"the shard's name in {outcome.error!r}")


NEIGHBOURS = {
    "a tensor in two shards, equal": check_equal_twice, "a tensor in two shards, different": check_different_twice,
    "stray files beside the index": check_stray, "one file beside the index": check_single_beside,
    "an index of lists": check_lists, "a shard that is missing": check_missing,
}


def check_ties(tool, folder):
    model = Tied()
    torch.save(model.state_dict(), folder / "tied.pt")
    tied = {frozenset({"decoder.weight", "embedding.weight"})}
    weights = {name: of_tensor(value) for name, value in model.state_dict().items()}
    for format in ("safetensors", "pytorch"):
        directory = folder / f"tied-{format}"
        tool.convert(folder / "tied.pt", f"{directory}/", "--format", format, "--max-shard-size=120B")
        require(len(list(directory.iterdir())) > 2, True, "there are several shards")
        tool.inspect(directory).require(weights, tied)
