"""The classes that are compared, their tiny sizes, and the fixed inputs. Needs numpy only, to serve every environment.

Odd on purpose: three heads, an inner size that is no multiple, a vocabulary that is prime, square matrices where only the
layout's rule says whether they are transposed.
"""

import dataclasses
import zlib

import numpy

VOCABULARY, HIDDEN, HEADS, INNER, LAYERS, POSITIONS, LABELS, EMBEDDING = 61, 24, 3, 40, 2, 20, 5, 16
BATCH, CHOICES, LENGTH = 2, 3, 7
PADDING = {"bert": 0, "distilbert": 0, "electra": 0, "roberta": 1, "gpt2": 60}

SEQUENCE = ("logits",)
HEADS_OF = {
    "bert": {
        "BertModel": ("last_hidden_state", "pooler_output"),
        "BertForPreTraining": ("prediction_logits", "seq_relationship_logits"),
        "BertForMaskedLM": SEQUENCE,
        "BertLMHeadModel": SEQUENCE,
        "BertForNextSentencePrediction": SEQUENCE,
        "BertForSequenceClassification": SEQUENCE,
        "BertForTokenClassification": SEQUENCE,
        "BertForQuestionAnswering": ("start_logits", "end_logits"),
        "BertForMultipleChoice": SEQUENCE,
    },
    "distilbert": {
        "DistilBertModel": ("last_hidden_state",),
        "DistilBertForMaskedLM": SEQUENCE,
        "DistilBertForSequenceClassification": SEQUENCE,
        "DistilBertForTokenClassification": SEQUENCE,
        "DistilBertForQuestionAnswering": ("start_logits", "end_logits"),
        "DistilBertForMultipleChoice": SEQUENCE,
    },
    "electra": {
        "ElectraModel": ("last_hidden_state",),
        "ElectraForMaskedLM": SEQUENCE,
        "ElectraForCausalLM": SEQUENCE,
        "ElectraForPreTraining": SEQUENCE,
        "ElectraForSequenceClassification": SEQUENCE,
        "ElectraForTokenClassification": SEQUENCE,
        "ElectraForQuestionAnswering": ("start_logits", "end_logits"),
        "ElectraForMultipleChoice": SEQUENCE,
    },
    "gpt2": {
        "GPT2Model": ("last_hidden_state",),
        "GPT2LMHeadModel": SEQUENCE,
        "GPT2DoubleHeadsModel": ("logits", "mc_logits"),
        "GPT2ForSequenceClassification": SEQUENCE,
        "GPT2ForTokenClassification": SEQUENCE,
        "GPT2ForQuestionAnswering": ("start_logits", "end_logits"),
    },
    "roberta": {
        "RobertaModel": ("last_hidden_state", "pooler_output"),
        "RobertaForMaskedLM": SEQUENCE,
        "RobertaForCausalLM": SEQUENCE,
        "RobertaForSequenceClassification": SEQUENCE,
        "RobertaForTokenClassification": SEQUENCE,
        "RobertaForQuestionAnswering": ("start_logits", "end_logits"),
        "RobertaForMultipleChoice": SEQUENCE,
    },
}

# Transformers 4.41 has no TensorFlow class for these.
WITHOUT_TENSORFLOW = {"ElectraForCausalLM", "GPT2ForTokenClassification", "GPT2ForQuestionAnswering"}

# KerasHub's class for the same computation. Its BERT has the pooler always, so it takes the classes that have one; its
# RoBERTa has none. BertForPreTraining holds both what BertMaskedLM's backbone (pooler) and its head need.
KERAS_HUB = {
    "BertModel": "BertBackbone",
    "BertForPreTraining": "BertMaskedLM",
    "BertForSequenceClassification": "BertTextClassifier",
    "DistilBertModel": "DistilBertBackbone",
    "DistilBertForMaskedLM": "DistilBertMaskedLM",
    "DistilBertForSequenceClassification": "DistilBertTextClassifier",
    "ElectraModel": "ElectraBackbone",
    "RobertaModel": "RobertaBackbone",
    "RobertaForMaskedLM": "RobertaMaskedLM",
    "RobertaForSequenceClassification": "RobertaTextClassifier",
    "GPT2Model": "GPT2Backbone",
    "GPT2LMHeadModel": "GPT2CausalLM",
}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str  # Transformers' class
    family: str
    outputs: tuple

    @property
    def choices(self):
        return self.name.endswith("ForMultipleChoice") or self.name == "GPT2DoubleHeadsModel"

    @property
    def tensorflow(self):
        return None if self.name in WITHOUT_TENSORFLOW else f"TF{self.name}"

    @property
    def keras_hub(self):
        return KERAS_HUB.get(self.name)

    def configuration(self):
        """What Transformers' configuration class takes."""
        labels = {"num_labels": LABELS} if self.name.endswith(("SequenceClassification", "TokenClassification")) else {}
        if self.family == "gpt2":
            return labels | {
                "vocab_size": VOCABULARY, "n_embd": HIDDEN, "n_head": HEADS, "n_inner": INNER, "n_layer": LAYERS,
                "n_positions": POSITIONS, "pad_token_id": PADDING["gpt2"], "bos_token_id": 59, "eos_token_id": 59,
            }
        if self.family == "distilbert":
            return labels | {
                "vocab_size": VOCABULARY, "dim": HIDDEN, "n_heads": HEADS, "hidden_dim": INNER, "n_layers": LAYERS,
                "max_position_embeddings": POSITIONS, "pad_token_id": PADDING["distilbert"],
            }
        decoder = {"is_decoder": True} if self.name in ("BertLMHeadModel", "ElectraForCausalLM", "RobertaForCausalLM") else {}
        family = (
            {"type_vocab_size": 2, "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS}
            if self.family in ("bert", "electra")
            else {"type_vocab_size": 1, "layer_norm_eps": 1e-5, "max_position_embeddings": POSITIONS + 2,
                  "bos_token_id": 0, "eos_token_id": 2}
        )
        if self.family == "electra":
            family |= {"embedding_size": EMBEDDING}
        return labels | decoder | family | {
            "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "num_attention_heads": HEADS, "intermediate_size": INNER,
            "num_hidden_layers": LAYERS, "pad_token_id": PADDING[self.family],
        }

    def inputs(self, seed=7):
        """Padded on the right: a causal row that sees no token has no meaning, and RoBERTa counts from the first."""
        rng = numpy.random.default_rng(seed)
        shape = (BATCH, CHOICES, LENGTH) if self.choices else (BATCH, LENGTH)
        ids = rng.integers(3, 58, shape, dtype=numpy.int64)
        mask = numpy.ones(shape, dtype=numpy.int64)
        mask[1, ..., LENGTH - 2:] = 0
        inputs = {"input_ids": numpy.where(mask == 1, ids, PADDING[self.family]), "attention_mask": mask}
        if self.family in ("bert", "electra"):
            inputs["token_type_ids"] = (numpy.arange(LENGTH) >= 3).astype(numpy.int64) * mask
        if self.name == "GPT2DoubleHeadsModel":
            inputs["mc_token_ids"] = mask.sum(axis=-1) - 1
        return inputs


CASES = {
    name: Case(name, family, outputs) for family, heads in HEADS_OF.items() for name, outputs in heads.items()
}


def weight(name, shape):
    """Random values that depend on the name alone. Nothing stays at the value that a framework would fill in itself."""
    rng = numpy.random.default_rng(zlib.crc32(name.encode()))
    values = rng.standard_normal(shape)
    leaf = name.split(".")[-2] if "." in name else ""
    if name.endswith("weight") and leaf.lower() in ("layernorm", "layer_norm", "ln_1", "ln_2", "ln_f"):
        values = 1 + 0.2 * values
    else:
        values = 0.2 * values
    return values.astype(numpy.float32)
