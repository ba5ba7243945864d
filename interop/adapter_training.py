"""Adapters that `weighbridge train` trains: beside Transformers' Trainer with PEFT from the same start and out of its checkpoints, and loaded by
PEFT. Examples are taken as they are given, dropout is off."""

import json
import shutil

import peft
import resumed
import torch
import transformers
from report import require
from resumed import RATE, SAVED, STEPS, prepared
from safetensors.torch import load_file

LINEAR = ["query", "key", "value", "dense"]
CASES = {
    "queries and values": dict(r=4, lora_alpha=16, target_modules=["query", "value"]),
    "every layer, √r, ranks of their own": dict(
        r=2, lora_alpha=8, target_modules=LINEAR, use_rslora=True, rank_pattern={"layer.0.attention.self.query": 5}),
    "all biases with them": dict(r=2, target_modules=["query"], bias="all"),
}


def check(report, tool, folder):
    with report.group("adapters trained beside PEFT"):
        for number, (name, settings) in enumerate(CASES.items()):
            with report.check(name):
                compare(tool, folder / f"tuned-{number}", settings)
        with report.check("a checkpoint of Trainer goes on"):
            compare(tool, folder / "tuned-on", CASES["queries and values"], resumes=True)
    with report.group("new adapters, loaded by PEFT"):
        for name, options in {
            "queries and values": [], "every linear layer": ["--lora-target", "all-linear", "--lora-alpha", "16"]}.items():
            with report.check(name):
                fresh(tool, folder / f"fresh-{len(options)}", options)


def compare(tool, folder, settings, resumes=False):
    path, rows = prepared(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    torch.manual_seed(4)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", **settings)).save_pretrained(folder / "start")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    model = peft.PeftModel.from_pretrained(base, folder / "start", is_trainable=True)
    trainer, theirs = resumed.trained(model, rows, tokenizer, folder / "theirs", {"weight_decay": 0.01})
    run = resumed.command(path, folder, "--learning-rate", RATE, "--weight-decay", "0.01")
    if resumes:
        shutil.copytree(folder / "theirs" / f"checkpoint-{SAVED}", folder / "ours" / f"checkpoint-{SAVED}")
        tool.expect(0, *run, "--resume")
    else:
        tool.expect(0, *run, "--adapter", folder / "start")
    resumed.require_log(folder, theirs)
    trainer.model.save_pretrained(folder / "end")
    wanted, found = (load_file(place / "adapter_model.safetensors") for place in (folder / "end", folder / "ours"))
    # With all biases trained PEFT has those of whole modules again, and the model's own.
    wanted = {name: value for name, value in wanted.items() if "modules_to_save" not in name and "original_module" not in name}
    require(sorted(found), sorted(wanted), "the adapter's tensors")
    for name, value in wanted.items():
        difference = (found[name] - value).abs().max().item()
        # Keys' biases have gradients of rounding alone, which Adam divides by their own size.
        require(difference < (RATE * STEPS if name.endswith("key.bias") else 1e-5), True, f"{name}: error {difference:.3g}")


def fresh(tool, folder, options):
    path, rows = prepared(folder)
    tool.expect(
        0, "train", path, "--task", "classification", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", 40,
        "--learning-rate", "0.01", "--lora-rank", 4, *options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "ours")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    plain = {name: value.clone() for name, value in base.state_dict().items()}
    model = peft.PeftModel.from_pretrained(base, folder / "ours").eval()
    changed = [name for name, value in model.state_dict().items() if "lora_B" in name and value.abs().max() > 0]
    layers = model.config.num_hidden_layers
    require(len(changed), layers * (6 if options else 2), "factors that learned")
    for name, value in base.state_dict().items():
        original = name.replace(".base_layer", "")
        if original in plain and "modules_to_save" not in name:
            require(torch.equal(value, plain[original]), True, f"{name} is what it was")
    output = tool.expect(
        0, "classify", path, "--adapter", folder / "ours", "--json", *[row["text"] for row in rows]).output
    numbers = {label: number for number, label in model.config.id2label.items()}
    for row, answer in zip(rows, json.loads(output)["results"]):
        with torch.no_grad():
            wanted = model(**tokenizer(row["text"], return_tensors="pt")).logits.softmax(-1)[0]
        for label in answer["labels"]:
            require(abs(label["score"] - wanted[numbers[label["label"]]].item()) < 1e-5, True, f"{row['text']}: {label}")
