#!/usr/bin/env python3
"""Records what a model computes, for `weighbridge verify` and the expectations of WeighbridgeTesting.

    scripts/record_golden.py MODEL OUT.safetensors [--text TEXT … | --inputs IN.safetensors | --seed N]
                             [--class NAME] [--attentions] [--modules PATTERN …]
                             [--dtype float64|float32|float16|bfloat16]

MODEL is a directory that from_pretrained loads, of any model of Transformers; or FILE.py:NAME, where NAME is a
torch.nn.Module, or a function without arguments that returns one. OUT holds the inputs under the names of the model's
arguments and the outputs under theirs, lists numbered: hidden_states.0 …; docs/verification.md describes it. Inputs are texts,
the tensors of a file, or random ones made for the model's arguments (the default, seed 0); for a module of one's own they
come from a file, whose names are its arguments' ("0", "1" … for those given in order). The attention mask of a model that
takes tokens is always recorded.

--modules records what each module whose name matches was given and gave: encoder.layer.0:input, encoder.layer.0:output;
'*' is all of them. A second call of one module is NAME#2:input. So the first fault is found within a layer.

float64 is the default: the record is then the exact result, and what differs from it is the other side's error. Needs torch,
transformers and safetensors, nothing else; scripts/requirements.txt has the versions that the project itself uses.
"""

import argparse
import fnmatch
import importlib.util
import inspect
import json
import pathlib
import sys

import safetensors
import safetensors.torch
import torch

# These are tokens or positions, whatever the model.
TOKENS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "mc_token_ids")
BATCH, CHOICES, LENGTH = 3, 2, 12


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0], epilog=__doc__.split("\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a directory, or FILE.py:NAME")
    parser.add_argument("out", metavar="OUT.safetensors", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--text", nargs="+", help="one sequence each; the choices, for a model that chooses")
    source.add_argument("--inputs", type=pathlib.Path, help="a safetensors file of the model's arguments")
    source.add_argument("--seed", type=int, default=0, help="of random inputs (default: 0)")
    parser.add_argument("--class", dest="name", help="the class to run (default: the first of the configuration's)")
    parser.add_argument("--attentions", action="store_true", help="record attentions too")
    parser.add_argument(
        "--modules", nargs="+", default=[], metavar="PATTERN", help="record inputs and outputs of these modules too")
    parser.add_argument(
        "--dtype", default="float64", choices=("float64", "float32", "float16", "bfloat16"), help="(default: float64)")
    return parser.parse_args()


def fail(message):
    sys.exit(f"record_golden.py: {message}")


def transformers_library():
    import transformers  # takes seconds, and a module of one's own may not need it

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def load(options, name):
    transformers = transformers_library()
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


def own_module(options, path, name):
    """What FILE.py calls NAME."""
    location = importlib.util.spec_from_file_location(path.stem, path)
    program = importlib.util.module_from_spec(location)
    sys.path.insert(0, str(path.resolve().parent))
    location.loader.exec_module(program)
    if not hasattr(program, name):
        fail(f"{path} has no {name}")
    model = getattr(program, name)
    if not isinstance(model, torch.nn.Module):
        model = model()
    if not isinstance(model, torch.nn.Module):
        fail(f"{path}: {name} gives a {type(model).__name__}, expected a torch.nn.Module")
    return model.to(getattr(torch, options.dtype)).eval()


def setting(config, *names):
    """The first setting of these names, of the configuration or of the one within it that is of text, pictures or sound."""
    places = [config] + [
        getattr(config, part) for part in ("text_config", "vision_config", "audio_config", "encoder", "decoder")
        if hasattr(getattr(config, part, None), "to_dict")]
    for place in places:
        for name in names:
            if getattr(place, name, None) is not None:
                return getattr(place, name)
    return None


def random_tokens(model, name, generator):
    """Ragged random tokens; the mask is recorded, since without it GPT-2 may guess other positions."""
    config = model.config
    padding = setting(config, "pad_token_id")
    # A classifier without a padding token cannot tell where a sequence of a batch ends.
    batch = 1 if padding is None else BATCH
    shape = (batch, CHOICES) if name.endswith(("MultipleChoice", "DoubleHeadsModel")) else (batch,)
    first = 0 if padding is None else padding + 1
    most = setting(config, "max_position_embeddings", "n_positions", "max_target_positions") or LENGTH
    offset = first if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    length = min(LENGTH, most - offset)
    vocabulary = setting(config, "vocab_size")
    if vocabulary is None:
        fail("the configuration states no vocab_size; give --inputs")
    ids = torch.randint(0, vocabulary, (*shape, length), generator=generator)
    if padding is not None:
        ids[ids == padding] = (padding + 1) % vocabulary
    lengths = torch.randint(1, length + 1, shape, generator=generator)
    lengths.view(-1)[0] = length
    if padding is None:
        lengths[:] = length
    mask = (torch.arange(length) < lengths[..., None]).long()
    inputs = {"input_ids": torch.where(mask == 1, ids, padding or 0), "attention_mask": mask}
    if (setting(config, "type_vocab_size") or 1) > 1 and "token_type_ids" in parameters(model):
        inputs["token_type_ids"] = torch.randint(0, setting(config, "type_vocab_size"), ids.shape, generator=generator)
    if name.endswith("DoubleHeadsModel"):
        inputs["mc_token_ids"] = lengths - 1
    return inputs


def random_inputs(model, name, seed):
    """For each argument that the model cannot do without, by what Transformers calls it."""
    generator = torch.Generator().manual_seed(seed)
    config, taken = model.config, parameters(model)

    def real(*shape):
        return torch.rand(shape, generator=generator) * 2 - 1

    inputs = {}
    if "input_ids" in taken:
        inputs |= random_tokens(model, name, generator)
    if "pixel_values" in taken:
        size = setting(config, "image_size") or 32
        high, wide = (size, size) if isinstance(size, int) else size
        batch = len(inputs.get("input_ids", range(BATCH)))
        inputs["pixel_values"] = real(batch, setting(config, "num_channels") or 3, high, wide)
    if "input_features" in taken:
        bins = setting(config, "num_mel_bins", "feature_size", "input_feat_per_channel")
        frames = 2 * (setting(config, "max_source_positions") or 50)
        if bins is None:
            fail("the configuration states no num_mel_bins; give --inputs")
        inputs["input_features"] = real(BATCH, bins, frames)
    if "input_values" in taken:
        bins = setting(config, "num_mel_bins")
        inputs["input_values"] = real(BATCH, setting(config, "max_length") or 64, bins) if bins else real(BATCH, 2000)
    if not inputs:
        fail(f"{name} takes {', '.join(taken)}; give --inputs")
    if setting(config, "is_encoder_decoder") and "decoder_input_ids" in taken:
        start = setting(config, "decoder_start_token_id")
        batch = len(next(iter(inputs.values())))
        tokens = torch.randint(0, setting(config, "vocab_size"), (batch, LENGTH // 2), generator=generator)
        tokens[:, 0] = 0 if start is None else start
        inputs["decoder_input_ids"] = tokens
    return inputs


def parameters(model):
    return list(inspect.signature(model.forward).parameters)


def text_inputs(options, name):
    tokenizer = transformers_library().AutoTokenizer.from_pretrained(options.model, local_files_only=True)
    if tokenizer.pad_token is None and len(options.text) > 1:
        tokenizer.pad_token = tokenizer.eos_token
    found = tokenizer(options.text, padding=len(options.text) > 1, return_tensors="pt", return_attention_mask=True)
    inputs = {key: value.long() for key, value in found.items()}
    if name.endswith(("MultipleChoice", "DoubleHeadsModel")):
        inputs = {key: value[None] for key, value in inputs.items()}
    return inputs


def file_inputs(path, model):
    inputs = safetensors.torch.load_file(path)
    taken = parameters(model)
    takes_more = any(
        parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        for parameter in inspect.signature(model.forward).parameters.values())
    for key, value in inputs.items():
        if key not in taken and not key.isdigit() and not takes_more:
            fail(f"{path}: {key} is no input; inputs are {', '.join(taken)}")
        if key in TOKENS and value.is_floating_point():
            fail(f"{path}: {key} is {value.dtype}, it is of whole numbers")
    inputs = {key: value.long() if key in TOKENS else value for key, value in inputs.items()}
    if "input_ids" in inputs and "attention_mask" in taken:
        # Transformers would take this for granted; with it written down nobody has to guess.
        inputs.setdefault("attention_mask", torch.ones_like(inputs["input_ids"]))
    return inputs


def in_range_of_float32(value):
    """What float32 can hold: a mask is the lowest number of its type, and that of float64 would be no port's."""
    bound = torch.finfo(torch.float32).max
    return torch.where(value.isfinite(), value.clamp(-bound, bound), value) if value.dtype == torch.float64 else value


class Record:
    """Tensors of real numbers by name, in the order in which they were computed."""

    def __init__(self):
        self.tensors = {}
        self.left_out = []

    def add(self, name, value, separator="."):
        """A tensor, or lists and dictionaries of some, numbered and named; what is no tensor is not recorded."""
        if isinstance(value, torch.Tensor):
            if value.is_floating_point():
                # One memory each, which the format wants: the last hidden state is often last_hidden_state too.
                self.tensors[name] = in_range_of_float32(value.detach().clone().contiguous())
            else:
                self.left_out.append(name)
        elif isinstance(value, (tuple, list)):
            for number, item in enumerate(value):
                self.add(f"{name}{separator}{number}", item)
        elif isinstance(value, dict):
            for key, item in value.items():
                self.add(f"{name}{separator}{key}", item)

    def watch(self, model, patterns):
        """Records what modules are given and give from now on."""
        names = {name: module for name, module in model.named_modules(remove_duplicate=True) if name}
        chosen = {name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)}
        for pattern in patterns:
            if not fnmatch.filter(names, pattern):
                fail(f"no module is called {pattern!r}; there are {', '.join(list(names)[:8])} …")
        calls = dict.fromkeys(chosen, 0)

        def before(name):
            def hook(_, given, named):
                calls[name] += 1
                place = f"{label(name)}:input"
                self.add(place, given[0] if len(given) == 1 else given)
                self.add(place, {key: value for key, value in named.items() if value is not None})
            return hook

        def after(name):
            def hook(_, given, named, found):
                if found is not None:
                    self.add(f"{label(name)}:output", plain(found))
            return hook

        def label(name):
            return name if calls[name] == 1 else f"{name}#{calls[name]}"

        for name in chosen:
            names[name].register_forward_pre_hook(before(name), with_kwargs=True)
            names[name].register_forward_hook(after(name), with_kwargs=True)


def plain(found):
    """A model's output as a dictionary, without what is no result: caches of keys and values."""
    if hasattr(found, "items"):
        return {key: value for key, value in found.items() if "past_key_values" not in key and value is not None}
    return found


def run(model, inputs, options):
    record = Record()
    if options.modules:
        record.watch(model, options.modules)
    dtype = getattr(torch, options.dtype)
    given = {key: value.to(dtype) if value.is_floating_point() else value for key, value in inputs.items()}
    in_order = [given[key] for key in sorted((key for key in given if key.isdigit()), key=int)]
    named = {key: value for key, value in given.items() if not key.isdigit()}
    asked = {}
    if hasattr(model, "config"):
        asked = {"output_hidden_states": True, "output_attentions": options.attentions, "return_dict": True}
        if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(model.forward).parameters.values()):
            asked = {key: value for key, value in asked.items() if key in parameters(model)}
    with torch.no_grad():
        found = plain(model(*in_order, **named, **asked))
    if isinstance(found, dict):
        for key, value in found.items():
            record.add(key, value)
    else:
        record.add("output", found)
    return given, record


def main():
    options = arguments()
    path, colon, name = options.model.rpartition(":")
    origin = {"version": 1}
    if colon and path.endswith(".py"):
        if options.text or not options.inputs:
            fail("a module of one's own takes its inputs from a file: --inputs IN.safetensors")
        model = own_module(options, pathlib.Path(path), name)
        name = type(model).__name__
        inputs = file_inputs(options.inputs, model)
        versions = {}
    else:
        if not pathlib.Path(options.model).is_dir():
            fail(f"{options.model} is no directory")
        transformers = transformers_library()
        config = transformers.AutoConfig.from_pretrained(options.model, local_files_only=True)
        name = options.name or (config.architectures or [None])[0]
        if name is None:
            fail("the configuration names no class; give one with --class")
        model = load(options, name)
        if options.text:
            inputs = text_inputs(options, name)
        elif options.inputs:
            inputs = file_inputs(options.inputs, model)
        else:
            inputs = random_inputs(model, name, options.seed)
        versions = {"attention": model.config._attn_implementation, "transformers": transformers.__version__}
    inputs, record = run(model, inputs, options)
    outputs = record.tensors
    if not outputs:
        fail(f"{name} gave no tensor of real numbers")
    for key in sorted(set(inputs) & set(outputs)):
        fail(f"{key} is an input and an output")
    origin |= {"class": name, "dtype": options.dtype, **versions, "torch": torch.__version__,
               "safetensors": safetensors.__version__}
    if not options.text and not options.inputs:
        origin["seed"] = options.seed
    if options.text:
        origin["text"] = options.text
    if options.modules or not set(inputs) <= set(TOKENS):
        origin["inputs"] = sorted(inputs)
        origin["order"] = list(outputs)
    # One key: the writer puts several in no certain order.
    metadata = {"weighbridge.golden": json.dumps(origin, ensure_ascii=False)}
    inputs = {key: value.contiguous() for key, value in inputs.items()}
    safetensors.torch.save_file(inputs | outputs, options.out, metadata)
    options.out.chmod(0o644)
    if record.left_out:
        print(f"record_golden.py: not of real numbers, not recorded: {', '.join(record.left_out)}", file=sys.stderr)
    shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in inputs.items())
    print(f"{options.out}: {name} in {options.dtype}; {shapes}; {len(outputs)} outputs")


if __name__ == "__main__":
    main()
