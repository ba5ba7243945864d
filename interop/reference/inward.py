"""Small files in the layouts that are read and never written, each beside the tensors that it must become (base
environment).

    inward/<sample>/<file>                 the sample
    inward/<sample>/expected.safetensors   the same values under Transformers' names, ties stored once
    inward/<sample>/expected.json          the Transformers class, and the names of the sample that have no place there

The programs that wrote the files of fairseq, OpenAI and Google are not installed here: those names are facts about published
checkpoints, and were not compared with files that the programs wrote.
"""

import argparse
import json

import h5py
import numpy
import torch
from safetensors.numpy import load_file, save_file

import names
from by_hand import write_tensorflow
from cases import CASES, HEADS, HIDDEN, INNER, LAYERS, POSITIONS


class Samples:
    def __init__(self, folder):
        self.models, self.folder = folder, folder / "inward"

    def source(self, name, variant="transformers"):
        return load_file(self.models / name / variant / "model.safetensors")

    def add(self, sample, class_name, expected, write, dropped=()):
        home = self.folder / sample
        home.mkdir(parents=True, exist_ok=True)
        write(home)
        save_file({name: numpy.ascontiguousarray(array) for name, array in expected.items()},
                  home / "expected.safetensors")
        document = {"class": class_name, "dropped": sorted(dropped)}
        (home / "expected.json").write_text(json.dumps(document, indent=2) + "\n")


def tensors_of(arrays):
    return {name: torch.from_numpy(numpy.array(array)) for name, array in arrays.items()}


def torch_file(content, name="pytorch_model.bin"):
    return lambda home: torch.save(content, home / name)


def safetensors_file(arrays):
    return lambda home: save_file(
        {name: numpy.ascontiguousarray(array) for name, array in arrays.items()}, home / "model.safetensors")


def hdf5_file(arrays):
    def write(home):
        with h5py.File(home / "model.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
    return write


# fairseq's RoBERTa. `lm_head.weight` is the embedding, stored again.
FAIRSEQ_BLOCK = {
    "attention.output.dense": "self_attn.out_proj", "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1", "output.dense": "fc2", "output.LayerNorm": "final_layer_norm",
}


def fairseq(tensors, root, packed, norm):
    body = {name.removeprefix("roberta."): array for name, array in tensors.items()}
    found = {
        f"{root}.sentence_encoder.embed_tokens.weight": body["embeddings.word_embeddings.weight"],
        f"{root}.sentence_encoder.embed_positions.weight": body["embeddings.position_embeddings.weight"],
    }
    assert not body["embeddings.token_type_embeddings.weight"].any()
    for leaf in ("weight", "bias"):
        found[f"{root}.sentence_encoder.{norm}.{leaf}"] = body[f"embeddings.LayerNorm.{leaf}"]
        for n in range(LAYERS):
            ours, theirs = f"encoder.layer.{n}", f"{root}.sentence_encoder.layers.{n}"
            parts = [body[f"{ours}.attention.self.{part}.{leaf}"] for part in ("query", "key", "value")]
            if packed:
                found[f"{theirs}.self_attn.in_proj_{leaf}"] = numpy.concatenate(parts)
            else:
                found |= {f"{theirs}.self_attn.{part}_proj.{leaf}": array for part, array in zip("qkv", parts)}
            for left, right in FAIRSEQ_BLOCK.items():
                found[f"{theirs}.{right}.{leaf}"] = body[f"{ours}.{left}.{leaf}"]
    return found


def fairseq_head(masked, root):
    return {
        f"{root}.lm_head.dense.weight": masked["lm_head.dense.weight"],
        f"{root}.lm_head.dense.bias": masked["lm_head.dense.bias"],
        f"{root}.lm_head.layer_norm.weight": masked["lm_head.layer_norm.weight"],
        f"{root}.lm_head.layer_norm.bias": masked["lm_head.layer_norm.bias"],
        f"{root}.lm_head.weight": masked["roberta.embeddings.word_embeddings.weight"],
        f"{root}.lm_head.bias": masked["lm_head.bias"],
    }


def add_fairseq(samples):
    arguments = argparse.Namespace(
        arch="roberta_base", encoder_layers=LAYERS, encoder_embed_dim=HIDDEN, encoder_ffn_embed_dim=INNER,
        encoder_attention_heads=HEADS, max_positions=POSITIONS, activation_fn="gelu", pooler_activation_fn="tanh")
    masked = samples.source("RobertaForMaskedLM", "transformers.keras-hub")
    classifier = samples.source("RobertaForSequenceClassification", "transformers.keras-hub")

    def checkpoint(model):
        return {"args": arguments, "model": tensors_of(model), "optimizer_history": [{"num_updates": 3}],
                "extra_state": {"epoch": 1}, "last_optimizer_state": None}

    for sample, root, packed, norm in (
        ("fairseq-packed", "decoder", True, "emb_layer_norm"),
        ("fairseq-unpacked", "encoder", False, "layernorm_embedding"),
    ):
        model = fairseq(masked, root, packed, norm) | fairseq_head(masked, root)
        samples.add(sample, "RobertaForMaskedLM", masked, torch_file(checkpoint(model), "model.pt"))
    head = fairseq_head(masked | {
        "roberta.embeddings.word_embeddings.weight": classifier["roberta.embeddings.word_embeddings.weight"]}, "encoder")
    model = fairseq(classifier, "encoder", False, "layernorm_embedding") | head | {
        f"classification_heads.mnli.{part}.{leaf}": classifier[f"classifier.{part}.{leaf}"]
        for part in ("dense", "out_proj") for leaf in ("weight", "bias")
    }
    samples.add("fairseq-classification", "RobertaForSequenceClassification", classifier,
                torch_file(checkpoint(model), "model.pt"), dropped=head)


def add_openai(samples):
    for name in ("GPT2Model", "GPT2LMHeadModel"):
        tensors = samples.source(name)
        found = {}
        for path, array in tensors.items():
            *modules, leaf = path.removeprefix("transformer.").split(".")
            if modules[0] in ("wte", "wpe"):
                found[f"model/{modules[0]}"] = array
                continue
            if modules[0] == "h":
                modules[:2] = [f"h{modules[1]}"]
            if modules[-1].startswith("ln_"):
                leaf = {"weight": "g", "bias": "b"}[leaf]
            else:
                leaf, array = ("w", array[None]) if leaf == "weight" else ("b", array)
            found["/".join(["model", *modules, leaf])] = array
        # Nothing tells the two classes apart: the embedding is the output layer as well.
        if name == "GPT2LMHeadModel":
            samples.add("openai-gpt2-safetensors", name, tensors, safetensors_file(found))
            samples.add("openai-gpt2-torch", name, tensors, torch_file(tensors_of(found)))
        else:
            samples.add("openai-gpt2-hdf5", name, tensors, hdf5_file(found))


def google_bert(tensors):
    found = {}
    for path, array in tensors.items():
        *modules, leaf = path.split(".")
        if modules[-1].endswith("_embeddings"):
            leaf = None
        elif modules[-1] == "LayerNorm":
            leaf = {"weight": "gamma", "bias": "beta"}[leaf]
        elif modules == ["cls", "seq_relationship"]:
            leaf = {"weight": "output_weights", "bias": "output_bias"}[leaf]
        elif modules == ["cls", "predictions"]:
            leaf = "output_bias"
        elif modules == ["classifier"]:
            modules, leaf = [], {"weight": "output_weights", "bias": "output_bias"}[leaf]
        elif leaf == "weight":
            leaf, array = "kernel", array.T
        if modules[1:3] == ["encoder", "layer"]:
            modules[2:4] = [f"layer_{modules[3]}"]
        found["/".join(modules + ([leaf] if leaf else []))] = array
    return found


def add_google(samples):
    tensors = samples.source("BertForPreTraining")
    found = google_bert(tensors)
    state = {f"{name}/{slot}": numpy.ones_like(array) for name, array in found.items() for slot in ("adam_m", "adam_v")}
    state["global_step"] = numpy.array(7, dtype=numpy.int64)
    samples.add("google-bert-safetensors", "BertForPreTraining", tensors, safetensors_file(found | state), dropped=state)
    samples.add("google-bert-torch", "BertForPreTraining", tensors, torch_file(tensors_of(found)))
    classifier = samples.source("BertForSequenceClassification")
    samples.add("google-bert-classifier", "BertForSequenceClassification", classifier,
                safetensors_file(google_bert(classifier)))


def add_old_torch(samples):
    tensors = samples.source("BertForPreTraining")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in tensors.items()
    } | {"cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"],
         "bert.embeddings.position_ids": numpy.arange(POSITIONS)[None]}
    samples.add("gamma-beta", "BertForPreTraining", tensors, torch_file(tensors_of(old)),
                dropped=["bert.embeddings.position_ids"])
    gpt2 = samples.source("GPT2LMHeadModel")
    masks = {
        f"transformer.h.{n}.attn.{leaf}": array for n in range(LAYERS) for leaf, array in (
            ("bias", numpy.tril(numpy.ones((POSITIONS, POSITIONS), numpy.float32))[None, None]),
            ("masked_bias", numpy.array(-1e4, dtype=numpy.float32)))
    }
    samples.add("gpt2-masks", "GPT2LMHeadModel", gpt2, torch_file(tensors_of(gpt2 | masks)), dropped=masks)
    plain = {name.removeprefix("transformer."): array for name, array in gpt2.items()}
    samples.add("gpt2-no-prefix", "GPT2Model", plain, torch_file(tensors_of(plain)))


def add_wrapped(samples):
    name = "BertForSequenceClassification"
    tensors = samples.source(name)

    def prefixed(prefix):
        return tensors_of({f"{prefix}{key}": array for key, array in tensors.items()})

    for sample, content in {
        "wrapped-module": prefixed("module."),
        "wrapped-orig-mod": prefixed("_orig_mod."),
        "wrapped-model": prefixed("model."),
        "wrapped-module-orig-mod": prefixed("module._orig_mod."),
        "wrapped-state-dict": {"state_dict": prefixed(""), "epoch": 3},
        "wrapped-model-state-dict": {"model_state_dict": prefixed("module."), "optimizer_state_dict": {"state": {}}},
        "wrapped-lightning": {"state_dict": prefixed("model."), "pytorch-lightning_version": "2.4.0", "global_step": 9},
    }.items():
        samples.add(sample, name, tensors, torch_file(content))


def add_tensorflow(samples):
    """The other generations of names in tf_model.h5."""
    for name in ("BertForPreTraining", "GPT2LMHeadModel", "RobertaForMaskedLM"):
        tensors = samples.source(name)
        groups = names.tensorflow(CASES[name], tensors)
        older = {
            group: {f"{path.removesuffix('/embeddings')}/weight" if path.endswith("/embeddings") else path: array
                    for path, array in weights.items()}
            for group, weights in groups.items()
        }
        for sample, content, scope in (
            ("unscoped", groups, ""),
            ("numbered-scope", groups, f"{names.tensorflow_scope(CASES[name])}_1/"),
            ("older-embeddings", older, f"{names.tensorflow_scope(CASES[name])}/"),
        ):
            samples.add(f"tensorflow-{sample}-{CASES[name].family}", name, tensors,
                        lambda home, content=content, scope=scope: write_tensorflow(
                            home / "tf_model.h5", content, scope))


def write(folder):
    samples = Samples(folder)
    for add in (add_fairseq, add_openai, add_google, add_old_torch, add_wrapped, add_tensorflow):
        add(samples)
