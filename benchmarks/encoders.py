"""Forward passes of BERT-base in float32, beside PyTorch, and beside ONNX Runtime and OpenVINO where Python has them (with onnx); and a
batch of texts as long as real ones are, beside PyTorch with all of them padded and with texts of like length together. See models.py."""

import random

import quantized
import report
from peers import HEADING, Ours, interleaved, rows, timed

PASSES = ((1, 16), (1, 128), (8, 128), (1, 512), (4, 512), (8, 512))
# The last of 768 numbers of order 1, through twelve layers.
TOLERANCE = 1e-3


def lengths(count=64):
    """Tokens of texts as they come: most short, some as long as the model takes (the logarithm is normal, median 48)."""
    generator = random.Random(1)
    return [min(512, max(8, round(generator.lognormvariate(3.87, 0.9)))) for _ in range(count)]


def others(model, data, threads):
    """Name and what computes the last number of a pass, for each peer that there is."""
    import torch

    def torch_pass(batch, length):
        with torch.inference_mode():
            return model(input_ids=torch.from_numpy(quantized.numbers(batch, length))).last_hidden_state.flatten()[-1]

    yield "PyTorch", torch_pass
    paths = quantized.exported(model, data)
    if paths is None:
        return
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(paths["float32"]), settings, providers=["CPUExecutionProvider"])
    yield "ONNX Runtime", lambda batch, length: session.run(
        None, {"input_ids": quantized.numbers(batch, length)})[0].reshape(-1)[-1]
    try:
        import openvino
    except ImportError:
        return
    core = openvino.Core()
    # Its own choice would be bfloat16 where the processor has it.
    compiled = core.compile_model(core.read_model(str(paths["float32"])), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    yield "OpenVINO", lambda batch, length: request.infer(
        {"input_ids": quantized.numbers(batch, length)})[compiled.output(0)].reshape(-1)[-1]


def ragged(model, texts):
    """What computes the last number of the last text: padded, and in eight batches of texts of like length."""
    import torch

    def batch(lengths):
        longest = max(lengths)
        ids = (1000 + torch.arange(longest)).repeat(len(lengths), 1)
        mask = (torch.arange(longest)[None] < torch.tensor(lengths)[:, None]).long()
        with torch.inference_mode():
            return model(input_ids=ids, attention_mask=mask).last_hidden_state

    def padded():
        return batch(texts)[-1, texts[-1] - 1, -1]

    def sorted_():
        order = sorted(range(len(texts)), key=lambda text: texts[text])
        size = len(texts) // 8
        for start in range(0, len(texts), size):
            part = order[start:start + size]
            states = batch([texts[text] for text in part])
            if len(texts) - 1 in part:
                result = states[part.index(len(texts) - 1), texts[-1] - 1, -1]
        return result

    return [("PyTorch, padded", lambda: timed(padded)), ("PyTorch, by length", lambda: timed(sorted_))]


def table(options, data):
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    directory, bert = options.made(
        data, transformers.BertModel, transformers.BertConfig(num_hidden_layers=2 if options.quick else 12))
    ours = Ours(options.program, directory, options.threads)
    peers = list(others(bert, data, options.threads))
    lines = []
    for batch, length in PASSES:
        sides = [(name, lambda compute=compute: timed(lambda: compute(batch, length))) for name, compute in peers]
        label = f"BERT-base, {batch} × {length}"
        times = interleaved(label, lambda: ours.ask("forward", batch, length), sides, options.rounds, TOLERANCE)
        lines += rows(label, sides, times, "ms")
    texts = lengths(16 if options.quick else 64)
    sides = ragged(bert, texts)
    label = f"BERT-base, {len(texts)} texts of {min(texts)} to {max(texts)} tokens, {sum(texts)} together"
    times = interleaved(
        label, lambda: ours.ask("ragged", ",".join(map(str, texts))), sides, options.rounds, TOLERANCE)
    lines += rows(label, sides, times, "ms")
    ours.end()
    return report.table(["float32", *HEADING], lines)
