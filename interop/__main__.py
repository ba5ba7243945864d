"""Compares Weighbridge with the reference libraries, both ways.

    python interop path/to/weighbridge [group …]

What the libraries write, Weighbridge must read bit for bit; what Weighbridge writes, the libraries must load bit for bit, ties
included; what Transformers computes, Weighbridge must compute within stated errors. Every group prints one line, every failure
one more; the last line counts. Exit code 1 on a failure. There is a process for each processor, and what a group prints comes
when it has ended.
"""

import concurrent.futures
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile

import groups


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program, wanted = sys.argv[1], sys.argv[2:]
    for name in wanted:
        if name not in groups.NAMES:
            sys.exit(f"no group {name!r}; there are {' '.join(groups.NAMES)}")
    names = [name for name in groups.NAMES if not wanted or name in wanted]
    # Each computes on a processor of its own.
    os.environ["OMP_NUM_THREADS"] = "1"
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="weighbridge-interop-") as work, concurrent.futures.ProcessPoolExecutor(
            min(len(names), len(os.sched_getaffinity(0))), multiprocessing.get_context("spawn")) as processes:
        # A copy: the group that runs Swift tests may have the tool linked again, under the others that run it.
        tool = shutil.copy2(program, pathlib.Path(work, "weighbridge"))
        jobs = {name: processes.submit(groups.run, name, tool, pathlib.Path(work, name)) for name in names}
        for name, job in jobs.items():
            try:
                text, passing, failing = job.result()
            except Exception as error:  # the process of the group has ended, or the group was not even set up
                text, passing, failing = f"{name}: FAILED, {type(error).__name__}: {error}\n", 0, 1
            print(text, end="", flush=True)
            passed, failed = passed + passing, failed + failing
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
