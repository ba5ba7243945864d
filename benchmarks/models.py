"""Measures forward passes, generation and tokenizers against their peers in Python, and prints Markdown tables.

    python models.py PROGRAM [--quick] [--write] [--threads N] [--rounds N] [--only PART] [--roofline PROGRAM]

PROGRAM is that of model-times/. The models have random weights: time does not depend on them. Both sides load once and are then
asked in turn, so that a slow minute of the machine falls on both; a ratio is taken within one round. Before a number is believed,
both sides must have computed the same. See benchmarks/run.
"""

import argparse
import os
import pathlib
import random
import subprocess

import decoding
import encoders
import precisions
import quantized
import report
import roofline
import training
import training_memory
from peers import HEADING, Ours, compared, row, timed

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "tokenizers"
SMALL = {"bert": "bert-uncased", "gpt2": "gpt2"}


def made(data, class_, configuration):
    """The directory of a model, made if need be, and the model as it lies there."""
    directory = data / class_.__name__
    if not (directory / "config.json").exists():
        temporary = directory.with_name("part-" + directory.name)
        class_(configuration).save_pretrained(temporary)
        temporary.rename(directory)
    return directory, class_.from_pretrained(directory).eval()


def int8(options, data):
    """One thread; a wrong answer is one that is not near float32's."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = 2 if options.quick else 12
    source, bert = made(data, transformers.BertModel, transformers.BertConfig(num_hidden_layers=layers))
    stored = quantised(options, source)
    ours = Ours(options.program, stored, 1)
    rows = []
    for name, compute in quantized.peers(bert, data):
        for batch, length in quantized.PASSES:
            times = compared(f"{name}, {batch} × {length}", lambda: ours.ask("forward", batch, length),
                             lambda: timed(lambda: compute(batch, length)), options.rounds, quantized.TOLERANCE)
            label = f"BERT-base, {batch} × {length}"
            rows.append([label, name, *row("", times, "ms", 1)[1:]])
    ours.end()
    rows.sort(key=lambda one: [f"BERT-base, {batch} × {length}" for batch, length in quantized.PASSES].index(one[0]))

    # Its own float32: no peer of these packages decodes.
    source, _ = made(data, transformers.GPT2LMHeadModel, transformers.GPT2Config(n_layer=layers))
    count = 10 if options.quick else 100
    sides = [Ours(options.program, directory, 1) for directory in (quantised(options, source), source)]
    # Tokens of random models differ with any rounding.
    times = compared("GPT-2", *[lambda side=side: side.ask("generate", count, 8, 1, 1) for side in sides], options.rounds, 1e9)
    rows.append([f"GPT-2 124M, {count} tokens, greedy", "our float32", *row("", times, "tokens/s", count)[1:]])
    for side in sides:
        side.end()
    return report.table(["int8, one thread", *HEADING], rows)


def quantised(options, directory):
    """The directory of the same model as int8, made if need be."""
    path = directory.with_name(directory.name + "-int8")
    if not path.exists():
        subprocess.run([options.program, directory], input=f"quantise {path}\n", text=True, check=True, stdout=subprocess.DEVNULL)
    return path


def tokenizers(options, data):
    """Batches of documents and of lines: ids alone, ids with offsets. Peers that are not installed are left out."""
    import transformers

    text = options.text or data / "corpus.txt"
    if not text.exists():
        text.write_text("".join(sentences(20_000 if options.quick else 100_000)))
    rows = []
    for name in ("bert", "gpt2"):
        directory = options.vocabularies / name if options.vocabularies else FIXTURES / SMALL[name]
        reference = transformers.AutoTokenizer.from_pretrained(directory).backend_tokenizer
        # What a model is fed with, as sentence-transformers say it, is no matter of speed.
        reference.no_truncation()
        reference.no_padding()
        saved = data / f"{name}-tokenizer.json"
        reference.save(str(saved))
        for kind, texts in (("documents", documents(text)), ("lines", lines(text))):
            megabytes = sum(len(one.encode()) for one in texts) / 1e6
            ours = Ours(options.program, directory, 1)

            def measure(fields, label, theirs):
                times = compared(f"{name}, {kind}, {fields}, {label}", lambda: ours.ask("encode", kind, fields, text),
                                 lambda: timed(lambda: theirs(texts)), options.rounds)
                rows.append([f"{name}, {kind}, {fields}", label, *row("", times, "MB/s", megabytes)[1:]])

            measure("ids", "`tokenizers`", lambda texts: sum(sum(one.ids) for one in reference.encode_batch_fast(texts)))
            expected = ours.ask("encode", kind, "ids", text)[1]
            for label, ids in peers(saved, name):
                if ids(texts) == expected:
                    measure("ids", label, ids)
                else:  # ours are the reference's: measure has seen it
                    rows.append([f"{name}, {kind}, ids", label, "", "other ids", ""])
            measure("offsets", "`tokenizers`", lambda texts: sum(
                sum(one.ids) + sum(end for _, end in one.offsets) for one in reference.encode_batch(texts)))
            ours.end()
    return report.table(["one thread", *HEADING], rows)


def peers(saved, name):
    """Other tokenizers that are installed, each with what gives the sum of a batch's ids."""
    try:
        import tokie

        tokenizer = tokie.Tokenizer.from_json(str(saved))
        yield "tokie", lambda texts: sum(sum(one.ids) for one in tokenizer.encode_batch(texts))
    except ImportError:
        pass
    try:
        import gigatoken
    except ImportError:
        return
    if name == "gpt2":
        import numpy

        giga = gigatoken.Tokenizer(str(saved))
        yield "gigatoken", lambda texts: int(numpy.sum(giga.encode_batch(texts, parallel=False)))


def lines(path):
    return [line for line in path.read_bytes().decode().split("\n") if line]


def documents(path):
    """Pieces of ten thousand bytes, cut between characters, as benchmarks/model-times cuts them."""
    text = path.read_bytes()
    pieces, start = [], 0
    while start < len(text):
        end = min(start + 10_000, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end += 1
        pieces.append(text[start:end].decode())
        start = end
    return pieces


def sentences(count):
    """Lines of made-up words, the short ones often, as in a language."""
    generator = random.Random(1)
    words = ["".join(generator.choices("etaoinshrdlucmfwypvbgkjqxz", range(26, 0, -1), k=generator.randint(1, 10)))
             for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    for _ in range(count):
        yield " ".join(generator.choices(words, weights, k=generator.randint(5, 25))).capitalize() + ".\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--vocabularies", type=pathlib.Path, help="a directory with bert/ and gpt2/: real vocabularies")
    parser.add_argument("--text", type=pathlib.Path, help="what is tokenized, instead of made-up sentences")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part of the table; may be given again")
    parser.add_argument("--roofline", help="the program of product-times/: what the machine does at most stands above the table")
    options = parser.parse_args()
    options.made = made
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ["RAYON_NUM_THREADS"] = "1"  # the peers among the tokenizers
    data = HERE / ".data" / ("quick" if options.quick else "full")
    data.mkdir(parents=True, exist_ok=True)
    described = report.machine(HERE)
    head = f"Machine: {described}. {options.threads} threads on both sides but for int8 and tokenizers, {options.rounds} rounds; " \
        "median (least–most).\n"
    if options.roofline:
        head += "\n" + roofline.described(options.roofline) + "\n"
    print(head)
    for name, part in PARTS.items():
        if not options.only or name in options.only:
            table = part(options, data)
            print(table, flush=True)
            if options.write:
                report.write(name, head + "\n" + table)


PARTS = {
    "encoders": encoders.table, "precisions": precisions.table, "decoding": decoding.table, "int8": int8, "tokenizers": tokenizers,
    "training": training.table, "training-memory": training_memory.table}


if __name__ == "__main__":
    main()
