"""A worker that embeds texts, beside the engine alone and beside sentence-transformers, and prints a table.

    python worker.py WEIGHBRIDGE MODEL_TIMES MODEL [--rows N] [--rounds N] [--threads N] [--write]

MODEL is a directory of a sentence-transformers model, and is in the page cache. The three take turns with the same texts of 32 tokens; each has
been started, and has answered once. bfloat16 is the model converted to it and computed in it, int8 what `--compute-precision int8` makes of it;
sentence-transformers computes in float32 always. Each vector is compared with sentence-transformers': the least cosine is told, and less than
0.99 ends the run. See benchmarks/run.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import threading

import report
from fleets import text_of
from peers import Ours, interleaved, timed

HERE = pathlib.Path(__file__).resolve().parent
# Texts that the engine, and sentence-transformers, take at once.
TOGETHER = 64
LEAST_COSINE = 0.99


class Worker:
    """A process that stays."""

    def __init__(self, weighbridge, model, precision, threads):
        self.process = subprocess.Popen(
            [weighbridge, "worker", "embed", model, "--threads", str(threads), "--compute-precision", precision],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answers(self, lines):
        """Its lines for some lines, fed while they are read."""
        def feed():
            self.process.stdin.writelines(lines)
            self.process.stdin.flush()

        feeder = threading.Thread(target=feed)
        feeder.start()
        answers = [self.process.stdout.readline() for _ in lines]
        feeder.join()
        return answers

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def cosine(one, other):
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def converted(options, dtype):
    """The model in another type, made if need be."""
    directory = HERE / ".data" / f"{pathlib.Path(options.model).name}-{dtype}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [options.weighbridge, "convert", options.model, directory, "--dtype", dtype], check=True, stdout=subprocess.DEVNULL)
    return directory


def kinds(options):
    """What this processor has instructions for: a name, the worker's model and precision, the engine's."""
    yield "float32", options.model, "float32", options.model, "full"
    if report.has("amx_bf16"):
        yield "high", options.model, "high", options.model, "high"
    if report.has("amx_bf16") or report.has("avx512_bf16"):
        halves = converted(options, "bfloat16")
        yield "bfloat16", halves, "bfloat16", halves, "bfloat16"
    yield "int8", options.model, "int8", converted(options, "int8"), "full"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weighbridge")
    parser.add_argument("model_times")
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    described = report.machine(HERE)

    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(options.threads)
    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:options.threads])
    texts = [text_of(row) for row in range(options.rows)]
    lines = [json.dumps({"id": row, "text": text}) + "\n" for row, text in enumerate(texts)]
    transformer = SentenceTransformer(options.model, device="cpu")
    lengths = [len(row) for row in transformer.tokenizer(texts)["input_ids"]]
    if set(lengths) != {32}:
        raise SystemExit(f"expected texts of 32 tokens, found {sorted(set(lengths))}")
    expected = transformer.encode(texts, batch_size=TOGETHER).tolist()
    rows = []
    for name, model, precision, *of_engine in kinds(options):
        worker = Worker(options.weighbridge, model, precision, options.threads)
        engine = Ours(options.model_times, of_engine[0], options.threads, of_engine[1])
        vectors = [json.loads(line)["embedding"] for line in worker.answers(lines)]
        least = min(map(cosine, vectors, expected))
        if not least >= LEAST_COSINE:
            raise SystemExit(f"{name}: the least cosine with sentence-transformers' vectors is {least}")

        def computed():
            for first in range(0, options.rows, TOGETHER):
                engine.ask("ragged", ",".join(map(str, lengths[first:first + TOGETHER])))
            return options.rows

        times = interleaved(
            name, lambda: timed(lambda: len(worker.answers(lines))), [
                ("the engine", lambda: timed(computed)),
                ("sentence-transformers", lambda: timed(lambda: len(transformer.encode(texts, batch_size=TOGETHER))))],
            options.rounds)
        worker.end()
        engine.end()
        rows.append(
            [name] + [f"{options.rows / report.median(row[side] for row in times):.0f}" for side in range(3)]
            + [report.of([row[side] / row[0] for row in times]) for side in (1, 2)] + [f"{least:.5f}"])
    result = "\n".join([
        f"Machine: {described}. {options.threads} threads on each side, {options.rows} texts of 32 tokens, {options.rounds} rounds; "
        "median (least–most).\n",
        report.table(
            ["worker", "its texts/s", "the engine's", "sentence-transformers'", "worker ÷ engine", "worker ÷ sentence-transformers",
             "least cosine"], rows)])
    print(result)
    if options.write:
        report.write("worker", result, report.DOCUMENTS / "fleets.md")


if __name__ == "__main__":
    main()
