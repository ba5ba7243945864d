"""Makes the reference models in every framework, and proves the checkers on them.

    scripts/reference-models [folder]

    <folder>/<Class>/inputs.safetensors               fixed inputs, padded on the right
    <folder>/<Class>/outputs.safetensors              what Transformers 5 computes from transformers/
    <folder>/<Class>/transformers/                    config.json, model.safetensors
    <folder>/<Class>/tensorflow/                      config.json, tf_model.h5, as TensorFlow's class writes it
    <folder>/<Class>/tensorflow.by-hand/              the same from names.py alone
    <folder>/<Class>/transformers.keras-hub/          weights and configuration that KerasHub can compute with
    <folder>/<Class>/outputs.keras-hub.safetensors    what they compute, with KerasHub's constants
    <folder>/<Class>/keras-hub/model.weights.h5       the whole model, as save_weights writes it
    <folder>/<Class>/keras-hub/preset/                as save_to_preset writes it
    <folder>/<Class>/keras-hub.by-hand/               the same from names.py alone
    <folder>/inward/                                  see inward.py
    <folder>/mutations/                               faulty files, which the checkers must not let pass

Nothing may be missing, unexpected or mismatched, and outputs may be 1e-5 apart at most (float32).
"""

import pathlib
import sys

import by_hand
import inward
import mutations
from cases import CASES
from frameworks import Frameworks


def jobs(folder):
    """(framework, class, what to load, recorded outputs) of everything below the folder."""
    for case in CASES.values():
        home = folder / case.name
        plain, changed = home / "outputs.safetensors", home / "outputs.keras-hub.safetensors"
        yield "transformers", case.name, home / "transformers", plain
        if case.tensorflow:
            yield "tensorflow", case.name, home / "tensorflow", plain
            yield "tensorflow", case.name, home / "tensorflow.by-hand", plain
        if case.keras_hub:
            yield "keras-hub", case.name, home / "keras-hub" / "model.weights.h5", changed
            yield "keras-hub", case.name, home / "keras-hub" / "preset", changed
            yield "keras-hub", case.name, home / "keras-hub.by-hand" / "model.weights.h5", changed


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    frameworks = Frameworks()
    frameworks.write("transformers", folder)
    frameworks.write("tensorflow", folder)
    by_hand.write(folder)
    frameworks.write("keras-hub", folder)
    inward.write(folder)
    wrong = count = 0
    for job, outcome in frameworks.check(jobs(folder)):
        count += 1
        if not outcome.good:
            wrong += 1
            print(f"{job[0]}: {job[2]}: {outcome}")
    print(f"{count} models loaded, {wrong} wrong")
    passed = 0
    for job, outcome in frameworks.check(mutations.write(folder)):
        if outcome.good:
            passed += 1
            print(f"{job[0]}: {job[2]}: a fault went unnoticed")
    print(f"{mutations.COUNT} faulty models, {passed} unnoticed")
    sys.exit(1 if wrong or passed else 0)


if __name__ == "__main__":
    main()
