"""What the tool does, as functions over children that are kept."""

from __future__ import annotations

import atexit
import collections
import dataclasses
import json
import math
import numbers
import os
import reprlib
import subprocess
import threading
from typing import Any, Iterable, Mapping, Sequence, Union

from .errors import WeighbridgeError
from .worker import Answer, Worker, executable, starting

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Option = Union[Path, int, float, bool, None, Sequence[Union[Path, int, float]]]


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A destination that is there."""

    #: Of the destination's model: the same in every format and layout.
    digest: str | None
    #: True if it was there already, and has not been written.
    unchanged: bool
    #: What was done, as ``convert --json`` tells it; nothing where nothing was done.
    receipt: dict[str, Any] | None


@dataclasses.dataclass(frozen=True)
class Difference:
    """How two checkpoints compare."""

    equal: bool
    #: As ``diff --json`` tells it.
    report: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Scan:
    """What is in files that could run code."""

    #: True if nothing was found that fails a scan.
    passed: bool
    #: As ``scan --json`` tells it.
    report: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Label:
    """A label and its number."""

    label: str
    score: float


def convert(source: Path, destination: Path, *, digest: str | None = None, **options: Option) -> Conversion:
    """``weighbridge convert SOURCE DESTINATION``; nothing is written again where the destination holds the model already.

    :param digest: What the destination's model must have not to be written again; without it, and without options, the source's.
    :param options: The command's, with underscores: ``convert(a, b, dtype="float16")``; True for a flag, a list to repeat one.
    :raises WeighbridgeError: What is wrong, with its place.
    """
    row: dict[str, Any] = {"source": path_text(source), "destination": path_text(destination)}
    if digest is not None:
        row["digest"] = digest
    answer = _checkpoint("convert", row, options)
    return Conversion(answer.get("digest"), answer.get("unchanged", False), answer.get("result"))


def inspect(source: Path, **options: Option) -> dict[str, Any]:
    """``weighbridge inspect SOURCE``: what a checkpoint has in it. ``digests=True`` gives those of the tensors and of the model."""
    result: dict[str, Any] = _checkpoint("inspect", {"source": path_text(source)}, options)["result"]
    return result


def diff(first: Path, second: Path, **options: Option) -> Difference:
    """``weighbridge diff FIRST SECOND``."""
    answer = _checkpoint("diff", {"source": path_text(first), "destination": path_text(second)}, options)
    return Difference(answer["exit"] == 0, answer["result"])


def scan(source: Path, **options: Option) -> Scan:
    """``weighbridge scan SOURCE``; what it finds is no exception."""
    answer = _checkpoint("scan", {"source": path_text(source)}, options)
    return Scan(answer["exit"] == 0, answer["result"])


def embed(model: Path, texts: Iterable[str], **options: Option) -> list[list[float]]:
    """``weighbridge embed MODEL``: a vector for each text.

    :raises WeighbridgeError: What is wrong with the model, or with the first text that has no vector; ``field`` names it.
        ``unsupported`` for a model whose vectors are over its vocabulary (``SparseEncoder``).
    """
    return [vector_of(answer) for answer in _answers("embed", model, texts, options)]


def classify(
    model: Path, texts: Iterable[str | tuple[str, str]], **options: Option
) -> list[list[Label]]:
    """``weighbridge classify MODEL``: the labels of each text, or of each pair, the highest first."""
    found = _answers("classify", model, texts, options)
    return [[Label(entry["label"], *numbers_of([entry["score"]])) for entry in answer["labels"]] for answer in found]


def run(model: Path, inputs: Path, output: Path, **options: Option) -> dict[str, Any]:
    """``weighbridge run MODEL --inputs INPUTS --output OUTPUT``: what a model computes, as a file of tensors."""
    arguments = [path_text(model), "--inputs", path_text(inputs), "--output", path_text(output)]
    result: dict[str, Any] = command("run", *arguments, *flags(options))
    return result


def command(name: str, *arguments: str) -> Any:
    """The JSON document that a command prints, in a process of its own: a list of them where it prints several, such as ``inspect`` of
    two files; None where it prints none.

    :raises WeighbridgeError: What the command says instead.
    """
    line = [executable(), name, *arguments, "--json"]
    with starting(line):
        done = subprocess.run(line, capture_output=True)
    try:
        documents = _documents(done.stdout)
    except ValueError:
        documents = []
    if not documents and (done.stdout or done.returncode):
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise WeighbridgeError("died", f"weighbridge {name} ended with exit code {done.returncode}: {said}")
    for document in documents:
        if done.returncode > 1 and "error" in document:
            raise WeighbridgeError.from_json(document["error"])
    return documents if len(documents) > 1 else documents[0] if documents else None


def _documents(printed: bytes) -> list[Any]:
    """One document, on however many lines, or one on each line."""
    try:
        return [json.loads(printed)]
    except ValueError:
        return [json.loads(line) for line in printed.splitlines()]


def worker(task: str, *arguments: str) -> Worker:
    """The child that is kept for a task with its arguments: beyond :data:`kept_workers` those go that were asked the longest ago."""
    key = (task, *arguments)
    with _lock:
        found = _workers.pop(key, None) or Worker(task, *arguments)
        _workers[key] = found
        idle = [other for other, child in _workers.items() if other != key and child.is_idle]
        left = [_workers.pop(other) for other in idle[: max(0, len(_workers) - kept_workers)]]
    for other in left:
        other.close()
    return found


def close() -> None:
    """Ends all children that are kept."""
    with _lock:
        workers = list(_workers.values())
        _workers.clear()
    for each in workers:
        each.close()


#: How many children are kept: each may have a model in memory.
kept_workers = 8

def _forget() -> None:
    # Another thread may have had the lock when this process was forked.
    global _lock
    _lock = threading.Lock()
    _workers.clear()


_lock = threading.Lock()
_workers: collections.OrderedDict[tuple[str, ...], Worker] = collections.OrderedDict()
atexit.register(close)
os.register_at_fork(after_in_child=_forget)


def _checkpoint(task: str, row: dict[str, Any], options: dict[str, Option]) -> dict[str, Any]:
    given = flags(options)
    if given:
        row["options"] = given
    answer = worker(task).ask(row)
    result = answer.get("result")
    if answer["exit"] > 1 and isinstance(result, dict) and "error" in result:
        raise WeighbridgeError.from_json(result["error"])
    return answer


def _answers(
    task: str, model: Path, texts: Iterable[str | tuple[str, str]], options: dict[str, Option]
) -> Iterable[dict[str, Any]]:
    if isinstance(texts, (str, bytes)):
        # Each of its letters would be taken for a text.
        raise WeighbridgeError("usage", f"one text where a list of texts is expected: [{texts!r}]", field="texts")
    if not isinstance(texts, Iterable):
        raise WeighbridgeError("usage", f"expected a list of texts, found {reprlib.repr(texts)}", field="texts")
    child = worker(task, path_text(model), *flags(options))
    rows = (_row(place, text) for place, text in enumerate(texts))
    for place, answer in enumerate(child.answers(rows)):
        if "error" in answer:
            error = WeighbridgeError.from_json(answer["error"])
            error.field = f"text {place}" + (f": {error.field}" if error.field else "")
            raise error
        yield answer


def _row(place: int, text: str | tuple[str, str]) -> dict[str, str]:
    if isinstance(text, str):
        return {"text": text}
    if isinstance(text, (tuple, list)) and len(text) == 2 and all(isinstance(each, str) for each in text):
        return {"text": text[0], "pair": text[1]}
    raise WeighbridgeError(
        "usage", f"text {place}: expected a text or a pair of texts, found {reprlib.repr(text)}", field=f"text {place}")


def vector_of(answer: Answer) -> list[float]:
    """The vector of an answer of ``embed``.

    :raises WeighbridgeError: ``unsupported`` for one over a vocabulary.
    """
    if "embedding" not in answer:
        raise WeighbridgeError(
            "unsupported", "the model's vectors are over its vocabulary: command('embed', …) gives their indices and values", field="embedding")
    return numbers_of(answer["embedding"])


def numbers_of(values: list[float | None]) -> list[float]:
    """The numbers of an answer: what JSON cannot write, since it is infinite or no number, comes as null, and is NaN."""
    if None not in values:
        return values  # type: ignore[return-value]
    return [math.nan if value is None else value for value in values]


def flags(options: Mapping[str, Option]) -> list[str]:
    """Options as the command line has them: underscores are hyphens, True is a flag, a list repeats one.

    :raises WeighbridgeError: ``usage`` for a value that is no text, number or path, nor a list of them, and for what asks for no work.
    """
    found: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if flag in ("--help", "--version"):
            raise WeighbridgeError("usage", f"{flag}: prints something for people, and is no option of a task", field=flag)
        if value is True:
            found.append(flag)
        elif value is not None and value is not False:
            is_list = isinstance(value, Iterable) and not isinstance(value, _SCALARS)
            values: Iterable[Any] = value if is_list else [value]  # type: ignore[assignment]
            for each in values:
                text = _text(flag, each)
                # An attached value may begin with a hyphen, and must not be empty.
                found += [f"{flag}={text}"] if text else [flag, ""]
    return found


#: Numbers of numpy among them.
_SCALARS = (str, bytes, numbers.Real, os.PathLike)


def _text(flag: str, value: Any) -> str:
    if isinstance(value, (bytes, os.PathLike)):
        return path_text(value)
    if isinstance(value, _SCALARS):
        return str(value)
    raise WeighbridgeError("usage", f"{flag}: expected a text, a number or a path, found {reprlib.repr(value)}", field=flag)


def path_text(path: Path) -> str:
    """A path as the tool is given it: ``./`` stands before one that would be taken for an option.

    :raises WeighbridgeError: ``usage`` for what is no path, or one that is no UTF-8, which the tool does not take.
    """
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise WeighbridgeError("usage", f"expected a path, found {reprlib.repr(path)}") from error
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise WeighbridgeError("usage", f"the path {os.fsencode(path)!r} is no UTF-8")
    return f"./{text}" if text.startswith("-") else text
