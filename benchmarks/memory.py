"""The most memory that processes have resident. Standard library only: see conversion.py."""

import os
import subprocess
import sys

# A child's peak is never less than what its parent took when it started it, and benchmarks take much.
PEAK = """
import os, sys
status, usage = os.wait4(os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)[1:]
print(usage.ru_maxrss * 1024 / 1e6)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measured(*arguments, input=None, threads=None):
    """The lines that a process prints, and the most megabytes that it had resident. It may use as many processors as there are threads."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, arguments)], input=input, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:threads]))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr}")
    *lines, peak = done.stdout.splitlines()
    return lines, float(peak)


def peak(*arguments):
    """The most megabytes that a process had resident."""
    return measured(*arguments)[1]
