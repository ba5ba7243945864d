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

from cases import CASES, HEADS  # noqa: E402
from frameworks import Frameworks  # noqa: E402


# What KerasHub has no place for, and what is asked for in its place on the way back.
LOSSES = {
    "bert": ["--allow-loss=cls.seq_relationship.*"],
    "gpt2": [],
    "roberta": ["--allow-loss=*position_embeddings.weight", "--allow-loss=*pooler.*"],
}
FILLED = {"bert": [], "gpt2": [], "roberta": ["--fill-zeros=*position_embeddings.weight"]}
NOT_HELD = {"bert": ("cls.seq_relationship", "bert.pooler"), "gpt2": (), "roberta": ("pooler", "roberta.pooler")}


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

    def carry(name, source, layout, back, allowed=(), filled=()):
        """To a layout and back; the path of what was written."""
        with report.check(f"{case.name}: {name}"):
            destination = made / name
            tool.convert(source, destination, f"--layout={layout}", *allowed)
            returned = made / f"{name}.back"
            tool.convert(destination, returned, f"--layout={back}", *filled)
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
            same_weights(made / "from-tensorflow", transformers)
    if case.keras_hub:
        source, allowed, filled = home / "transformers.keras-hub", LOSSES[case.family], FILLED[case.family]
        with report.check(f"{case.name}: to-keras-hub"):
            tool.convert(source, made / "to-keras-hub", "--layout=keras-hub", *allowed)
            yield from job("keras-hub", made / "to-keras-hub", changed)
        with report.check(f"{case.name}: to-keras-hub, one file"):
            tool.convert(source, made / "model.weights.h5", "--layout=keras-hub", *allowed)
            yield from job("keras-hub", made / "model.weights.h5", changed)
        for name in ("preset", "model.weights.h5"):
            with report.check(f"{case.name}: from-keras-hub, {name}"):
                theirs, ours = home / "keras-hub" / name, made / f"from-keras-hub-{name}"
                tool.convert(theirs, ours, "--layout=transformers", *filled)
                same_weights(ours, source, except_for=NOT_HELD[case.family])
                returned = made / "returned" / name
                tool.convert(ours, returned, "--layout=keras-hub", *allowed, f"--attention-heads={HEADS}")
                tool.expect(0, "diff", theirs, returned)


def same_weights(found, expected, except_for=()):
    """The same safetensors weights, name for name and bit for bit."""
    found, expected = (load_file(path / "model.safetensors") for path in (found, expected))
    expected = {name: array for name, array in expected.items() if not name.startswith(except_for or ("-",))}
    require(sorted(found), sorted(expected), "names")
    for name, array in expected.items():
        if except_for and name.endswith("position_embeddings.weight") and found[name].shape == array.shape:
            # The rows that KerasHub's RoBERTa does not have.
            if "roberta.pooler" in except_for:
                found[name], array = found[name][2:], array[2:]
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
