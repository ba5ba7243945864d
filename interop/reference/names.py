"""The layouts by hand: Transformers' names, and how TensorFlow and KerasHub name and shape the same values.

The ground truth that the rules of Weighbridge are compared with. Written against what the frameworks themselves write
(tensorflow_models.py and keras_hub_models.py compare, name by name and value by value), and kept plain for that reason.

A row of a table: Transformers' module, the other side's, and the kind of the module.

    TensorFlow   dense      weight → kernel, transposed         bias → bias
                 conv1d     weight → weight, as it is           bias → bias, [n] → [1, n]
                 norm       weight → gamma                      bias → beta
                 embedding  weight → embeddings                 (its own files; `weight` also loads)
                 word       weight → weight
    KerasHub     dense      vars/0 = weight transposed          vars/1 = bias
                 conv1d     vars/0 = weight as it is            vars/1 = bias
                 norm       vars/0 = weight                     vars/1 = bias
                 embedding  vars/0 = weight
                 heads      vars/0 = transposed, [H, heads, H / heads]   vars/1 = [heads, H / heads]
                 merge      vars/0 = transposed, [heads, H / heads, H]   vars/1 = bias
                 conv1d-merge                 as merge, not transposed
                 qkv        the columns of c_attn in three, each as heads without the transposition
"""

import numpy

from cases import HEADS, HIDDEN, LAYERS

BLOCK = [
    ("attention.self.query", "attention/self/query", "dense"),
    ("attention.self.key", "attention/self/key", "dense"),
    ("attention.self.value", "attention/self/value", "dense"),
    ("attention.output.dense", "attention/output/dense", "dense"),
    ("attention.output.LayerNorm", "attention/output/LayerNorm", "norm"),
    ("intermediate.dense", "intermediate/dense", "dense"),
    ("output.dense", "output/dense", "dense"),
    ("output.LayerNorm", "output/LayerNorm", "norm"),
]
ENCODER_EMBEDDINGS = [
    ("embeddings.word_embeddings", "embeddings/word_embeddings", "word"),
    ("embeddings.token_type_embeddings", "embeddings/token_type_embeddings", "embedding"),
    ("embeddings.position_embeddings", "embeddings/position_embeddings", "embedding"),
    ("embeddings.LayerNorm", "embeddings/LayerNorm", "norm"),
]
ENCODER = ENCODER_EMBEDDINGS + [
    (f"encoder.layer.{n}.{ours}", f"encoder/layer_._{n}/{theirs}", kind)
    for n in range(LAYERS) for ours, theirs, kind in BLOCK
] + [("pooler.dense", "pooler/dense", "dense")]
ELECTRA = ENCODER[:4] + [("embeddings_project", "embeddings_project", "dense")] + ENCODER[4:-1]
DISTILBERT = [
    (ours, theirs, kind) for ours, theirs, kind in ENCODER_EMBEDDINGS if "token_type" not in ours
] + [
    (f"transformer.layer.{n}.{part}", f"transformer/layer_._{n}/{part.replace('.', '/')}", kind)
    for n in range(LAYERS) for part, kind in [
        ("attention.q_lin", "dense"), ("attention.k_lin", "dense"), ("attention.v_lin", "dense"),
        ("attention.out_lin", "dense"), ("sa_layer_norm", "norm"), ("ffn.lin1", "dense"), ("ffn.lin2", "dense"),
        ("output_layer_norm", "norm"),
    ]
]
DECODER = [
    ("wte", "wte", "embedding"),
    ("wpe", "wpe", "embedding"),
    ("ln_f", "ln_f", "norm"),
] + [
    (f"h.{n}.{ours}", f"h_._{n}/{theirs}", kind)
    for n in range(LAYERS) for ours, theirs, kind in [
        ("ln_1", "ln_1", "norm"),
        ("attn.c_attn", "attn/c_attn", "conv1d"),
        ("attn.c_proj", "attn/c_proj", "conv1d"),
        ("ln_2", "ln_2", "norm"),
        ("mlp.c_fc", "mlp/c_fc", "conv1d"),
        ("mlp.c_proj", "mlp/c_proj", "conv1d"),
    ]
]
TENSORFLOW_BODY = {"bert": ENCODER, "distilbert": DISTILBERT, "electra": ELECTRA, "roberta": ENCODER, "gpt2": DECODER}
PREFIX = {"bert": "bert", "distilbert": "distilbert", "electra": "electra", "roberta": "roberta", "gpt2": "transformer"}

# The group of the file that the row goes to is the first component of the other side's name.
TENSORFLOW_HEADS = [
    ("cls.predictions.transform.dense", "mlm___cls/predictions/transform/dense", "dense"),
    ("cls.predictions.transform.LayerNorm", "mlm___cls/predictions/transform/LayerNorm", "norm"),
    ("cls.predictions", "mlm___cls/predictions", "bias"),
    ("cls.seq_relationship", "nsp___cls/seq_relationship", "dense"),
    ("vocab_transform", "vocab_transform", "dense"),
    ("vocab_layer_norm", "vocab_layer_norm", "norm"),
    ("vocab_projector", "vocab_projector", "bias"),
    ("pre_classifier", "pre_classifier", "dense"),
    ("classifier.dense", "classifier/dense", "dense"),
    ("classifier.out_proj", "classifier/out_proj", "dense"),
    ("classifier", "classifier", "dense"),
    ("qa_outputs", "qa_outputs", "dense"),
    ("lm_head.dense", "lm_head/dense", "dense"),
    ("lm_head.layer_norm", "lm_head/layer_norm", "norm"),
    ("lm_head", "lm_head", "bias"),
    ("generator_predictions.LayerNorm", "generator_predictions/LayerNorm", "norm"),
    ("generator_predictions.dense", "generator_predictions/dense", "dense"),
    ("generator_lm_head", "generator_lm_head", "bias"),
    ("discriminator_predictions.dense", "discriminator_predictions/dense", "dense"),
    ("discriminator_predictions.dense_prediction", "discriminator_predictions/dense_prediction", "dense"),
    ("sequence_summary.summary", "sequence_summary/summary", "dense"),
    ("score", "score", "dense"),
    ("multiple_choice_head.summary", "multiple_choice_head/summary", "dense"),
]
# These classes hold the embeddings of the body as a part of their own head, and so their files repeat them.
REPEATED = {"mlm___cls", "lm_head", "vocab_projector", "generator_lm_head"}


def tensorflow_scope(case):
    """The scope that starts every weight's name: the class name as Keras writes it."""
    special = {
        "GPT2Model": "tfgpt2_model", "GPT2LMHeadModel": "tfgpt2lm_head_model",
        "GPT2DoubleHeadsModel": "tfgpt2_double_heads_model",
        "GPT2ForSequenceClassification": "tfgpt2_for_sequence_classification",
        "BertLMHeadModel": "tf_bert_lm_head_model", "BertForMaskedLM": "tf_bert_for_masked_lm",
        "RobertaForMaskedLM": "tf_roberta_for_masked_lm", "RobertaForCausalLM": "tf_roberta_for_causal_lm",
        "DistilBertForMaskedLM": "tf_distil_bert_for_masked_lm", "ElectraForMaskedLM": "tf_electra_for_masked_lm",
    }
    if case.name in special:
        return special[case.name]
    return "tf" + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in case.name)


def tensorflow(case, tensors):
    """{group: {weight name without scope and `:0`: array}} of the file, from Transformers' tensors."""
    prefix = PREFIX[case.family]
    left = {name.removeprefix(f"{prefix}."): array for name, array in tensors.items()}
    groups = {}

    def place(ours, theirs, kind):
        weight, bias = f"{ours}.weight", f"{ours}.bias"
        leaves = {
            "dense": [(weight, "kernel", numpy.transpose), (bias, "bias", None)],
            "conv1d": [(weight, "weight", None), (bias, "bias", lambda array: array[None])],
            "norm": [(weight, "gamma", None), (bias, "beta", None)],
            "embedding": [(weight, "embeddings", None)],
            "word": [(weight, "weight", None)],
            "bias": [(bias, "bias", None)],
        }[kind]
        for name, leaf, operation in leaves:
            if name in left:
                array = left.pop(name)
                groups.setdefault(theirs.split("/")[0], {})[f"{theirs}/{leaf}"] = (
                    numpy.ascontiguousarray(operation(array)) if operation else array)

    for ours, theirs, kind in TENSORFLOW_BODY[case.family]:
        place(ours, f"{prefix}/{theirs}", kind)
    for row in TENSORFLOW_HEADS:
        place(*row)
    for tied in ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "lm_head.decoder.weight",
                 "lm_head.decoder.bias", "lm_head.weight", "vocab_projector.weight",
                 "generator_lm_head.weight"):
        left.pop(tied, None)
    assert not left, (case.name, sorted(left))
    for group in REPEATED & set(groups):
        groups[group] |= {
            name: array for name, array in groups[prefix].items() if name.startswith(f"{prefix}/embeddings/")}
    return groups


ENCODER_BLOCK = [
    ("attention.self.query", "_self_attention_layer/query_dense", "heads"),
    ("attention.self.key", "_self_attention_layer/key_dense", "heads"),
    ("attention.self.value", "_self_attention_layer/value_dense", "heads"),
    ("attention.output.dense", "_self_attention_layer/output_dense", "merge"),
    ("attention.output.LayerNorm", "_self_attention_layer_norm", "norm"),
    ("intermediate.dense", "_feedforward_intermediate_dense", "dense"),
    ("output.dense", "_feedforward_output_dense", "dense"),
    ("output.LayerNorm", "_feedforward_layer_norm", "norm"),
]
DISTILBERT_BLOCK = [
    ("attention.q_lin", "_self_attention_layer/query_dense", "heads"),
    ("attention.k_lin", "_self_attention_layer/key_dense", "heads"),
    ("attention.v_lin", "_self_attention_layer/value_dense", "heads"),
    ("attention.out_lin", "_self_attention_layer/output_dense", "merge"),
    ("sa_layer_norm", "_self_attention_layer_norm", "norm"),
    ("ffn.lin1", "_feedforward_intermediate_dense", "dense"),
    ("ffn.lin2", "_feedforward_output_dense", "dense"),
    ("output_layer_norm", "_feedforward_layer_norm", "norm"),
]
DECODER_BLOCK = [
    ("ln_1", "_self_attention_layer_norm", "norm"),
    ("attn.c_attn", "_self_attention_layer", "qkv"),
    ("attn.c_proj", "_self_attention_layer/output_dense", "conv1d-merge"),
    ("ln_2", "_feedforward_layer_norm", "norm"),
    ("mlp.c_fc", "_feedforward_intermediate_dense", "conv1d"),
    ("mlp.c_proj", "_feedforward_output_dense", "conv1d"),
]


def numbered(name, n):
    """KerasHub counts within a class, and does not write a zero."""
    return f"{name}_{n}" if n else name


def blocks(ours, theirs, rows):
    return [
        (f"{ours}.{n}.{left}", f"{numbered(theirs, n)}/{right}", kind)
        for n in range(LAYERS) for left, right, kind in rows
    ]


KERAS_HUB_BODY = {
    "bert": [
        ("embeddings.word_embeddings", "reversible_embedding", "embedding"),
        ("embeddings.position_embeddings", "position_embedding", "embedding"),
        ("embeddings.token_type_embeddings", "embedding", "embedding"),
        ("embeddings.LayerNorm", "layer_normalization", "norm"),
        ("pooler.dense", "dense", "dense"),
    ] + blocks("encoder.layer", "transformer_encoder", ENCODER_BLOCK),
    "distilbert": [
        ("embeddings.word_embeddings", "token_and_position_embedding/token_embedding", "embedding"),
        ("embeddings.position_embeddings", "token_and_position_embedding/position_embedding", "embedding"),
        ("embeddings.LayerNorm", "layer_normalization", "norm"),
    ] + blocks("transformer.layer", "transformer_encoder", DISTILBERT_BLOCK),
    "electra": [
        ("embeddings.word_embeddings", "reversible_embedding", "embedding"),
        ("embeddings.position_embeddings", "position_embedding", "embedding"),
        ("embeddings.token_type_embeddings", "embedding", "embedding"),
        ("embeddings.LayerNorm", "layer_normalization", "norm"),
        ("embeddings_project", "dense", "dense"),
        # Transformers has no such thing.
        ("pooler.dense", "dense_1", "zeros"),
    ] + blocks("encoder.layer", "transformer_encoder", ENCODER_BLOCK),
    "roberta": [
        ("embeddings.word_embeddings", "token_and_position_embedding/token_embedding", "embedding"),
        ("embeddings.position_embeddings", "token_and_position_embedding/position_embedding", "positions"),
        ("embeddings.LayerNorm", "layer_normalization", "norm"),
    ] + blocks("encoder.layer", "transformer_encoder", ENCODER_BLOCK),
    "gpt2": [
        ("wte", "reversible_embedding", "embedding"),
        ("wpe", "position_embedding", "embedding"),
        ("ln_f", "layer_normalization", "norm"),
    ] + blocks("h", "transformer_decoder", DECODER_BLOCK),
}
KERAS_HUB_HEADS = {
    "BertMaskedLM": [
        ("cls.predictions.transform.dense", "masked_lm_head/_intermediate_dense", "dense"),
        ("cls.predictions.transform.LayerNorm", "masked_lm_head/_intermediate_layer_norm", "norm"),
        ("cls.predictions", "masked_lm_head", "bias"),
    ],
    "RobertaMaskedLM": [
        ("lm_head.dense", "masked_lm_head/_intermediate_dense", "dense"),
        ("lm_head.layer_norm", "masked_lm_head/_intermediate_layer_norm", "norm"),
        ("lm_head", "masked_lm_head", "bias"),
    ],
    "DistilBertMaskedLM": [
        ("vocab_transform", "masked_lm_head/_intermediate_dense", "dense"),
        ("vocab_layer_norm", "masked_lm_head/_intermediate_layer_norm", "norm"),
        ("vocab_projector", "masked_lm_head", "bias"),
    ],
    "DistilBertTextClassifier": [("pre_classifier", "dense", "dense"), ("classifier", "dense_1", "dense")],
    "BertTextClassifier": [("classifier", "dense", "dense")],
    "RobertaTextClassifier": [("classifier.dense", "dense", "dense"), ("classifier.out_proj", "dense_1", "dense")],
}
BACKBONE = {"bert": "bert_backbone", "distilbert": "distil_bert_backbone", "electra": "electra_backbone",
            "roberta": "roberta_backbone", "gpt2": "gpt2_backbone"}


def keras_hub_rows(case):
    below = "layers/" if case.keras_hub.endswith("Backbone") else f"layers/{BACKBONE[case.family]}/layers/"
    for ours, theirs, kind in KERAS_HUB_BODY[case.family]:
        yield ours, below + theirs, kind
    for ours, theirs, kind in KERAS_HUB_HEADS.get(case.keras_hub, []):
        yield ours, f"layers/{theirs}", kind


def keras_hub_names(case):
    for _, theirs, kind in keras_hub_rows(case):
        if kind == "qkv":
            yield from (f"{theirs}/{part}_dense/vars/{n}" for part in ("query", "key", "value") for n in range(2))
        else:
            yield from (f"{theirs}/vars/{n}" for n in range(1 if kind in ("embedding", "positions", "bias") else 2))


def keras_hub(case, tensors):
    """{path of the data set: array}, from Transformers' tensors."""
    prefix = PREFIX[case.family]
    left = {name.removeprefix(f"{prefix}."): array for name, array in tensors.items()}
    found = {}
    for ours, theirs, kind in keras_hub_rows(case):
        weight, bias = left.pop(f"{ours}.weight", None), left.pop(f"{ours}.bias", None)
        match kind:
            case "embedding":
                found[f"{theirs}/vars/0"] = weight
            case "positions":
                # Transformers' first two rows are for padding and below: KerasHub has none.
                found[f"{theirs}/vars/0"] = weight[2:]
            case "bias":
                found[f"{theirs}/vars/0"] = bias
            case "zeros":
                found |= {f"{theirs}/vars/0": numpy.zeros((HIDDEN, HIDDEN), "float32"), f"{theirs}/vars/1": numpy.zeros(HIDDEN, "float32")}
            case "norm" | "conv1d":
                found |= {f"{theirs}/vars/0": weight, f"{theirs}/vars/1": bias}
            case "dense":
                found |= {f"{theirs}/vars/0": weight.T, f"{theirs}/vars/1": bias}
            case "heads":
                found |= {f"{theirs}/vars/0": weight.T.reshape(len(weight), HEADS, -1),
                          f"{theirs}/vars/1": bias.reshape(HEADS, -1)}
            case "merge" | "conv1d-merge":
                matrix = weight.T if kind == "merge" else weight
                found |= {f"{theirs}/vars/0": matrix.reshape(HEADS, -1, len(weight)), f"{theirs}/vars/1": bias}
            case "qkv":
                parts = zip(("query", "key", "value"), numpy.split(weight, 3, axis=1), numpy.split(bias, 3))
                for part, matrix, vector in parts:
                    found |= {f"{theirs}/{part}_dense/vars/0": matrix.reshape(len(weight), HEADS, -1),
                              f"{theirs}/{part}_dense/vars/1": vector.reshape(HEADS, -1)}
    # What KerasHub has no place for. The token type of RoBERTa is added to every position, so it must be zero.
    assert case.family != "roberta" or not left.pop("embeddings.token_type_embeddings.weight").any()
    dropped = {"bert": ("cls.seq_relationship",), "distilbert": (), "electra": (), "roberta": ("pooler.dense",), "gpt2": ()}[case.family]
    left = {name: array for name, array in left.items() if name.rpartition(".")[0] not in dropped}
    assert not left, (case.name, sorted(left))
    return found
