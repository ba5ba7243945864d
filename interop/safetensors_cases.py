"""safetensors files by the safetensors library."""

import json
import struct

import safetensors
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import load_file, save_file, save_model

from case import Case
from report import require, require_weights
from weights import TORCH_DTYPES, Weight, numbers, of_tensor, patterned


class Tied(torch.nn.Module):
    """Two layers with one weight, as language models tie their decoder to the embeddings."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.embedding = torch.nn.Embedding(7, 4)
        self.norm = torch.nn.LayerNorm(4)
        self.decoder = torch.nn.Linear(4, 7, bias=False)
        self.decoder.weight = self.embedding.weight


def every_dtype():
    # The format has no complex32 and complex128.
    return {name: patterned(dtype, 3, 4) for name, dtype in TORCH_DTYPES.items() if name not in ("C32", "C128")}


def plain():
    return {
        "encoder.weight": numbers(5, 3), "encoder.bias": numbers(5), "scalar": torch.tensor(2.5),
        "empty": torch.empty(0), "no_rows": torch.empty(0, 3, dtype=torch.int64), "café": numbers(1),
        "cafe\u0301": numbers(2), 'quoted "name"\n\\': numbers(1), "steps": torch.arange(40)[None],
    }


def large():
    """More bytes than one piece of a conversion has."""
    torch.manual_seed(3)
    return {f"layer.{i}.weight": torch.randn(700, 1000 + i) for i in range(4)} | {"bias": torch.randn(3)}


def file_cases(folder):
    for name, state, metadata in [
        ("every-dtype", every_dtype(), None), ("plain", plain(), {"format": "pt"}),
        ("no-metadata", plain(), None), ("empty-metadata", plain(), {}), ("large", large(), {"format": "pt"}),
        ("every-pattern", every_pattern(), None), ("no-tensors", {}, None), ("one-byte", {"byte": torch.tensor([7], dtype=torch.uint8), "wide": numbers(2)}, None),
    ]:
        path = folder / f"{name}.safetensors"
        save_file(state, path, metadata=metadata)
        yield Case(f"safetensors/{name}", path, {key: of_tensor(value) for key, value in state.items()})


class TiedBias(Tied):
    """A bias under two names as well, and a matrix that another module has under another name."""

    def __init__(self):
        super().__init__()
        self.predictions = torch.nn.Module()
        self.predictions.bias = torch.nn.Parameter(numbers(7))
        self.predictions.decoder = torch.nn.Linear(4, 7)
        self.predictions.decoder.weight = self.embedding.weight
        self.predictions.decoder.bias = self.predictions.bias
        self.words = torch.nn.Module()
        self.words.table = self.embedding.weight
        self.words.scale = torch.nn.Parameter(numbers(1))


def tied_cases(folder):
    for name, model, metadata in [
        ("tied", Tied(), None), ("tied-bias", TiedBias(), None), ("tied-with-facts", TiedBias(), {"epoch": "1", "note": "norm.weight"}),
    ]:
        path = folder / f"{name}.safetensors"
        save_model(model, path, metadata=metadata)
        yield Case.of_loaded(f"safetensors/{name}", path, model.state_dict())


def fact_cases(folder):
    """Metadata whose value is the name of a tensor, and which nobody meant as a second name of it."""
    for name, names, metadata in [
        ("step", ["99", "100"], {"step": "100", "format": "pt"}), ("output", ["lora_te", "lora_unet"], {"ss_output_name": "lora_te", "ss_epoch": "3"}),
        ("layer", ["layers.3.weight", "layers.3.bias"], {"training.best": "layers.3.weight"}), ("title", ["a.weight"], {"title": "a.weight"}),
    ]:
        path = folder / f"{name}.safetensors"
        save_file({key: numbers(2, start=place) for place, key in enumerate(names)}, path, metadata=metadata)
        yield Case.of_loaded(f"safetensors/{name}", path, load_file(path))


def every_pattern():
    """Each number of the narrow types, whatever it is: NaN and its payloads, infinities, zeros of both signs."""
    bytes_, halves = torch.arange(256).to(torch.uint8), torch.arange(65536).to(torch.uint16)
    types = {dtype: bytes_ for dtype in TORCH_DTYPES.values() if dtype.is_floating_point and dtype.itemsize == 1}
    types |= {torch.bfloat16: halves, torch.float16: halves}
    found = {}
    for dtype, values in types.items():
        name = str(dtype)[6:]
        found |= {f"{name}.all": values.view(dtype), f"{name}.none": values[:0].view(dtype), f"{name}.odd": values[3:10].view(dtype)[None]}
        if dtype != torch.float4_e2m1fn_x2:
            found[f"{name}.scalar"] = values[5].clone().view(dtype)
    return {name: value.clone() for name, value in found.items()}


def narrow_case(folder):
    """The types and shapes that torch lacks: the library reads such files, and writes none."""
    path = folder / "narrow.safetensors"
    weights, header, end = {}, {}, 0
    for name, dtype, shape, size in [
        ("six.e3m2", "F6_E3M2", (2, 4), 6), ("six.e2m3", "F6_E2M3", (4,), 3), ("four", "F4", (2, 3), 3),
        ("flag", "BOOL", (3,), 3),
    ]:
        weights[name] = Weight(dtype, shape, bytes(range(end + 1, end + size + 1)))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(weight.data for weight in weights.values()))
    require_weights(deserialized(path), weights)
    yield Case("safetensors/narrow", path, weights)


def sharded_case(folder):
    """Shards and index as huggingface_hub splits a state dict."""
    directory = folder / "sharded"
    directory.mkdir()
    state = {f"layer.{i}.{kind}": numbers(*shape, start=i)
             for i in range(5) for kind, shape in (("weight", (6, 5)), ("bias", (6,)))}
    split = split_torch_state_dict_into_shards(state, max_shard_size=300)
    assert split.is_sharded
    for file, names in split.filename_to_tensors.items():
        save_file({name: state[name] for name in names}, directory / file, metadata={"format": "pt"})
    index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    weights = {name: of_tensor(value) for name, value in state.items()}
    yield Case("safetensors/sharded directory", directory, weights)
    yield Case("safetensors/sharded index", directory / "model.safetensors.index.json", weights)


def cases(folder):
    yield from file_cases(folder)
    yield from tied_cases(folder)
    yield from fact_cases(folder)
    yield from narrow_case(folder)
    yield from sharded_case(folder)


def deserialized(path):
    return {name: Weight(entry["dtype"], tuple(entry["shape"]), bytes(entry["data"]))
            for name, entry in safetensors.deserialize(path.read_bytes())}


def torch_has(weight):
    return weight.dtype in TORCH_DTYPES and not (weight.dtype == "F4" and weight.shape[-1] % 2)


def loaded(path):
    """What a file holds: weights and metadata, by the library, and again by torch as far as it has the types."""
    weights = deserialized(path)
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        for name, weight in weights.items():
            if torch_has(weight):
                require(of_tensor(file.get_tensor(name)), weight, f"tensor {name!r} in torch")
    if all(map(torch_has, weights.values())):
        require(sorted(load_file(path)), sorted(weights), "names by load_file")
    return weights, metadata
