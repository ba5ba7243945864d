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

    @staticmethod
    def of_loaded(name, path, checkpoint):
        """What a checkpoint holds that torch has loaded."""
        found = dict(flattened(checkpoint))
        return Case(
            name, path, {name: of_value(value) for name, value in found.items()},
            groups({name: place(value) for name, value in found.items()}))
