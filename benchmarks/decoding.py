"""Texts that GPT-2 goes on with, beside Transformers' `generate` on PyTorch, and beside CTranslate2 where Python has it. See models.py."""

import sys

import report
from peers import HEADING, Ours, interleaved, rows, timed

# Name, new tokens, tokens of a prompt, prompts, beams; what counts is tokens a second, for a prompt those that are read.
WORKS = (
    ("32 tokens in, 128 out", 128, 32, 1, 1), ("prompt of 1,000 tokens", 1, 1000, 1, 1),
    ("batch of 8, 32 in, 64 out", 64, 32, 8, 1), ("4 beams, 32 in, 64 out", 64, 32, 1, 4))


def prompts(batch, length):
    return [[1000 + 37 * row + place for place in range(length)] for row in range(batch)]


def transformers_side(model):
    import torch

    def generate(count, length, batch, beams):
        ids = torch.tensor(prompts(batch, length))
        with torch.inference_mode():
            return model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count, do_sample=False,
                num_beams=beams, eos_token_id=None, pad_token_id=0).sum()

    return generate


def ctranslate2_side(model, directory, data, threads):
    """None where it is not installed, or its converter does not take what Transformers writes, which is said."""
    try:
        import ctranslate2
    except ImportError:
        return None
    path = data / "gpt2-ctranslate2"
    if not (path / "model.bin").exists():
        try:
            converted(model, directory).convert(str(path), force=True)
        except Exception as error:  # whatever its converter meets in a newer Transformers
            print(f"CTranslate2 is left out, its converter: {error!r}", file=sys.stderr)
            return None
    generator = ctranslate2.Generator(str(path), device="cpu", compute_type="float32", intra_threads=threads, inter_threads=1)

    def generate(count, length, batch, beams):
        starts = [[str(token) for token in prompt] for prompt in prompts(batch, length)]
        results = generator.generate_batch(
            starts, max_length=count, min_length=count, beam_size=beams, sampling_topk=1, end_token="none",
            include_prompt_in_result=False, max_batch_size=batch)
        return sum(map(sum, prompts(batch, length))) + sum(sum(one.sequences_ids[0]) for one in results)

    return generate


def converted(model, directory):
    """CTranslate2's converter of this model, with numbers for tokens: it has no use for a tokenizer."""
    from ctranslate2.converters import transformers as converters

    class Numbered(converters.TransformersConverter):
        def _load(self):
            loader = converters._MODEL_LOADERS["GPT2Config"]
            spec = loader.get_model_spec(model)
            count = model.config.vocab_size
            # The name of a token that none of the texts has ends a text.
            tokens = [str(token) for token in range(count)]
            tokens[count - 1] = "none"
            spec.register_vocabulary(tokens)
            spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "none"
            return spec

    return Numbered(str(directory))


def table(options, data):
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    directory, gpt2 = options.made(
        data, transformers.GPT2LMHeadModel, transformers.GPT2Config(n_layer=2 if options.quick else 12))
    ours = Ours(options.program, directory, options.threads)
    peers = [("PyTorch", transformers_side(gpt2)), ("CTranslate2", ctranslate2_side(gpt2, directory, data, options.threads))]
    lines = []
    for label, *work in WORKS:
        sides = [(name, lambda generate=generate: timed(lambda: generate(*work))) for name, generate in peers if generate]
        times = interleaved(label, lambda: ours.ask("generate", *work), sides, options.rounds)
        count, length, batch, _ = work
        lines += rows(f"GPT-2 124M, {label}", sides, times, "tokens/s", (length if count == 1 else count) * batch)
    ours.end()
    return report.table(["float32", *HEADING], lines)
