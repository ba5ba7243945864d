"""The groups of checks, each of which runs in a process that has nothing of the others."""

import contextlib
import io

from report import Report
from tool import Tool

# The longest first, so that no process is left with one of them at the end.
NAMES = [
    "saving", "directories", "tokenizers", "layouts", "tasks", "settings", "torch", "generate", "accuracy", "train", "hdf5",
    "forward", "models", "goldens", "casts", "adapters", "random-hdf5", "safetensors", "keras", "templates", "attributes", "identities",
    "shards", "failures", "quantized"]


def checks():
    """What checks each group."""
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
    import random_hdf5
    import safetensors_cases
    import saving
    import settings
    import shards
    import tasks
    import templates
    import tokenizers_cases
    import torch_cases
    import train

    sources = {"safetensors": safetensors_cases, "torch": torch_cases, "hdf5": hdf5_cases, "keras": keras_cases}
    conversions_of = {
        name: lambda report, tool, folder, name=name, source=source: conversions.check(report, tool, folder, name, source)
        for name, source in sources.items()}
    return conversions_of | {
        "attributes": attributes.check, "identities": identities.check, "models": models.check, "shards": shards.check,
        "casts": casts.check, "goldens": goldens.check, "directories": directories.check, "failures": failures.check,
        "layouts": layouts.check, "tokenizers": tokenizers_cases.check, "forward": forward.check, "settings": settings.check,
        "generate": generation.check, "tasks": tasks.check, "saving": saving.check, "quantized": quantized.check,
        "random-hdf5": random_hdf5.check, "templates": templates.check,
        "adapters": adapters.check, "train": train.check, "accuracy": accuracy.check}


def run(name, program, folder):
    """What the checks of a group print, how many passed, and how many did not."""
    report, text = Report(), io.StringIO()
    with contextlib.redirect_stdout(text):
        folder.mkdir()
        checks()[name](report, Tool(program), folder)
    return text.getvalue(), report.passed, report.failed
