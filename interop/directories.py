"""Model directories: what one framework saved, another must load as a directory, with the same outputs and tokens.

From Transformers 5 to the TensorFlow classes of 4.41 and to KerasHub, and from there back. Needs all three environments of
scripts/python-environment.
"""

import json
import pathlib
import string
import subprocess
import sys

import transformers

from report import require

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "reference"))

import frameworks
from cases import CASES, VOCABULARY

# KerasHub's RoBERTa has no rows for positions that no token has.
OPTIONS = {
    ("roberta", "keras-hub"): ["--allow-loss=*position_embeddings.weight"],
    ("roberta", "transformers"): ["--fill-zeros=*position_embeddings.weight"],
}
# RoBERTa with a head that no padded position reaches: the row for those is one that KerasHub does not have.
CLASSES = ["BertForSequenceClassification", "GPT2LMHeadModel", "RobertaForSequenceClassification"]
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "a"), ("ca", "t")]
SPECIAL = {
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "gpt2": [], "roberta": ["<s>", "<pad>", "</s>", "<unk>"],
}
LAST = {"bert": [], "gpt2": ["<|endoftext|>", "<pad>"], "roberta": ["<mask>"]}


def tokenizer(family):
    """A tokenizer with a token for every embedding of the reference models."""
    letters = [*string.ascii_lowercase]
    if family == "bert":
        tokens = [*SPECIAL[family], *letters, "the", "cat", ",", "!", "'", *(f"##{letter}" for letter in letters)]
        tokens = tokens[:VOCABULARY]
        return transformers.BertTokenizer(vocab={token: id for id, token in enumerate(tokens)}, do_lower_case=True)
    tokens = [*SPECIAL[family], "Ġ", *letters, "T", "C", ",", "!", "'", *("".join(pair) for pair in MERGES)]
    tokens += [*string.digits, *"[]<>ABDEF"][:VOCABULARY - len(tokens) - len(LAST[family])] + LAST[family]
    kind = transformers.GPT2Tokenizer if family == "gpt2" else transformers.RobertaTokenizer
    return kind(vocab={token: id for id, token in enumerate(tokens)}, merges=MERGES)


def tokens_of(library, jobs):
    """The tokens of each (framework, family, directory), a process for each framework: starting one takes long."""
    found = {}
    for framework in {job[0] for job in jobs}:
        mine = [job for job in jobs if job[0] == framework]
        done = subprocess.run(
            [library.command(framework)[0], "-B", frameworks.HERE / "tokenizer_answers.py"], capture_output=True, text=True,
            input="".join(json.dumps([*map(str, job)]) + "\n" for job in mine))
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("[", '"'))]
        problem = (done.stderr.splitlines() or ["no answer"])[-1]
        found |= {job: answers[number] if number < len(answers) else problem for number, job in enumerate(mine)}
    return found


def journeys(folder):
    """(class, framework that loads it, directory to convert, its destination, layout), in the order to convert."""
    for name in CLASSES:
        source = folder / name / "transformers.keras-hub"
        for layout, framework in (("tf", "tensorflow"), ("keras-hub", "keras-hub")):
            there = folder / f"{name}.{layout}"
            yield name, framework, source, there, layout
            yield name, "transformers", there, folder / f"{name}.{layout}.back", "transformers"


def check(report, tool, folder):
    library = frameworks.Frameworks()
    with report.group("directories"):
        library.write("transformers", folder)
        sources = {}
        for name in CLASSES:
            source, family = folder / name / "transformers.keras-hub", CASES[name].family
            tokenizer(family).save_pretrained(source)
            (source / "LICENSE").write_text("all rights\n")
            sources[name] = ("transformers", family, source)
        converted = []
        for journey in journeys(folder):
            name, _, here, there, layout = journey
            options = OPTIONS.get((CASES[name].family, layout), [])
            with report.check(f"{here.parent.name}/{here.name} → {there.name}"):
                tool.convert(here, f"{there}/", "--layout", layout, *options)
                require((there / "LICENSE").read_text(), "all rights\n", "LICENSE")
                converted.append(journey)
        jobs = {
            (framework, name, there, folder / name / "outputs.keras-hub.safetensors"): (framework, CASES[name].family, there)
            for name, framework, _, there, _ in converted
        }
        tokens = tokens_of(library, [*sources.values(), *jobs.values()])
        for job, outcome in library.check(jobs):
            framework, name, there, _ = job
            with report.check(f"{framework} loads {there.name}"):
                require(isinstance(tokens[sources[name]], list), True, f"the source's tokens: {tokens[sources[name]]}")
                require(tokens[jobs[job]], tokens[sources[name]], "tokens")
                require(outcome.good, True, str(outcome))
