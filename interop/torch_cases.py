"""PyTorch checkpoints by torch itself: containers, protocols, dtypes, views, ties, nesting, modules."""

import collections
import io
import json
import warnings
import zipfile

import numpy
import torch

import torch_neighbours
from case import Case
from report import require
from safetensors_cases import Tied, large
from weights import TORCH_DTYPES, Weight, flattened, groups, numbers, of_tensor, patterned, place

warnings.simplefilter("ignore")


def plain():
    return collections.OrderedDict([
        ("encoder.weight", numbers(5, 3)), ("encoder.bias", numbers(5)), ("scalar", torch.tensor(2.5)),
        ("empty", torch.empty(0)), ("no_rows", torch.empty(0, 3, dtype=torch.int64)), ("café", numbers(1)),
        ("steps", torch.arange(40)[None])])


def every_dtype():
    return collections.OrderedDict((name, patterned(dtype, 3, 4)) for name, dtype in TORCH_DTYPES.items())


def typed_dtypes():
    # torch cannot read back what it writes for the others in a legacy file.
    known = torch.storage._dtype_to_storage_type_map()
    return collections.OrderedDict((name, value) for name, value in every_dtype().items() if value.dtype in known)


def views():
    base, halves = numbers(4, 6), numbers(8)
    complex_values = torch.complex(numbers(2, 3), numbers(2, 3, start=10))
    return collections.OrderedDict([
        ("base", base), ("transposed", base.t()), ("every_second_column", base[:, ::2]),
        ("from_an_offset", base[1:3, 2:5]), ("permuted", numbers(2, 3, 4).permute(2, 0, 1)),
        ("expanded", numbers(1, 3).expand(4, 3)), ("expanded_scalar", torch.tensor(1.5).expand(2, 2)),
        ("first_half", halves[:4]), ("second_half", halves[4:]), ("overlapping", halves[2:6]),
        ("rolling", halves.as_strided((3, 4), (2, 1))), ("same_as_base", base.view(4, 6)),
        ("base_flat", base.view(24)),
        ("small_part_of_a_large_storage", torch.arange(200_000, dtype=torch.int16)[150:152]),
        ("conjugate", complex_values.conj()), ("plain_complex", complex_values),
        ("negative", torch._neg_view(numbers(3))), ("real_part", torch.complex(numbers(3), numbers(3, start=2)).real),
        ("imaginary_of_conjugate", torch.complex(numbers(2), numbers(2, start=7)).conj().imag)])


def large_views():
    """Views whose elements are gathered from more bytes than one piece has."""
    base = torch.arange(3_000_000, dtype=torch.float32).reshape(1500, 2000)
    return {"transposed": base.t(), "columns": base[:, 500:1500], "expanded": torch.arange(1500.0).expand(900, 1500)}


def ties():
    model = Tied()
    state = model.state_dict()
    shared = numbers(3)
    return {"model": state, "again": state["embedding.weight"], "list": [shared, shared, shared.clone()]}


def nested():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(numbers(4, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3, "loss": 0.25, "best": None, "name": "run 1", "done": False, "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(), "history": [numbers(1), (numbers(2), "text")], "size": torch.Size([2, 3]),
        "device": torch.device("cpu"), "dtype": torch.float16, "steps": {1, 2, 3}, 7: numbers(2), "bytes": b"\0\1"}


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)
        self.register_buffer("kept", numbers(2))
        self.register_buffer("left_out", numbers(4), persistent=False)

    def forward(self, inputs):
        return self.norm(self.dense(inputs)) + self.kept


def module():
    torch.manual_seed(7)
    return torch.nn.Sequential(
        collections.OrderedDict([("dense", torch.nn.Linear(3, 2)), ("norm", torch.nn.BatchNorm1d(2)),
                                 ("inner", torch.nn.Sequential(torch.nn.LayerNorm(2), torch.nn.Embedding(5, 2)))]))


def parameters():
    with_attribute = torch.nn.Parameter(numbers(2))
    with_attribute.origin = "note"
    return {"parameter": torch.nn.Parameter(numbers(2, 2)), "frozen": torch.nn.Parameter(numbers(2), requires_grad=False),
            "buffer": torch.nn.Buffer(numbers(3)), "gradient": numbers(2).requires_grad_(), "attribute": with_attribute}


TRUSTED = {"weights_only": False}


def saved_cases():
    """Name, what is saved, how it is saved, how torch loads it."""
    yield "every-dtype", every_dtype(), {}, {}
    yield "plain", plain(), {}, {}
    yield "legacy", plain(), {"_use_new_zipfile_serialization": False}, {}
    yield "legacy-dtypes", typed_dtypes(), {"_use_new_zipfile_serialization": False}, {}
    yield "legacy-views", views(), {"_use_new_zipfile_serialization": False}, {}
    yield "legacy-nested", nested(), {"_use_new_zipfile_serialization": False}, {}
    for protocol in (2, 3, 4, 5):
        yield f"protocol-{protocol}", nested(), {"pickle_protocol": protocol}, TRUSTED
        yield f"legacy-protocol-{protocol}", plain(), {
            "pickle_protocol": protocol, "_use_new_zipfile_serialization": False}, TRUSTED
    yield "views", views(), {}, {}
    yield "large", large(), {}, {}
    yield "large-views", large_views(), {}, {}
    yield "ties", ties(), {}, {}
    yield "tied-module", Tied().state_dict(), {}, {}
    yield "nested", nested(), {}, {}
    yield "module-state", Block().state_dict(), {}, {}
    yield "whole-module", module(), {}, TRUSTED
    yield "legacy-whole-module", module(), {"_use_new_zipfile_serialization": False}, TRUSTED
    yield "parameters", parameters(), {}, {}
    yield "integer-keys", {0: numbers(2), 1: numbers(2, start=5), "2": numbers(1)}, {}, {}
    yield "list", [numbers(2), {"inner": numbers(1)}], {}, {}
    yield "tensor", numbers(2, 2), {}, {}
    yield "arrays", {"c": numpy.arange(6, dtype="<f4").reshape(2, 3), "big": numpy.arange(3, dtype=">f8"),
                     "fortran": numpy.asfortranarray(numpy.arange(6).reshape(2, 3)), "scalar": numpy.float64(0.5),
                     "tensor": numbers(2)}, {}, TRUSTED
    yield "no-tensors", collections.OrderedDict(), {}, {}


def recompressed(path):
    """The archive with its records deflated, as `zip` packs it again."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    return buffer.getvalue()


def script_cases(folder):
    torch.manual_seed(11)
    block = Block().eval()
    for name, script in [("scripted", torch.jit.script(block)), ("traced", torch.jit.trace(block, numbers(4, 3)))]:
        path = folder / f"{name}.pt"
        torch.jit.save(script, path)
        yield Case.of_loaded(f"torch/{name}", path, torch.jit.load(path).state_dict())


def sharded_case(folder):
    directory = folder / "sharded"
    directory.mkdir()
    shards = {"pytorch_model-00001-of-00002.bin": {"a.weight": numbers(3, 2), "a.bias": numbers(3)},
              "pytorch_model-00002-of-00002.bin": {"b.weight": numbers(2, 2), "b.half": numbers(2).half()}}
    for file, state in shards.items():
        torch.save(state, directory / file)
    index = {"metadata": {"total_size": 60}, "weight_map": {name: file for file, state in shards.items() for name in state}}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    whole = {name: value for state in shards.values() for name, value in state.items()}
    yield Case("torch/sharded directory", directory, {name: of_tensor(value) for name, value in whole.items()})


def cases(folder):
    for name, value, options, loading in saved_cases():
        path = folder / f"{name}.pt"
        torch.save(value, path, **options)
        yield Case.of_loaded(f"torch/{name}", path, torch.load(path, **{"weights_only": True, **loading}))
    buffer = io.BytesIO()
    torch.save(plain(), buffer)  # the archive's root has another name than the file
    path = folder / "buffer.bin"
    path.write_bytes(buffer.getvalue())
    yield Case.of_loaded("torch/buffer", path, torch.load(path))
    path = folder / "deflated.pt"
    path.write_bytes(recompressed(folder / "plain.pt"))
    yield Case.of_loaded("torch/deflated", path, torch.load(path))
    yield from script_cases(folder)
    yield from sharded_case(folder)
    neighbours = folder / "neighbours"
    neighbours.mkdir()
    yield from torch_neighbours.cases(neighbours)


def loaded(path):
    """What a written archive holds: weights and ties. Both ways of loading must agree."""
    copied = torch.load(path, weights_only=True)
    mapped = torch.load(path, weights_only=True, mmap=True)
    state = dict(flattened(copied))
    weights = {name: of_tensor(value) for name, value in state.items()}
    require({name: of_tensor(value) for name, value in flattened(mapped)}, weights, "torch.load(mmap=True)")
    for name, (dtype, *shape) in getattr(copied, "__dtypes__", {}).items():
        weights[name] = Weight(dtype, tuple(shape), weights[name].data)
    return weights, groups({name: place(value) for name, value in state.items()})
