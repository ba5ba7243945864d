"""--dtype must give the bits that torch's `Tensor.to` gives."""

import itertools

import torch

import safetensors_cases
from report import Mismatch, require
from weights import TORCH_DTYPES, of_tensor

REAL = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"]


def every_half(dtype):
    return torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16).view(dtype)


def values(dtype):
    """All values of the narrow types; of the wide ones many, with every exponent, subnormals, halves and what overflows."""
    if dtype in (torch.float16, torch.bfloat16):
        return every_half(dtype)
    if dtype.itemsize == 1:
        return torch.arange(256, dtype=torch.uint8).view(dtype)
    generator = torch.Generator().manual_seed(17)
    bits = torch.randint(-(1 << 31), 1 << 31, (300_000,), generator=generator).to(torch.int32).view(torch.float32)
    # Around every value of the narrow types, half-way points included: where rounding is decided.
    near = [bits]
    for narrow in (torch.float16, torch.bfloat16):
        exact = every_half(narrow).float()
        for step in (-1, 0, 1):
            near.append((exact.view(torch.int32) + step).view(torch.float32))
            near.append((exact.view(torch.int32) + (1 << 12) + step).view(torch.float32))
            near.append((exact.view(torch.int32) + (1 << 15) + step).view(torch.float32))
    for narrow in REAL[4:]:
        exact = torch.arange(256, dtype=torch.uint8).view(TORCH_DTYPES[narrow]).float()
        for quarter in (0, 1, 2, 3):
            middle = exact.view(torch.int32) + (quarter << 18)
            near += [(middle + step).view(torch.float32) for step in (-1, 0, 1)]
    near.append(torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 65504, 65520, 3.4e38, 448, 464, 57344, 61440]))
    wide = torch.cat(near)
    if dtype == torch.float32:
        return wide
    doubles = wide.double()
    extra = torch.randn(100_000, dtype=torch.float64, generator=generator) * torch.logspace(-60, 60, 100_000, dtype=torch.float64)
    return torch.cat([doubles, doubles * (1 + 2.0**-40), doubles * (1 - 2.0**-40), extra])


def check(report, tool, folder):
    with report.group("casts"):
        for source in REAL:
            path = folder / f"{source}.safetensors"
            tensor = values(TORCH_DTYPES[source])
            safetensors_cases.save_file({"values": tensor}, path)
            for destination in REAL:
                if destination != source:
                    with report.check(f"{source} → {destination}"):
                        check_cast(tool, tensor, path, destination)
        for source, destination in itertools.permutations(("C32", "C64", "C128"), 2):
            with report.check(f"{source} → {destination}"):
                check_complex(tool, folder, source, destination)
        with report.check("integers that fit, and one that does not"):
            check_integers(tool, folder)
        with report.check("other categories are left alone"):
            check_categories(tool, folder)


def check_cast(tool, tensor, path, destination):
    output = path.with_name(f"{path.stem}-{destination}.safetensors")
    receipt = tool.convert(path, output, "--dtype", destination)
    require(len(receipt["cast"]), 1, "casts in the receipt")
    found = safetensors_cases.load_file(output)["values"]
    expected = tensor.to(TORCH_DTYPES[destination])
    require(found.dtype, expected.dtype, "dtype")
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[expected.dtype.itemsize]
    # NaNs are equal whatever their bits.
    wrong = (found.view(bits) != expected.view(bits)) & ~(found.double().isnan() & expected.double().isnan())
    if wrong.any():
        at = int(wrong.nonzero()[0])
        raise Mismatch(
            f"{int(wrong.sum())} of {wrong.numel()} values; {float(tensor[at]).hex()}: expected {float(expected[at]).hex()}, "
            f"found {float(found[at]).hex()}")


def check_complex(tool, folder, source, destination):
    tensor = torch.complex(torch.randn(500), torch.randn(500) * 1e4).to(TORCH_DTYPES[source])
    torch.save({"values": tensor}, folder / f"{source}.pt")
    tool.convert(folder / f"{source}.pt", folder / f"{source}-{destination}.pt", "--dtype", destination)
    found = torch.load(folder / f"{source}-{destination}.pt")["values"]
    require(of_tensor(found), of_tensor(tensor.to(TORCH_DTYPES[destination])), "values")


def check_integers(tool, folder):
    tensor = torch.tensor([-128, 127, 0, 5])
    torch.save({"values": tensor}, folder / "integers.pt")
    tool.convert(folder / "integers.pt", folder / "integers.safetensors", "--dtype", "I8")
    require(of_tensor(safetensors_cases.load_file(folder / "integers.safetensors")["values"]),
            of_tensor(tensor.to(torch.int8)), "values")
    torch.save({"values": tensor + 1}, folder / "too-large.pt")
    outcome = tool.expect(65, "convert", folder / "too-large.pt", folder / "too-large.safetensors", "--dtype", "I8")
    require("128" in outcome.error and "values" in outcome.error, True, "the message names tensor and value")
    require((folder / "too-large.safetensors").exists(), False, "the destination exists")


def check_categories(tool, folder):
    state = {"ids": torch.arange(5), "mask": torch.tensor([True, False]), "weight": torch.randn(3)}
    torch.save(state, folder / "mixed.pt")
    tool.convert(folder / "mixed.pt", folder / "mixed.safetensors", "--dtype", "F16")
    found = {name: of_tensor(value) for name, value in safetensors_cases.load_file(folder / "mixed.safetensors").items()}
    require(found, {name: of_tensor(value.half() if name == "weight" else value) for name, value in state.items()}, "values")
