"""Forward passes of BERT-base in which products round, beside PyTorch: bfloat16 beside its bfloat16, `high` beside its float32. See
models.py. On a processor without the instructions ours is float32, and the table says so by its ratios."""

import report
from encoders import TOLERANCE
from peers import HEADING, Ours, interleaved, rows, timed

PASSES = ((1, 16), (1, 128), (8, 128), (1, 512), (8, 512))
# The last of 768 numbers of order 1, through twelve layers of rows with eight bits each.
ROUNDED = 0.1


def table(options, data):
    import quantized
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    directory, bert = options.made(
        data, transformers.BertModel, transformers.BertConfig(num_hidden_layers=2 if options.quick else 12))
    half = directory.with_name("BertModel-bfloat16")
    if not half.exists():
        temporary = half.with_name("part-" + half.name)
        transformers.BertModel.from_pretrained(directory, dtype=torch.bfloat16).save_pretrained(temporary)
        temporary.rename(half)
    lines = []
    for name, source, dtype, tolerance in (
            ("bfloat16", half, torch.bfloat16, ROUNDED), ("high", directory, torch.float32, TOLERANCE)):
        model = transformers.BertModel.from_pretrained(source, dtype=dtype).eval()
        ours = Ours(options.program, source, options.threads, name)
        for batch, length in PASSES:
            def peer():
                with torch.inference_mode():
                    return model(input_ids=torch.from_numpy(quantized.numbers(batch, length))).last_hidden_state.flatten()[-1]

            sides = [(f"PyTorch {str(dtype).removeprefix('torch.')}", lambda: timed(peer))]
            label = f"BERT-base, {name}, {batch} × {length}"
            times = interleaved(label, lambda: ours.ask("forward", batch, length), sides, options.rounds, tolerance)
            lines += rows(label, sides, times, "ms")
        ours.end()
    return report.table(["precision", *HEADING], lines)
