"""Runs that Transformers' Trainer began and `weighbridge train --resume` ends, and the other way round: losses, rates and weights are those of
a Trainer that made all steps itself. Examples are taken as they are given, as orders are each side's own, and dropout is off."""

import json
import shutil

import torch
import transformers
from fixture_models import task_model
from report import require
from safetensors.numpy import load_file

TEXTS = ["cafes are near", "running water", "a good day", "unaffordable", "a", "b c", "the scale is even", "all words are weighed"]
STEPS, SAVED, RATE = 10, 4, 1e-3
# By case: Trainer's settings, and the options that say the same. Batches of a step are left out: of this model's means Trainer takes the sum.
CASES = {
    "linear, with warm-up and decay": (
        {"warmup_steps": 2, "weight_decay": 0.01}, ["--warmup", "2", "--weight-decay", "0.01"]),
    "cosine, clipped more, into the third epoch": (
        {"lr_scheduler_type": "cosine", "max_grad_norm": 0.5}, ["--schedule", "cosine", "--clip", "0.5"]),
}


def check(report, tool, folder):
    with report.group("runs of Trainer go on"):
        for number, (name, (settings, options)) in enumerate(CASES.items()):
            with report.check(name):
                compare(tool, folder / f"resumed-{number}", settings, options)
    with report.group("Trainer goes on with runs of ours"):
        for number, (name, (settings, options)) in enumerate(CASES.items()):
            with report.check(name):
                go_on(tool, folder / f"gone-on-{number}", settings, options)


def prepared(folder):
    model = task_model(
        folder / "model", "bert-classifier", "bert-uncased", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    rows = [{"text": text, "label": number % 3} for number, text in enumerate(TEXTS)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return model, rows


def trained(model, rows, tokenizer, folder, settings, checkpoint=None):
    """Trainer after its steps, with checkpoints in the folder, and its log by step; from a checkpoint on, if one is given."""
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, save_steps=SAVED, logging_steps=1, per_device_train_batch_size=2,
        learning_rate=RATE, train_sampling_strategy="sequential", report_to=[], use_cpu=True, disable_tqdm=True, **settings)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=[{**tokenizer(row["text"]), "label": row["label"]} for row in rows],
        processing_class=tokenizer, data_collator=transformers.DataCollatorWithPadding(tokenizer))
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train(resume_from_checkpoint=checkpoint)
    return trainer, {entry["step"]: entry for entry in trainer.state.log_history if "loss" in entry}


def command(path, folder, *options):
    """The same run of ours."""
    return [
        "train", path, "--task", "classification", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", STEPS,
        "--batch-size", 2, "--sampling", "sequential", "--log-every", 1, *options]


def require_log(folder, theirs):
    """Ours has the losses, lengths of gradients and rates of Trainer's log."""
    state = json.loads((folder / "ours" / "trainer_state.json").read_text())
    ours = {entry["step"]: entry for entry in state["log_history"] if "loss" in entry}
    require(sorted(ours), list(range(1, STEPS + 1)), "the steps of the log")
    for step, entry in ours.items():
        for key in ("loss", "grad_norm", "learning_rate", "epoch"):
            difference = abs(entry[key] - theirs[step][key])
            require(difference <= 2e-5 * max(1, abs(theirs[step][key])), True, f"step {step}: {key} {entry[key]}, Trainer {theirs[step][key]}")


def compare(tool, folder, settings, options):
    path, rows = prepared(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    trainer, theirs = trained(
        transformers.AutoModelForSequenceClassification.from_pretrained(path), rows, tokenizer, folder / "theirs", settings)
    saved = folder / "ours" / f"checkpoint-{SAVED}"
    shutil.copytree(folder / "theirs" / saved.name, saved)
    if "lr_scheduler_type" in settings:
        # As a Trainer that was given no tokenizer leaves it.
        for file in saved.glob("tokenizer*"):
            file.unlink()
        # As older versions of torch count steps.
        state = torch.load(saved / "optimizer.pt", weights_only=True)
        for values in state["state"].values():
            values["step"] = int(values["step"])
        torch.save(state, saved / "optimizer.pt")
    run = command(path, folder, "--resume", *options)
    tool.expect(65, *run, "--learning-rate", 2 * RATE)
    tool.expect(0, *run, "--learning-rate", RATE)
    require_log(folder, theirs)
    found = load_file(folder / "ours" / "model.safetensors")
    for name, parameter in trainer.model.state_dict().items():
        difference = (torch.from_numpy(found[name]) - parameter).abs().max().item()
        # Some steps of at most the rate each; keys' biases have gradients of rounding alone, which Adam divides by their own size.
        require(difference < (RATE * STEPS if name.endswith("key.bias") else 1e-5), True, f"{name}: error {difference:.3g}")


def go_on(tool, folder, settings, options):
    path, rows = prepared(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)

    def theirs(name, checkpoint=None):
        model = transformers.AutoModelForSequenceClassification.from_pretrained(path)
        return trained(model, rows, tokenizer, folder / name, settings, checkpoint)

    whole, expected = theirs("whole")
    tool.expect(0, *command(
        path, folder, "--learning-rate", RATE, "--save-every", SAVED, "--optimizer-pt", *options))
    resumed, found = theirs("rest", str(folder / "ours" / f"checkpoint-{SAVED}"))
    require(sorted(found), list(range(1, STEPS + 1)), "the steps of the log")
    for step, entry in found.items():
        for key in ("loss", "grad_norm", "learning_rate"):
            difference = abs(entry[key] - expected[step][key])
            require(difference <= 2e-5 * max(1, abs(expected[step][key])), True, f"step {step}: {key} {entry[key]}, alone {expected[step][key]}")
    weights = resumed.model.state_dict()
    for name, parameter in whole.model.state_dict().items():
        difference = (weights[name] - parameter).abs().max().item()
        require(difference < (RATE * STEPS if name.endswith("key.bias") else 1e-5), True, f"{name}: error {difference:.3g}")
