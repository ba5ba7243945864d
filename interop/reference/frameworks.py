"""Runs the workers, each in its own environment: two of the frameworks cannot live in one."""

import dataclasses
import functools
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKERS = {
    "transformers": ("base", "transformers_models.py"),
    "tensorflow": ("tensorflow", "tensorflow_models.py"),
    "keras-hub": ("keras-hub", "keras_hub_models.py"),
}
TOLERANCE = 1e-5


@dataclasses.dataclass
class Outcome:
    missing: list
    unexpected: list
    mismatched: list
    difference: float
    error: str = ""

    @property
    def good(self):
        # A NaN is not below the tolerance.
        return not (self.error or self.missing or self.unexpected or self.mismatched) and self.difference <= TOLERANCE


@functools.cache
def python_of(environment):
    """The interpreter of one of the project's environments, which is made if it is not there."""
    return subprocess.run(
        [ROOT / "scripts" / "python-environment", environment], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Frameworks:
    def command(self, framework, *arguments):
        environment, worker = WORKERS[framework]
        return [python_of(environment), "-B", HERE / worker, *map(str, arguments)]

    def write(self, framework, folder):
        subprocess.run(
            self.command(framework, "write", folder), check=True, env=os.environ | {"TQDM_DISABLE": "1"},
            stdout=subprocess.DEVNULL)

    def check(self, jobs):
        """Yields each job (framework, class, what to load, recorded outputs) with its outcome, a framework at a time."""
        jobs = list(jobs)
        for framework in WORKERS:
            mine = [job for job in jobs if job[0] == framework]
            if not mine:
                continue
            lines = "".join(json.dumps([str(part) for part in job[1:]]) + "\n" for job in mine)
            done = subprocess.run(
                self.command(framework, "check"), input=lines, capture_output=True, text=True,
                env=os.environ | {"TQDM_DISABLE": "1"})
            answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            for number, job in enumerate(mine):
                if number < len(answers):
                    yield job, Outcome(**answers[number])
                else:
                    yield job, Outcome([], [], [], 0.0, error=(done.stderr.splitlines() or ["no answer"])[-1])
