"""Rules of generation beside `generate` of Transformers: texts token for token, probabilities, and what is left to draw from."""

import collections
import json

import numpy
import torch
import transformers
from safetensors.numpy import save_file

import generation
from report import Mismatch, require
from task_lines import require_alike
from task_models import directory_of

BASE = dict(max_new_tokens=40, eos_token_id=generation.ENDS, pad_token_id=0)
# Each is given in generation_config.json, and as options.
RULES = [
    dict(bad_words_ids=[[5], [17], [30, 31], [44, 12, 9]]),
    dict(sequence_bias=[[[5], -10.0], [[8], 2.5], [[61, 62], 4.0], [[70, 5], -3.0]]),
    dict(suppress_tokens=[3, 4, 5, 6, 7, 8, 9, 10, 11, 12], begin_suppress_tokens=[40, 60]),
    dict(forced_eos_token_id=17), dict(forced_eos_token_id=[40, 83]), dict(min_length=25), dict(min_new_tokens=20),
    dict(max_new_tokens=None, max_length=19), dict(exponential_decay_length_penalty=[5, 1.3]),
    dict(encoder_repetition_penalty=1.5), dict(encoder_no_repeat_ngram_size=2), dict(encoder_repetition_penalty=0.6, repetition_penalty=1.1),
    dict(remove_invalid_values=True, suppress_tokens=[20, 21]), dict(renormalize_logits=True, repetition_penalty=1.2),
    dict(num_beams=3, renormalize_logits=True, suppress_tokens=[9, 10]), dict(num_beams=4, bad_words_ids=[[5], [30, 31]], num_return_sequences=2),
    # Fewer texts end than are wanted, or than there are beams.
    dict(num_beams=4, num_return_sequences=2, forced_eos_token_id=17, max_new_tokens=1),
    dict(num_beams=4, num_return_sequences=3, suppress_tokens=list(range(2, generation.VOCABULARY)), max_new_tokens=4, eos_token_id=None),
    dict(num_beams=2, forced_eos_token_id=17, max_new_tokens=12), dict(num_beams=3, sequence_bias=[[[5], -10.0], [[61, 62], 4.0]]),
]
DRAWN = [
    dict(min_p=0.2, top_k=0), dict(typical_p=0.6, top_k=0), dict(typical_p=0.2), dict(epsilon_cutoff=0.01, top_k=0),
    dict(eta_cutoff=0.02, top_k=0), dict(top_h=0.4, top_k=0), dict(top_h=0.9), dict(temperature=0.7, top_k=20, top_p=0.8, min_p=0.05),
    dict(typical_p=0.9, epsilon_cutoff=0.005, temperature=1.4),
]


def check(report, tool, folder):
    directory = folder / "generating"
    model = generation.varied(1)
    model.save_pretrained(directory)
    with report.group("rules of generation"):
        for rule in RULES:
            for batch in (1, 3):
                with report.check(f"{rule}, {batch} prompts"):
                    check_rule(tool, folder, directory, model, rule, batch)
        with report.check("the token after a prompt of one is forced"):
            check_forced(tool, folder, directory, model)
    with report.group("what is left to draw from"):
        for rule in DRAWN:
            with report.check(str(rule)):
                check_support(tool, directory, model, rule)
    with report.group("several prompts, their probabilities, and texts that stop them"):
        home = directory_of(folder, "gpt2", "LMHeadModel")
        for settings in (dict(), dict(num_beams=3, num_return_sequences=2), dict(repetition_penalty=1.3)):
            with report.check(f"scores, {settings}"):
                check_scores(tool, folder, home, settings)
        with report.check("stop strings"):
            check_stops(tool, home)
        with report.check("an empty prompt"):
            check_empty(tool, home)


def options_of(settings):
    options = []
    for key, value in settings.items():
        name = "--" + key.replace("_", "-")
        if value is None:
            continue
        if key == "bad_words_ids":
            options += [f"{name}={','.join(map(str, word))}" for word in value]
        elif key == "sequence_bias":
            options += [f"{name}={','.join(map(str, tokens))}={bias}" for tokens, bias in value]
        elif value is True:
            options.append(name)
        elif isinstance(value, list):
            options.append(f"{name}={','.join(map(str, value))}")
        else:
            options.append(f"{name}={value}")
    return options


def check_rule(tool, folder, directory, model, rule, batch):
    inputs = generation.prompts(2, batch)
    given = folder / "prompts.safetensors"
    save_file({name: numpy.ascontiguousarray(array) for name, array in inputs.items()}, given)
    settings = BASE | rule
    expected = generation.sequences_of(model, inputs, {key: value for key, value in settings.items() if value is not None})
    written = {key: value for key, value in settings.items() if value is not None}
    for way, options, file in (("in generation_config.json", [], written), ("as options", options_of(settings), {})):
        (directory / "generation_config.json").write_text(json.dumps(file))
        found = generation.sequences(tool, directory, "--inputs", given, *options)
        if found != expected:
            raise Mismatch(f"settings {way}: {generation.first_difference(found, expected)}")


def check_forced(tool, folder, directory, model):
    (directory / "generation_config.json").write_text("{}")
    settings = dict(max_new_tokens=6, forced_bos_token_id=33, begin_suppress_tokens=list(range(3, 60)))
    model.generation_config = transformers.GenerationConfig()
    for prompt in ([9], [9, 10]):
        with torch.no_grad():
            expected = model.generate(torch.tensor([prompt]), do_sample=False, pad_token_id=0, **settings).tolist()
        found = generation.sequences(tool, directory, f"--input-ids={','.join(map(str, prompt))}", *options_of(settings))
        require(found, expected, f"after {prompt}")


def check_support(tool, directory, model, rule):
    (directory / "generation_config.json").write_text("{}")
    model.generation_config = transformers.GenerationConfig()
    for prompt in ([9, 10, 11], [50, 3]):
        with torch.no_grad():
            scores = model.generate(
                torch.tensor([prompt]), do_sample=True, max_new_tokens=1, pad_token_id=0, output_scores=True,
                return_dict_in_generate=True, **rule).scores[0][0]
        expected = torch.softmax(scores, -1).numpy()
        drawn = 4000
        found = generation.sequences(
            tool, directory, f"--input-ids={','.join(map(str, prompt))}", "--do-sample", "--max-new-tokens=1",
            f"--num-return-sequences={drawn}", *options_of(rule))
        counts = collections.Counter(row[-1] for row in found)
        outside = [token for token in counts if expected[token] == 0]
        require(outside, [], f"tokens that the reference rules out, {prompt}")
        # Of what is probable nothing may be missing.
        missing = [int(token) for token in numpy.flatnonzero(expected > 0.005) if token not in counts]
        require(missing, [], f"tokens that the reference leaves, {prompt}")
        apart = max(abs(counts[token] / drawn - expected[token]) for token in range(len(expected)))
        require(apart < 0.04, True, f"probabilities are {apart} apart")


def check_scores(tool, folder, directory, settings):
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    model.generation_config = transformers.GenerationConfig()
    prompts = ["the scale", "a model of", "weights and"]
    (directory / "generation_config.json").write_text("{}")
    outcome = tool.expect(
        0, "generate", directory, *prompts, "--json", "--scores", "--max-new-tokens", "12", "--eos-token-id=5,9", *options_of(settings))
    for prompt, line in zip(prompts, outcome.output.splitlines()):
        row = json.loads(line)
        require(row["prompt"], prompt, "prompt")
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            wanted = model.generate(
                ids, max_new_tokens=12, eos_token_id=[5, 9], pad_token_id=0, do_sample=False, output_scores=True,
                return_dict_in_generate=True, **settings)
        indices = getattr(wanted, "beam_indices", None)
        steps = model.compute_transition_scores(
            wanted.sequences, wanted.scores, indices, normalize_logits=indices is None)
        require(len(row["texts"]), len(wanted.sequences), "texts")
        for number, found in enumerate(row["texts"]):
            new = wanted.sequences[number, ids.shape[1]:].tolist()
            ends = next((place + 1 for place, token in enumerate(new) if token in (5, 9)), len(new))
            require(found["tokens"], new[:ends], f"{prompt}, text {number}")
            require(found["text"], tokenizer.decode(new[:ends], skip_special_tokens=True), prompt)
            require_alike(found["log_probabilities"], [float(step) for step in steps[number][:ends]], prompt, close=3e-5)
            if indices is not None:
                require_alike(found["score"], float(wanted.sequences_scores[number]), prompt, close=3e-5)


def check_empty(tool, directory):
    (directory / "generation_config.json").write_text('{"bos_token_id": 0}')
    pipeline = transformers.pipeline("text-generation", model=str(directory))
    (expected,) = pipeline("", max_new_tokens=12, do_sample=False, eos_token_id=None)
    options = ("--max-new-tokens=12", "--eos-token-id=none")
    outcome = tool.expect(0, "generate", directory, "", "the scale", "--json", *options)
    (found,) = json.loads(outcome.output.split("\n")[0])["texts"]
    require(found["text"], expected["generated_text"], "in Python, and among others")
    require(tool.expect(0, "generate", directory, "", *options).output, expected["generated_text"] + "\n", "for people")


def check_stops(tool, directory):
    (directory / "generation_config.json").write_text("{}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    model.generation_config = transformers.GenerationConfig()
    stopped = 0
    for prompt in ("the scale", "a model of", "weights and"):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            whole = model.generate(ids, max_new_tokens=30, do_sample=False, pad_token_id=0, eos_token_id=None)[0].tolist()
        text = tokenizer.decode(whole)[len(prompt):]
        for stops in ([text[4:7]], [text[9:11], "zzz"], [text[2:3]], ["never there"]):
            # A part of a character is no text.
            if any("\ufffd" in stop for stop in stops):
                continue
            with torch.no_grad():
                expected = model.generate(
                    ids, max_new_tokens=30, do_sample=False, pad_token_id=0, stop_strings=stops, tokenizer=tokenizer)[0].tolist()
            stopped += len(expected) < len(whole)
            found = generation.sequences(
                tool, directory, prompt, "--max-new-tokens=30", "--eos-token-id=none",
                *[word for stop in stops for word in ("--stop-strings", stop)])
            require(found, [expected], f"{prompt!r}, {stops}")
    require(stopped > 2, True, "texts that were stopped")
