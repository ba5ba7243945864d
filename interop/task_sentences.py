"""Vectors, rankings and similarities beside sentence-transformers."""

import json

import numpy
import sentence_transformers
import torch
from safetensors.numpy import load_file
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling
from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
from sentence_transformers.util import quantize_embeddings, semantic_search

from report import Mismatch, require
from task_models import TEXTS, directory_of

POOLINGS = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
CLOSE = 2e-5


def check(report, tool, folder):
    with report.group("vectors as sentence-transformers makes them"):
        for family in ("bert", "roberta"):
            for pooling in [*POOLINGS, ["cls", "mean"], ["max", "lasttoken", "weightedmean"]]:
                with report.check(f"{family}, {pooling}"):
                    directory = saved(folder, family, pooling)
                    require_vectors(vectors(tool, folder, directory), reference(directory).encode(TEXTS), directory.name)
        for name, layers in LAYERS.items():
            with report.check(name):
                directory = saved(folder, "bert", "mean", layers, name)
                require_vectors(vectors(tool, folder, directory), reference(directory).encode(TEXTS), name)
        with report.check("prompts, fewer numbers, the length 1"):
            check_options(tool, folder)
        with report.check("files of float32, float16, int8, uint8, binary and ubinary"):
            check_files(tool, folder)
        with report.check("steps of the ranges of several runs"):
            check_ranges(tool, folder)
    with report.group("vectors over a vocabulary as SparseEncoder makes them"):
        for family in ("bert", "roberta", "distilbert"):
            for strategy in ("max", "sum"):
                for activation in ("relu", "log1p_relu"):
                    with report.check(f"{family}, {strategy}, {activation}"):
                        check_sparse(tool, folder, family, SpladePooling(strategy, activation_function=activation))
        for name, (layers, settings) in SPARSE.items():
            with report.check(name):
                check_sparse(tool, folder, "bert", SpladePooling("max"), layers, settings, name)
        with report.check("the module of old versions"):
            check_sparse(tool, folder, "bert", SpladePooling("max"), name="older", module=MLMTransformer)
        for similarity in (None, "cosine", "euclidean", "manhattan"):
            with report.check(f"the nearest texts, {similarity}"):
                check_sparse_search(tool, folder, similarity)
    with report.group("rankings and similarities"):
        with report.check("the nearest texts"):
            check_similarity(tool, folder)
        for name, (prompts, default, more) in SEARCHES.items():
            with report.check(f"the nearest texts, {name}"):
                check_search(tool, folder, name, prompts, default, more)
        for activation in (None, "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"):
            with report.check(f"a cross-encoder, {activation}"):
                check_ranking(tool, folder, activation)
        for name, settings in ENCODERS.items():
            with report.check(f"a cross-encoder as it is saved, {name}"):
                check_saved_ranking(tool, folder, name, settings)


# What sentence-transformers keeps beside the model, in files of its own.
ENCODERS = {
    "the sigmoid": {}, "the identity": {"activation_fn": torch.nn.Identity()}, "twelve tokens": {"max_length": 12},
    "a prompt": {"prompts": {"query": "the scale: ", "other": "x"}, "default_prompt_name": "query"},
}


# Prompts, the default one, and settings of the Transformer, of models that tell queries from documents.
SEARCHES = {
    "prompts": ({"query": "the scale: ", "document": "a model of "}, None, {}),
    "a default prompt": ({"query": "the scale: ", "document": "a model of ", "other": "x "}, "other", {}),
    "a prompt of queries alone": ({"query": "the scale: "}, "query", {}),
    "passages": ({"query": "the scale: ", "passage": "a model of "}, None, {}),
    "a default prompt alone": ({"other": "the scale: "}, "other", {}),
    "nulls": ({"query": None, "document": "a model of ", "other": None}, None, {}),
    "short queries": ({"query": "the scale: "}, None, {"query_length": 7}),
    "lengths": ({}, None, {"query_length": 25, "document_length": 6}),
}


# What follows the pooling of a sparse model, and what SparseEncoder keeps beside it.
SPARSE = {
    "nine numbers": ([], {"max_active_dims": 9}),
    "the length 1": ([Normalize()], {}),
    "seven numbers of a vector of length 1": ([Normalize()], {"max_active_dims": 7}),
    "a prompt": ([], {"prompts": {"query": "the scale: ", "other": "x "}, "default_prompt_name": "other"}),
}


def dense(width, activation, residual=False):
    torch.manual_seed(3)
    return Dense(
        in_features=24, out_features=width, activation_function=activation, **({"use_residual": True} if residual else {}))


LAYERS = {
    "dense-tanh": lambda: [dense(10, torch.nn.Tanh())],
    "dense-identity-normalize": lambda: [dense(24, torch.nn.Identity()), Normalize()],
    "dense-residual": lambda: [dense(24, torch.nn.GELU(), True)],
    "layernorm": lambda: [LayerNorm(24)],
    "dropout": lambda: [Dropout(0.3), Normalize()],
}


def saved(folder, family, pooling, layers=lambda: [], name="plain", prompts=None, default=None):
    """A directory as sentence-transformers saves it."""
    directory = folder / f"sentence-{family}-{name}-{pooling if isinstance(pooling, str) else '-'.join(pooling)}"
    if not directory.exists():
        transformer = Transformer(str(directory_of(folder, family, "Model")), max_seq_length=20)
        model = sentence_transformers.SentenceTransformer(
            modules=[transformer, Pooling(24, pooling_mode=pooling), *layers()], device="cpu",
            prompts=prompts, default_prompt_name=default)
        model.save(str(directory))
    return directory


def reference(directory, **options):
    return sentence_transformers.SentenceTransformer(str(directory), device="cpu", **options)


def vectors(tool, folder, directory, *options):
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    outcome = tool.expect(0, "embed", directory, "--input", path, *options)
    return numpy.array([json.loads(line)["embedding"] for line in outcome.output.splitlines()])


def require_vectors(found, expected, what):
    require(found.shape, expected.shape, f"{what}, shape")
    distance = numpy.abs(found - expected).max()
    if not distance <= CLOSE * max(1, numpy.abs(expected).max()):
        raise Mismatch(f"{what}: {distance} apart")


def check_options(tool, folder):
    prompts = {"query": "the scale: ", "passage": "a model of "}
    directory = saved(folder, "bert", "mean", name="prompted", prompts=prompts, default="query")
    model = reference(directory)
    require_vectors(vectors(tool, folder, directory), model.encode(TEXTS), "the default prompt")
    require_vectors(
        vectors(tool, folder, directory, "--prompt-name", "passage"), model.encode(TEXTS, prompt_name="passage"), "a prompt by its name")
    require_vectors(
        vectors(tool, folder, directory, "--prompt", "new: "), model.encode(TEXTS, prompt="new: "), "a prompt of one's own")
    require_vectors(
        vectors(tool, folder, directory, "--prompt", "", "--truncate-dim", "7", "--normalize"),
        reference(directory, truncate_dim=7).encode(TEXTS, prompt="", normalize_embeddings=True), "fewer numbers, of length 1")
    outcome = tool.expect(65, "embed", directory, "a", "--prompt-name", "none")
    require("passage" in outcome.error, True, "prompts are named where there is none of the name")


def check_files(tool, folder):
    directory = saved(folder, "bert", "mean")
    expected = reference(directory).encode(TEXTS)
    path = folder / "texts.txt"
    path.write_text("".join(text.replace("\n", " ") + "\n" for text in TEXTS), encoding="utf-8")
    for precision in ("float32", "float16", "int8", "uint8", "binary", "ubinary"):
        wanted = expected.astype(numpy.float16) if precision == "float16" else quantize_embeddings(expected, precision)
        array, tensor = folder / f"{precision}.npy", folder / f"{precision}.safetensors"
        for target in (array, tensor):
            tool.expect(0, "embed", directory, "--input", path, "--output", target, "--precision", precision)
        found = numpy.load(array)
        require(numpy.array_equal(found, load_file(tensor)["embeddings"]), True, f"{precision}: both kinds of file hold the same")
        require((found.dtype, found.shape), (wanted.dtype, wanted.shape), precision)
        if precision.startswith("float"):
            require_vectors(found.astype(numpy.float32), wanted.astype(numpy.float32), precision)
        else:
            # A number at the edge of a step may fall on either side.
            steps = numpy.abs(found.astype(int) - wanted.astype(int))
            most = 1 if precision.endswith("int8") else 0
            require((steps.max() <= most, (steps != 0).mean() < 0.02), (True, True), f"{precision}: steps apart")


def check_ranges(tool, folder):
    """Steps of texts that come in two runs are those of the ranges of both."""
    directory = saved(folder, "bert", "mean")
    parts = [TEXTS[:3], TEXTS[3:]]
    ranges = []
    for number, texts in enumerate(parts):
        rows = folder / f"part-{number}.jsonl"
        rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        ranges.append(folder / f"ranges-{number}.safetensors")
        tool.expect(0, "embed", directory, "--input", rows, "--output", folder / f"part-{number}.npy", "--write-ranges", ranges[-1])
    all_ranges = [load_file(path)["ranges"] for path in ranges]
    merged = numpy.stack([numpy.min([each[0] for each in all_ranges], 0), numpy.max([each[1] for each in all_ranges], 0)])
    given = [word for path in ranges for word in ("--ranges", path)]
    for precision in ("int8", "uint8"):
        found = []
        for number in range(len(parts)):
            target = folder / f"steps-{number}.npy"
            tool.expect(
                0, "embed", directory, "--input", folder / f"part-{number}.jsonl", "--output", target, "--precision", precision, *given)
            found.append(numpy.load(target))
        vectors = numpy.concatenate([numpy.load(folder / f"part-{number}.npy") for number in range(len(parts))])
        wanted = quantize_embeddings(numpy.clip(vectors, *merged), precision, ranges=merged)
        steps = numpy.abs(numpy.concatenate(found).astype(int) - wanted.astype(int))
        require((steps.max() <= 1, (steps != 0).mean() < 0.02), (True, True), f"{precision}: steps apart")


def check_similarity(tool, folder):
    directory = saved(folder, "bert", "mean")
    model = reference(directory)
    corpus = folder / "corpus.txt"
    corpus.write_text("".join(text + "\n" for text in TEXTS if text.strip() == text), encoding="utf-8")
    documents = [text for text in TEXTS if text.strip() == text]
    queries = TEXTS[:4]
    outcome = tool.expect(0, "similarity", directory, *queries, "--documents", corpus, "--top-k", "5", "--json")
    expected = semantic_search(model.encode(queries), model.encode(documents), top_k=5)
    for line, wanted in zip(outcome.output.splitlines(), expected):
        found = json.loads(line)["ranking"]
        require([(row["index"], row["text"]) for row in found], [(row["corpus_id"], documents[row["corpus_id"]]) for row in wanted], "order")
        require(max(abs(row["score"] - other["score"]) for row, other in zip(found, wanted)) < 1e-5, True, "scores")


def check_search(tool, folder, name, prompts, default, more):
    """Queries and documents each in their own way, as `encode_query` and `encode_document` make vectors of them."""
    directory = saved(folder, "bert", "mean", name=f"search-{name.replace(' ', '-')}")
    for file, changes in (
        ("config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": default}), ("sentence_bert_config.json", more),
    ):
        path = directory / file
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    model = reference(directory)
    rows = folder / "search.jsonl"
    rows.write_text("".join(json.dumps({"query": text, "documents": TEXTS}) + "\n" for text in TEXTS), encoding="utf-8")
    for choice, encode_query, encode_document in (
        ((), model.encode_query, model.encode_document),
        (("--prompt", "for all: "), *[lambda texts: model.encode(texts, prompt="for all: ")] * 2),
    ):
        if choice and more:
            continue
        outcome = tool.expect(0, "similarity", directory, "--input", rows, "--top-k", len(TEXTS), "--json", *choice)
        expected = semantic_search(encode_query(TEXTS), encode_document(TEXTS), top_k=len(TEXTS))
        for line, wanted in zip(outcome.output.splitlines(), expected, strict=True):
            scores = {row["index"]: row["score"] for row in json.loads(line)["ranking"]}
            require(len(scores), len(wanted), "documents")
            for row in wanted:
                if not abs(scores[row["corpus_id"]] - row["score"]) < 1e-5:
                    raise Mismatch(f"{name} {choice}: document {row['corpus_id']}: {scores[row['corpus_id']]}, and {row['score']}")
    if not more:
        for prompt in model.prompts:
            require_vectors(
                vectors(tool, folder, directory, "--prompt-name", prompt), model.encode(TEXTS, prompt_name=prompt), f"{name}: {prompt}")
    require_vectors(vectors(tool, folder, directory), model.encode(TEXTS), f"{name}: without a kind of text")


def sparse_saved(folder, family, pooling, layers=(), settings=None, name="plain", module=Transformer):
    """A directory as SparseEncoder saves it."""
    directory = folder / f"sparse-{family}-{name}-{pooling.pooling_strategy}-{pooling.activation_function}"
    if not directory.exists():
        # Most scores below 0, as those of models that were trained for it.
        base = directory_of(folder, family, "MaskedLM", bias=-4)
        transformer = module(str(base), transformer_task="fill-mask", max_seq_length=20)
        model = sentence_transformers.SparseEncoder(modules=[transformer, pooling, *layers], device="cpu", **settings or {})
        model.save(str(directory))
    return directory


def check_sparse(tool, folder, family, pooling, layers=(), settings=None, name="plain", module=Transformer):
    directory = sparse_saved(folder, family, pooling, layers, settings, name, module)
    model = sentence_transformers.SparseEncoder(str(directory), device="cpu")
    for options, more in (((), {}), (("--max-active-dims", "3"), {"max_active_dims": 3})):
        expected = model.encode(TEXTS, convert_to_sparse_tensor=False, **more)
        require_sparse(tool, folder, directory, expected, model, options)
    require_sparse(
        tool, folder, directory, model.encode(TEXTS, prompt="new: ", convert_to_sparse_tensor=False), model, ("--prompt", "new: "))
    target = folder / "sparse.npy"
    tool.expect(0, "embed", directory, "--input", folder / "texts.jsonl", "--output", target)
    require_vectors(numpy.load(target), model.encode(TEXTS, convert_to_sparse_tensor=False).numpy(), "a file")


def require_sparse(tool, folder, directory, expected, model, options):
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    outcome = tool.expect(0, "embed", directory, "--input", path, *options)
    found = numpy.zeros(tuple(expected.shape), numpy.float32)
    for row, line in enumerate(outcome.output.splitlines()):
        answer = json.loads(line)
        require(answer["indices"], sorted(answer["indices"]), "indices ascend")
        require(answer["tokens"], model.tokenizer.convert_ids_to_tokens(answer["indices"]), "tokens")
        found[row, answer["indices"]] = answer["values"]
    require_vectors(found, expected.numpy(), f"{directory.name} {options}")


def check_sparse_search(tool, folder, similarity):
    directory = sparse_saved(
        folder, "bert", SpladePooling("max"), settings={"similarity_fn_name": similarity, "prompts": {"query": "the scale: "}},
        name=f"search-{similarity}")
    model = sentence_transformers.SparseEncoder(str(directory), device="cpu")
    rows = folder / "search.jsonl"
    rows.write_text("".join(json.dumps({"query": text, "documents": TEXTS}) + "\n" for text in TEXTS), encoding="utf-8")
    outcome = tool.expect(0, "similarity", directory, "--input", rows, "--top-k", len(TEXTS), "--json")
    expected = model.similarity(model.encode_query(TEXTS), model.encode_document(TEXTS))
    for line, wanted in zip(outcome.output.splitlines(), expected.tolist(), strict=True):
        ranking = json.loads(line)["ranking"]
        require(sorted(row["index"] for row in ranking), list(range(len(TEXTS))), "documents")
        for row in ranking:
            if not abs(row["score"] - wanted[row["index"]]) < 1e-4 * max(1, abs(wanted[row["index"]])):
                raise Mismatch(f"{similarity}: document {row['index']}: {row['score']}, and {wanted[row['index']]}")


def check_ranking(tool, folder, activation):
    directory = directory_of(folder, "bert", "SequenceClassification", labels=["fits"], seed=7 if activation is None else len(activation))
    if activation:
        path = directory / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sentence_transformers": {"activation_fn": activation}}))
    model = sentence_transformers.CrossEncoder(str(directory), device="cpu")
    rows = [{"query": query, "documents": TEXTS} for query in TEXTS[:4]]
    require_rankings(tool, folder, directory, model, rows)


def check_saved_ranking(tool, folder, name, settings):
    base = directory_of(folder, "bert", "SequenceClassification", labels=["fits"], seed=7)
    directory = folder / f"cross-encoder-{name.replace(' ', '-')}"
    sentence_transformers.CrossEncoder(str(base), device="cpu", **settings).save(str(directory))
    if "max_length" in settings:
        # Stated by the module's settings alone, as they were before the tokenizer had it.
        path = directory / "sentence_bert_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"max_seq_length": settings["max_length"]}))
        path = directory / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": 60}))
    model = sentence_transformers.CrossEncoder(str(directory), device="cpu")
    require_rankings(tool, folder, directory, model, [{"query": query, "documents": TEXTS} for query in TEXTS[:4]])


def require_rankings(tool, folder, directory, model, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    outcome = tool.expect(0, "rerank", directory, "--input", path, "--json", "--truncation")
    for row, line in zip(rows, outcome.output.splitlines()):
        found = json.loads(line)["ranking"]
        wanted = model.rank(row["query"], TEXTS)
        require([one["index"] for one in found], [one["corpus_id"] for one in wanted], row["query"])
        apart = max(abs(one["score"] - float(other["score"])) for one, other in zip(found, wanted))
        require(apart < 1e-5, True, f"{row['query']}: scores are {apart} apart")
