"""Saved models: what `LanguageModel.save(to:)` writes loads in Transformers and in its TensorFlow classes whole, with the numbers
that it was made of, bit for bit, and computes what they computed.

The models are written by Transformers, loaded and saved by the package's own tests (`SavingTests`), which is how a library is run.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import torch
import transformers
from report import Mismatch, require

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "interop" / "reference"))

from cases import CASES  # noqa: E402
from frameworks import Frameworks  # noqa: E402

TEST = "SavingTests/reference"


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    written, source, saved = folder / "models", folder / "source", folder / "saved"
    source.mkdir()
    saved.mkdir()
    Frameworks().write("transformers", written)
    for name, case in CASES.items():
        shutil.copytree(written / name / "transformers", source / name)
        if case.keras_hub:
            # With the activation that KerasHub has.
            shutil.copytree(written / name / "transformers.keras-hub", source / f"{name}.keras-hub")
    with report.group("models are loaded and saved in every form"), report.check(TEST):
        done = subprocess.run(
            ["swift", "test", "-c", "release", "--disable-testable-imports", "--disable-xctest", "--filter", TEST, *built()], cwd=ROOT,
            capture_output=True, text=True,
            env=os.environ | {"WEIGHBRIDGE_SAVED_FROM": str(source), "WEIGHBRIDGE_SAVED_TO": str(saved)})
        require(done.returncode == 0, True, "\n".join(done.stdout.splitlines()[-20:] + done.stderr.splitlines()[-5:]))
        require(len(list(saved.iterdir())) >= 5 * len(CASES), True, "too few models were saved")
    forms = [(path, *path.name.split(" ", 1)) for path in sorted(saved.iterdir())]
    with report.group("saved models load in Transformers with the same numbers"):
        for path, name, form in forms:
            if name in CASES and not form.startswith("hdf5"):
                with report.check(f"{name}: {form}"):
                    check_transformers(written / name / "transformers", path, name)
    with report.group("saved models compute the same in Transformers, TensorFlow and KerasHub"):
        jobs = [job for path, name, form in forms for job in job_of(written, path, name, form)]
        frameworks = [job[0] for job in jobs]
        with report.check("all frameworks have something to load"):
            require(frameworks.count("transformers") >= 4 * len(CASES), True, "Transformers")
            require(frameworks.count("tensorflow") >= 2 * sum(bool(case.tensorflow) for case in CASES.values()), True, "TensorFlow")
            require(frameworks.count("keras-hub") >= 6, True, "KerasHub")
        for job, outcome in Frameworks().check(jobs):
            with report.check(f"{job[0]} loads {job[2].name}"):
                if not outcome.good:
                    raise Mismatch(str(outcome))


def built():
    """The option that takes the tests as they are, where they are built of what is there."""
    bundle = ROOT / ".build" / "release" / "weighbridgePackageTests.xctest"
    sources = (path for folder in ("Sources", "Tests") for path in (ROOT / folder).rglob("*.*"))
    if bundle.exists() and all(path.stat().st_mtime < bundle.stat().st_mtime for path in sources):
        return ["--skip-build"]
    return []


def job_of(written, path, name, form):
    """Who is to load a saved model, and what it is to compute."""
    class_name, preset = name.removesuffix(".keras-hub"), name.endswith(".keras-hub")
    if preset != (form == "hdf5, keras-hub"):
        return
    framework = "keras-hub" if preset else "tensorflow" if form.startswith("hdf5") else "transformers"
    # HDF5 of other names is carried for h5py, and no framework loads it.
    if framework == "tensorflow" and (form == "hdf5, transformers" or not CASES[class_name].tensorflow):
        return
    outputs = "outputs.keras-hub.safetensors" if preset else "outputs.safetensors"
    yield framework, class_name, path, written / class_name / outputs


def check_transformers(original, path, name):
    """Nothing missing, nothing left over, every number the same, and as many as torch counts."""
    type_ = getattr(transformers, name)
    expected = type_.from_pretrained(original)
    found, information = type_.from_pretrained(path, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        require(not information[kind], True, f"{kind}: {information[kind]}")
    require(type(found.config) is type(expected.config), True, "another configuration")
    ours, theirs = found.state_dict(), expected.state_dict()
    require(list(ours) == list(theirs), True, "other names")
    for key, tensor in theirs.items():
        require(ours[key].dtype == tensor.dtype and torch.equal(ours[key], tensor), True, f"{key} differs")
    require(found.config.architectures == [name], True, f"architectures is {found.config.architectures}")
