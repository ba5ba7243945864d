"""Measures the engine's products alone, on one thread, beside the arithmetic that the processor does at most and beside PyTorch's.

    python products.py PROGRAM [--quick] [--write] [--rounds N]

PROGRAM is that of product-times/. In each round the peak is measured on registers, then ours, then PyTorch's; shares and ratios are
taken within a round, and the table has their medians. A product that is not PyTorch's float32, as far as its type lets it be, ends
the run. Times are those that the thread was computing. Where PyTorch has no product of
the kind (int8 with rows quantised as they come), it is its float32's. Beside a set that is not the processor's best stands PyTorch kept
to the same instructions. See benchmarks/run.
"""

import argparse
import os
import subprocess
import sys
import time

import report

# Of BERT-base and MiniLM: few rows, many, deep, wide; and the vocabulary.
SHAPES = ((1, 768, 3072), (16, 768, 3072), (128, 768, 768), (128, 768, 3072), (128, 3072, 768), (1024, 768, 3072),
          (1024, 3072, 768), (128, 384, 1536), (128, 768, 30522))


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().split()


# What keeps PyTorch to the instructions of a set that is not the processor's best: of ATen, oneDNN and MKL.
INSTRUCTIONS = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2",
             "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "portable": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "SSE41",
                 "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}


class Torch:
    """PyTorch in a process of its own, with the instructions of a set of kernels."""

    def __init__(self, kernels):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | INSTRUCTIONS.get(kernels, {}))

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return [float(word) for word in self.process.stdout.readline().split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def numbers(torch, count, period):
    """As product-times has them."""
    return (torch.arange(count) % period).float() / period - 0.5


def peer():
    """Answers lines of TYPE ROWS INPUTS OUTPUTS TIMES with the seconds that the products took; of no times with the sum by which results
    are compared, and the root mean square of these."""
    import torch
    torch.set_num_threads(1)
    known, layer, rows = None, None, None
    for line in sys.stdin:
        kind, *extents = line.split()
        count, inputs, outputs, times = map(int, extents)
        if known != (kind, count, inputs, outputs):
            known = (kind, count, inputs, outputs)
            dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
            layer = torch.nn.Linear(inputs, outputs, bias=False)
            with torch.no_grad():
                layer.weight.copy_(numbers(torch, outputs * inputs, 241).reshape(outputs, inputs))
            layer, rows = layer.to(dtype), numbers(torch, count * inputs, 251).reshape(count, inputs).to(dtype)
        with torch.inference_mode():
            results = layer(rows)
            if not times:
                results = results.flatten().double()
                factors = numbers(torch, len(results), 239).double()
                print(float((results * factors).sum()) / len(results) ** 0.5, float((results ** 2).mean()) ** 0.5, flush=True)
                continue
            start = time.thread_time()
            for _ in range(times):
                layer(rows)
            print(time.thread_time() - start, flush=True)


# How far the sums may be apart, as a part of the results' root mean square.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.03, "int8": 0.05}


def measured(ours, torch, kernels, kind, shape, rounds):
    operations = 2 * shape[0] * shape[1] * shape[2]
    times = max(1, int(5e8 / operations))
    shares, speeds, ratios, peaks = [], [], [], []
    expected, size = torch.ask("float32", *shape, 0)
    for number in range(rounds + 1):
        seconds, peak, found = (float(word) for word in ours.ask("product", kernels, kind, *shape, times))
        if not abs(found - expected) <= TOLERANCES[kind] * size:
            raise SystemExit(f"{kernels}, {kind}, {shape}: ours gives {found}, PyTorch {expected}")
        theirs, = torch.ask(kind, *shape, times)
        if number:  # the first round warms up
            speeds.append(operations * times / seconds)
            peaks.append(peak)
            shares.append(operations * times / seconds / peak)
            ratios.append(theirs / seconds)
    return [f"{kernels}, {kind}", "{}×{}→{}".format(*shape), f"{report.median(peaks) / 1e9:.0f}",
            f"{report.median(speeds) / 1e9:.0f}", f"{100 * report.median(shares):.0f}", report.of(ratios)]


def main():
    if sys.argv[1:] == ["--peer"]:
        return peer()
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    ours = Ours(arguments.program)
    sets = ours.ask("sets")
    kinds = ([(name, "float32") for name in sets] + [("high", "float32"), (sets[0], "bfloat16"), ("bfloat16", "bfloat16")]
             + [(name, "int8") for name in sets])
    shapes, rounds = (SHAPES[1:2], 1) if arguments.quick else (SHAPES, arguments.rounds)
    rows = []
    for kernels, kind in kinds:
        torch = Torch(kernels)
        rows += [measured(ours, torch, kernels, kind, shape, rounds) for shape in shapes]
        torch.end()
    text = f"Machine: {report.machine('.')}. One thread, {rounds} rounds.\n\n" + report.table(
        ["kernels, weights", "rows × inputs → outputs", "peak, Gop/s", "ours, Gop/s", "share, %", "PyTorch ÷ ours"], rows)
    print(text)
    if arguments.write:
        report.write("products", text)


if __name__ == "__main__":
    main()
