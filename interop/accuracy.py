"""Rounding: how far weighbridge's float32 is from Transformers run in float64 on the same weights, beside PyTorch's float32.

For each output and each hidden state of a model the error is the largest absolute difference over all positions, padding
included, of a batch of ragged sequences in each of several models with other weights. One value more or less decides the largest
error of a few numbers: so the small models, whose heads give a few numbers for a sequence, are made many times.
"""

import math

import numpy
import torch
import transformers

from report import Mismatch
from seeded import CLASSES, inputs_of, model_of, outputs_of, require_same_names, run

# Largest ratio of the errors, and largest error over the largest value.
RATIO, RELATIVE = 1.5, 1e-5
SOME = ("BertForMaskedLM", "GPT2LMHeadModel", "RobertaForSequenceClassification")
# Classes, width, layers, heads, models, sequences, tokens.
SIZES = [
    (tuple(CLASSES), 64, 2, 4, 8, 16, 24),
    (SOME, 192, 6, 6, 4, 8, 48),
    (SOME, 256, 12, 8, 2, 8, 48),
    (("BertForMaskedLM", "GPT2LMHeadModel"), 768, 12, 12, 1, 4, 48),
]


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    lines = [f"  {'width × layers':15}{'class':34}{'mean':>6}{'worst':>7}  {'output':22}{'relative':>9}"]
    with report.group("errors against float64, beside those of PyTorch's float32"):
        for names, *size in SIZES:
            for name in names:
                with report.check(f"{name}, {size[0]} wide, {size[1]} layers"):
                    errors = Errors()
                    for seed in range(size[3]):
                        measure(errors, tool, folder, name, seed, *size[:3], *size[4:])
                    lines.append(f"  {f'{size[0]} × {size[1]}':15}{name:34}{errors.line()}")
                    errors.require()
    print("\n".join(lines))


def measure(errors, tool, folder, name, seed, width, layers, heads, batch, length):
    model = model_of(name, 1000 + seed, width, layers, heads, positions=length)
    directory = folder / "model"
    model.save_pretrained(directory)
    inputs = inputs_of(model, seed, batch, length, side="left" if seed % 4 == 3 else "right")
    ours = run(tool, folder, directory, inputs)
    single = outputs_of(model, inputs)
    exact = outputs_of(model.double(), inputs)
    require_same_names(ours, exact)
    for output, array in exact.items():
        errors.add(output, ours[output], single[output], array)


class Errors:
    """The largest errors of each output so far, and its largest value."""

    def __init__(self):
        self.ours, self.theirs, self.largest, self.rankings = {}, {}, {}, []

    def add(self, name, ours, single, exact):
        for errors, value in ((self.ours, ours - exact), (self.theirs, single - exact), (self.largest, exact)):
            # A NaN is larger than everything.
            errors[name] = numpy.maximum(errors.get(name, 0), numpy.abs(value).max())
        if name.endswith("logits") and exact.shape[-1] > 1:
            differing = int((ours.argmax(-1) != exact.argmax(-1)).sum())
            if differing:
                self.rankings.append(f"{name}: another first in {differing} rows")

    def ratios(self):
        # An output without rounding on either side (the sum of two terms is the nearest float32) is equally good.
        return {name: 1.0 if ours == self.theirs[name] else ours / self.theirs[name] if self.theirs[name] else math.inf
                for name, ours in self.ours.items()}

    def relative(self):
        return {name: ours / self.largest[name] for name, ours in self.ours.items()}

    def line(self):
        ratios = self.ratios()
        mean = math.exp(sum(math.log(max(ratio, 1e-9)) for ratio in ratios.values()) / len(ratios))
        worst = max(ratios, key=ratios.get)
        return f"{mean:6.2f}{ratios[worst]:7.2f}  {worst:22}{max(self.relative().values()):9.1e}"

    def require(self):
        for bound, values in ((RATIO, self.ratios()), (RELATIVE, self.relative())):
            worst = max(values, key=values.get)
            if not values[worst] <= bound:
                what = "times PyTorch's error" if bound == RATIO else "of the largest value"
                raise Mismatch(f"{worst}: {values[worst]:.3g} {what}, at most {bound} are allowed")
        if self.rankings:
            raise Mismatch("; ".join(self.rankings))
