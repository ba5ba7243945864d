#!/usr/bin/env python3
"""Measures what the default tolerances of verification rest on: how far torch's own runs are from its float64 run.

    "$(scripts/python-environment)" interop/tolerances.py

Prints the table of docs/verification.md: for each size of model and each type, the largest error of all hidden states,
attentions and logits, over max(|exact value|, root mean square of the exact tensor). Weights are random, such that no output is
small; the narrow types round them too. Takes some minutes and 2 GB.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import torch
import transformers

# Width, layers, heads, standard deviation of the matrices.
SIZES = ((24, 2, 3, 0.35), (128, 4, 4, 0.1), (768, 12, 12, 0.04))
TYPES = (torch.float32, torch.float16, torch.bfloat16)
VOCABULARY, BATCH, LENGTH = 1000, 2, 32


def bert(width, layers, heads):
    return transformers.BertForMaskedLM(transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * width, attn_implementation="eager"))


def gpt2(width, layers, heads):
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=width, n_layer=layers, n_head=heads, pad_token_id=0, attn_implementation="eager"))


def fill(model, deviation):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                is_embedding = any(part in name for part in ("emb", "wte", "wpe"))
                parameter.normal_(0, 0.3 if is_embedding else deviation)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
            else:
                parameter.normal_(1, 0.2)


def outputs(model, ids, mask):
    with torch.no_grad():
        found = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, output_attentions=True)
    return [value.double() for value in (*found.hidden_states, *found.attentions, found.logits)]


def error(found, exact):
    scale = torch.maximum(exact.abs(), exact.pow(2).mean().sqrt())
    return ((found - exact).abs() / scale).max().item()


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    print("width x layers |", " | ".join(f"{kind.__name__} {str(dtype)[6:]}" for dtype in TYPES for kind in (bert, gpt2)))
    for width, layers, heads, deviation in SIZES:
        cells = []
        for dtype in TYPES:
            for kind in (bert, gpt2):
                torch.manual_seed(0)
                model = kind(width, layers, heads).eval()
                fill(model, deviation)
                ids = torch.randint(3, VOCABULARY - 3, (BATCH, LENGTH))
                mask = torch.ones_like(ids)
                mask[1, LENGTH // 2:] = 0
                exact = outputs(model.double(), ids, mask)
                found = outputs(model.to(dtype), ids, mask)
                cells.append(f"{max(error(a, b) for a, b in zip(found, exact)):.1e}")
        print(f"{width} x {layers} |", " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
