"""The tool under test, and small models out of the repository's fixtures."""

import pathlib
import shutil

FIXTURES = pathlib.Path(__file__).resolve().parents[3] / "fixtures"
CHECKPOINT = FIXTURES / "tiny-bert" / "model.safetensors"


def model(folder, task="bert-classifier"):
    """A directory with a model and its tokenizer."""
    directory = pathlib.Path(folder, task)
    shutil.copytree(FIXTURES / "tokenizers" / "bert-uncased-files", directory)
    shutil.copy(FIXTURES / "tasks" / f"{task}.json", directory / "config.json")
    shutil.copy(FIXTURES / "tasks" / f"{task}.safetensors", directory / "model.safetensors")
    return directory
