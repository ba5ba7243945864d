"""Shards: ours must be those of huggingface_hub, and load one by one."""

import json

import torch
from huggingface_hub import split_torch_state_dict_into_shards

import safetensors_cases
import torch_cases
from report import require, require_weights
from safetensors_cases import Tied
from weights import numbers, of_tensor

LIMIT = 1000


def state():
    # One tensor is larger than a shard may be; names are not in order.
    return {f"layer.{i}.{kind}": numbers(*shape, start=i) for i in (3, 0, 11, 2)
            for kind, shape in (("weight", (8, 20)), ("bias", (8,)))} | {"head.weight": numbers(20, 20), "norm": numbers(7)}


def check(report, tool, folder):
    with report.group("shards"):
        torch.save(state(), folder / "whole.pt")
        for format, extension, pattern in [
            ("safetensors", "safetensors", "model{suffix}.safetensors"), ("pytorch", "bin", "pytorch_model{suffix}.bin"),
        ]:
            with report.check(f"{format}: index and shards"):
                check_shards(tool, folder, format, extension, pattern)
        with report.check("ties stay together"):
            check_ties(tool, folder)
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
