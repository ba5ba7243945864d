"""Tasks beside live pipelines of Transformers, sentence-transformers and generate: labels, entities, answers, masks, vectors, rankings,
perplexities, texts and tokens. The models are tiny and random; what a task answers must be the reference's text and, within a
few units of float32, its number.
"""

import json

import task_answers
import task_generation
import task_sentences
import torch
import transformers

from report import require
from task_lines import lines, require_alike
from task_models import TEXTS, directory_of

ENTITIES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
INFERENCE = ["contradiction", "neutral", "entailment"]
STRATEGIES = ["none", "simple", "first", "average", "max"]


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with report.group("entities"):
        for family in ("bert", "roberta"):
            directory = directory_of(folder, family, "TokenClassification", labels=ENTITIES)
            for strategy in STRATEGIES:
                with report.check(f"{family}, {strategy}"):
                    check_entities(tool, folder, directory, strategy)
            with report.check(f"{family}, long texts in parts"):
                check_parts(tool, folder, directory_of(folder, family, "TokenClassification", labels=ENTITIES, longest=16))
    with report.group("labels of texts and pairs"):
        for family, count, problem in [
                ("bert", 3, None), ("roberta", 1, None), ("bert", 4, "multi_label_classification"), ("gpt2", 3, None),
                ("bert", 2, "regression")]:
            with report.check(f"{family}, {count} labels, {problem}"):
                check_labels(tool, folder, family, count, problem)
    with report.group("labels that the model was not made for"):
        for family in ("bert", "roberta"):
            for labels in (INFERENCE, INFERENCE[::-1], ["a", "b", "c"]):
                with report.check(f"{family}, {labels}"):
                    check_zero_shot(tool, folder, family, labels)
        for numbers in ([2, 1, 0], [1, 2, 0]):
            with report.check(f"label2id of its own, {numbers}"):
                directory = directory_of(folder, "bert", "SequenceClassification", labels=INFERENCE, seed=8)
                path = directory / "config.json"
                path.write_text(json.dumps(json.loads(path.read_text()) | {"label2id": dict(zip(INFERENCE, numbers))}))
                check_zero_shot(tool, folder, "bert", INFERENCE, directory)
    with report.group("masks with targets"):
        for family in ("bert", "roberta"):
            with report.check(family):
                check_targets(tool, folder, family)
    with report.group("states of tokens, perplexities"):
        with report.check("bert: states"):
            check_features(tool, folder)
        with report.check("gpt2: perplexities"):
            check_perplexity(tool, folder, directory_of(folder, "gpt2", "LMHeadModel"))
        with report.check("gpt2: perplexities, token types in the tokenizer"):
            directory = directory_of(folder, "gpt2", "LMHeadModel", seed=9)
            path = directory / "tokenizer_config.json"
            names = ["input_ids", "token_type_ids", "attention_mask"]
            path.write_text(json.dumps(json.loads(path.read_text()) | {"model_input_names": names}))
            check_perplexity(tool, folder, directory)
        # A tokenizer that puts special tokens around a text puts them there once, however it is read.
        for family, changes in (("gpt2", {}), ("bert", {"is_decoder": True})):
            for stride in (7, 31, 63):
                with report.check(f"{family}: perplexities of long texts, {stride} tokens on"):
                    check_long_perplexity(tool, folder, family, changes, stride)
    with report.group("tokens, words, parts, and back"):
        for family in ("bert", "roberta", "gpt2"):
            with report.check(family):
                check_tokens(tool, folder, family)
    task_answers.check(report, tool, folder)
    task_sentences.check(report, tool, folder)
    task_generation.check(report, tool, folder)
    with report.group("a worker"):
        with report.check("one answer a row, whatever is wrong with it"):
            check_worker(tool, folder)


def check_entities(tool, folder, directory, strategy):
    pipeline = transformers.pipeline("ner", model=str(directory), aggregation_strategy=strategy)
    found = lines(tool, folder, "ner", directory, [{"text": text} for text in TEXTS], "--aggregation", strategy)
    count = 0
    for text, answer in zip(TEXTS, found):
        expected = [{**entity, "score": float(entity["score"])} for entity in pipeline(text)]
        count += len(expected)
        require_alike(answer["entities"], expected, text)
    require(count > 20, True, "entities of the reference")


def check_parts(tool, folder, directory):
    long = [" ".join(TEXTS[place:place + 6]) for place in range(0, 12, 3)]
    for strategy in STRATEGIES[1:]:
        pipeline = transformers.pipeline("ner", model=str(directory), aggregation_strategy=strategy, stride=5)
        found = lines(
            tool, folder, "ner", directory, [{"text": text} for text in long], "--aggregation", strategy, "--stride", "5")
        for text, answer in zip(long, found):
            expected = [{**entity, "score": float(entity["score"])} for entity in pipeline(text)]
            require_alike(answer["entities"], expected, f"{strategy}: {text}")


def check_labels(tool, folder, family, count, problem):
    labels = [f"kind {number}" for number in range(count)]
    directory = directory_of(folder, family, "SequenceClassification", labels=labels, problem_type=problem)
    pipeline = transformers.pipeline("text-classification", model=str(directory))
    rows = [{"text": text} for text in TEXTS]
    if family != "gpt2":
        rows += [{"text": text, "pair": pair} for text, pair in zip(TEXTS, TEXTS[3:])]
        rows += [{"text": text, "text_pair": ""} for text in TEXTS[:3]]
    for function in (None, "sigmoid", "softmax", "none"):
        for top in (None, 2):
            options = (["--function", function] if function else []) + (["--top-k", top] if top else [])
            found = lines(tool, folder, "classify", directory, rows, *options)
            for row, answer in zip(rows, found):
                given = {("text_pair" if key == "pair" else key): value for key, value in row.items()}
                expected = pipeline(given, top_k=top, function_to_apply=function)
                # Sums of the same numbers, of which a small one is as exact as a great one.
                scale = max(abs(label["score"]) for label in expected) if function == "none" else 0
                require_alike(answer["labels"], expected, f"{row}, {function}, {top}", scale=scale)


def check_zero_shot(tool, folder, family, labels, directory=None):
    directory = directory or directory_of(folder, family, "SequenceClassification", labels=labels)
    pipeline = transformers.pipeline("zero-shot-classification", model=str(directory))
    candidates = ["the scale", "a model", "weights, heavy"[:7], "tonne"]
    for options in ({}, {"multi_label": True}, {"hypothesis_template": "It is {}!"}, {"hypothesis_template": "{{{0}}} it is"}):
        arguments = ["--labels", ",".join(candidates)]
        if options.get("multi_label"):
            arguments.append("--multi-label")
        if template := options.get("hypothesis_template"):
            arguments += ["--hypothesis-template", template]
        found = lines(tool, folder, "zero-shot", directory, [{"text": text} for text in TEXTS[:8]], *arguments)
        for text, answer in zip(TEXTS, found):
            expected = pipeline(text, candidates, **options)
            expected = [{"label": label, "score": score} for label, score in zip(expected["labels"], expected["scores"])]
            require_alike(answer["labels"], expected, f"{text}, {options}")
    own = lines(tool, folder, "zero-shot", directory, [{"text": TEXTS[0], "labels": ["one"]}])
    expected = pipeline(TEXTS[0], ["one"])
    require_alike(own[0]["labels"], [{"label": "one", "score": expected["scores"][0]}], "a single label of its own")


def check_targets(tool, folder, family):
    directory = directory_of(folder, family, "MaskedLM")
    pipeline = transformers.pipeline("fill-mask", model=str(directory))
    mask = pipeline.tokenizer.mask_token
    vocabulary = sorted(pipeline.tokenizer.get_vocab(), key=pipeline.tokenizer.get_vocab().get)
    targets = vocabulary[60:66] + ["weighing"]
    rows = [{"text": text} for text in (f"the {mask} of the scale", f"{mask} a", f"a {mask} and a {mask}.")]
    options = [word for target in targets for word in ("--targets", target)]
    for top in (3, 20):
        path = folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        outcome = tool.expect(0, "fill-mask", directory, "--input", path, "--json", "--top-k", top, *options)
        require("weighing" in outcome.error, True, "a target that is no token is named")
        for row, line in zip(rows, outcome.output.splitlines()):
            expected = pipeline(row["text"], targets=targets, top_k=top)
            if isinstance(expected[0], dict):
                expected = [expected]
            found = [mask["proposals"] for mask in json.loads(line)["masks"]]
            require_alike(found, expected, f"{row}, {top}")


def check_features(tool, folder):
    directory = directory_of(folder, "bert", "Model")
    pipeline = transformers.pipeline("feature-extraction", model=str(directory))
    found = lines(tool, folder, "features", directory, [{"text": text} for text in TEXTS])
    for text, answer in zip(TEXTS, found):
        require_alike(answer["features"], pipeline(text)[0], text, close=1e-5)
        require(answer["tokens"], pipeline.tokenizer(text).tokens(), text)


def check_perplexity(tool, folder, directory):
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    texts = [text for text in TEXTS if len(tokenizer(text).input_ids) > 1]
    found = lines(tool, folder, "perplexity", directory, [{"text": text} for text in texts])
    for text, answer in zip(texts, found):
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            loss = model(ids, labels=ids).loss.double()
        require(answer["tokens"], ids.shape[1] - 1, text)
        require_alike(answer["perplexity"], float(loss.exp()), text, close=3e-6)


def check_long_perplexity(tool, folder, family, changes, stride):
    """Windows of the model's length over the ids of the whole text ("Perplexity of fixed-length models" of Transformers' documentation),
    each token counted once."""
    directory = directory_of(folder, family, "LMHeadModel", **changes)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    text = " ".join(TEXTS * 2)
    ids = tokenizer(text, return_tensors="pt").input_ids[0]
    done, total, length = 1, 0.0, 64
    require(len(ids) > 2 * length, True, "a text of several windows")
    for start in range(0, len(ids), stride):
        end = min(start + length, len(ids))
        with torch.no_grad():
            scores = model(ids[None, start:end]).logits[0].double().log_softmax(-1)
        total += sum(scores[place - start - 1, ids[place]].item() for place in range(done, end))
        done = end
        if end == len(ids):
            break
    (found,) = lines(tool, folder, "perplexity", directory, [{"text": text}], "--stride", stride)
    require(found["tokens"], len(ids) - 1, "tokens")
    require_alike(found["log_probability"], total, text, close=1e-6)


def check_tokens(tool, folder, family):
    directory = directory_of(folder, family, "Model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    fields = "ids,tokens,offsets,type_ids,attention_mask,special_tokens_mask,word_ids,parts"

    def answer(encoding, parts=()):
        return {
            "ids": encoding.ids, "tokens": encoding.tokens, "offsets": [list(pair) for pair in encoding.offsets],
            "type_ids": encoding.type_ids, "attention_mask": encoding.attention_mask,
            "special_tokens_mask": encoding.special_tokens_mask, "word_ids": encoding.word_ids,
            "parts": [answer(part) for part in parts]}

    rows = [{"text": text} for text in TEXTS] + [{"text": one, "pair": other} for one, other in zip(TEXTS, TEXTS[2:])]
    found = lines(tool, folder, "tokenize", directory, rows, "--fields", fields, "--max-length", "11", "--stride", "2")
    for row, one in zip(rows, found):
        batch = tokenizer(
            row["text"], row.get("pair"), truncation=True, max_length=11, stride=2, return_overflowing_tokens=True,
            return_offsets_mapping=True)
        first, *rest = batch.encodings
        require(one, answer(first, rest), str(row))
    if family == "bert":
        words = [text.split(" ") for text in TEXTS]
        found = lines(tool, folder, "tokenize", directory, [{"words": row} for row in words], "--from", "words", "--fields", fields)
        for row, one in zip(words, found):
            require(one, answer(tokenizer(row, is_split_into_words=True).encodings[0]), str(row))
    ids = [tokenizer(text).input_ids for text in TEXTS]
    found = lines(tool, folder, "tokenize", directory, [{"ids": row} for row in ids], "--from", "ids")
    for row, one in zip(ids, found):
        require(one["decoded"], tokenizer.decode(row), str(row))
        require(one["decoded_skip"], tokenizer.decode(row, skip_special_tokens=True), str(row))


def check_worker(tool, folder):
    import subprocess

    directory = directory_of(folder, "bert", "SequenceClassification", labels=["one", "two"])
    given, expected = [], []
    for number in range(300):
        kind = number % 5
        row = {"id": number, "text": TEXTS[number % len(TEXTS)]}
        if kind == 1:
            given.append(json.dumps({"id": number, "txt": 1}))
            expected.append((number, "notFound"))
        elif kind == 2:
            given.append("{no json")
            expected.append((None, "malformed"))
        elif kind == 3:
            given.append(json.dumps({"id": number, "text": "the " * 100}))
            expected.append((number, "limitExceeded"))
        else:
            given.append(json.dumps(row))
            expected.append((number, None))
    done = subprocess.run(
        [tool.path, "worker", "classify", directory], input="".join(line + "\n" for line in given), capture_output=True,
        text=True, timeout=300)
    require(done.returncode, 0, f"exit code, {done.stderr}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    require([(row["id"], row.get("error", {}).get("kind")) for row in answers], expected, "rows")
    pipeline = transformers.pipeline("text-classification", model=str(directory))
    for line, row in zip(given, answers):
        if "labels" in row:
            require_alike(row["labels"], pipeline(json.loads(line)["text"], top_k=None), line)
    # A line is answered before the next one comes.
    child = subprocess.Popen(
        [tool.path, "worker", "classify", directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for number in range(3):
        child.stdin.write(json.dumps({"id": number, "text": "a"}) + "\n")
        child.stdin.flush()
        require(json.loads(child.stdout.readline())["id"], number, "an answer while the input is open")
    child.stdin.close()
    require((child.stdout.read(), child.wait(timeout=60)), ("", 0), "the end")
