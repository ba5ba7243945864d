"""Answers to the rows of Arrow's batches: what Spark and Ray are given. Needs pyarrow."""

from __future__ import annotations

import array
import json
from typing import Any, Callable, Mapping, Sequence, TypeVar

import pyarrow

from .errors import WeighbridgeError
from .tasks import Option, Path, flags, path_text, vector_of
from .worker import Answer, Worker

Batch = TypeVar("Batch", pyarrow.RecordBatch, pyarrow.Table)

VECTOR = pyarrow.list_(pyarrow.float32())
LABELS = pyarrow.list_(pyarrow.struct([("label", pyarrow.string()), ("score", pyarrow.float64())]))


def _vectors(answers: Sequence[Answer]) -> pyarrow.Array:
    # Numbers of Python's own would take eight times the memory.
    numbers = array.array("f")
    starts: list[int | None] = []
    for answer in answers:
        starts.append(None if "error" in answer else len(numbers))
        if "error" not in answer:
            numbers.extend(vector_of(answer))
    starts.append(len(numbers))
    values = pyarrow.Array.from_buffers(pyarrow.float32(), len(numbers), [None, pyarrow.py_buffer(numbers)])
    return pyarrow.ListArray.from_arrays(pyarrow.array(starts, pyarrow.int32()), values)


def _member(name: str, type: pyarrow.DataType) -> Callable[[Sequence[Answer]], pyarrow.Array]:
    return lambda answers: pyarrow.array([answer.get(name) for answer in answers], type)


#: What is added to the rows of a task: the columns, their types, and how they are made of answers.
_COLUMNS: dict[str, list[tuple[str, pyarrow.DataType, Callable[[Sequence[Answer]], pyarrow.Array]]]] = {
    "embed": [("embedding", VECTOR, _vectors)],
    "classify": [("labels", LABELS, _member("labels", LABELS))],
    "convert": [
        ("digest", pyarrow.string(), _member("digest", pyarrow.string())),
        ("unchanged", pyarrow.bool_(), lambda answers: pyarrow.array(
            [None if "error" in answer else answer.get("unchanged", False) for answer in answers], pyarrow.bool_())),
    ],
}
_COLUMNS |= {
    task: [
        ("exit", pyarrow.int32(), _member("exit", pyarrow.int32())),
        ("result", pyarrow.string(), lambda answers: pyarrow.array(
            [json.dumps(answer["result"]) if "result" in answer else None for answer in answers], pyarrow.string())),
    ]
    for task in ("inspect", "diff", "verify", "scan")
}


def _is_bytes(type: pyarrow.DataType) -> bool:
    return pyarrow.types.is_binary(type) or pyarrow.types.is_large_binary(type) or pyarrow.types.is_fixed_size_binary(type)


class Batches:
    """Adds a task's columns, and ``error``, to batches: each row has one answer, and ``error`` is null where it has a result.

    :param task: One of ``embed``, ``classify``, ``convert``, ``inspect``, ``diff``, ``verify``, ``scan``.
    :param model: The model of ``embed`` and ``classify``.
    :param columns: What a row's members are called in batches: ``{"text": "body"}``; by default their own names.
    :param options: The command's options, with underscores.
    """

    def __init__(
        self, task: str, model: Path | None = None, columns: Mapping[str, str] | None = None,
        options: Mapping[str, Option] | None = None
    ) -> None:
        if task not in _COLUMNS:
            raise WeighbridgeError("usage", f"{task!r} is none of {', '.join(_COLUMNS)}", field="task")
        members = ["text"] if model is not None else ["source", "destination"] if task in ("convert", "diff") else ["source"]
        self._members = {member: member for member in members} | dict(columns or {})
        self._task = task
        arguments = [] if model is None else [path_text(model)]
        self._worker = Worker(task, *arguments, *flags(options or {}))

    def schema(self, batch: pyarrow.Schema) -> pyarrow.Schema:
        """The columns of an answered batch.

        :raises WeighbridgeError: ``notFound`` if a column is missing, ``inconsistent`` if it is there twice or one that is added is there
            already, ``usage`` if it has bytes, which are no text.
        """
        for member, column in self._members.items():
            if column not in batch.names:
                raise WeighbridgeError("notFound", f"there is no column {column!r} for {member!r}", field=column)
            if batch.names.count(column) > 1:
                raise WeighbridgeError("inconsistent", f"there are several columns {column!r} for {member!r}", field=column)
            if _is_bytes(found := batch.field(column).type):
                raise WeighbridgeError("usage", f"column {column!r} for {member!r} is {found}, expected string", field=column)
        added: list[pyarrow.Field] = [pyarrow.field(name, type) for name, type, _ in _COLUMNS[self._task]]
        added.append(pyarrow.field("error", pyarrow.string()))
        for each in added:
            if each.name in batch.names:
                raise WeighbridgeError("inconsistent", f"there is a column {each.name!r} already", field=each.name)
        return pyarrow.schema([*batch, *added])

    def __call__(self, batch: Batch) -> Batch:
        """The batch with its answers.

        :raises WeighbridgeError: If the model cannot be loaded or has no such vectors, or the child has died twice of this batch.
        """
        schema = self.schema(batch.schema)
        columns = [batch.column(column).to_pylist() for column in self._members.values()]
        rows = [dict(zip(self._members, values)) for values in zip(*columns)]
        try:
            answers = list(self._worker.answers(rows))
        except WeighbridgeError as error:
            if error.kind != "died":
                raise
            # Rows are answered the same however often they are asked.
            answers = list(self._worker.answers(rows))
        answers = [_without_failure(answer) for answer in answers]
        errors = [answer["error"]["message"] if "error" in answer else None for answer in answers]
        added: list[pyarrow.Array] = [make(answers) for _, _, make in _COLUMNS[self._task]]
        added.append(pyarrow.array(errors, pyarrow.string()))
        return type(batch).from_arrays([*batch.columns, *added], schema=schema)

    def close(self) -> None:
        """Ends the child."""
        self._worker.close()


def _without_failure(answer: Answer) -> Answer:
    # A command about checkpoints that fails has its error where its result would be.
    result = answer.get("result")
    if isinstance(result, dict) and "error" in result and answer.get("exit", 0) > 1:
        return {"id": answer["id"], "error": result["error"]}
    return answer
