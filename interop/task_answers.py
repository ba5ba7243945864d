"""Answers to questions beside the pipeline of Transformers 4.41, which is the last in this project's environments that has it. It runs in
the environment of TensorFlow, by itself:

    python task_answers.py DIRECTORY QUESTIONS     prints the answers as JSON
"""

import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONTEXTS = [
    "Là, é, the scale shows forty tonnes.", "A model of the scale weighs a tonne. " * 12, "the weights of the model, and of another (new) one",
]
QUESTIONS = ["what does the scale show?", "how heavy?", "the model"]
CASES = [
    {}, {"top_k": 3}, {"top_k": 5, "handle_impossible_answer": True}, {"max_answer_len": 2, "top_k": 2}, {"align_to_words": False, "top_k": 3},
    {"max_seq_len": 24, "doc_stride": 6, "top_k": 4}, {"max_seq_len": 24, "doc_stride": 0}, {"handle_impossible_answer": True},
]
OPTIONS = {
    "top_k": "--top-k", "max_answer_len": "--max-answer-len", "max_seq_len": "--max-seq-len", "doc_stride": "--doc-stride",
    "handle_impossible_answer": "--no-answer", "align_to_words": "--no-align-to-words",
}


def check(report, tool, folder):
    sys.path.append(str(ROOT / "interop" / "reference"))
    from frameworks import python_of
    from task_models import directory_of

    with report.group("answers to questions"):
        python = python_of("tensorflow")
        for family in ("bert", "roberta"):
            # Positions for the longest input that the reference gives.
            directory = directory_of(folder, family, "QuestionAnswering")
            rows = [{"question": question, "context": context} for context in CONTEXTS for question in QUESTIONS]
            cases = [case | {"max_seq_len": case.get("max_seq_len", 60)} for case in CASES]
            given = folder / "questions.json"
            given.write_text(json.dumps({"rows": rows, "cases": cases}))
            done = subprocess.run([python, __file__, older(directory), given], capture_output=True, text=True, timeout=600)
            if done.returncode:
                raise RuntimeError(done.stderr[-400:])
            answers = json.loads(done.stdout.splitlines()[-1])
            for case, expected in zip(cases, answers):
                with report.check(f"{family}, {case}"):
                    check_case(tool, folder, directory, rows, case, expected)


def older(directory):
    """The same model for the tokenizers of that time, which read merges as texts and not as pairs."""
    copy = directory.with_name(directory.name + "-older")
    shutil.copytree(directory, copy, dirs_exist_ok=True)
    path = copy / "tokenizer.json"
    document = json.loads(path.read_text())
    merges = document["model"].get("merges")
    if merges:
        document["model"]["merges"] = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
        path.write_text(json.dumps(document))
    return copy


def check_case(tool, folder, directory, rows, case, expected):
    from task_lines import lines, require_alike

    options = []
    for key, value in case.items():
        if key == "align_to_words":
            options += [] if value else [OPTIONS[key]]
        else:
            options += [OPTIONS[key]] if value is True else [OPTIONS[key], value]
    for row, answer, wanted in zip(rows, lines(tool, folder, "answer", directory, rows, *options), expected):
        wanted = wanted if isinstance(wanted, list) else [wanted]
        require_alike(answer["answers"], wanted, str(row))


def main():
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import transformers

    transformers.logging.set_verbosity_error()
    directory, given = sys.argv[1:]
    given = json.loads(pathlib.Path(given).read_text())
    pipeline = transformers.pipeline("question-answering", model=directory, tokenizer=directory, framework="tf")
    print(json.dumps([[pipeline(row, **case) for row in given["rows"]] for case in given["cases"]]))


if __name__ == "__main__":
    main()
