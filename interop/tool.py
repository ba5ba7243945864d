"""The command-line tool under test."""

import dataclasses
import hashlib
import json
import subprocess

from report import Mismatch, require
from weights import groups


@dataclasses.dataclass
class Outcome:
    code: int
    output: str
    error: str


class Tool:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments):
        done = subprocess.run(
            [self.path, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        return Outcome(done.returncode, done.stdout, done.stderr.strip())

    def expect(self, code, *arguments):
        """Runs the tool and requires an exit code."""
        outcome = self.run(*arguments)
        if outcome.code != code:
            raise Mismatch(
                f"weighbridge {' '.join(map(str, arguments))}: expected exit code {code}, found {outcome.code}: "
                f"{outcome.error or outcome.output}")
        return outcome

    def inspect(self, path, *options):
        return Listing(json.loads(self.expect(0, "inspect", path, "--json", "--digests", *options).output))

    def convert(self, source, destination, *options):
        return json.loads(self.expect(0, "convert", source, destination, "--json", *options).output)


class Listing:
    """What `inspect --json --digests` says."""

    def __init__(self, document):
        self.document = document
        self.tensors = {entry["name"]: entry for entry in document["tensors"]}
        # The hard links of an HDF5 file are listed with the data set that they lead to.
        for entry in document["tensors"]:
            for link in entry.get("links", []):
                self.tensors[link] = entry | {"name": link, "tied_to": entry["name"]}

    @property
    def ties(self):
        return groups({name: entry.get("tied_to", name) for name, entry in self.tensors.items()})

    def require(self, weights, ties):
        """Compares names, dtypes, shapes, digests and ties with what they should be."""
        require(sorted(self.tensors), sorted(weights), "names")
        for name, weight in weights.items():
            entry = self.tensors[name]
            require(entry["dtype"], weight.dtype, f"tensor {name!r}, dtype")
            require(tuple(entry["shape"]), weight.shape, f"tensor {name!r}, shape")
            require(entry["bytes"], len(weight.data), f"tensor {name!r}, bytes")
            require(entry["sha256"], hashlib.sha256(weight.data).hexdigest(), f"tensor {name!r}, sha256")
        require(self.ties, ties, "ties")
