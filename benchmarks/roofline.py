"""What the machine does at most, measured beside the benchmarks: the head of their tables. See product-times/ and benchmarks/run."""

import os
import subprocess


def _asked(program, processors):
    """The sums of what one process on each of these processors does at the same time."""
    children = [subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 preexec_fn=lambda processor=processor: os.sched_setaffinity(0, [processor]))
                for processor in processors]
    for child in children:
        print("roofline", file=child.stdin, flush=True)
    rates = [[float(word) for word in child.stdout.readline().split()] for child in children]
    for child in children:
        child.stdin.close()
        child.wait()
    return [sum(column) for column in zip(*rates)]


def described(program):
    """A sentence. Rates are those of the time that threads were computing, so that others on the machine do not count."""
    processors = sorted(os.sched_getaffinity(0))
    one, all_ = _asked(program, processors[:1]), _asked(program, processors)
    names = ("float32", "bfloat16", "int8")
    arithmetic = ", ".join(f"{name} {one[place] / 1e9:.0f} and {all_[place] / 1e9:.0f} Gop/s" for place, name in enumerate(names))
    return (f"At most, on one thread and on {len(processors)}: multiply-adds of {arithmetic}; "
            f"reading memory {one[3] / 1e9:.1f} and {all_[3] / 1e9:.1f} GB/s.")
