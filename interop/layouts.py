"""Layouts: what is written for a framework loads there whole and computes what the source computed, for every head.

The models are those of `scripts/reference-models`, made by the frameworks themselves. Every conversion is carried back and
must then be the source again, bit for bit.
"""

import json
import pathlib
import subprocess
import sys

import torch
from safetensors.numpy import load_file
from transformers import BertForMaskedLM, GPT2LMHeadModel, RobertaForCausalLM

from report import Mismatch, require

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "interop" / "reference"))

from cases import CASES, HEADS  # noqa: E402
from frameworks import Frameworks  # noqa: E402


# What KerasHub has no place for, and what is asked for in its place on the way back.
LOSSES = {
    "bert": ["--allow-loss=cls.seq_relationship.*", "--allow-loss=masked_lm_head"],
    "distilbert": ["--allow-loss=masked_lm_head"],
    "electra": ["--allow-loss=pooler.*"],
    "gpt2": [],
    "roberta": ["--allow-loss=*position_embeddings.weight", "--allow-loss=*pooler.*"],
}
FILLED = {"bert": [], "distilbert": [], "electra": [], "gpt2": [], "roberta": ["--fill-zeros=*position_embeddings.weight"]}
NOT_HELD = {"BertForPreTraining": ("cls.seq_relationship", "bert.pooler"), "RobertaModel": ("pooler",)}
UNUSED_POSITIONS = {"bert": 0, "distilbert": 0, "electra": 0, "gpt2": 0, "roberta": 2}


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
        for made in (BertForMaskedLM, RobertaForCausalLM, GPT2LMHeadModel):
            for is_equal in (False, True):
                with report.check(f"{made.__name__}, nothing tied{', the same numbers' * is_equal}"):
                    check_untied(tool, folder / f"{made.__name__}-{is_equal}", made, is_equal)


def check_untied(tool, home, made, is_equal):
    """Where nothing is tied, Transformers looks for every parameter: whatever their numbers are, all of them are written."""
    torch.manual_seed(2)
    settings = {
        "vocab_size": 40, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        **({"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16} if made is GPT2LMHeadModel else {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
            "max_position_embeddings": 18, "is_decoder": made is RobertaForCausalLM}),
    }
    model = made(made.config_class(**settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
        if is_equal:
            model.get_output_embeddings().weight.copy_(model.get_input_embeddings().weight)
            for name, parameter in model.named_parameters():
                if name.endswith("decoder.bias"):
                    parameter.copy_(model.state_dict()[name.replace("decoder.bias", "bias")])
    model.save_pretrained(home)
    tokens = torch.tensor([[5, 6, 7, 8]])
    for options in ([], ["--layout", "transformers"], ["--format", "pytorch", "--layout", "transformers"]):
        tool.run("convert", home, home / "again", "--force", *options)
        loaded, found = made.from_pretrained(home / "again", output_loading_info=True)
        require((found["missing_keys"], found["unexpected_keys"]), (set(), set()), f"{options}: keys")
        for (name, one), other in zip(model.state_dict().items(), loaded.state_dict().values()):
            require(torch.equal(one, other), True, f"{options}: {name}")
        require(torch.equal(model(tokens).logits, loaded.eval()(tokens).logits), True, f"{options}: logits")


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
            same_weights(made / "from-tensorflow" / "model.safetensors", transformers / "model.safetensors")
    if case.keras_hub:
        source, allowed, filled = home / "transformers.keras-hub", LOSSES[case.family], FILLED[case.family]
        with report.check(f"{case.name}: to-keras-hub"):
            tool.convert(source, made / "to-keras-hub", "--layout=keras-hub", *allowed)
            yield from job("keras-hub", made / "to-keras-hub", changed)
        with report.check(f"{case.name}: to-keras-hub, one file"):
            tool.convert(source, made / "model.weights.h5", "--layout=keras-hub", *allowed)
            yield from job("keras-hub", made / "model.weights.h5", changed)
        for name in ("preset", "model.weights.h5"):
            # Without its configuration the backbone alone is one of RoBERTa, name for name.
            if (case.name, name) == ("DistilBertModel", "model.weights.h5"):
                continue
            with report.check(f"{case.name}: from-keras-hub, {name}"):
                theirs, ours = home / "keras-hub" / name, made / f"from-{name.split('.')[0]}.safetensors"
                tool.convert(theirs, ours, "--layout=transformers", *filled)
                same_weights(ours, source / "model.safetensors", NOT_HELD.get(case.name, ()), UNUSED_POSITIONS[case.family])
                # Of BertForPreTraining KerasHub keeps a masked language model, for which Transformers has no pooler.
                if case.name != "BertForPreTraining":
                    returned = made / f"returned-{name.split('.')[0]}.weights.h5"
                    tool.convert(ours, returned, "--layout=keras-hub", *allowed, f"--attention-heads={HEADS}")
                    tool.expect(0, "diff", theirs, returned)


def same_weights(found, expected, not_held=(), unused_positions=0):
    """The same safetensors weights, name for name and bit for bit, but for what the layout does not hold."""
    found, expected = load_file(found), load_file(expected)
    expected = {name: array for name, array in expected.items() if not name.startswith(tuple(not_held))}
    require(sorted(found), sorted(expected), "names")
    for name, array in expected.items():
        first = unused_positions if name.endswith("position_embeddings.weight") else 0
        require((found[name].dtype, found[name].shape), (array.dtype, array.shape), f"{name}, type and shape")
        require(found[name][first:].tobytes(), array[first:].tobytes(), f"{name}, bytes")


def check_inward(tool, sample):
    document = json.loads((sample / "expected.json").read_text())
    source = next(path for path in sample.iterdir() if not path.name.startswith("expected"))
    destination = sample / "made.safetensors"
    receipt = tool.convert(source, destination, "--layout=transformers")
    model = receipt["layout"]["model"]
    require(document["class"] in [model["class"], *model["alternatives"]], True, f"{document['class']} is among {model}")
    found, expected = (
        # A body alone and a body under a head without weights differ in nothing but this prefix.
        {name.removeprefix("transformer."): array for name, array in load_file(path).items()}
        for path in (destination, sample / "expected.safetensors"))
    require(sorted(found), sorted(expected), "names")
    for name, array in expected.items():
        require(found[name].tobytes(), array.tobytes(), f"{name}, bytes")
    dropped = [name for entry in receipt["layout"]["report"] if entry["outcome"] == "dropped" for name in entry["stored"]]
    wrapper = model["wrapper"] or ""
    require(sorted(name.removeprefix(wrapper) for name in dropped), document["dropped"], "dropped names")
