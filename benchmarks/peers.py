"""Times of ours and of peers in turn. See models.py."""

import os
import subprocess
import time

import report


class Ours:
    """The Swift process. It may use as many processors as there are threads."""

    def __init__(self, program, directory, threads, precision="full"):
        self.process = subprocess.Popen(
            [program, directory, precision], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
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


def interleaved(label, ours, others, rounds, tolerance=0.0):
    """For each round the seconds of ours and of each other (a list of names and what they compute), in turn. Each rests before the
    next begins: threads that wait for work spin for a while. A result that is not ours, as far as the tolerance goes, ends the run."""
    times = []
    for number in range(rounds + 1):
        row, expected = [], None
        for name, side in [("ours", ours), *others]:
            time.sleep(0.05)
            seconds, result = side()
            expected = result if expected is None else expected
            if not abs(result - expected) <= tolerance:
                raise SystemExit(f"{label}: ours gives {expected}, {name} {result}")
            row.append(seconds)
        if number:  # the first round warms up
            times.append(row)
    return times


def compared(label, ours, theirs, rounds, tolerance=0.0):
    """The same for one other: pairs of seconds."""
    return interleaved(label, ours, [("theirs", theirs)], rounds, tolerance)


def row(name, times, unit, amount):
    """`amount` of something a run, said as `amount` a second or as milliseconds."""
    def cell(side):
        seconds = report.median(pair[side] for pair in times)
        return f"{seconds * 1000:.1f} {unit}" if unit == "ms" else f"{amount / seconds:.1f} {unit}"

    return [name, cell(0), cell(1), report.of([ours / theirs for ours, theirs in times])]


def rows(label, others, times, unit, amount=1):
    """A line for each other: label, its name, ours, theirs, and the ratio of the times."""
    return [[label, name, *row("", [(one[0], one[place + 1]) for one in times], unit, amount)[1:]]
            for place, (name, _) in enumerate(others)]


HEADING = ["peer", "ours", "peer's", "ours ÷ theirs (time)"]
