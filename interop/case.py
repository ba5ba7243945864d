"""A checkpoint that a reference library wrote, and what it holds by that library."""

import dataclasses
import pathlib

from weights import flattened, groups, of_value, place


@dataclasses.dataclass
class Case:
    name: str
    path: pathlib.Path
    weights: dict
    ties: set = dataclasses.field(default_factory=set)
    # What is no part of the state, by name, with words that are said of it: every conversion lists it.
    left_out: dict = dataclasses.field(default_factory=dict)
    # What no other format has, by name, with such words: refused until it is excluded.
    refused: dict = dataclasses.field(default_factory=dict)
    # Attributes of tensors, by the tensor's name, where they are compared.
    attributes: dict | None = None
    # Words that the notes of every conversion have.
    said: list = dataclasses.field(default_factory=list)
    # Options without which the file is not opened.
    flags: list = dataclasses.field(default_factory=list)

    @staticmethod
    def of_loaded(name, path, checkpoint):
        """What a checkpoint holds that torch has loaded."""
        found = dict(flattened(checkpoint))
        return Case(
            name, path, {name: of_value(value) for name, value in found.items()},
            groups({name: place(value) for name, value in found.items()}))
