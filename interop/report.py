"""Counts checks, and says of each that fails: the file, the tensor, what was expected, what was found."""

import contextlib
import time


class Mismatch(Exception):
    """Something is not as it should be."""


def require(found, expected, what):
    """Fails the check that is under way unless both are equal."""
    if found != expected:
        raise Mismatch(f"{what}: expected {shortened(expected)}, found {shortened(found)}")


def require_weights(found, expected):
    """Compares two dictionaries from names to weights."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        raise Mismatch(f"names: missing {shortened(missing)}, unexpected {shortened(extra)}")
    for name, weight in expected.items():
        other = found[name]
        require(other.dtype, weight.dtype, f"tensor {name!r}, dtype")
        require(other.shape, weight.shape, f"tensor {name!r}, shape")
        if other.data != weight.data:
            differing = (i for i, pair in enumerate(zip(other.data, weight.data)) if pair[0] != pair[1])
            at = next(differing, min(len(other.data), len(weight.data)))
            raise Mismatch(
                f"tensor {name!r}, bytes {at}…: expected {weight.data[at:at + 8].hex()}, found {other.data[at:at + 8].hex()} "
                f"({len(weight.data)} and {len(other.data)} bytes)")


def shortened(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + "…"


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def group(self, title):
        """One line for all checks made inside."""
        passed, failed, start = self.passed, self.failed, time.monotonic()
        try:
            yield
        except Exception as error:  # the checks of the group could not even be set up
            self._fail(title, error)
        line = f"{title}: {self.passed - passed} passed"
        if self.failed > failed:
            line += f", {self.failed - failed} FAILED"
        print(f"{line} ({time.monotonic() - start:.1f} s)", flush=True)

    @contextlib.contextmanager
    def check(self, subject):
        """One check: passes if nothing is raised inside."""
        try:
            yield
        except Exception as error:
            self._fail(subject, error)
        else:
            self.passed += 1

    def _fail(self, subject, error):
        self.failed += 1
        kind = "" if isinstance(error, Mismatch) else type(error).__name__ + ": "
        lines = (str(error).strip() or repr(error)).splitlines()
        print(f"  FAILED {subject}: {kind}{' / '.join(line.strip() for line in lines[:4])}", flush=True)
