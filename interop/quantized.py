"""int8: what weighbridge stores, Transformers loads with the package compressed-tensors, and the other way round; both hold the same
values, and compute the same but for how rows are rounded.

The package rounds rows to a scale of 127.5 steps, weighbridge to 127: both are as far from the numbers, and from each other. That
weighbridge computes what it says is seen in torch, where each row is rounded as docs/engine.md has it and whole numbers are
multiplied exactly.
"""

import json

import numpy
import torch
import transformers

from report import Mismatch, require
from seeded import inputs_of, model_of, outputs_of, run

LINEAR = (
    "BertModel", "BertForMaskedLM", "BertForSequenceClassification", "BertForPreTraining", "DistilBertForMaskedLM",
    "RobertaForMaskedLM", "RobertaForSequenceClassification", "XLMRobertaModel", "CamembertForTokenClassification")
CONVOLUTION = ("GPT2LMHeadModel", "GPT2ForSequenceClassification")
# A part of the root of the mean square of an output: where float32 rounds otherwise, a step falls to the other side now and then.
EXACT = 5e-3
ROUNDED = 3e-2
# Differences of rounding may be as much larger than those of the package.
RATIO = 1.5


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with report.group("int8 by weighbridge, computed in torch step by step"):
        for name in LINEAR + CONVOLUTION:
            with report.check(name):
                check_steps(tool, folder / name, name)
    lines = []
    with report.group("int8 by weighbridge, loaded by compressed-tensors"):
        for name in LINEAR:
            with report.check(name):
                lines.append(check_ours(tool, folder / name, name))
        for name in CONVOLUTION:
            with report.check(f"{name} is refused there, since the package has no such layers"):
                check_refused(folder / name, name)
    with report.group("int8 by compressed-tensors, loaded by weighbridge"):
        for name in LINEAR:
            with report.check(name):
                check_theirs(tool, folder / name, name)
    print("  largest distance of an output from float32, of its root mean square")
    print("\n".join([f"  {'class':34}{'weighbridge':>12}{'package':>9}", *lines]))


def check_steps(tool, folder, name):
    folder.mkdir()
    model = model_of(name, 11)
    model.save_pretrained(folder / "float32")
    receipt = tool.convert(folder / "float32", folder / "int8", "--dtype", "int8")
    matrices = {cast["name"] for cast in receipt["cast"]}
    layers = {f"{path}.weight" for path, module in model.named_modules() if is_layer(path, module)}
    output = {"transformer.wte.weight"} if name == "GPT2LMHeadModel" else set()
    require(matrices, layers | output, "the matrices that become int8")
    for cast in receipt["cast"]:
        require(0 < cast["relative_error"] < 0.02, True, f"{cast['name']}, error {cast['relative_error']}")
    inputs = inputs_of(model, 3)
    found = run(tool, folder, folder / "int8", inputs)
    require(distance(run(tool, folder, folder / "float32", inputs, "--precision", "int8"), found), 0, "quantised while loading")
    for path in layers:
        with_steps(model.get_submodule(path.removesuffix(".weight")))
    if output:
        with_steps(model.lm_head)
        words, scale = rounded(model.transformer.wte.weight, 1)
        model.transformer.wte.weight.data = words * scale
    # Attention of an encoder may round to bfloat16 between such layers, where the processor gains by it; a decoder's does not.
    limit = EXACT if name in CONVOLUTION else ROUNDED
    apart = distance(found, outputs_of(model, inputs))
    require(apart < limit, True, f"distance {apart}")
    # And back: Transformers loads the numbers.
    tool.convert(folder / "int8", folder / "again", "--dtype", "float32")
    again = getattr(transformers, name).from_pretrained(folder / "again")
    for path, weight in again.named_parameters():
        if path in layers | output:
            by_column = name in CONVOLUTION and path not in output
            steps, scale = rounded(model_of(name, 11).get_parameter(path), 0 if by_column else 1)
            require(torch.equal(weight, steps * scale), True, path)


def check_ours(tool, folder, name):
    model = model_of(name, 11)
    inputs = inputs_of(model, 3)
    loaded, info = getattr(transformers, name).from_pretrained(folder / "int8", output_loading_info=True)
    require([sorted(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")], [[], [], []], "keys")
    ours, package, exact = run(tool, folder, folder / "int8", inputs), outputs_of(loaded.eval(), inputs), outputs_of(model, inputs)
    require(distance(ours, exact) < max(RATIO * distance(package, exact), 1e-3), True,
            f"{distance(ours, exact)} from float32, the package {distance(package, exact)}")
    numbers = getattr(transformers, name).from_pretrained(folder / "again").state_dict()
    for path, value in loaded.state_dict().items():
        if not path.endswith("_scale"):
            require(torch.equal(value.float(), numbers[path]), True, path)
    return f"  {name:34}{distance(ours, exact):12.4f}{distance(package, exact):9.4f}"


def check_refused(folder, name):
    try:
        getattr(transformers, name).from_pretrained(folder / "int8")
    except Exception as error:
        require("int-quantized-conv1d" in str(error), True, str(error))
    else:
        raise Mismatch("Transformers takes steps for weights")


def check_theirs(tool, folder, name):
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config)

    model = model_of(name, 12)
    exact = outputs_of(model, inputs := inputs_of(model, 4))
    kind = dict(num_bits=8, type="int", symmetric=True)
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(strategy="channel", **kind),
        input_activations=QuantizationArgs(strategy="token", dynamic=True, **kind), format="int-quantized")
    heads = [path for path, module in model.named_modules() if isinstance(module, torch.nn.Linear) and not is_layer(path, module)]
    # All but the heads' last; poolers and transforms are quantised too.
    ignore = [path for path in heads if path.endswith(("decoder", "vocab_projector", "classifier", "out_proj", "seq_relationship"))]
    apply_quantization_config(model, QuantizationConfig(
        config_groups={"group_0": scheme}, ignore=ignore, format="int-quantized", quantization_status="frozen"))
    for module in model.modules():
        if hasattr(module, "weight_scale"):
            module.weight_scale.data = module.weight.abs().amax(1, keepdim=True) / 127.5
    package = outputs_of(model, inputs)
    compressor = ModelCompressor.from_pretrained_model(model, quantization_format="int-quantized")
    compressor.compress_model(model)
    directory = folder / "theirs"
    model.save_pretrained(directory)
    compressor.update_config(str(directory))
    ours = run(tool, folder, directory, inputs)
    require(distance(ours, exact) < max(RATIO * distance(package, exact), 1e-3), True,
            f"{distance(ours, exact)} from float32, the package {distance(package, exact)}")
    tool.convert(directory, folder / "numbers", "--dtype", "float32")
    require("quantization_config" in json.loads((folder / "numbers" / "config.json").read_text()), False, "quantization_config")
    numbers = getattr(transformers, name).from_pretrained(folder / "numbers").state_dict()
    loaded = getattr(transformers, name).from_pretrained(directory)
    outputs_of(loaded, inputs)
    for path, value in loaded.state_dict().items():
        if not path.endswith("_scale"):
            require(torch.equal(value.float(), numbers[path]), True, path)


def is_layer(path, module):
    kinds = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    return isinstance(module, kinds) and any(part.isdigit() for part in path.split("."))


def rounded(values, dimension):
    """Steps of the largest magnitude ÷ 127, and what one of them is worth."""
    scale = values.detach().abs().amax(dimension, keepdim=True) / 127
    inverse = torch.where(scale > 0, 1 / scale, torch.zeros_like(scale))
    return torch.round(values.detach() * inverse), scale


def with_steps(module):
    """Has a module multiply whole numbers."""
    weight = module.weight.T if isinstance(module, torch.nn.Linear) else module.weight
    steps, scales = rounded(weight, 0)

    def forward(rows):
        found, own = rounded(rows.reshape(-1, rows.shape[-1]), -1)
        sums = (found.double() @ steps.double()).float() * (own * scales)
        sums = sums if module.bias is None else sums + module.bias
        return sums.reshape(*rows.shape[:-1], -1)

    module.forward = forward


def distance(found, expected):
    """The largest distance of an output, as a part of its root mean square."""
    require(sorted(found), sorted(expected), "outputs")
    return max(
        float(numpy.sqrt(numpy.square(found[name] - array, dtype=numpy.float64).mean() / numpy.square(array, dtype=numpy.float64).mean()))
        for name, array in expected.items())
