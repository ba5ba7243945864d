"""Peak memory of steps of training BERT-base with a classifier in float32, beside PyTorch: with dropout as BERT is trained, and without,
where both must lose as much at each step. See models.py.

    python training_memory.py DIRECTORY BATCH LENGTH kept|again THREADS

is PyTorch's side: the model of a directory, whose layers keep what they compute or compute it again on the way back (`gradient_checkpointing`).
It prints the loss of each step.
"""

import json
import sys

import report
import training
from memory import measured

STEPS = 3
LENGTHS = (128, 512)
DROPOUTS = (0.1, 0.0)
# What ours is asked to do, by what layers do.
WORDS = {"kept": "train", "again": "train-again"}


def with_dropout(directory, rate):
    """A directory of the same model, which leaves out such a share of the numbers."""
    path = directory.with_name(f"{directory.name}-dropout-{rate}")
    path.mkdir(exist_ok=True)
    weights = path / "model.safetensors"
    weights.unlink(missing_ok=True)
    weights.symlink_to(directory.resolve() / weights.name)
    configuration = json.loads((directory / "config.json").read_text())
    configuration |= {"hidden_dropout_prob": rate, "attention_probs_dropout_prob": rate}
    (path / "config.json").write_text(json.dumps(configuration))
    return path


def table(options, data):
    """Each side is a fresh process, which loads the model and makes some steps."""
    directory, _ = training.classifier(options, data)
    rows = []
    for rate in DROPOUTS:
        path = with_dropout(directory, rate)
        for length in LENGTHS:
            size = training.BATCH, length
            label = f"BERT-base, {size[0]} × {length}, " + (f"dropout {rate}" if rate else "no dropout")
            cells, losses = [], []
            for layers, word in WORDS.items():
                lines, ours = measured(options.program, path, input=f"{word} {size[0]} {length}\n" * STEPS, threads=options.threads)
                losses.append([float(line.split()[1]) for line in lines])
                lines, theirs = measured(sys.executable, __file__, path, *size, layers, options.threads)
                losses.append([float(line) for line in lines])
                cells += [f"{ours:,.0f} MB", f"{theirs:,.0f} MB", f"{ours / theirs:.2f}"]
            # What dropout leaves out is each side's own.
            if not rate and any(
                    abs(one - other) > training.TOLERANCE for step in zip(*losses, strict=True) for one in step for other in step):
                raise SystemExit(f"{label}: losses {losses}")
            rows.append([label, *cells])
    return report.table(
        ["peak memory, float32", "ours", "PyTorch", "ours ÷ theirs", "ours, layers again", "PyTorch, layers again", "ours ÷ theirs"], rows)


def main():
    import torch
    import transformers

    directory, batch, length, layers, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    transformers.utils.logging.disable_progress_bar()
    model = transformers.BertForSequenceClassification.from_pretrained(directory)
    if layers == "again":
        model.gradient_checkpointing_enable()
    peer = training.Peer(model)
    for _ in range(STEPS):
        print(float(peer.step([int(length)] * int(batch))))


if __name__ == "__main__":
    main()
