"""A weight as both sides must agree on it: dtype by safetensors' name, shape, packed little-endian row-major bytes."""

import dataclasses

import numpy
import torch

TORCH_DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "F16": torch.float16,
    "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "C32": torch.complex32,
    "C64": torch.complex64, "C128": torch.complex128, "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E8M0": torch.float8_e8m0fnu, "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz, "F4": torch.float4_e2m1fn_x2,
}
TORCH_NAMES = {dtype: name for name, dtype in TORCH_DTYPES.items()}
NUMPY_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64",
    "complex128": "C128",
}
# What safetensors has no name for.
NOT_IN_SAFETENSORS = {"C32", "C128"}


@dataclasses.dataclass(frozen=True)
class Weight:
    dtype: str
    shape: tuple
    data: bytes


def of_tensor(tensor):
    """A tensor of torch, whatever its strides and flags."""
    packed = tensor.detach().resolve_conj().resolve_neg().contiguous()
    data = bytes(packed.reshape(-1).view(torch.uint8).numpy()) if packed.numel() else b""
    shape = list(tensor.shape)
    if tensor.dtype == torch.float4_e2m1fn_x2:
        shape[-1] *= 2  # torch counts pairs, safetensors counts elements
    return Weight(TORCH_NAMES[tensor.dtype], tuple(shape), data)


def of_array(array):
    little = numpy.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return Weight(NUMPY_NAMES[array.dtype.name], tuple(array.shape), little.tobytes())


def of_value(value):
    return of_tensor(value) if isinstance(value, torch.Tensor) else of_array(value)


def flattened(value, prefix=()):
    """The tensors of a loaded checkpoint under their dotted names."""
    if isinstance(value, torch.nn.Module):
        value = value.state_dict(keep_vars=True)
    if isinstance(value, (torch.Tensor, numpy.ndarray)):
        yield ".".join(prefix), value
        # Attributes of a tensor may be tensors, too.
        if isinstance(value, torch.Tensor):
            yield from (found for key, child in vars(value).items() for found in flattened(child, prefix + (key,)))
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from flattened(child, prefix + (str(key),))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from flattened(child, prefix + (str(index),))


def place(tensor):
    """What tensors have in common if they are one weight; None for what cannot be one with another."""
    if not isinstance(tensor, torch.Tensor) or tensor.numel() == 0:
        return None
    return (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(),
            tensor.dtype, tensor.is_conj(), tensor.is_neg())


def groups(places):
    """The names that share a place, as a set of sets; `places` maps names to places."""
    sharing = {}
    for name, where in places.items():
        if where is not None:
            sharing.setdefault(where, set()).add(name)
    return {frozenset(names) for names in sharing.values() if len(names) > 1}


def numbers(*shape, start=0.0, dtype=torch.float32):
    count = int(numpy.prod(shape, dtype=int))
    return (torch.arange(count, dtype=torch.float32) * 0.5 - 3 + start).reshape(shape).to(dtype)


def patterned(dtype, *shape):
    """A tensor of any dtype with bytes of all kinds (BOOL: 0 and 1)."""
    count = int(numpy.prod(shape, dtype=int)) * dtype.itemsize
    data = (torch.arange(count) * 37 + 11) % (2 if dtype == torch.bool else 251)
    return data.to(torch.uint8).view(dtype).reshape(shape)
