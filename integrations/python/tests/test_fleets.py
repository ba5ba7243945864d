"""Conversions and vectors on local clusters of Spark and Ray: each input row has one answer, also when a child is killed in the middle,
and when the job itself is killed and run again. WEIGHBRIDGE_FLEET_ROWS and WEIGHBRIDGE_FLEET_CHECKPOINTS say how many."""

import importlib.util
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import weighbridge
from support import CHECKPOINT, model
from weighbridge.worker import executable

ROWS = int(os.environ.get("WEIGHBRIDGE_FLEET_ROWS", "20000"))
CHECKPOINTS = int(os.environ.get("WEIGHBRIDGE_FLEET_CHECKPOINTS", "200"))


def killed_once(folder):
    """A tool whose first child is killed in the middle of an answer, when it has given some."""
    tool = folder / "weighbridge"
    tool.write_text(f"""#!/bin/sh
if mkdir {shlex.quote(str(folder / "killed"))} 2>/dev/null; then
  {shlex.quote(executable())} "$@" | {{ head -c 5000; kill -KILL $$; }}
fi
exec {shlex.quote(executable())} "$@"
""")
    tool.chmod(0o755)
    return tool


class Job:
    """A job in a process group of its own."""

    def __init__(self, engine, kind, folder, rows, tool=None):
        self.log = tempfile.TemporaryFile()
        environment = {
            **os.environ, "WEIGHBRIDGE": str(tool or executable()), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "PYSPARK_PYTHON": sys.executable,
            "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
            # Jobs of seconds: what Java's better compiler takes is never won back.
            "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        script = pathlib.Path(__file__).with_name("fleet_jobs.py")
        self.process = subprocess.Popen(
            [sys.executable, script, engine, kind, str(folder), str(rows)], stdout=self.log, stderr=self.log, env=environment,
            start_new_session=True)

    def finish(self):
        code = self.process.wait(600)
        with self.log:
            self.log.seek(0)
            said = self.log.read()[-4000:].decode(errors="replace")
        if code != 0:
            raise AssertionError(f"the job ended with {code}:\n{said}")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def wait_until(self, condition):
        limit = time.monotonic() + 300
        while not condition():
            if self.process.poll() is not None:
                self.finish()
                raise AssertionError("the job was done before it could be disturbed")
            if time.monotonic() > limit:
                raise AssertionError("the job does not begin")
            time.sleep(0.02)


class Fleet:
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        self.addCleanup(weighbridge.close)

    def answers(self, kind):
        import pyarrow.parquet

        return pyarrow.parquet.read_table(self.folder / f"answers-{kind}").to_pylist()

    def test_conversions_are_whole_after_a_killed_job_is_run_again(self):
        digests = {}
        data = CHECKPOINT.read_bytes()
        for row in range(CHECKPOINTS):
            # The last number is each one's own.
            (self.folder / f"source-{row}.safetensors").write_bytes(data[:-4] + row.to_bytes(4, "little"))
        job = Job(self.engine, "convert", self.folder, CHECKPOINTS)
        job.wait_until(lambda: len(list(self.folder.glob("out-*.pt"))) >= CHECKPOINTS // 10)
        job.kill()
        Job(self.engine, "convert", self.folder, CHECKPOINTS).finish()
        answers = self.answers("convert")
        self.assertEqual(sorted(row["source"] for row in answers), sorted(str(path) for path in self.folder.glob("source-*")))
        self.assertEqual([row["error"] for row in answers if row["error"]], [])
        self.assertTrue(any(row["unchanged"] for row in answers))
        for row in answers:
            digests[row["digest"]] = row
            self.assertEqual(row["digest"], weighbridge.inspect(row["source"], digests=True)["model_sha256"])
            self.assertTrue(weighbridge.diff(row["source"], row["destination"]).equal)
        self.assertEqual(len(digests), CHECKPOINTS)
        self.assertEqual(len(list(self.folder.glob("out-*"))), CHECKPOINTS)
        # Once more, nothing is written.
        Job(self.engine, "convert", self.folder, CHECKPOINTS).finish()
        self.assertTrue(all(row["unchanged"] for row in self.answers("convert")))

    def test_each_text_has_one_answer_though_a_child_is_killed(self):
        from fleet_jobs import text_of

        directory = model(self.folder)
        Job(self.engine, "embed", self.folder, ROWS, killed_once(self.folder)).finish()
        self.assertTrue((self.folder / "killed").is_dir())
        answers = sorted(self.answers("embed"), key=lambda row: row["row"])
        self.assertEqual([row["row"] for row in answers], list(range(ROWS)))
        self.assertEqual([row["text"] for row in answers], [text_of(row) for row in range(ROWS)])
        unanswered = [row["row"] for row in answers if row["embedding"] is None]
        self.assertEqual(unanswered, [row for row in range(ROWS) if text_of(row) is None])
        self.assertEqual([row["row"] for row in answers if row["error"] is not None], unanswered)
        answered = [row for row in answers if row["error"] is None]
        expected = weighbridge.embed(directory, [row["text"] for row in answered], pooling="cls")
        for row, vector in zip(answered, expected, strict=True):
            worst = max(abs(one - other) for one, other in zip(row["embedding"], vector, strict=True))
            self.assertLess(worst, 1e-5, row["text"])


@unittest.skipUnless(importlib.util.find_spec("pyspark"), "there is no PySpark here")
class Spark(Fleet, unittest.TestCase):
    engine = "spark"


@unittest.skipUnless(importlib.util.find_spec("ray"), "there is no Ray here")
class Ray(Fleet, unittest.TestCase):
    engine = "ray"


if __name__ == "__main__":
    unittest.main()
