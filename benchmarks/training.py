"""A step of training BERT-base with a classifier in float32 (forward, backward, clipping, AdamW), beside PyTorch: a batch of one length, and
texts of many lengths, which PyTorch pads. Both begin at the same weights and must lose as much at each step: dropout is off, as its numbers
are each side's own. See models.py."""

import random

import report
from peers import HEADING, Ours, interleaved, rows, timed

BATCH, LENGTH = 8, 128
# Losses of order 1 after some steps of AdamW.
TOLERANCE = 1e-3


def lengths(count=16):
    """Tokens of texts, evenly spread from 20 to the most that the model takes."""
    generator = random.Random(2)
    return [20, 512] + [generator.randint(20, 512) for _ in range(count - 2)]


class Peer:
    """PyTorch's side, one optimizer for all its steps."""

    def __init__(self, model):
        import torch

        self.model = model.train()
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=5e-5)

    def step(self, texts):
        import torch

        longest = max(texts)
        ids = (1000 + torch.arange(longest)).repeat(len(texts), 1)
        mask = (torch.arange(longest)[None] < torch.tensor(texts)[:, None]).long()
        labels = torch.arange(len(texts)) % 2
        loss = self.model(input_ids=ids, attention_mask=None if min(texts) == longest else mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


def classifier(options, data):
    """The directory of a BERT-base with a classifier, without dropout, and the model as it lies there."""
    import torch
    import transformers

    torch.manual_seed(0)
    return options.made(
        data, transformers.BertForSequenceClassification, transformers.BertConfig(
            num_hidden_layers=2 if options.quick else 12, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))


def table(options, data):
    import torch

    torch.set_num_threads(options.threads)
    lines = []
    texts = lengths(4 if options.quick else 16)
    # On a processor without the instructions `high` is float32.
    precisions = ("full", "high") if report.has("amx_bf16") else ("full",)
    for label, words, sizes in (
            (f"BERT-base, a step of {BATCH} × {LENGTH}", ("train", BATCH, LENGTH), [LENGTH] * BATCH),
            (f"BERT-base, a step of {len(texts)} texts of 20 to 512 tokens, {sum(texts)} together",
             ("train-ragged", ",".join(map(str, texts))), texts)):
        for precision in precisions:
            directory, bert = classifier(options, data)
            ours, peer = Ours(options.program, directory, options.threads, precision), Peer(bert)
            sides = [("PyTorch", lambda: timed(lambda: peer.step(sizes)))]
            name = label if precision == "full" else f"{label}, `high`"
            times = interleaved(name, lambda: ours.ask(*words), sides, options.rounds, TOLERANCE)
            ours.end()
            lines += rows(name, sides, times, "ms")
    return report.table(["float32", *HEADING], lines)
