"""Compares Weighbridge with the reference libraries, both ways.

    python interop path/to/weighbridge [group …]

What the libraries write, Weighbridge must read bit for bit; what Weighbridge writes, the libraries must load bit for bit, ties
included; what Transformers computes, Weighbridge must compute within stated errors. Every group prints one line, every failure
one more; the last line counts. Exit code 1 on a failure.
"""

import pathlib
import sys
import tempfile

from report import Report
from tool import Tool


def groups():
    # Imported late: the reference libraries take seconds.
    import accuracy
    import adapters
    import attributes
    import casts
    import conversions
    import directories
    import failures
    import forward
    import generation
    import goldens
    import hdf5_cases
    import identities
    import keras_cases
    import layouts
    import models
    import quantized
    import safetensors_cases
    import saving
    import settings
    import shards
    import tasks
    import tokenizers_cases
    import torch_cases
    import train

    sources = {"safetensors": safetensors_cases, "torch": torch_cases, "hdf5": hdf5_cases, "keras": keras_cases}
    for name, source in sources.items():
        yield name, lambda report, tool, folder, name=name, source=source: conversions.check(
            report, tool, folder, name, source)
    yield "attributes", attributes.check
    yield "identities", identities.check
    yield "models", models.check
    yield "shards", shards.check
    yield "casts", casts.check
    yield "goldens", goldens.check
    yield "directories", directories.check
    yield "failures", failures.check
    yield "layouts", layouts.check
    yield "tokenizers", tokenizers_cases.check
    yield "forward", forward.check
    yield "settings", settings.check
    yield "generate", generation.check
    yield "tasks", tasks.check
    yield "saving", saving.check
    yield "quantized", quantized.check
    yield "adapters", adapters.check
    yield "train", train.check
    yield "accuracy", accuracy.check


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tool, wanted = Tool(sys.argv[1]), sys.argv[2:]
    report = Report()
    with tempfile.TemporaryDirectory(prefix="weighbridge-interop-") as work:
        for name, check in groups():
            if not wanted or name in wanted:
                folder = pathlib.Path(work, name)
                folder.mkdir()
                check(report, tool, folder)
    print(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
