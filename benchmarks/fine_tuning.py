"""Fine-tunes the real all-MiniLM-L6-v2 on sentences of film reviews, `weighbridge train` and Transformers' Trainer in turn with the same
settings, and prints a Markdown table of what each reaches by several seeds.

    python fine_tuning.py WEIGHBRIDGE MODEL REVIEWS [--quick] [--write] [--threads N] [--seeds N] [--rows N]

MODEL and REVIEWS are what `scripts/real-data` fetches. A seed draws the head, the order of the examples and dropout, each side with numbers
of its own: no run of one side is a run of the other's, and what can be compared is where several of them lie. Ends with 1 if our mean is
below the reference's least accuracy or above its most by more than twice the standard error that the choice of the sentences gives to the
difference of the means. Above is no better: an epoch without dropout, say, may well be measured so. See benchmarks/run.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from statistics import mean, stdev
from typing import NamedTuple

import report

HERE = pathlib.Path(__file__).resolve().parent
EPOCHS, BATCH, RATE, LENGTH = 1, 32, 5e-5, 128


class Result(NamedTuple):
    """What a run reached: which sentences it labels rightly, its loss by them, and the seconds that training took."""
    right: list
    loss: float
    seconds: float

    @property
    def accuracy(self):
        return mean(self.right)


class Ours:
    def __init__(self, options, train, test):
        self.options, self.train, self.test = options, train, test
        self.labels = [row["label"] for row in read(test)]

    def tool(self, *arguments):
        command = [self.options.weighbridge, *map(str, arguments), "--threads", str(self.options.threads)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout

    def run(self, seed, folder):
        results = json.loads(self.tool(
            "train", self.options.model, "--task", "classification", "--train", self.train, "--eval", self.test, "--output", folder,
            "--epochs", EPOCHS, "--batch-size", BATCH, "--learning-rate", RATE, "--max-length", LENGTH, "--seed", seed,
            "--json"))["results"]
        answers = folder / "answers.jsonl"
        self.tool("classify", folder, "--input", self.test, "--output", answers, "--top-k", 1)
        found = [row["labels"][0]["label"] for row in read(answers)]
        result = Result([one == other for one, other in zip(found, self.labels, strict=True)], results["eval_loss"],
                        results["train_runtime"])
        if abs(result.accuracy - results["eval_accuracy"]) > 1e-9:
            sys.exit(f"seed {seed}: `classify` is right {result.accuracy:.4f} of the time, `train` said {results['eval_accuracy']:.4f}")
        return result


class Reference:
    """Transformers' Trainer, with its own defaults wherever ours are said to be the same."""

    def __init__(self, options, train, test):
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.logging.set_verbosity_error()
        torch.set_num_threads(options.threads)
        self.options = options
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
        self.train, self.test = self.encoded(train), self.encoded(test)
        longest = max(len(row["input_ids"]) for row in self.train + self.test)
        if longest >= LENGTH:  # `classify` has another greatest length than training
            sys.exit(f"a sentence has {longest} tokens, expected fewer than {LENGTH}")

    def encoded(self, path):
        labels = {"negative": 0, "positive": 1}
        return [{**self.tokenizer(row["text"], truncation=True, max_length=LENGTH), "label": labels[row["label"]]} for row in read(path)]

    def run(self, seed, folder):
        import transformers

        transformers.set_seed(seed)  # the head is drawn before Trainer sets it
        arguments = transformers.TrainingArguments(
            output_dir=str(folder), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH,
            learning_rate=RATE, seed=seed, eval_strategy="epoch", save_strategy="epoch", report_to=[], use_cpu=True, disable_tqdm=True)
        trainer = transformers.Trainer(
            transformers.AutoModelForSequenceClassification.from_pretrained(self.options.model, num_labels=2), arguments,
            train_dataset=self.train, eval_dataset=self.test, processing_class=self.tokenizer,
            data_collator=transformers.DataCollatorWithPadding(self.tokenizer))
        trainer.remove_callback(transformers.PrinterCallback)
        seconds = trainer.train().metrics["train_runtime"]
        answers = trainer.predict(self.test)
        right = (answers.predictions.argmax(-1) == answers.label_ids).tolist()
        return Result(right, answers.metrics["test_loss"], seconds)


def read(path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines]


def part(rows, count):
    """So many rows, evenly spread; all of them if there are no more."""
    return rows if count >= len(rows) else [rows[number * len(rows) // count] for number in range(count)]


def chosen(options, folder):
    """Files of the rows that both sides take."""
    paths = []
    for name, count in (("train", 64 if options.quick else options.rows), ("test", 64 if options.quick else None)):
        rows = read(options.reviews / f"{name}.jsonl")
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in part(rows, count or len(rows))))
        paths.append(path)
    return paths


def standard_error(ours, theirs):
    """How far the difference of both sides' means would vary with other sentences: all runs are measured by the same ones."""
    right = [[mean(run.right[place] for run in side) for side in (ours, theirs)] for place in range(len(ours[0].right))]
    return stdev(one - other for one, other in right) / len(right) ** 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weighbridge")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("reviews", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seeds", type=int, default=3, help="the runs of each side, by seeds from 1 on")
    parser.add_argument("--rows", type=int, help="so many sentences to learn from instead of all")
    options = parser.parse_args()
    described = report.machine(HERE)
    seeds = range(1, 1 + (2 if options.quick else options.seeds))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        train, test = chosen(options, folder)
        sides = {"ours": Ours(options, train, test), "Trainer": Reference(options, train, test)}
        runs = {name: [] for name in sides}
        for seed in seeds:
            for name, side in sides.items():
                result = side.run(seed, folder / f"{name}-{seed}")
                runs[name].append(result)
                print(f"seed {seed}, {name}: accuracy {result.accuracy:.4f}, loss {result.loss:.4f}, {result.seconds:.0f} s",
                      file=sys.stderr, flush=True)
        counts = [len(read(path)) for path in (train, test)]
    lines = []
    for label, values, form in (
            ("accuracy", lambda run: run.accuracy, "{:.4f}"), ("loss", lambda run: run.loss, "{:.4f}"),
            ("seconds", lambda run: run.seconds, "{:.0f}")):
        for name, results in runs.items():
            found = [values(run) for run in results]
            lines.append([f"{label}, {name}", *map(form.format, [*found, mean(found)]),
                          f"{form.format(min(found))}–{form.format(max(found))}"])
    ours, theirs = [[run.accuracy for run in results] for results in runs.values()]
    allowed = 2 * standard_error(*runs.values())
    outside = max(min(theirs) - mean(ours), mean(ours) - max(theirs), 0)
    verdict = f"Our mean accuracy is {mean(ours) - mean(theirs):+.4f} from the reference's, and " + (
        "within its own least and most." if outside == 0 else f"{outside:.4f} outside of its least and most.")
    verdict += f" Twice the standard error of the difference, by these sentences: {allowed:.4f}."
    text = "\n".join([
        f"Machine: {described}. {options.threads} threads on both sides. {counts[0]:,} sentences to learn from, {counts[1]:,} to measure by.\n",
        report.table(["", *[f"seed {seed}" for seed in seeds], "mean", "least–most"], lines), verdict + "\n"])
    print(text)
    if options.write:
        report.write("fine-tuning", text, page=report.DOCUMENTS / "training.md")
    sys.exit(outside > allowed)


if __name__ == "__main__":
    main()
