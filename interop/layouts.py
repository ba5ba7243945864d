"""Layouts: what is written for a framework loads there whole and computes what the source computed, for every head.

The models are those of `scripts/reference-models`, made by the frameworks themselves. Every conversion is carried back and
must then be the source again, bit for bit.
"""

import json
import pathlib
import subprocess
import sys

from safetensors.numpy import load_file

from report import Mismatch, require

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "interop" / "reference"))

from cases import CASES  # noqa: E402
from frameworks import Frameworks  # noqa: E402


def check(report, tool, folder):
    with report.group("layouts"):
        models = folder / "models"
        subprocess.run([ROOT / "scripts" / "reference-models", models], check=True, stdout=subprocess.DEVNULL)
        jobs = []
        for case in CASES.values():
            jobs += conversions(report, tool, models / case.name, case)
        for job, outcome in Frameworks().check(jobs):
            with report.check(f"{job[0]} {job[1]} loads {job[2].relative_to(folder)}"):
                if not outcome.good:
                    raise Mismatch(str(outcome))
        for sample in sorted((models / "inward").iterdir()):
            with report.check(f"inwards: {sample.name}"):
                check_inward(tool, sample)


def conversions(report, tool, home, case):
    """Converts one model every way; yields what the frameworks are to load."""
    plain, changed = home / "outputs.safetensors", home / "outputs.keras-hub.safetensors"
    made = home / "made"
    made.mkdir()

    def carry(name, source, layout, back):
        """To a layout and back; the path of what was written."""
        with report.check(f"{case.name}: {name}"):
            destination = made / name
            tool.convert(source, destination, f"--layout={layout}")
            returned = made / f"{name}.back"
            tool.convert(destination, returned, f"--layout={back}")
            tool.expect(0, "diff", source, returned)
            tool.expect(0, "diff", source, destination)
            return destination

    def job(framework, path, outputs):
        return [(framework, case.name, path, outputs)] if path else []

    transformers = home / "transformers"
    if case.tensorflow:
        tensorflow = home / "tensorflow"
        yield from job("tensorflow", carry("to-tensorflow", transformers, "tf", "transformers"), plain)
        yield from job("transformers", carry("from-tensorflow", tensorflow, "transformers", "tf"), plain)
        with report.check(f"{case.name}: TensorFlow's file is the model that Transformers wrote"):
            same_weights(tool, made / "from-tensorflow", transformers)
    if case.keras_hub:
        source = home / "transformers.keras-hub"
        yield from job("keras-hub", carry("to-keras-hub", source, "keras-hub", "transformers"), changed)
        with report.check(f"{case.name}: KerasHub's preset is the model that Transformers wrote"):
            tool.convert(home / "keras-hub" / "preset", made / "from-keras-hub", "--layout=transformers")
            same_weights(tool, made / "from-keras-hub", source)


def same_weights(tool, found, expected):
    """The same safetensors weights, name for name and bit for bit."""
    found, expected = (load_file(path / "model.safetensors") for path in (found, expected))
    require(sorted(found), sorted(expected), "names")
    for name, array in expected.items():
        require(found[name].dtype, array.dtype, f"{name}, dtype")
        require(found[name].tobytes(), array.tobytes(), f"{name}, bytes")


def check_inward(tool, sample):
    document = json.loads((sample / "expected.json").read_text())
    source = next(path for path in sample.iterdir() if not path.name.startswith("expected"))
    destination = sample / "made.safetensors"
    receipt = tool.convert(source, destination, "--layout=transformers")
    require(receipt["layout"]["model"]["class"], document["class"], "class")
    found, expected = load_file(destination), load_file(sample / "expected.safetensors")
    require(sorted(found), sorted(expected), "names")
    for name, array in expected.items():
        require(found[name].tobytes(), array.tobytes(), f"{name}, bytes")
    dropped = [name for entry in receipt["layout"]["report"] if entry["outcome"] == "dropped" for name in entry["stored"]]
    require(sorted(dropped), document["dropped"], "dropped names")
