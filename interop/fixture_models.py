"""Directories of the tiny models of fixtures/tasks, as a user has them."""

import json
import pathlib
import shutil

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"


def task_model(directory, model, tokenizer, **changes):
    """Weights, settings with some changes, and a tokenizer."""
    directory.mkdir(parents=True)
    shutil.copyfile(FIXTURES / "tasks" / f"{model}.safetensors", directory / "model.safetensors")
    config = json.loads((FIXTURES / "tasks" / f"{model}.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | changes))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(FIXTURES / "tokenizers" / tokenizer / file, directory / file)
    return directory
