"""Measures forward passes, generation and tokenizers against PyTorch, Transformers and `tokenizers`, and prints Markdown tables.

    python models.py PROGRAM [--quick] [--write] [--threads N] [--rounds N]

PROGRAM is that of model-times/. The models have random weights: time does not depend on them. Both sides load once and are then
asked in turn, so that a slow minute of the machine falls on both; a ratio is taken within one round. Before a number is believed,
both sides must have computed the same. See benchmarks/run.
"""

import argparse
import os
import pathlib
import random
import subprocess
import time

import quantized
import report

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "tokenizers"
SMALL = {"bert": "bert-uncased", "gpt2": "gpt2"}
PASSES = ((1, 128), (8, 128), (1, 512))


class Ours:
    """The Swift process. It may use as many processors as there are threads."""

    def __init__(self, program, directory, threads):
        self.process = subprocess.Popen(
            [program, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:threads]))

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        seconds, result = self.process.stdout.readline().split()
        return float(seconds), float(result)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def timed(compute):
    start = time.perf_counter()
    result = compute()
    return time.perf_counter() - start, float(result)


def compared(name, ours, theirs, rounds, tolerance=0.0):
    """Times of both sides, in turn. Each rests before the other begins: threads that wait for work spin for a while."""
    times = []
    for number in range(rounds + 1):
        pair = []
        for side in (ours, theirs):
            time.sleep(0.05)
            pair.append(side())
        if abs(pair[0][1] - pair[1][1]) > tolerance:
            raise SystemExit(f"{name}: ours gives {pair[0][1]}, theirs {pair[1][1]}")
        if number:  # the first round warms up
            times.append((pair[0][0], pair[1][0]))
    return times


def row(name, times, unit, amount):
    """`amount` of something a run, said as `amount` a second or as milliseconds."""
    def cell(side):
        seconds = report.median(pair[side] for pair in times)
        return f"{seconds * 1000:.1f} {unit}" if unit == "ms" else f"{amount / seconds:.1f} {unit}"

    return [name, cell(0), cell(1), report.of([ours / theirs for ours, theirs in times])]


def made(data, class_, configuration):
    """The directory of a model, made if need be, and the model as it lies there."""
    directory = data / class_.__name__
    if not (directory / "config.json").exists():
        temporary = directory.with_name("part-" + directory.name)
        class_(configuration).save_pretrained(temporary)
        temporary.rename(directory)
    return directory, class_.from_pretrained(directory).eval()


def models(options, data):
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    layers = 2 if options.quick else 12
    rows = []

    def measure(name, directory, words, compute, unit="ms", amount=1, tolerance=0.0):
        ours = Ours(options.program, directory, options.threads)
        for label, arguments, run in words:
            times = compared(label, lambda: ours.ask(*arguments), lambda: timed(lambda: compute(*run)), options.rounds, tolerance)
            rows.append(row(f"{name}, {label}", times, unit, amount))
        ours.end()

    directory, bert = made(data, transformers.BertForMaskedLM, transformers.BertConfig(num_hidden_layers=layers))

    def forward(batch, length):
        ids = (1000 + torch.arange(length)).repeat(batch, 1)
        with torch.no_grad():
            return bert(input_ids=ids).logits.flatten()[-1]

    measure("BERT-base with its masked language head", directory, [
        (f"{batch} × {length}", ("forward", batch, length), (batch, length)) for batch, length in PASSES],
        forward, tolerance=1e-3)
    del bert

    directory, gpt2 = made(data, transformers.GPT2LMHeadModel, transformers.GPT2Config(n_layer=layers))
    count = 10 if options.quick else 100
    ids = 1000 + torch.arange(8)[None]

    def generate():
        with torch.no_grad():
            return gpt2.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count, do_sample=False,
                eos_token_id=None, pad_token_id=0)[0, -1]

    measure("GPT-2 124M", directory, [(f"{count} tokens, greedy", ("generate", count), ())], generate, "tokens/s", count)
    return report.table(["float32", "ours", "PyTorch", "ours ÷ PyTorch"], rows)


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
    times = compared("GPT-2", *[lambda side=side: side.ask("generate", count) for side in sides], options.rounds, 1e6)
    rows.append([f"GPT-2 124M, {count} tokens, greedy", "our float32", *row("", times, "tokens/s", count)[1:]])
    for side in sides:
        side.end()
    return report.table(["int8, one thread", "peer", "ours", "peer's", "ours ÷ theirs (time)"], rows)


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
    return report.table(["one thread", "peer", "ours", "peer's", "ours ÷ theirs (time)"], rows)


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
    parser.add_argument("--only-tokenizers", action="store_true")
    parser.add_argument("--only-int8", action="store_true")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ["RAYON_NUM_THREADS"] = "1"  # the peers among the tokenizers
    data = HERE / ".data" / ("quick" if options.quick else "full")
    data.mkdir(parents=True, exist_ok=True)
    described = report.machine(HERE)
    result = "\n".join([
        f"Machine: {described}. {options.threads} threads on both sides, {options.rounds} rounds; median (least–most).\n",
        *([] if options.only_tokenizers or options.only_int8 else [models(options, data)]),
        *([] if options.only_tokenizers else [int8(options, data)]),
        *([] if options.only_int8 else [tokenizers(options, data)])])
    print(result)
    if options.write:
        report.write("models", result)


if __name__ == "__main__":
    main()
