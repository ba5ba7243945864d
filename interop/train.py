"""Training beside live torch: losses from labels, gradients of every parameter of every head, and parameters after steps of SGD with
momentum and of AdamW, for tiny models of all classes; runs that Transformers' Trainer began or ends, and what training writes.

Each is compared with torch's float64 run: the largest error over all parameters is at most one and a half times that of torch's
own float32 run. The models are trained by the package's own tests (`TrainingReferenceTests`), which is how a library is run.
"""

import json
import os
import pathlib
import subprocess
import sys

import adapter_training
import numpy
import resumed
import run_results
import torch
import trained
import transformers
from report import Mismatch, require
from safetensors.numpy import load_file, save_file
from saving import built

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "interop" / "reference"))

from cases import BATCH, CASES, CHOICES, LABELS, LENGTH, VOCABULARY  # noqa: E402
from frameworks import Frameworks  # noqa: E402

TEST = "TrainingReferenceTests/reference"
STEPS = 5
RATIO = 1.5
# What a model is trained on: some draws of texts and labels, of which each alone may be one that torch rounds luckily.
DRAWS = 4
NUMBERS = "numbers"


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    written, source, results = folder / "models", folder / "source", folder / "results"
    source.mkdir()
    results.mkdir()
    Frameworks().write("transformers", written)
    jobs = [(name, f"{kind} {draw}", inputs) for name, case in CASES.items() for draw in range(DRAWS)
            for kind, inputs in runs(name, case, draw)]
    for name, kind, inputs in jobs:
        directory = source / f"{name} {kind}"
        directory.mkdir()
        if kind.startswith(NUMBERS):
            for_numbers(written / name / "transformers", directory / "model")
        else:
            (directory / "model").symlink_to(written / name / "transformers")
        save_file(inputs, directory / "inputs.safetensors")
    with report.group("tiny models of all classes are trained"), report.check(TEST):
        done = subprocess.run(
            ["swift", "test", "-c", "release", "--disable-testable-imports", "--disable-xctest", "--filter", TEST, *built()], cwd=ROOT,
            capture_output=True, text=True,
            env=os.environ | {"WEIGHBRIDGE_TRAINED_FROM": str(source), "WEIGHBRIDGE_TRAINED_TO": str(results)})
        require(done.returncode == 0, True, "\n".join(done.stdout.splitlines()[-20:] + done.stderr.splitlines()[-5:]))
        require(len(list(results.iterdir())), len(jobs), "the models that were trained")
    with report.group("losses, gradients and steps are torch's"):
        sides = {}
        for name, kind, inputs in jobs:
            exact, ordinary = [train(source / f"{name} {kind}" / "model", name, inputs, dtype)
                               for dtype in (torch.float64, torch.float32)]
            draws = sides.setdefault(f"{name} {kind.rpartition(' ')[0]}", [])
            draws.append((load_file(results / f"{name} {kind}.safetensors"), exact, ordinary))
        for name, draws in sides.items():
            for part in ("loss", "gradient", "sgd", "adamw"):
                with report.check(f"{name}: {part}"):
                    compare(part, draws)
    with report.group("run --inputs with labels gives the loss"):
        for name, kind, inputs in jobs:
            with report.check(f"{name} {kind}"):
                path = folder / "outputs.safetensors"
                directory = source / f"{name} {kind}"
                tool.expect(0, "run", directory / "model", "--inputs", directory / "inputs.safetensors", "--output", path)
                model = getattr(transformers, name).from_pretrained(directory / "model").eval()
                with torch.no_grad():
                    expected = model(**tensors(inputs, torch.float32))
                found = load_file(path)
                for key in ("loss", "mc_loss"):
                    if key in expected:
                        difference = abs(float(found[key]) - float(expected[key]))
                        require(difference < 1e-5, True, f"{key}: {float(found[key])}, expected {float(expected[key])}")
    resumed.check(report, tool, folder)
    trained.check(report, tool, folder)
    run_results.check(report, tool, folder)
    adapter_training.check(report, tool, folder)


def runs(name, case, draw):
    """Inputs with the labels that the class takes; what a run is about."""
    rng = numpy.random.default_rng(11 + draw)
    inputs = case.inputs(7 + draw)
    mask = inputs["attention_mask"]

    def tokens(classes, kept):
        labels = rng.integers(0, classes, mask.shape)
        return numpy.where((mask == 1) & (rng.random(mask.shape) < kept), labels, -100)

    if name == "ElectraForPreTraining":
        yield "marks", inputs | {"labels": rng.integers(0, 2, mask.shape)}
    elif name.endswith("PreTraining"):
        yield "both", inputs | {"labels": tokens(VOCABULARY, 0.6), "next_sentence_label": numpy.array([1, 0])}
    elif name == "GPT2DoubleHeadsModel":
        # The reference returns a loss for each head; what is walked is their sum.
        yield "both", inputs | {"labels": tokens(VOCABULARY, 1), "mc_labels": numpy.array([2, 0])}
    elif name.endswith(("MaskedLM", "LMHeadModel", "CausalLM")):
        yield "tokens", inputs | {"labels": tokens(VOCABULARY, 0.6)}
    elif name.endswith("NextSentencePrediction"):
        yield "classes", inputs | {"labels": numpy.array([1, 0])}
    elif name.endswith("SequenceClassification"):
        yield "classes", inputs | {"labels": rng.integers(0, LABELS, BATCH)}
        yield "several classes", inputs | {"labels": rng.integers(0, 2, (BATCH, LABELS)).astype(numpy.float32)}
        yield NUMBERS, inputs | {"labels": rng.standard_normal((BATCH, LABELS)).astype(numpy.float32)}
    elif name.endswith("TokenClassification"):
        yield "tokens", inputs | {"labels": tokens(LABELS, 0.8)}
    elif name.endswith("QuestionAnswering"):
        # The second answer ends outside of the text, and is ignored.
        yield "spans", inputs | {"start_positions": numpy.array([2, 1]), "end_positions": numpy.array([4, LENGTH + 3])}
    elif name.endswith("MultipleChoice"):
        yield "choices", inputs | {"labels": numpy.array([CHOICES - 1, 0])}


def for_numbers(model, directory):
    """The directory of a classifier, as one whose labels are numbers."""
    directory.mkdir()
    for file in model.iterdir():
        if file.name != "config.json":
            (directory / file.name).symlink_to(file)
    config = json.loads((model / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))


def tensors(inputs, dtype):
    return {key: torch.from_numpy(value).to(dtype) if value.dtype.kind == "f" else torch.from_numpy(value)
            for key, value in inputs.items()}


def train(path, name, inputs, dtype):
    """Losses, gradients at the beginning, and parameters after steps of two optimizers."""
    result = {}

    def loaded():
        return getattr(transformers, name).from_pretrained(path).to(dtype).eval()

    def step(model):
        output = model(**tensors(inputs, dtype))
        loss = output.loss + output.mc_loss if "mc_loss" in output else output.loss
        loss.backward()
        return loss.item()

    model = loaded()
    losses = [step(model)]
    for key, parameter in model.named_parameters():
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        result[f"gradient/{key}"] = gradient.to(torch.float64).numpy()
    for kind in ("sgd", "adamw"):
        model = loaded()
        optimizer = (
            torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9) if kind == "sgd"
            else torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.1, eps=1e-4))
        for _ in range(STEPS):
            losses.append(step(model))
            optimizer.step()
            optimizer.zero_grad()
        for key, parameter in model.named_parameters():
            result[f"{kind}/{key}"] = parameter.detach().to(torch.float64).numpy()
    result["loss/all"] = numpy.array(losses)
    return result


def compare(part, draws):
    """The largest error over all tensors of a part, in whatever was drawn, beside that of torch in float32."""
    ours, theirs, largest = (0.0, ""), 0.0, 0.0
    for found, exact, ordinary in draws:
        keys = [key for key in exact if key.startswith(part + "/")]
        require(sorted(key for key in found if key.startswith(part + "/")), sorted(keys), "names")
        if part == "adamw":
            # All scores of a softmax have this bias: its gradient is 0 but for rounding, which Adam divides by its own size.
            keys = [key for key in keys if not key.endswith("qa_outputs.bias")]
        ours = max([ours] + [(numpy.abs(found[key].reshape(exact[key].shape) - exact[key]).max(), key) for key in keys])
        theirs = max([theirs] + [numpy.abs(ordinary[key] - exact[key]).max() for key in keys])
        largest = max([largest] + [numpy.abs(exact[key]).max() for key in keys])
    # A case is small, and torch may be lucky all the same: roundings of the largest number, one a step, are none of the matter.
    roundings = STEPS if part in ("sgd", "adamw") else 2
    if not ours[0] <= RATIO * theirs + largest * roundings * 2.0**-24:
        raise Mismatch(f"{ours[1]}: error {ours[0]:.3g}, torch {theirs:.3g}, largest number {largest:.3g}")
