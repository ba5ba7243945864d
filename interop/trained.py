"""What `weighbridge train` writes, for each task, as a user loads it: with Transformers' classes, nothing missing and nothing left over, and
with the scores that `weighbridge run` has."""

import json

import numpy
import torch
import transformers
from fixture_models import task_model
from report import require
from safetensors.numpy import load_file, save_file

WORDS = "a good day near the running water is even".split()
LINES = [" ".join(WORDS[(start + step) % len(WORDS)] for step in range(6)) for start in range(12)]
LABELS = ["dry", "even", "wet"]
TAGS = ["O", "B-X", "I-X"]


def rows(task):
    if task == "classification":
        return [{"text": line, "label": LABELS[number % 3]} for number, line in enumerate(LINES)]
    if task == "token-classification":
        return [{"tokens": line.split(), "ner_tags": [TAGS[place % 3] for place in range(6)]} for line in LINES]
    if task == "question-answering":
        return [{"question": "what is near", "context": line, "answers": {"text": [line.split()[2]], "answer_start": [line.index(line.split()[2])]}}
                for line in LINES]
    return [{"text": line} for line in LINES]


# By task: a model of fixtures/tasks, its tokenizer, and the class that loads what comes of it.
CASES = {
    "classification": ("bert-masked", "bert-uncased", transformers.AutoModelForSequenceClassification),
    "token-classification": ("bert-masked", "bert-uncased", transformers.AutoModelForTokenClassification),
    "question-answering": ("bert-masked", "bert-uncased", transformers.AutoModelForQuestionAnswering),
    "mlm": ("bert-masked", "bert-uncased", transformers.AutoModelForMaskedLM),
    "lm": ("gpt2", "gpt2", transformers.AutoModelForCausalLM),
}


def check(report, tool, folder):
    with report.group("what training writes is loaded by Transformers"):
        for task, case in CASES.items():
            with report.check(task):
                load(tool, folder / f"trained-{task}", task, *case)


def load(tool, folder, task, model, tokenizer, loader):
    source, output = task_model(folder / "model", model, tokenizer), folder / "out"
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(task)))
    tool.expect(0, "train", source, "--task", task, "--train", folder / "train.jsonl", "--output", output, "--steps", 3,
                "--learning-rate", 1e-3, "--max-length", 16)
    found, told = loader.from_pretrained(output, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        require(sorted(told[key]), [], key)
    expected = {"classification": LABELS, "token-classification": sorted(TAGS)}.get(task)
    if expected:
        require([found.config.id2label[place] for place in range(len(expected))], expected, "labels")
    ids = transformers.AutoTokenizer.from_pretrained(output)(LINES[0])["input_ids"]
    save_file({"input_ids": numpy.array([ids])}, folder / "in.safetensors")
    tool.expect(0, "run", output, "--inputs", folder / "in.safetensors", "--output", folder / "scores.safetensors")
    ours = load_file(folder / "scores.safetensors")
    with torch.no_grad():
        theirs = found.eval()(input_ids=torch.tensor([ids]))
    for key in ("logits", "start_logits", "end_logits"):
        if key in theirs:
            difference = numpy.abs(ours[key] - theirs[key].numpy()).max()
            require(difference < 1e-5, True, f"{key}: error {difference:.3g}")
