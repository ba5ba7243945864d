"""Forward passes beside live Transformers, for every class in every format that holds it: outputs, hidden states, attentions.

The checkpoints are written by the frameworks themselves: safetensors and pytorch_model.bin by Transformers on torch, tf_model.h5
by its last TensorFlow classes, presets by KerasHub. What is expected is always what Transformers computes in float32.
"""

import pathlib
import shutil
import sys

import numpy
import torch
import transformers

from report import Mismatch, require
from seeded import outputs_of, require_same_names, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "interop" / "reference"))

from cases import CASES, LENGTH, PADDING  # noqa: E402
from frameworks import TOLERANCE, Frameworks  # noqa: E402


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    models = folder / "models"
    models.mkdir()
    with report.group("models of the frameworks are written"), report.check("writing"):
        frameworks = Frameworks()
        for framework in ("transformers", "tensorflow", "keras-hub"):
            frameworks.write(framework, models)
    with report.group("forward passes, safetensors, .bin, tf_model.h5 and KerasHub presets"):
        for case in CASES.values():
            home = models / case.name
            model = loaded(case, home / "transformers")
            write_bin(model, home)
            for format in ("transformers", "bin", *(["tensorflow"] if case.tensorflow else [])):
                check_format(report, tool, home, case, model, format)
            if case.keras_hub:
                check_preset(report, tool, home, case)


def loaded(case, directory):
    return getattr(transformers, case.name).from_pretrained(directory).eval()


def write_bin(model, home):
    """As Transformers saved models for years: a state dict beside its config.json, ties written twice."""
    directory = home / "bin"
    directory.mkdir()
    shutil.copy(home / "transformers" / "config.json", directory)
    torch.save(model.state_dict(), directory / "pytorch_model.bin")


def runs(case):
    """Name of the run, inputs, whether attentions are asked for."""
    right = case.inputs()
    yield "with attentions", right, True
    yield "without attentions", right, False
    left = {name: numpy.ascontiguousarray(array[..., ::-1]) for name, array in right.items() if name != "mc_token_ids"}
    if case.family == "gpt2" and not case.choices:
        left["position_ids"] = numpy.maximum(left["attention_mask"].cumsum(-1) - 1, 0)
    if "mc_token_ids" in right:
        left["mc_token_ids"] = numpy.full_like(right["mc_token_ids"], LENGTH - 1)
    yield "padded on the left", left, False
    yield "without a mask", {"input_ids": numpy.where(right["input_ids"] == PADDING[case.family], 5, right["input_ids"])}, True


def check_format(report, tool, home, case, model, format):
    for name, inputs, attentions in runs(case):
        with report.check(f"{case.name}, {format}, {name}"):
            options = [f"--architecture={case.name}"] + (["--attentions"] if attentions else [])
            found = run(tool, home, home / format, inputs, *options)
            expected = outputs_of(model, inputs, attentions)
            require_same_names(found, expected)
            require_close(found, expected)


def check_preset(report, tool, home, case):
    """Beside the same weights in Transformers."""
    model = loaded(case, home / "transformers.keras-hub")
    preset = home / "keras-hub" / "preset"
    if case.family == "roberta":
        # KerasHub has no token types, and no rows for the positions of padding.
        embeddings = getattr(model, "roberta", model).embeddings
        with torch.no_grad():
            embeddings.token_type_embeddings.weight.zero_()
            embeddings.position_embeddings.weight[:2] = 0
        with report.check(f"{case.name}: the preset is converted"):
            tool.convert(preset, home / "filled", "--layout=transformers", "--fill-zeros=*position_embeddings.weight")
        preset = home / "filled"
    for name, inputs, attentions in runs(case):
        with report.check(f"{case.name}, KerasHub preset, {name}"):
            found = run(tool, home, preset, inputs, *(["--attentions"] if attentions else []))
            expected = outputs_of(model, inputs, attentions)
            if case.name == "BertForPreTraining":
                # Of its heads KerasHub keeps the masked language model. That one's activation and epsilon are constants
                # there, which no configuration of Transformers expresses: it is computed with the model's own.
                expected["logits"] = expected.pop("prediction_logits")
                del expected["seq_relationship_logits"]
            expected = {name: array for name, array in expected.items() if name in found or name != "pooler_output"}
            require_same_names(found, expected)
            require_close(found, expected)


def require_close(found, expected):
    for name, array in found.items():
        difference = numpy.abs(array - expected[name])
        if not difference.max() <= TOLERANCE:
            place = numpy.unravel_index(difference.argmax(), difference.shape)
            raise Mismatch(f"{name} at {[int(index) for index in place]}: expected {expected[name][place]}, found {array[place]}")
