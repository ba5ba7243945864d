#!/usr/bin/env python3
"""Records what a Transformers model computes, for `weighbridge verify` and the expectations of WeighbridgeTesting.

    scripts/record_golden.py MODEL_DIR OUT.safetensors [--text TEXT … | --inputs IN.safetensors | --seed N]
                             [--class NAME] [--attentions] [--dtype float64|float32|float16|bfloat16]

MODEL_DIR is a directory that from_pretrained loads. OUT holds the inputs under the names of the model's arguments and the
outputs under theirs, lists numbered: hidden_states.0 …, attentions.0 …; docs/verification.md describes it. Inputs are texts,
the int64 tensors of a file, or random tokens (the default, seed 0), padded on the right. The attention mask is always recorded.

float64 is the default: the record is then the exact result, and what differs from it is the other side's error. Needs torch,
transformers and safetensors, nothing else; scripts/requirements.txt has the versions that the project itself uses.
"""

import argparse
import json
import pathlib
import sys

import safetensors
import safetensors.torch
import torch
import transformers

INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "mc_token_ids")
BATCH, CHOICES, LENGTH = 3, 2, 12


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL_DIR", type=pathlib.Path)
    parser.add_argument("out", metavar="OUT.safetensors", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--text", nargs="+", help="one sequence each; the choices, for a model that chooses")
    source.add_argument("--inputs", type=pathlib.Path, help="a safetensors file of the model's arguments")
    source.add_argument("--seed", type=int, default=0, help="of random tokens (default: 0)")
    parser.add_argument("--class", dest="name", help="the class to run (default: the first of the configuration's)")
    parser.add_argument("--attentions", action="store_true", help="record attentions too")
    parser.add_argument(
        "--dtype", default="float64", choices=("float64", "float32", "float16", "bfloat16"), help="(default: float64)")
    return parser.parse_args()


def fail(message):
    sys.exit(f"record_golden.py: {message}")


def load(options, name):
    kind = getattr(transformers, name, None)
    if kind is None:
        fail(f"transformers {transformers.__version__} has no class {name}")
    # Only the eager implementation gives attentions.
    implementation = {"attn_implementation": "eager"} if options.attentions else {}
    model, found = kind.from_pretrained(
        options.model, dtype=getattr(torch, options.dtype), output_loading_info=True, local_files_only=True,
        **implementation)
    for problem in ("missing_keys", "mismatched_keys"):
        if found[problem]:
            # Transformers would fill these with random numbers.
            fail(f"{options.model} does not fit {name}: {problem} {sorted(map(str, found[problem]))[:5]}")
    if options.dtype == "float64":
        # This setting computes attention in float32 whatever the type is; in exact arithmetic it changes nothing.
        for block in model.modules():
            if hasattr(block, "reorder_and_upcast_attn"):
                block.reorder_and_upcast_attn = False
    return model.eval()


def random_inputs(model, name, seed):
    """Ragged random tokens; the mask is recorded, since without it GPT-2 may guess other positions."""
    generator = torch.Generator().manual_seed(seed)
    config = model.config
    padding = config.pad_token_id
    # A classifier without a padding token cannot tell where a sequence of a batch ends.
    batch = 1 if padding is None else BATCH
    shape = (batch, CHOICES) if name.endswith(("MultipleChoice", "DoubleHeadsModel")) else (batch,)
    first = 0 if padding is None else padding + 1
    length = min(LENGTH, config.max_position_embeddings - (first if config.model_type == "roberta" else 0))
    ids = torch.randint(0, config.vocab_size, (*shape, length), generator=generator)
    if padding is not None:
        ids[ids == padding] = (padding + 1) % config.vocab_size
    lengths = torch.randint(1, length + 1, shape, generator=generator)
    lengths.view(-1)[0] = length
    if padding is None:
        lengths[:] = length
    mask = (torch.arange(length) < lengths[..., None]).long()
    inputs = {"input_ids": torch.where(mask == 1, ids, padding or 0), "attention_mask": mask}
    if getattr(config, "type_vocab_size", 1) > 1:
        inputs["token_type_ids"] = torch.randint(0, config.type_vocab_size, ids.shape, generator=generator)
    if name.endswith("DoubleHeadsModel"):
        inputs["mc_token_ids"] = lengths - 1
    return inputs


def text_inputs(options, name):
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model, local_files_only=True)
    if tokenizer.pad_token is None and len(options.text) > 1:
        tokenizer.pad_token = tokenizer.eos_token
    found = tokenizer(options.text, padding=len(options.text) > 1, return_tensors="pt", return_attention_mask=True)
    inputs = {key: value.long() for key, value in found.items()}
    if name.endswith(("MultipleChoice", "DoubleHeadsModel")):
        inputs = {key: value[None] for key, value in inputs.items()}
    return inputs


def file_inputs(path):
    inputs = safetensors.torch.load_file(path)
    for key, value in inputs.items():
        if key not in INPUTS:
            fail(f"{path}: {key} is no input; inputs are {', '.join(INPUTS)}")
        if value.is_floating_point():
            fail(f"{path}: {key} is {value.dtype}, inputs are whole numbers")
    if "input_ids" not in inputs:
        fail(f"{path}: there are no input_ids")
    inputs = {key: value.long() for key, value in inputs.items()}
    # Transformers would take this for granted; with it written down nobody has to guess.
    inputs.setdefault("attention_mask", torch.ones_like(inputs["input_ids"]))
    return inputs


def run(model, inputs, attentions):
    with torch.no_grad():
        found = model(**inputs, output_hidden_states=True, output_attentions=attentions, return_dict=True)
    outputs = {}
    for key, value in found.items():
        if key == "past_key_values" or value is None:
            continue
        if isinstance(value, torch.Tensor):
            outputs[key] = value
        elif isinstance(value, (tuple, list)) and all(isinstance(item, torch.Tensor) for item in value):
            outputs |= {f"{key}.{number}": item for number, item in enumerate(value)}
        else:
            fail(f"the output {key} is neither a tensor nor a list of them")
    # One memory each: the last hidden state is often last_hidden_state too, which the format does not allow.
    return {key: value.detach().clone().contiguous() for key, value in outputs.items()}


def main():
    options = arguments()
    if not options.model.is_dir():
        fail(f"{options.model} is no directory")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(options.model, local_files_only=True)
    name = options.name or (config.architectures or [None])[0]
    if name is None:
        fail("the configuration names no class; give one with --class")
    model = load(options, name)
    if options.text:
        inputs = text_inputs(options, name)
    elif options.inputs:
        inputs = file_inputs(options.inputs)
    else:
        inputs = random_inputs(model, name, options.seed)
    outputs = run(model, inputs, options.attentions)
    origin = {
        "version": 1, "class": name, "dtype": options.dtype, "attention": model.config._attn_implementation,
        "transformers": transformers.__version__, "torch": torch.__version__, "safetensors": safetensors.__version__}
    if not options.text and not options.inputs:
        origin["seed"] = options.seed
    if options.text:
        origin["text"] = options.text
    # One key: the writer puts several in no certain order.
    metadata = {"weighbridge.golden": json.dumps(origin, ensure_ascii=False)}
    safetensors.torch.save_file(inputs | outputs, options.out, metadata)
    options.out.chmod(0o644)
    shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in inputs.items())
    print(f"{options.out}: {name} in {options.dtype}; {shapes}; {len(outputs)} outputs")


if __name__ == "__main__":
    main()
