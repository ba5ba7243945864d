"""Model directories that say less than usual, or other things: labels whose number and names disagree, names that are no text,
a `config.json` that names neither family nor class, fewer layers than weights, a head's bias under one of its two names,
wrappers inside names. What Transformers computes, given the class, every command computes.
"""

import json
import shutil

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file

from report import Mismatch, require
from seeded import inputs_of, model_of, outputs_of, require_same_names, run

TOLERANCE = 1e-5
LABELS = 3
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [a + b for a in "abcdefghij" for b in "klmnopqrs"] + list(".,!?;:")
TEXTS = ["ak bl, cm", "dn eo fp gq hr is jk al bm.", "unknown"]
NAMES = {str(number): f"name {number}" for number in range(5)}

# Settings of labels beside weights for three.
LABELLING = [
    {}, {"num_labels": 3}, {"num_labels": 2}, {"num_labels": 4}, {"num_labels": 3, "names": 2}, {"num_labels": 3, "names": 4},
    {"num_labels": 2, "names": 3}, {"num_labels": 4, "names": 3}, {"names": 3}, {"names": 2}, {"names": 4}, {"num_labels": 3, "names": 3},
    {"id2label": {"0": 0, "1": 1, "2": 2}}, {"id2label": {"0": 10, "1": "a", "2": True}, "num_labels": 3},
    {"id2label": {"2": "c", "0": "a", "1": "b"}}, {"id2label": {"0": "a", "1": "a", "2": "b"}},
    {"id2label": {"0": "é", "1": "", "2": " b "}, "label2id": {"x": 0}},
]


def check(report, tool, folder):
    with report.group("labels"):
        for name in ("BertForSequenceClassification", "RobertaForSequenceClassification", "GPT2ForSequenceClassification"):
            home = saved(folder, name, num_labels=LABELS)
            plain = {key: value for key, value in configuration(home).items() if key not in ("id2label", "label2id")}
            for settings in LABELLING:
                with report.check(f"{name}: {json.dumps(settings)}"):
                    changed = plain | {key: value for key, value in settings.items() if key != "names"}
                    if "names" in settings:
                        changed["id2label"] = {key: NAMES[key] for key in list(NAMES)[:settings["names"]]}
                    (home / "config.json").write_text(json.dumps(changed))
                    check_labels(tool, home, name)
    with report.group("configurations that name no model"):
        for command, classes in COMMANDS.items():
            for name in classes:
                home = saved(folder, f"{command}-{name}", name)
                anonymous = {key: value for key, value in configuration(home).items() if key not in ("model_type", "architectures")}
                (home / "config.json").write_text(json.dumps(anonymous))
                with report.check(f"{command}: {name}"):
                    check_anonymous(tool, home, name, command)
    with report.group("layers, biases and wrappers"):
        for name in ("BertModel", "BertForMaskedLM", "GPT2LMHeadModel", "RobertaForTokenClassification"):
            with report.check(f"{name}: fewer layers than weights"):
                check_layers(tool, folder, name)
        for name in ("BertForMaskedLM", "BertForPreTraining", "BertLMHeadModel", "RobertaForMaskedLM", "RobertaForCausalLM"):
            for kept in ("decoder.bias", ".bias"):
                with report.check(f"{name}: the bias as {kept} alone"):
                    check_bias(tool, folder, name, kept)
        for name in ("BertModel", "GPT2LMHeadModel", "RobertaForSequenceClassification"):
            for wrapper in ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "module."):
                for place in ("in front", "inside", "everywhere"):
                    with report.check(f"{name}: {wrapper} {place}"):
                        check_wrapper(tool, folder, name, wrapper, place)


def saved(folder, place, name=None, **changes):
    home = folder / place
    shutil.rmtree(home, ignore_errors=True)
    model = model_of(name or place, 7, **changes)
    model.save_pretrained(home)
    vocabulary = home / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS) + "\n")
    transformers.BertTokenizerFast.from_pretrained(home).save_pretrained(home)
    return home


def configuration(home):
    return json.loads((home / "config.json").read_text())


def reference(home, name):
    """The model by the class that is named, or nothing if Transformers refuses it or makes numbers up."""
    try:
        model, loading = getattr(transformers, name).from_pretrained(home, dtype=torch.float32, output_loading_info=True)
    except Exception:
        return None
    return None if loading["missing_keys"] or loading["mismatched_keys"] else model.eval()


def pipeline(task, model, home):
    tokenizer = transformers.BertTokenizerFast.from_pretrained(home)
    return transformers.pipeline(task, model=model, tokenizer=tokenizer, **({"top_k": None} if task == "text-classification" else {}))


# MARK: Labels


def scores(labels):
    """By label, in the words of JSON; two labels of one name are two."""
    return sorted((label if isinstance(label, str) else json.dumps(label), score) for label, score in labels)


def check_labels(tool, home, name, *options):
    model = reference(home, name)
    outcome = tool.run("classify", home, *TEXTS, "--json", *options)
    if model is None:
        require(outcome.code, 65, f"exit code where Transformers makes scores up or refuses: {outcome.output}{outcome.error}")
        return
    if outcome.code:
        raise Mismatch(f"refused: {outcome.error}")
    expected = pipeline("text-classification", model, home)(TEXTS)
    found = json.loads(outcome.output)["results"]
    for theirs, ours in zip(expected, found, strict=True):
        compare_scores([(entry["label"], entry["score"]) for entry in ours["labels"]], [(entry["label"], entry["score"]) for entry in theirs])


def compare_scores(found, expected):
    found, expected = scores(found), scores(expected)
    require([label for label, _ in found], [label for label, _ in expected], "labels")
    error = max(abs(ours[1] - theirs[1]) for ours, theirs in zip(found, expected))
    require(error <= TOLERANCE, True, f"scores {error:.3g} off")


# MARK: No family and no class

COMMANDS = {
    "classify": ("BertForSequenceClassification", "ElectraForSequenceClassification", "RobertaForSequenceClassification", "GPT2ForSequenceClassification"),
    "fill-mask": ("BertForMaskedLM", "ElectraForMaskedLM", "RobertaForMaskedLM"), "embed": ("BertModel", "ElectraModel", "RobertaModel", "GPT2Model"),
    "run": ("BertForTokenClassification", "RobertaForQuestionAnswering", "GPT2LMHeadModel", "BertModel"),
}
# The body of a BERT and that of a RoBERTa are the same names and shapes; the two classifiers differ in a pooler that may be missing.
AMBIGUOUS = {"BertModel", "RobertaModel", "BertForTokenClassification"}


def check_anonymous(tool, home, name, command):
    model = reference(home, name)
    require(model is not None, True, "Transformers loads the model by its class")
    for options in ((f"--architecture={name}",), ()):
        if command == "run":
            outcome = check_run(tool, home, model, options, name)
        else:
            outcome = {"classify": check_classify, "fill-mask": check_mask, "embed": check_embed}[command](tool, home, model, options)
        if outcome is not None:
            may_refuse = not options and name in AMBIGUOUS
            require(may_refuse and "--architecture" in outcome.error, True, f"refused with {options}: {outcome.error}")


def check_run(tool, home, model, options, name):
    inputs = inputs_of(model, 3, batch=2, length=9)
    if not options and name in AMBIGUOUS:
        return tool.run("run", home, "--inputs", home / "model.safetensors", "--output", home / "out.safetensors")
    compare_outputs(run(tool, home.parent, home, inputs, *options), outputs_of(model, inputs))


def check_classify(tool, home, model, options):
    outcome = tool.run("classify", home, *TEXTS, "--json", *options)
    if outcome.code:
        return outcome
    for theirs, ours in zip(pipeline("text-classification", model, home)(TEXTS), json.loads(outcome.output)["results"], strict=True):
        compare_scores([(entry["label"], entry["score"]) for entry in ours["labels"]], [(entry["label"], entry["score"]) for entry in theirs])


def check_mask(tool, home, model, options):
    text = "ak [MASK] bl"
    outcome = tool.run("fill-mask", home, text, "--json", *options)
    if outcome.code:
        return outcome
    (mask,) = json.loads(outcome.output)["masks"]
    found = mask["proposals"]
    expected = pipeline("fill-mask", model, home)(text, top_k=len(found))
    for key in ("token", "token_str", "sequence"):
        require([entry[key] for entry in found], [entry[key] for entry in expected], key)
    require(max(abs(ours["score"] - theirs["score"]) for ours, theirs in zip(found, expected)) <= TOLERANCE, True, "equal scores")


def check_embed(tool, home, model, options):
    """The mean over tokens, of length 1, without any `modules.json`."""
    file, output = home / "texts.jsonl", home / "embeddings.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    outcome = tool.run("embed", home, "--input", file, "--output", output, *options)
    if outcome.code:
        return outcome
    tokenizer = transformers.BertTokenizerFast.from_pretrained(home)
    for text, line in zip(TEXTS, output.read_text().splitlines(), strict=True):
        given = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            mean = model(**given).last_hidden_state[0].mean(0).numpy()
        ours = numpy.array(json.loads(line)["embedding"])
        scale = numpy.linalg.norm(mean) if abs(numpy.linalg.norm(ours) - 1) < 1e-4 else 1
        require(float(numpy.abs(ours - mean / scale).max()) <= TOLERANCE * max(1, numpy.abs(mean).max()), True, f"the embedding of {text!r}")


# MARK: Weights


def compare_outputs(found, expected):
    require_same_names(found, expected)
    for name, values in expected.items():
        error = numpy.abs(found[name] - values).max()
        require(bool(error <= TOLERANCE * max(1, numpy.abs(values).max())), True, f"{name}, which is {error:.3g} off")


def check_layers(tool, folder, name):
    home = saved(folder, f"layers-{name}", name, layers=3)
    key = "n_layer" if name.startswith("GPT2") else "num_hidden_layers"
    for count in (1, 2):
        (home / "config.json").write_text(json.dumps(configuration(home) | {key: count}))
        model = reference(home, name)
        inputs = inputs_of(model, 5, batch=2, length=9)
        compare_outputs(run(tool, folder, home, inputs), outputs_of(model, inputs))


def check_bias(tool, folder, name, kept):
    home = saved(folder, f"bias-{name}", name)
    path = home / "model.safetensors"
    state = load_file(path)
    (bias,) = [key for key in state if key.endswith((".predictions.bias", "lm_head.bias"))]
    value = state.pop(bias)
    state[bias.removesuffix("bias") + kept.removeprefix(".")] = value
    save_file(state, path, metadata={"format": "pt"})
    model = reference(home, name)
    require(model is not None, True, "Transformers loads the model")
    inputs = inputs_of(model, 5, batch=2, length=9)
    expected = outputs_of(model, inputs)
    compare_outputs(run(tool, folder, home, inputs), expected)
    # Written again, Transformers finds it, too.
    again = folder / f"bias-{name}-again"
    shutil.rmtree(again, ignore_errors=True)
    tool.convert(home, f"{again}/", "--layout=transformers")
    compare_outputs(outputs_of(reference(again, name), inputs), expected)


def check_wrapper(tool, folder, name, wrapper, place):
    home = saved(folder, f"wrapped-{name}", name)
    model = reference(home, name)
    state = load_file(home / "model.safetensors")

    def wrapped(key):
        parts = key.split(".")
        layers = [index for index, part in enumerate(parts) if part.isdigit()]
        if place == "in front" or not layers:
            return wrapper + key if place != "inside" else key
        inner = ".".join(parts[:layers[0] + 1]) + "." + wrapper + ".".join(parts[layers[0] + 1:])
        return wrapper + inner if place == "everywhere" else inner

    path = folder / f"wrapped-{name}.pt"
    torch.save({wrapped(key): value for key, value in state.items()}, path)
    again = folder / f"unwrapped-{name}"
    shutil.rmtree(again, ignore_errors=True)
    again.mkdir()
    shutil.copy(home / "config.json", again)
    tool.convert(path, again / "model.safetensors", "--layout=transformers")
    loaded = reference(again, name)
    require(loaded is not None, True, "Transformers loads what was written")
    for key, value in model.state_dict().items():
        require(torch.equal(loaded.state_dict()[key], value), True, f"the weight {key!r}")
