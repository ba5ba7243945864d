"""Tasks on Spark, by ``DataFrame.mapInArrow``: one child for each task of Spark, kept for all its batches.

    from weighbridge import spark

    spark.embed(frame, "/models/all-MiniLM-L6-v2", text="body").write.parquet("vectors")
    spark.convert(frame).where("error is not null").show()

Each row of the frame has one answer, in columns beside its own, and ``error``, which is null where there is a result. A model that cannot be
loaded fails the job. The child has as many threads as ``spark.task.cpus`` grants. Models are paths that each executor sees.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

import pyarrow
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from .batches import Batches
from .tasks import Option, Path


def embed(frame: DataFrame, model: Path, *, text: str = "text", **options: Option) -> DataFrame:
    """Adds ``embedding: array<float>``."""
    return answer(frame, "embed", model, {"text": text}, **options)


def classify(frame: DataFrame, model: Path, *, text: str = "text", pair: str | None = None, **options: Option) -> DataFrame:
    """Adds ``labels: array<struct<label, score>>``."""
    return answer(frame, "classify", model, {"text": text} | ({"pair": pair} if pair else {}), **options)


def convert(
    frame: DataFrame, *, source: str = "source", destination: str = "destination", digest: str | None = None, **options: Option
) -> DataFrame:
    """Converts a checkpoint for each row, unless the destination holds its model already; adds ``digest`` and ``unchanged``.

    :param digest: The column of what the destination's models must have not to be written again.
    """
    columns = {"source": source, "destination": destination} | ({"digest": digest} if digest else {})
    return answer(frame, "convert", None, columns, **options)


def answer(
    frame: DataFrame, task: str, model: Path | None = None, columns: Mapping[str, str] | None = None, **options: Option
) -> DataFrame:
    """Any task of :class:`weighbridge.batches.Batches`."""
    if model is not None:
        options.setdefault("threads", int(_setting(frame, "spark.task.cpus", "1")))
    schema = Batches(task, model, columns, options).schema(to_arrow_schema(frame.schema))

    def answered(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        answers = Batches(task, model, columns, options)
        try:
            for batch in batches:
                yield answers(batch)
        finally:
            answers.close()

    return frame.mapInArrow(answered, from_arrow_schema(schema))


def _setting(frame: DataFrame, name: str, default: str) -> str:
    found: Any = frame.sparkSession.conf.get(name, default)
    return str(found)
