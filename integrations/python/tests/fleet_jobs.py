"""The jobs of the tests on Spark and Ray: a process of its own each, so that it can be killed and run again.

    python fleet_jobs.py spark|ray convert|embed FOLDER ROWS
"""

import json
import pathlib
import sys


def table(kind, folder, rows):
    """The rows of a job."""
    if kind == "convert":
        return [
            {"source": str(folder / f"source-{row}.safetensors"), "destination": str(folder / f"out-{row}.pt")}
            for row in range(rows)]
    return [{"row": row, "text": text_of(row)} for row in range(rows)]


def text_of(row):
    words = ["the", "scale", "is", "even", "model", "weight", "of", "a", "how"]
    # One in a thousand has nothing that could be answered.
    return None if row % 1000 == 7 else " ".join(words[(row // 9 ** step) % 9] for step in range(1 + row % 8))


def on_spark(kind, folder, rows):
    from pyspark.sql import SparkSession
    from pyspark.sql.types import LongType, StringType, StructField, StructType

    from weighbridge import spark

    session = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "500").getOrCreate())
    names = ["source", "destination"] if kind == "convert" else ["row", "text"]
    types = [LongType() if name == "row" else StringType() for name in names]
    schema = StructType([StructField(name, type) for name, type in zip(names, types)])
    given = table(kind, folder, rows)
    frame = session.createDataFrame([tuple(row[name] for name in names) for row in given], schema).repartition(4)
    answered = spark.convert(frame) if kind == "convert" else spark.embed(frame, folder / "bert-classifier", pooling="cls")
    answered.write.mode("overwrite").parquet(str(folder / f"answers-{kind}"))
    session.stop()


def on_ray(kind, folder, rows):
    import ray

    from weighbridge import ray as weighbridge_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    dataset = ray.data.from_items(table(kind, folder, rows), override_num_blocks=4)
    if kind == "convert":
        answered = weighbridge_ray.convert(dataset, concurrency=1)
    else:
        answered = weighbridge_ray.embed(dataset, folder / "bert-classifier", pooling="cls", concurrency=1, batch_size=500)
    answered.write_parquet(str(folder / f"answers-{kind}"), mode="overwrite")
    ray.shutdown()


if __name__ == "__main__":
    engine, kind, folder, rows = sys.argv[1:]
    {"spark": on_spark, "ray": on_ray}[engine](kind, pathlib.Path(folder), int(rows))
    print(json.dumps({"done": kind}))
