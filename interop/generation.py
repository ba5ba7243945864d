"""Texts beside live Transformers: greedy search and beam search, token for token.

The models have weights large enough that texts vary and the best tokens lie apart. Settings are given once as options and once
in generation_config.json.
"""

import copy
import json

import numpy
import torch
import transformers
from safetensors.numpy import save_file

import configurations
from report import Mismatch, require, shortened
from seeded import VOCABULARY, model_of

LENGTH, PROMPT, SEEDS = 200, 7, 6
SIZES = dict(width=48, layers=2, heads=4, positions=256)
ENDS = [17, 40, 83]
SHORT = dict(max_new_tokens=60, eos_token_id=ENDS)
LONG = dict(max_new_tokens=LENGTH, eos_token_id=None)
SETTINGS = [
    LONG,
    LONG | dict(repetition_penalty=1.3),
    LONG | dict(repetition_penalty=0.8, no_repeat_ngram_size=3),
    LONG | dict(no_repeat_ngram_size=2),
    SHORT,
    SHORT | dict(eos_token_id=ENDS[0], pad_token_id=5),
    LONG | dict(num_beams=3),
    LONG | dict(num_beams=5, no_repeat_ngram_size=2, repetition_penalty=1.2),
    SHORT | dict(num_beams=4, num_return_sequences=4, early_stopping=True),
    SHORT | dict(num_beams=4, num_return_sequences=2, early_stopping="never", length_penalty=2.0),
    SHORT | dict(num_beams=3, num_return_sequences=3, length_penalty=-1.0),
    SHORT | dict(num_beams=2, length_penalty=0.0),
]
OPTIONS = {
    "max_new_tokens": "--max-new-tokens", "num_beams": "--num-beams", "length_penalty": "--length-penalty",
    "early_stopping": "--early-stopping", "num_return_sequences": "--num-return-sequences", "eos_token_id": "--eos-token-id",
    "repetition_penalty": "--repetition-penalty", "no_repeat_ngram_size": "--no-repeat-ngram-size",
    "pad_token_id": "--pad-token-id",
}


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    directories = {}
    with report.group(f"generated texts, up to {LENGTH} tokens"):
        for seed in range(SEEDS):
            model = varied(seed)
            directories[seed] = directory = folder / f"{seed}"
            model.save_pretrained(directory)
            for number, settings in enumerate(SETTINGS):
                inputs = prompts(seed, batch=1 if number == 0 else 3)
                with report.check(f"model {seed}: {settings}"):
                    check_texts(tool, folder, directory, model, inputs, {"pad_token_id": 0} | settings)
    with report.group("settings of no effect, prompts as given"):
        for settings in IDLE:
            with report.check(f"greedy with {json.dumps(settings)}"):
                check_idle(tool, folder, directories[0], settings)
        model = transformers.GPT2LMHeadModel.from_pretrained(directories[0]).eval()
        for search in SEARCHES:
            for key in sorted(transformers.GenerationConfig().to_dict()):
                with report.check(f"{key}, {search}"):
                    check_key(tool, directories[0], model, search, key)
        with report.check("a temperature of 0 is greedy search, whatever the file says"):
            check_cold(tool, directories[0])
        for name in ("BertLMHeadModel", "GPT2LMHeadModel"):
            home = prompted(folder, name)
            for text in PROMPTS:
                with report.check(f"{name}: {text!r}"):
                    check_prompt(tool, home, name, text)
    with report.group("sampled texts"):
        with report.check("the same seed gives the same text, another seed another, one token alone is the most likely"):
            check_sampling(tool, directories[0])


def varied(seed):
    """Positions count for more than tokens, so that a text does not run into a loop at once."""
    model = model_of("GPT2LMHeadModel", seed, **SIZES)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.mul_(3 if "wpe" in name else 0.5 if "wte" in name else 1.5)
    return model


def prompts(seed, batch):
    """Ragged, padded on the left."""
    rng = numpy.random.default_rng(seed)
    ids = rng.integers(3, VOCABULARY, (batch, PROMPT))
    mask = (numpy.arange(PROMPT) >= numpy.array([0, 2, PROMPT - 1])[:batch, None]).astype(numpy.int64)
    return {"input_ids": numpy.where(mask == 1, ids, 0), "attention_mask": mask}


def check_texts(tool, folder, directory, model, inputs, settings):
    expected = sequences_of(model, inputs, settings)
    if settings["eos_token_id"] is None:
        require(len(expected[0]), PROMPT + LENGTH, "tokens of the reference")
        require(min(len(set(text)) for text in expected) >= 20, True, "the reference's texts have twenty different tokens")
    given = folder / "prompts.safetensors"
    save_file({name: numpy.ascontiguousarray(array) for name, array in inputs.items()}, given)
    ways = [("in generation_config.json", [], settings), ("as options", options_of(settings), {})]
    for way, options, written in ways:
        (directory / "generation_config.json").write_text(json.dumps(written))
        found = sequences(tool, directory, "--inputs", given, *options)
        if found != expected:
            raise Mismatch(f"settings {way}: {first_difference(found, expected)}")


def sequences_of(model, inputs, settings):
    arguments = {name: torch.from_numpy(array) for name, array in inputs.items()}
    # What a model was saved with must not come in.
    model.generation_config = transformers.GenerationConfig()
    with torch.no_grad():
        return model.generate(**arguments, **settings, do_sample=False).tolist()


def options_of(settings):
    def text(value):
        if isinstance(value, list):
            return ",".join(map(str, value))
        return "none" if value is None else value if isinstance(value, str) else json.dumps(value)

    return [f"{OPTIONS[name]}={text(value)}" for name, value in settings.items()]


def sequences(tool, directory, *options):
    return json.loads(tool.expect(0, "generate", directory, "--json", *options).output)["sequences"]


def first_difference(found, expected):
    if [len(row) for row in found] != [len(row) for row in expected]:
        return f"lengths: expected {[len(row) for row in expected]}, found {[len(row) for row in found]}"
    for row, (ours, theirs) in enumerate(zip(found, expected)):
        for at, pair in enumerate(zip(ours, theirs)):
            if pair[0] != pair[1]:
                return (f"text {row}, token {at - PROMPT} of {len(theirs) - PROMPT}: expected {shortened(theirs[at:at + 8])}, "
                        f"found {shortened(ours[at:at + 8])}")
    return "another number of texts"


# Settings that matter only where tokens are drawn, or only for beams. What the reference refuses is no matter.
IDLE = [
    {"temperature": 0}, {"temperature": 0.0}, {"temperature": -1.0}, {"temperature": 1e-9}, {"temperature": None}, {"top_k": -1}, {"top_k": 0},
    {"top_k": 5.0}, {"top_k": 1_000_000}, {"top_p": 0.0}, {"top_p": 2.0}, {"typical_p": 2.0}, {"typical_p": 0.5}, {"min_p": 3.0},
    {"epsilon_cutoff": 2.0}, {"eta_cutoff": -1.0}, {"top_h": 0.5}, {"length_penalty": 0.5}, {"early_stopping": True}, {"num_beam_groups": 1},
    {"renormalize_logits": True}, {"diversity_penalty": 0.0}, {"temperature": 0, "top_k": 5.0, "typical_p": 7.0},
]


def check_idle(tool, folder, directory, settings):
    """The configuration's text without them, by the reference that reads them from the same file."""
    path = directory / "generation_config.json"
    model = transformers.GPT2LMHeadModel.from_pretrained(directory).eval()
    inputs = prompts(0, batch=3)
    given = folder / "prompts.safetensors"
    save_file({name: numpy.ascontiguousarray(array) for name, array in inputs.items()}, given)
    for drawing in ({"do_sample": False}, {}):
        path.write_text(json.dumps({"max_new_tokens": 30, "eos_token_id": None, "pad_token_id": 0} | drawing | settings))
        try:
            model.generation_config = transformers.GenerationConfig.from_pretrained(directory)
            with torch.no_grad():
                expected = model.generate(**{name: torch.from_numpy(array) for name, array in inputs.items()}).tolist()
        except Exception:
            continue
        found = sequences(tool, directory, "--inputs", given)
        if found != expected:
            raise Mismatch(first_difference(found, expected))


SEARCHES = {"greedy": {"num_beams": 1}, "beams": {"num_beams": 3}}
MARK = {"greenlist_ratio": 0.25, "bias": 2.0, "hashing_key": 15485863, "seeding_scheme": "lefthash", "context_width": 1}
GUESSES = {"prompt_lookup_num_tokens": 3}
# Values of each setting of a GenerationConfig, the most telling that JSON can have; a list's members are put into the file together.
VALUES = {
    "max_length": [30, 12], "max_new_tokens": [9], "min_length": [0, 25], "min_new_tokens": [0, 20], "early_stopping": [False, True, "never"],
    "max_time": [1e-9], "stop_strings": [], "do_sample": [False], "num_beams": [1, 2], "use_mtp": [False, True], "use_cache": [False, True],
    "cache_implementation": ["dynamic", "static", "offloaded", "quantized"], "cache_config": [{}], "max_cache_len": [64],
    "temperature": [0.5, 0, -1.0], "top_k": [1, 0, -3], "top_p": [0.3, 7.0], "min_p": [0.2, 9.0], "top_h": [0.4, 7.0], "typical_p": [0.3, -1.0],
    "epsilon_cutoff": [0.1, 3.0], "eta_cutoff": [0.1, 3.0], "repetition_penalty": [1.0, 1.4], "encoder_repetition_penalty": [1.0, 1.4],
    "length_penalty": [-2.0, 0.0, 3.0], "no_repeat_ngram_size": [0, 2, -1], "bad_words_ids": [[[5], [6, 7]]], "renormalize_logits": [True],
    "forced_bos_token_id": [17], "forced_eos_token_id": [17], "remove_invalid_values": [True], "exponential_decay_length_penalty": [[5, 1.3]],
    "suppress_tokens": [[], [5, 6, 7, 8]], "begin_suppress_tokens": [[], [5, 6, 7, 8]], "sequence_bias": [[[[5], 2.0]]],
    "token_healing": [False, True], "guidance_scale": [1, 1.0, 1.5], "watermarking_config": [MARK, MARK | {"bias": 0.0}, MARK | {"greenlist_ratio": 0.0}],
    "num_return_sequences": [1, 2], "output_attentions": [True], "output_hidden_states": [True], "output_scores": [True], "output_logits": [True],
    "return_dict_in_generate": [True], "pad_token_id": [5], "bos_token_id": [5], "eos_token_id": [17, [17, 40]], "encoder_no_repeat_ngram_size": [0, 2],
    "decoder_start_token_id": [5], "is_assistant": [True], "num_assistant_tokens": [3], "num_assistant_tokens_schedule": ["heuristic", "constant"],
    "assistant_confidence_threshold": [0.1], "prompt_lookup_num_tokens": [3, 10], "max_matching_ngram_size": [3], "assistant_early_exit": [1],
    "assistant_lookbehind": [4], "target_lookbehind": [4],
    "assistant_ensemble_weight": [0.5, GUESSES | {"assistant_ensemble_weight": 0.5}, {"assistant_early_exit": 1, "assistant_ensemble_weight": 0.5}],
    "speculation_type": ["dflash"], "compile_config": [], "disable_compile": [True], "continuous_batching_config": [], "low_memory": [False, True],
    "penalty_alpha": [0.0, 0.6, {"penalty_alpha": 0.6, "top_k": 1}, -1.0], "dola_layers": ["low"], "diversity_penalty": [0.5],
    "num_beam_groups": [1, 3, 0], "constraints": [[], [1]], "force_words_ids": [[], [[5]]], "prefill_chunk_size": [2],
    # They are the file's own affair.
    "_from_model_config": [True], "transformers_version": ["4.1.0"],
}


def check_key(tool, directory, model, search, key):
    """What gives the reference the same tokens as without it is taken, and what gives others is followed, or refused by its name."""
    base = {"max_new_tokens": 30, "eos_token_id": None, "pad_token_id": 0, "do_sample": False} | SEARCHES[search]
    # One prompt: the reference guesses for no more.
    ids = torch.from_numpy(prompts(0, batch=1)["input_ids"])
    path = directory / "generation_config.json"

    def reference(settings):
        path.write_text(json.dumps(settings))
        # An early exit leaves the configuration with fewer layers.
        own = copy.deepcopy(model)
        try:
            own.generation_config = transformers.GenerationConfig.from_pretrained(directory)
            with torch.no_grad():
                found = own.generate(ids)
        except Exception as problem:
            return f"{type(problem).__name__}: {problem}"
        return (found if isinstance(found, torch.Tensor) else found.sequences).tolist()

    plain = reference(base)
    require(isinstance(plain, list), True, f"texts of the reference: {plain}")
    for value in VALUES[key]:
        more = value if isinstance(value, dict) and key in value else {key: value}
        expected = reference(base | more)
        path.write_text(json.dumps(base | more))
        outcome = tool.run("generate", directory, f"--input-ids={','.join(map(str, ids[0].tolist()))}", "--json")
        if outcome.code == 0:
            found = json.loads(outcome.output)["sequences"]
            wanted = expected if isinstance(expected, list) else plain
            if found != wanted:
                raise Mismatch(f"{more}: {first_difference(found, wanted)}; the reference: {shortened(str(expected))}")
        else:
            require(key in outcome.error, True, f"{more} is named: {outcome.error}")
            if expected == plain:
                raise Mismatch(f"{more} changes nothing, and is refused: {outcome.error}")


def check_cold(tool, directory):
    for written in ({"do_sample": True, "temperature": 0.7, "top_p": 0.9}, {"do_sample": True, "top_k": 3}, {}):
        (directory / "generation_config.json").write_text(json.dumps({"max_new_tokens": 40, "eos_token_id": None} | written))
        model = transformers.GPT2LMHeadModel.from_pretrained(directory).eval()
        with torch.no_grad():
            expected = model.generate(torch.tensor([[5, 6, 7]]), do_sample=False, max_new_tokens=40).tolist()
        for value in ("0", "0.0"):
            found = sequences(tool, directory, "--input-ids=5,6,7", f"--temperature={value}")
            if found != expected:
                raise Mismatch(first_difference(found, expected))


PROMPTS = ["ak bl", "Ak  BL,cm", " ak", "ak bl ", "Ék ak", "ak [MASK] bl", "ak\tbl", "zz ak", "ak ,bl . cm", "ak \u4e2d bl"]


def prompted(folder, name):
    """A model of words, whose tokenizer changes case, accents and white space: the prompt cannot be had from its tokens."""
    home = configurations.saved(folder, name)
    (home / "generation_config.json").unlink(missing_ok=True)
    return home


def check_prompt(tool, home, name, text):
    model = getattr(transformers, name).from_pretrained(home).eval()
    expected = configurations.pipeline("text-generation", model, home)(text, max_new_tokens=6, do_sample=False)[0]["generated_text"]
    found = tool.expect(0, "generate", home, text, "--max-new-tokens=6").output
    require(found.removesuffix("\n"), expected, "the text")


def check_sampling(tool, directory):
    (directory / "generation_config.json").unlink(missing_ok=True)
    options = ("--input-ids=5,6,7", "--max-new-tokens=50", "--eos-token-id=none")
    drawn = [sequences(tool, directory, *options, "--temperature=0.8", "--top-p=0.95", f"--seed={seed}") for seed in (1, 1, 2)]
    require(drawn[1], drawn[0], "the text of the same seed")
    require(drawn[2] == drawn[0], False, "another seed gives the same text")
    greedy = sequences(tool, directory, *options)
    require(sequences(tool, directory, *options, "--temperature=0.8", "--top-k=1"), greedy, "the text of --top-k 1")
