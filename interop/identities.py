"""Files that must be the same byte for byte: as the reference library writes them, or as they were before a journey."""

import torch
from safetensors.torch import save_file, save_model

import safetensors_cases
import torch_cases
from report import Mismatch, require
from safetensors_cases import Tied


def check(report, tool, folder):
    with report.group("identical files"):
        check_against_library(report, tool, folder)
        check_ties_against_library(report, tool, folder)
        check_journeys(report, tool, folder)


def require_same_file(found, expected):
    left, right = found.read_bytes(), expected.read_bytes()
    if left != right:
        at = next((i for i, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), min(len(left), len(right)))
        raise Mismatch(
            f"{found.name}, byte {at}: expected {right[at:at + 24]!r}, found {left[at:at + 24]!r} "
            f"({len(right)} and {len(left)} bytes)")


def states():
    in_safetensors = {name: value for name, value in torch_cases.every_dtype().items() if name not in ("C32", "C128")}
    bert_like = {f"encoder.layer.{i}.{part}.{kind}": torch.full((2, 3), float(i))
                 for i in (0, 1, 2, 10, 11) for part in ("query", "output.LayerNorm") for kind in ("weight", "bias")}
    return {"every-dtype": in_safetensors, "plain": torch_cases.plain(), "large": safetensors_cases.large(),
            "bert-like": bert_like, "odd-names": safetensors_cases.plain()}


def check_against_library(report, tool, folder):
    """A .pt file becomes the file that `save_file` makes of the same state dict."""
    for name, state in states().items():
        with report.check(f"{name}.pt → the file of save_file"):
            torch.save(state, folder / f"{name}.pt")
            save_file(state, folder / f"{name}.expected", metadata={"format": "pt"})
            tool.convert(folder / f"{name}.pt", folder / f"{name}.safetensors")
            require_same_file(folder / f"{name}.safetensors", folder / f"{name}.expected")


def check_ties_against_library(report, tool, folder):
    """With ties it is the file of `save_model`, which orders two metadata keys at random: one of its orders must be ours."""
    with report.check("tied.pt → a file of save_model"):
        model = Tied()
        torch.save(model.state_dict(), folder / "tied.pt")
        tool.convert(folder / "tied.pt", folder / "tied.safetensors")
        for _ in range(100):
            save_model(model, folder / "tied.expected", metadata={"format": "pt"})
            if (folder / "tied.safetensors").read_bytes() == (folder / "tied.expected").read_bytes():
                return
        require_same_file(folder / "tied.safetensors", folder / "tied.expected")


def check_journeys(report, tool, folder):
    """A safetensors file of the library comes back as it was."""
    place = folder / "journeys"
    place.mkdir()
    # Of the tied ones the first: with more metadata than one entry the library has no order of its own.
    cases = [*safetensors_cases.file_cases(place), next(safetensors_cases.tied_cases(place))]
    for case in cases:
        for stops in (["safetensors"], ["pt"], ["h5"], ["pt", "h5"], ["h5", "pt"]):
            with report.check(f"{case.name} → {' → '.join(stops)} → safetensors"):
                here = case.path
                for number, extension in enumerate([*stops, "safetensors"]):
                    there = place / f"stop-{number}.{extension}"
                    tool.convert(here, there, "--force")
                    here = there
                require_same_file(here, case.path)
    with report.check("two runs write the same files"):
        source = folder / "plain.pt"
        for extension in ("safetensors", "pt", "h5"):
            twins = [folder / f"twin-{number}" / f"twin.{extension}" for number in (1, 2)]
            for twin in twins:
                twin.parent.mkdir(exist_ok=True)
                tool.convert(source, twin)
            require_same_file(*twins)
    with report.check("nothing is left behind"):
        require([path.name for path in folder.rglob(".*")], [], "hidden files")
