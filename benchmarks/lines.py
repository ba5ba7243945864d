"""Measures `weighbridge tokenize --input` against Python with `tokenizers` doing the same, and prints a Markdown table.

    python lines.py WEIGHBRIDGE [--quick] [--write] [--rounds N] [--vocabularies DIR] [--text FILE]

Whole processes, JSON lines in and out, from start to end: vocabularies are loaded, and Python is started, by both each time.
They take turns, and a ratio is taken within one round. The files that they write must be equal, byte by byte or else value by
value; a wrong answer ends the run. Peak memory is that of the process (`wait4`), for a file and for one of four times its size.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import models
import report
from conversion import Run
from memory import peak

HERE = pathlib.Path(__file__).resolve().parent
PEER = HERE / "lines_peer.py"
FIELDS = ("ids", "ids,offsets", "ids,offsets,type_ids,attention_mask,decoded,decoded_skip")


def compared(ours, theirs):
    """Fails unless two files say the same in each line."""
    if ours.read_bytes() == theirs.read_bytes():
        return
    with ours.open(encoding="utf-8", newline="\n") as first, theirs.open(encoding="utf-8", newline="\n") as second:
        for number, (one, other) in enumerate(zip(first, second, strict=True), 1):
            if json.loads(one) != json.loads(other):
                sys.exit(f"{ours}, line {number}: {one[:200]!r}, {theirs}: {other[:200]!r}")


def written(path, texts):
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--vocabularies", type=pathlib.Path, help="a directory with bert/ and gpt2/: real vocabularies")
    parser.add_argument("--text", type=pathlib.Path, help="what is tokenized, instead of made-up sentences")
    options = parser.parse_args()
    data = HERE / ".data" / ("quick" if options.quick else "full")
    data.mkdir(parents=True, exist_ok=True)
    described = report.machine(HERE)
    text = options.text or data / "corpus.txt"
    if not text.exists():
        text.write_text("".join(models.sentences(20_000 if options.quick else 100_000)))
    reader = subprocess.run([sys.executable, PEER, "--reader"], capture_output=True, text=True, check=True).stdout.strip()
    rows, memory = [], []
    for name in ("bert", "gpt2"):
        directory = options.vocabularies / name if options.vocabularies else models.FIXTURES / models.SMALL[name]
        saved = data / f"{name}-tokenizer.json"
        subprocess.run([sys.executable, PEER, "--save", directory, saved], check=True)
        for kind, texts in (("documents", models.documents(text)), ("lines", models.lines(text))):
            source = written(data / f"{kind}.jsonl", texts)
            megabytes = sum(len(one.encode()) for one in texts) / 1e6
            for fields in FIELDS:
                ours, theirs = data / "ours.jsonl", data / "theirs.jsonl"

                def command(source):
                    return [options.program, "tokenize", directory, "--input", source, "--output", ours, "--fields", fields]

                times = []
                for number in range(options.rounds + 1):
                    pair = Run(command(source), ours), Run([sys.executable, PEER, saved, source, theirs, fields], theirs)
                    if number == 0:  # the first round warms up, and is looked at
                        compared(ours, theirs)
                        continue
                    times.append(tuple(side.seconds for side in pair))
                label = "all" if fields == FIELDS[-1] else fields
                rows.append(models.row(f"{name}, {kind}, {label}", times, "MB/s", megabytes))
            if kind == "lines":
                larger = written(data / "larger.jsonl", texts * 4)
                small, large = peak(*command(source)), peak(*command(larger))
                memory.append(f"{name}: {small:.0f} MB for {megabytes:.1f} MB of text, {large:.0f} MB for four times as much")
    result = "\n".join([
        f"Machine: {described}. All processors on both sides, {options.rounds} rounds; median (least–most).\n",
        report.table(["`tokenize --input`", "ours", f"`tokenizers` and {reader}", "ours ÷ theirs (time)"], rows),
        "Peak memory of ours, all fields of lines. " + "; ".join(memory) + ".\n"])
    print(result)
    if options.write:
        report.write("lines", result)


if __name__ == "__main__":
    main()
