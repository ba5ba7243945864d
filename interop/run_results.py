"""What a run leaves beside its model, of `weighbridge train` and of Transformers' Trainer with the same settings: results under the same names, and
the best evaluation, its step and its checkpoint, where training ends with the model of that one."""

import json
import pathlib

import transformers
from report import require
from resumed import RATE, TEXTS, prepared
from safetensors.numpy import load_file

STEPS, EVERY, PATIENCE, KEPT = 40, 2, 3, 2
# What one side alone tells: an estimate of operations, and how many steps there were.
THEIRS, OURS = {"total_flos"}, {"steps"}


def check(report, tool, folder):
    with report.group("results are written as Trainer writes them"):
        for name, stops in (("with the model of the best evaluation", True), ("with the model of the last step", False)):
            with report.check(name):
                compare(tool, folder / ("best" if stops else "last"), stops)


def compare(tool, folder, stops):
    path, rows = prepared(folder)
    # Other labels than those that are learned: the loss falls for a while, and rises.
    other = [{"text": text, "label": (number + (number > 4)) % 3} for number, text in enumerate(TEXTS)]
    (folder / "eval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    options = ["--eval", folder / "eval.jsonl", "--eval-every", EVERY, "--save-every", EVERY, "--keep", KEPT]
    tool.expect(
        0, "train", path, "--task", "classification", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", STEPS,
        "--batch-size", 2, "--sampling", "sequential", "--log-every", 1, "--learning-rate", 4 * RATE, *options,
        *(["--early-stop", PATIENCE] if stops else []))
    trainer = trained(path, rows, other, folder / "theirs", stops)
    states = [json.loads((folder / side / "trainer_state.json").read_text()) for side in ("ours", "theirs")]
    ours, theirs = states
    require(sorted(ours), sorted(theirs), "the keys of trainer_state.json")
    for key in ("best_global_step", "global_step", "max_steps", "epoch", "eval_steps", "num_train_epochs", "save_steps", "train_batch_size"):
        require(ours[key], theirs[key], key)
    for key in ("best_metric", "best_model_checkpoint"):
        require(ours[key] is None, theirs[key] is None, key)
    if stops:
        require(ours["global_step"] < STEPS, True, "the run stops early")
        require(abs(ours["best_metric"] - theirs["best_metric"]) < 1e-4, True, f"best_metric {ours['best_metric']}, {theirs['best_metric']}")
        checkpoints = [pathlib.Path(state["best_model_checkpoint"]) for state in states]
        require(checkpoints[0].name, checkpoints[1].name, "best_model_checkpoint")
        require(checkpoints[0].is_dir(), True, "best_model_checkpoint is there")
    require(*[sorted(file.name for file in (folder / side).glob("checkpoint-*")) for side in ("ours", "theirs")], "checkpoints")
    for file in ("train_results.json", "eval_results.json", "all_results.json"):
        found, expected = [json.loads((folder / side / file).read_text()) for side in ("ours", "theirs")]
        # Trainer was given no measures beside the loss.
        measures = {key for key in found if key.startswith("eval_") and key not in expected}
        require(all(key.split("_")[1] in ("accuracy", "f1", "matthews") for key in measures), True, f"measures {measures}")
        require(set(found) - OURS - measures, set(expected) - THEIRS, file)
        for key in set(found) & set(expected):
            if not key.endswith(("runtime", "per_second")):
                require(abs(found[key] - expected[key]) < 2e-4, True, f"{file}: {key} {found[key]}, Trainer {expected[key]}")
            else:
                require(found[key] > 0, True, f"{file}: {key}")
    weights = load_file(folder / "ours" / "model.safetensors")
    for name, parameter in trainer.model.state_dict().items():
        difference = abs(weights[name] - parameter.numpy()).max()
        # Keys' biases have gradients of rounding alone, which Adam divides by their own size.
        require(difference < (4 * RATE * STEPS if name.endswith("key.bias") else 1e-3), True, f"{name}: error {difference:.3g}")


def trained(path, rows, other, folder, stops):
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, eval_strategy="steps", eval_steps=EVERY, save_steps=EVERY, logging_steps=1,
        per_device_train_batch_size=2, learning_rate=4 * RATE, train_sampling_strategy="sequential", report_to=[], use_cpu=True,
        disable_tqdm=True, load_best_model_at_end=stops, save_total_limit=KEPT)
    examples = [[{**tokenizer(row["text"]), "label": row["label"]} for row in part] for part in (rows, other)]
    trainer = transformers.Trainer(
        transformers.AutoModelForSequenceClassification.from_pretrained(path), arguments, train_dataset=examples[0],
        eval_dataset=examples[1], processing_class=tokenizer, data_collator=transformers.DataCollatorWithPadding(tokenizer),
        callbacks=[transformers.EarlyStoppingCallback(PATIENCE)] if stops else [])
    trainer.remove_callback(transformers.PrinterCallback)
    # As the examples of Transformers leave a run.
    trainer.save_metrics("train", trainer.train().metrics)
    trainer.save_metrics("eval", trainer.evaluate())
    trainer.save_state()
    return trainer
