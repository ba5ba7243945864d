"""Measures the first answer from the start of a process, `weighbridge fill-mask` against Python with Transformers, and prints a table.

    python start.py WEIGHBRIDGE [--quick] [--write] [--rounds N] [--threads N]
    python start.py --peer DIRECTORY TEXT        what Python does

BERT-base with random weights and a small vocabulary's tokenizer, in float32 and bfloat16, in the page cache. Both must propose the
same tokens. Peak memory is that of the process. See benchmarks/run.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import report

HERE = pathlib.Path(__file__).resolve().parent
TOKENIZER = HERE.parent / "fixtures" / "tokenizers" / "bert-uncased"
TEXT = "the [MASK] of a word is what it does to others ."


def peer(directory, text):
    from transformers import pipeline

    print(json.dumps([one["token"] for one in pipeline("fill-mask", directory)(text)]))


def made(data, layers, dtype):
    """A directory with the model and the tokenizer, made if need be."""
    directory = data / f"BertForMaskedLM-{dtype}"
    if not directory.exists():
        import torch
        import transformers

        torch.manual_seed(0)
        temporary = directory.with_name("part-" + directory.name)
        model = transformers.BertForMaskedLM(transformers.BertConfig(num_hidden_layers=layers))
        model.to(getattr(torch, dtype)).save_pretrained(temporary)
        for file in TOKENIZER.glob("*token*"):
            shutil.copy(file, temporary)
        temporary.rename(directory)
    return directory


def measured(command):
    """Seconds, megabytes and the output of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command} has failed")
    return seconds, usage.ru_maxrss * 1024 / 1e6, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    data = HERE / ".data" / ("quick" if options.quick else "full")
    data.mkdir(parents=True, exist_ok=True)
    described = report.machine(HERE)
    rows = []
    for dtype in ("float32", "bfloat16"):
        # Made by a process of its own: a child's peak is never less than what its parent has.
        code = f"import start, pathlib; start.made(pathlib.Path({str(data)!r}), {2 if options.quick else 12}, {dtype!r})"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE)
        directory = data / f"BertForMaskedLM-{dtype}"
        subprocess.run(["cat", directory / "model.safetensors"], stdout=subprocess.DEVNULL, check=True)
        pairs = []
        for number in range(options.rounds + 1):
            ours = measured([options.program, "fill-mask", directory, TEXT, "--json"])
            theirs = measured([sys.executable, __file__, "--peer", directory, TEXT])
            tokens = [one["token"] for one in json.loads(ours[2])["masks"][0]["proposals"]]
            # Rounding may exchange neighbours in bfloat16, which Python computes in bfloat16 too.
            if tokens != json.loads(theirs[2]) and dtype == "float32":
                raise SystemExit(f"ours proposes {tokens}, Python {theirs[2]}")
            if number:  # the first round warms up
                pairs.append((ours, theirs))
        rows.append([
            dtype, f"{report.median(ours[0] for ours, _ in pairs):.3f} s", f"{report.median(theirs[0] for _, theirs in pairs):.2f} s",
            report.of([theirs[0] / ours[0] for ours, theirs in pairs]),
            f"{max(ours[1] for ours, _ in pairs):.0f} MB", f"{max(theirs[1] for _, theirs in pairs):.0f} MB"])
    result = f"Machine: {described}. Page cache warm, {options.rounds} rounds; median (least–most).\n\n" + report.table(
        ["first answer of `fill-mask`, BERT-base", "ours", "Python", "Python ÷ ours", "peak, ours", "peak, Python"], rows)
    print(result)
    if options.write:
        report.write("start", result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(*sys.argv[2:])
    else:
        main()
