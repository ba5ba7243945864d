"""Vectors of texts by Spark and Ray on one machine, beside the sum of as many workers that are fed directly.

    python fleets.py WEIGHBRIDGE MODEL [--rows N] [--rounds N]

MODEL is a directory of a sentence-transformers model. A worker, a task of Spark and an actor of Ray have one thread each, and there are as many as
processors. What a job takes to begin, which is seconds and no matter of rows, is taken off: of each side a small job is timed and a
large one, and the rate is that of the rows between. See benchmarks/run.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from statistics import median

import report

WORDS = "the scale is even and a model of its weights was read by how many people who had time to look at it".split()
# What the tokenizers of BERT's kind put around a text.
AROUND = 2


def text_of(row, tokens=32):
    """Words that are a token each, of as many tokens together with those around them."""
    return " ".join(WORDS[(row * 7 + place * place) % len(WORDS)] for place in range(tokens - AROUND))


def workers(weighbridge, model, count):
    """What embeds some rows by workers that are fed directly."""
    lines = [json.dumps({"id": row, "text": text_of(row)}) + "\n" for row in range(count)]

    def run(number):
        shares = [lines[:number][start::processors()] for start in range(processors())]
        processes = [
            subprocess.Popen(
                [weighbridge, "worker", "embed", model, "--threads", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in shares]

        def feed(process, share):
            process.stdin.writelines(share)
            process.stdin.close()

        feeders = [threading.Thread(target=feed, args=pair) for pair in zip(processes, shares)]
        answers = [0] * len(shares)

        def read(place):
            for line in processes[place].stdout:
                if "embedding" not in line[:200] and "error" in line:
                    sys.exit(line)
                answers[place] += 1

        readers = [threading.Thread(target=read, args=(place,)) for place in range(len(shares))]
        for thread in feeders + readers:
            thread.start()
        for thread in feeders + readers:
            thread.join()
        return sum(answers)

    return run


def on_spark(model, count):
    from pyspark.sql import SparkSession

    from weighbridge import spark

    session = (
        SparkSession.builder.master(f"local[{processors()}]").config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR").config("spark.sql.execution.arrow.maxRecordsPerBatch", "500").getOrCreate())
    rows = [(row, text_of(row)) for row in range(count)]

    def run(number):
        frame = session.createDataFrame(rows[:number], "row long, text string").repartition(processors())
        return spark.embed(frame, model).where("embedding is not null").count()

    return run


def on_ray(model, count):
    import ray

    from weighbridge import ray as weighbridge_ray

    ray.init(num_cpus=processors(), include_dashboard=False, log_to_driver=False, configure_logging=False)
    rows = [{"row": row, "text": text_of(row)} for row in range(count)]

    def run(number):
        dataset = ray.data.from_items(rows[:number], override_num_blocks=2 * processors())
        answered = weighbridge_ray.embed(dataset, model, concurrency=processors(), batch_size=250).materialize()
        return sum(len(batch["embedding"]) for batch in answered.iter_batches(batch_format="numpy"))

    return run


def processors():
    return len(os.sched_getaffinity(0))


def rate(run, rows):
    """Rows a second beyond the first ones."""
    times = []
    for number in (rows // 8, rows):
        start = time.perf_counter()
        answers = run(number)
        times.append(time.perf_counter() - start)
        if answers != number:
            sys.exit(f"{answers} answers for {number} rows")
    return (rows - rows // 8) / (times[1] - times[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weighbridge")
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    machine = report.machine(pathlib.Path(__file__).resolve().parent)
    sides = {
        "workers, fed directly": workers(options.weighbridge, options.model, options.rows),
        "Spark, `weighbridge.spark.embed`": on_spark(options.model, options.rows),
        "Ray, `weighbridge.ray.embed`": on_ray(options.model, options.rows)}
    for run in sides.values():  # engines compile, copy and cache with their first job
        run(options.rows // 8)
    rounds = [[rate(run, options.rows) for run in sides.values()] for _ in range(options.rounds)]
    lines = [
        [name, f"{median(row[place] for row in rounds):.0f}", report.of([row[place] / row[0] for row in rounds])]
        for place, name in enumerate(sides)]
    text = (
        f"Machine: {machine}. {processors()} processes of one thread, texts of 32 tokens, {options.rows} rows, {options.rounds} rounds in "
        "turn; median (least–most).\n\n" + report.table(["", "texts a second", "share of the workers"], lines))
    print(text)


if __name__ == "__main__":
    main()
