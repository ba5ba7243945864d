"""What the tool answers to rows, and how it is compared."""

import json
import math

from report import Mismatch, require, shortened

CLOSE = 3e-6


def lines(tool, folder, command, directory, rows, *options):
    """The answers to rows that lie in a file."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    outcome = tool.expect(0, command, directory, "--input", path, "--json", *options)
    # Texts may have other ends of lines in them.
    found = [json.loads(line) for line in outcome.output.split("\n") if line]
    require(len(found), len(rows), "answers")
    return found


def require_alike(found, expected, what, close=CLOSE, scale=0):
    """Equal, but for the last digits of numbers; of numbers beside one of the size `scale`, whose last digits they share."""
    if isinstance(expected, dict):
        require(sorted(found), sorted(expected), f"{what}: members")
        for key, value in expected.items():
            require_alike(found[key], value, f"{what}: {key}", close, scale)
    elif isinstance(expected, (list, tuple)):
        require(len(found), len(expected), f"{what}: {shortened(found)} beside {shortened(expected)}, elements")
        for place, (one, other) in enumerate(zip(found, expected)):
            require_alike(one, other, f"{what}[{place}]", close, scale)
    elif isinstance(expected, float) or hasattr(expected, "dtype"):
        if not math.isclose(found, float(expected), rel_tol=close * 10, abs_tol=max(close, close * 10 * scale)):
            raise Mismatch(f"{what}: expected {float(expected)}, found {found}")
    else:
        require(found, expected, what)
