"""Measures conversions, diff, digests, memory and inspect, and prints Markdown tables. See benchmarks/run.

Uses the standard library only, so that this process stays small: what `wait4` gives as a child's peak memory is never
less than what its parent took when it started it.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

import checkpoints
import report
from report import median, of, table

FORMATS = ("safetensors", "pt", "h5")


COLD = pathlib.Path(__file__).with_name("cold.py")


class Run:
    """One child process: seconds, and the most memory that it had resident."""

    def __init__(self, arguments, removing=None):
        if removing is not None:
            removing.unlink(missing_ok=True)
        os.sync()  # what earlier runs have left to be written is not this run's burden
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in arguments], stdout=subprocess.PIPE if COLD in arguments else subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.perf_counter() - start
        self.megabytes = usage.ru_maxrss * 1024 / 1e6
        process.returncode = os.waitstatus_to_exitcode(status)
        self.output = process.stdout.read() if process.stdout else None
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments))}: {process.stderr.read().decode()}")


def made(directory, name, *description):
    """The paths of a checkpoint in the three formats, made if need be and read once, so that they lie in the page cache.

    Other processes do it, since this one must stay small.
    """
    subprocess.run([sys.executable, checkpoints.__file__, directory, name, *map(str, description)], check=True)
    paths = {format: directory / f"{name}.{format}" for format in FORMATS}
    subprocess.run(["cat", *paths.values()], stdout=subprocess.DEVNULL, check=True)
    return paths


def conversions(tool, paths, out, rounds):
    """Every pair of formats: cp, without verification, with it, Python; interleaved, ratios within one round."""
    rows = []
    for source in FORMATS:
        for target in FORMATS:
            destination = out / f"converted.{target}"
            copied = out / f"copied.{source}"
            commands = {
                "cp": (["cp", paths[source], copied], copied),
                "plain": ([tool, "convert", paths[source], destination, "--layout=flat", "--no-verify"], destination),
                "verified": ([tool, "convert", paths[source], destination, "--layout=flat"], destination),
                "python": ([sys.executable, checkpoints.PEER, paths[source], destination], destination)}
            runs = {name: [] for name in commands}
            for number in range(rounds + 1):
                for name, (arguments, product) in commands.items():
                    run = Run(arguments, removing=product)
                    product.unlink()
                    if number:  # the first round warms up
                        runs[name].append(run)
            times = {name: [run.seconds for run in list_] for name, list_ in runs.items()}
            rows.append([
                f"{source} → {target}", f"{median(times['cp']):.2f} s",
                of([a / b for a, b in zip(times["plain"], times["cp"])]),
                of([a / b for a, b in zip(times["verified"], times["cp"])]),
                of([b / a for a, b in zip(times["plain"], times["python"])]),
                of([b / a for a, b in zip(times["verified"], times["python"])]),
                f"{max(run.megabytes for run in runs['plain'] + runs['verified']):.0f} MB",
                f"{max(run.megabytes for run in runs['python']):.0f} MB"])
            print(" ".join(rows[-1]), file=sys.stderr)
    return table(
        ["conversion", "cp", "ours ÷ cp", "verified ÷ cp", "Python ÷ ours", "Python ÷ verified", "peak, ours",
         "peak, Python"], rows)


def works(tool, paths, out, rounds):
    """Other work on the same checkpoint, each beside what reads or writes the same bytes; interleaved, ratios within one round."""
    source = paths["safetensors"]
    copy, cast, transposed = out / "copy.safetensors", out / "cast.safetensors", out / "transposed.h5"
    twin = out / "twin.safetensors"
    Run(["cp", source, twin], removing=twin)
    copying = ("`cp`", ["cp", source, copy], copy)
    to_bfloat16 = [tool, "convert", source, cast, "--layout=flat", "--dtype=bf16"]
    to_tensorflow = [tool, "convert", source, transposed, "--layout=tf"]
    list_ = [
        ("float32 → bfloat16", [*to_bfloat16, "--no-verify"], cast, copying),
        ("float32 → bfloat16, verified", to_bfloat16, cast, copying),
        ("transposing to TensorFlow's layout", [*to_tensorflow, "--no-verify"], transposed, copying),
        ("transposing to TensorFlow's layout, verified", to_tensorflow, transposed, copying),
        ("`diff` with a copy", [tool, "diff", source, twin], None, ("`cat` of both", ["cat", source, twin], None)),
        ("`inspect --digests`", [tool, "inspect", "--digests", source], None, ("`sha256sum`", ["sha256sum", source], None)),
        ("`inspect --digests`, nothing in the page cache", [tool, "inspect", "--digests", source], None,
         ("reading at depth 16", [sys.executable, COLD, source], None))]
    rows = []
    for name, ours, product, (yardstick, theirs, other) in list_:
        is_cold = "nothing" in name
        times, peak = [], 0
        for number in range(rounds + 1):
            pair = []
            for arguments, made in ((theirs, other), (ours, product)):
                if is_cold:
                    dropped(source)
                run = Run(arguments, removing=made)
                pair.append(float(run.output) if arguments[-2:-1] == [COLD] else run.seconds)
                if made:
                    made.unlink()
            peak = max(peak, run.megabytes)
            if number:  # the first round warms up
                times.append(pair)
        rows.append([name, yardstick, f"{median(pair[0] for pair in times):.2f} s",
                     of([ours / theirs for theirs, ours in times]), f"{peak:.0f} MB"])
        print(" ".join(rows[-1]), file=sys.stderr)
    twin.unlink()
    return table(["work", "yardstick", "its time", "ours ÷ its", "peak"], rows)


def dropped(path):
    """Takes a file out of the page cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def small_tensors(tool, data, out, rounds, counts):
    """Conversions of many small tensors, which must take time in proportion to their number."""
    rows = []
    for count in counts:
        path = data / f"small-{count}.safetensors"
        subprocess.run([sys.executable, checkpoints.__file__, data, path.stem, str(count)], check=True)
        row = [f"{count:,}"]
        for target in FORMATS:
            destination = out / f"converted.{target}"
            seconds = []
            for _ in range(rounds):
                seconds.append(Run([tool, "convert", path, destination, "--layout=flat"], removing=destination).seconds)
            row += [f"{median(seconds) * 1e3:.0f} ms", f"{median(seconds) * 1e6 / count:.1f} µs"]
            destination.unlink()
        rows.append(row)
        print(" ".join(row), file=sys.stderr)
    return table(["tensors", *(cell for target in FORMATS for cell in (f"to {target}", "each"))], rows)


def memory(tool, paths, out):
    """The peak of each conversion of the large checkpoint, verification included."""
    rows = []
    for source in FORMATS:
        row = [source]
        for target in FORMATS:
            destination = out / f"converted.{target}"
            row.append(f"{Run([tool, 'convert', paths[source], destination, '--layout=flat'], removing=destination).megabytes:.0f} MB")
            destination.unlink()
        rows.append(row)
        print(" ".join(row), file=sys.stderr)
    return table(["from, to"] + list(FORMATS), rows)


def inspections(tool, paths, rounds):
    rows = []
    start = [Run([tool, "--version"]).seconds * 1000 for _ in range(rounds)]
    rows.append(["start of the tool (`--version`)", of(start), "–"])
    for format, path in paths.items():
        runs = [Run([tool, "inspect", path]) for _ in range(rounds)]
        rows.append([path.suffix[1:], of([run.seconds * 1000 for run in runs]),
                     f"{max(run.megabytes for run in runs):.0f} MB"])
    return table(["inspect", "milliseconds", "peak"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    name, layers, large = ("quick", 1, 200_000_000) if options.quick else ("full", 12, 4_000_000_000)
    rounds = 2 if options.quick else options.rounds
    data = checkpoints.HERE / ".data" / name
    described = report.machine(checkpoints.HERE)
    small = made(data, "bert", layers)
    big = made(data, "large", large)
    out = data / "out"
    out.mkdir(exist_ok=True)
    tensors = len(checkpoints.bert_shapes(layers))
    bytes_ = small["safetensors"].stat().st_size
    parts = [
        f"Machine: {described}. Page cache warm, {rounds} rounds; median (least–most). "
        f"The least that a peak of memory can be, measured in this way, is {Run(['true']).megabytes:.0f} MB.\n",
        f"A checkpoint of {tensors} float32 tensors, {bytes_ / 1e6:.0f} MB:\n",
        conversions(options.tool, small, out, rounds),
        "Other work on it:\n",
        works(options.tool, small, out, rounds),
        "Small tensors of 16 numbers, verified:\n",
        small_tensors(options.tool, data, out, min(rounds, 3), (10, 1_000) if options.quick else (10, 1_000, 10_000, 100_000)),
        f"Peak memory of converting {big['safetensors'].stat().st_size / 1e9:.1f} GB in 3000 tensors, verified:\n",
        memory(options.tool, big, out),
        "`inspect` of the same:\n",
        inspections(options.tool, big, rounds * 3)]
    result = "\n".join(parts)
    print(result)
    if options.write:
        report.write("results", result)


if __name__ == "__main__":
    main()
