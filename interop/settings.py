"""Settings of config.json at unusual values, one at a time: Weighbridge computes what Transformers computes, or names the key.

What Transformers refuses, Weighbridge may run. What both run must be equal: a setting that Weighbridge passed over, and
Transformers did not, shows here. Inputs are padded on the right, padded on the left, and without a mask, since some settings
act only where a mask hides something, or where there is none.
"""

import json

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file

import configurations
from report import Mismatch
from seeded import inputs_of, model_of

TOLERANCE = 1e-5
CLASSES = ("BertForMaskedLM", "GPT2DoubleHeadsModel", "GPT2ForSequenceClassification", "RobertaForSequenceClassification",
           "ElectraForPreTraining", "ElectraForMultipleChoice")
FLAG = (True, False, None)
SETTINGS = {
    "is_causal": FLAG, "is_decoder": FLAG, "use_cache": FLAG, "tie_last_hidden_states": FLAG, "scale_attn_weights": FLAG,
    "scale_attn_by_inverse_layer_idx": FLAG, "reorder_and_upcast_attn": FLAG, "add_cross_attention": FLAG,
    "is_encoder_decoder": FLAG, "output_attentions": FLAG, "output_hidden_states": FLAG, "gradient_checkpointing": FLAG,
    "tie_word_embeddings": FLAG, "return_dict": (True,), "torchscript": FLAG,
    "attn_implementation": ("sdpa", "eager", None), "_attn_implementation": ("sdpa", "eager", None),
    "hidden_act": tuple(transformers.activations.ACT2CLS), "activation_function": tuple(transformers.activations.ACT2CLS),
    "layer_norm_eps": (0.1, 0.0, 1e-20), "layer_norm_epsilon": (0.1, 0.0, 1e-20),
    "pad_token_id": (1, 5, -1, 100, 101, None), "bos_token_id": (5, None), "eos_token_id": (5, [5, 6], None),
    "chunk_size_feed_forward": (0, 1, 3), "position_embedding_type": ("absolute", "relative_key", None),
    "summary_type": ("last", "first", "mean", "cls_index", "attn"), "summary_activation": ("tanh", "relu", "", None),
    "summary_use_proj": FLAG, "summary_proj_to_labels": FLAG,
    "summary_first_dropout": (0.5,), "summary_last_dropout": (0.5,), "embedding_size": (48, 32),
    "problem_type": ("regression", "multi_label_classification", None), "id2label": ({"0": "a"},), "num_labels": (2,),
    "dtype": ("float32", "float16", None), "_attn_implementation_autoset": FLAG, "pruned_heads": ({}, {"0": [0]}),
    "fusion_config": ({}, None), "per_layer_config": ({}, {"0": {"hidden_act": "relu"}}), "quantization_config": (None,),
    "transformers_weights": (None, "other.safetensors"), "layer_types": (None, ["sliding_attention"] * 2),
    "sliding_window": (2,), "attention_chunk_size": (2,), "num_key_value_heads": (1,), "head_dim": (2,),
    "hidden_dropout_prob": (0.5,), "attention_probs_dropout_prob": (0.5,), "attn_pdrop": (0.5,), "embd_pdrop": (0.5,),
    "rope_scaling": ({"type": "linear", "factor": 2.0},), "token_classification_bias": (False,), "n_ctx": (7,),
    "logits_mup_width_multiplier": (2.0,), "unpadded_vocab_size": (50,), "initializer_range": (1.0,), "n_inner": (None,),
    "num_hidden_layers": (1, 2, 3), "n_layer": (1, 2, 3),
}


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for name in CLASSES:
        with report.group(f"settings of {name}, one at a time"):
            home = folder / name
            model = model_of(name, 1)
            model.save_pretrained(home)
            right, left = inputs_of(model, 2, batch=2, length=7), inputs_of(model, 3, batch=2, length=7, side="left")
            # One sequence: GPT-2 classifies no more without a padding token.
            bare = {argument: array[:1] for argument, array in right.items() if argument != "attention_mask"}
            plain = json.loads((home / "config.json").read_text())
            for key, values in SETTINGS.items():
                for value in values:
                    with report.check(f"{name}, {key}: {json.dumps(value)}"):
                        (home / "config.json").write_text(json.dumps(plain | {key: value}))
                        compare(tool, home, name, key, {"right": right, "left": left, "no mask": bare})
    configurations.check(report, tool, folder)


def compare(tool, home, name, key, runs):
    try:
        model, loading = getattr(transformers, name).from_pretrained(home, dtype=torch.float32, output_loading_info=True)
    except Exception:
        return
    if loading["missing_keys"] or loading["mismatched_keys"]:
        return
    model.eval()
    for place, inputs in runs.items():
        file, output = home.parent / "in.safetensors", home.parent / "out.safetensors"
        save_file({argument: numpy.ascontiguousarray(array) for argument, array in inputs.items()}, file)
        try:
            expected = outputs_of(model, inputs)
        except Exception:
            continue
        outcome = tool.run("run", home, "--inputs", file, "--output", output, "--hidden-states")
        if outcome.code:
            if key not in outcome.error:
                raise Mismatch(f"{place}: refused, and the key is not named: {outcome.error}")
            continue
        found = load_file(output)
        if found.keys() != expected.keys():
            raise Mismatch(f"{place}: outputs {sorted(found)}, expected {sorted(expected)}")
        for output_name, values in expected.items():
            if found[output_name].shape != values.shape:
                raise Mismatch(f"{place}: {output_name} is {found[output_name].shape}, expected {values.shape}")
            error = numpy.abs(found[output_name] - values).max()
            if not error <= TOLERANCE * max(1, numpy.abs(values).max()):
                raise Mismatch(f"{place}: {output_name} is {error:.3g} off")


def outputs_of(model, inputs):
    """All outputs as arrays, under the names of `weighbridge run`, by the attention that the configuration asks for."""
    with torch.no_grad():
        results = model(
            **{argument: torch.from_numpy(array) for argument, array in inputs.items()}, output_hidden_states=True,
            output_attentions=False, return_dict=True)
    outputs = {key: value.numpy() for key, value in results.items() if isinstance(value, torch.Tensor)}
    return outputs | {f"hidden_states.{index}": state.numpy() for index, state in enumerate(results.hidden_states)}
