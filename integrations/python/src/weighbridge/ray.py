"""Tasks on Ray Data, by ``Dataset.map_batches``: one child for each actor.

    from weighbridge import ray

    ray.embed(dataset, "/models/all-MiniLM-L6-v2", text="body", concurrency=8, num_cpus=2).write_parquet("vectors")

Each row of the dataset has one answer, in columns beside its own, and ``error``, which is null where there is a result. A model that cannot be
loaded fails the job. A child has ``num_cpus`` threads. Models are paths that each node sees.
"""

from __future__ import annotations

from typing import Any, Mapping

import pyarrow
import ray.data

from .batches import Batches
from .tasks import Option, Path


def embed(
    dataset: ray.data.Dataset, model: Path, *, text: str = "text", concurrency: int = 1, num_cpus: int = 1,
    batch_size: int = 1024, **options: Option
) -> ray.data.Dataset:
    """Adds ``embedding``, a list of float32."""
    return answer(
        dataset, "embed", model, {"text": text}, concurrency=concurrency, num_cpus=num_cpus, batch_size=batch_size, **options)


def classify(
    dataset: ray.data.Dataset, model: Path, *, text: str = "text", pair: str | None = None, concurrency: int = 1,
    num_cpus: int = 1, batch_size: int = 1024, **options: Option
) -> ray.data.Dataset:
    """Adds ``labels``, a list of ``label`` and ``score``."""
    columns = {"text": text} | ({"pair": pair} if pair else {})
    return answer(
        dataset, "classify", model, columns, concurrency=concurrency, num_cpus=num_cpus, batch_size=batch_size, **options)


def convert(
    dataset: ray.data.Dataset, *, source: str = "source", destination: str = "destination", digest: str | None = None,
    concurrency: int = 1, num_cpus: int = 1, batch_size: int = 16, **options: Option
) -> ray.data.Dataset:
    """Converts a checkpoint for each row, unless the destination holds its model already; adds ``digest`` and ``unchanged``.

    :param digest: The column of what the destination's models must have not to be written again.
    """
    columns = {"source": source, "destination": destination} | ({"digest": digest} if digest else {})
    return answer(
        dataset, "convert", None, columns, concurrency=concurrency, num_cpus=num_cpus, batch_size=batch_size, **options)


def answer(
    dataset: ray.data.Dataset, task: str, model: Path | None = None, columns: Mapping[str, str] | None = None, *,
    concurrency: int = 1, num_cpus: int = 1, batch_size: int = 1024, **options: Option
) -> ray.data.Dataset:
    """Any task of :class:`weighbridge.batches.Batches`."""
    if model is not None:
        options.setdefault("threads", num_cpus)
    return dataset.map_batches(
        _Actor, fn_constructor_args=(task, model, columns, options), batch_format="pyarrow", batch_size=batch_size,
        num_cpus=num_cpus, concurrency=concurrency)


class _Actor:
    """What each of Ray's actors has."""

    def __init__(self, *arguments: Any) -> None:
        self._batches = Batches(*arguments)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        return self._batches(batch)
