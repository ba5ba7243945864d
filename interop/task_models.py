"""Tiny random models for tasks, each in a directory with a tokenizer of fixtures/tokenizers."""

import json
import pathlib
import shutil

import torch
import transformers

TOKENIZERS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"
FAMILIES = {
    "bert": ("Bert", "bert-uncased", 240), "roberta": ("Roberta", "roberta", 380), "gpt2": ("GPT2", "gpt2", 380),
    "distilbert": ("DistilBert", "bert-uncased", 240)}
TEXTS = [
    "the scale is even", "Weigh the truck in Genoa.", "wéight, a: 3 models of (new) layers?", "a", "The weights of the model, and of another",
    "Là, é, the scale shows forty tonnes.", "x", "  two  spaces ", "John's heavy load: 3.5 t", "naïve café 字 and more", "and\tthen", "A B C",
]


def directory_of(folder, family, head, labels=None, longest=None, seed=5, bias=0, **changes):
    """A saved model; the same arguments give the same one. Biases of a vocabulary's scores are about `bias`."""
    key = "-".join(map(str, [family, head, labels, longest, seed, bias, *sorted(changes.items())]))
    directory = folder / f"model-{abs(hash(key))}"
    if directory.exists():
        return directory
    prefix, tokenizer, vocabulary = FAMILIES[family]
    name = f"{prefix}{head}" if head in ("Model", "LMHeadModel") else f"{prefix}For{head}"
    sizes = dict(vocab_size=vocabulary, **changes)
    if labels is not None:
        sizes |= dict(id2label=dict(enumerate(labels)), label2id={label: place for place, label in enumerate(labels)})
    if family == "gpt2":
        sizes |= dict(n_embd=24, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0, pad_token_id=1)
    elif family == "distilbert":
        sizes |= dict(dim=24, n_layers=2, n_heads=2, hidden_dim=40, max_position_embeddings=64)
    else:
        sizes |= dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40, max_position_embeddings=64)
    if family == "roberta":
        sizes |= dict(type_vocab_size=1, layer_norm_eps=1e-5, max_position_embeddings=66)
    config = getattr(transformers, f"{prefix}Config")(**sizes)
    torch.manual_seed(seed)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for path, parameter in sorted(model.named_parameters()):
            is_norm = parameter.ndim == 1 and path.endswith("weight")
            is_score = parameter.shape == (vocabulary,)
            parameter.normal_(1 if is_norm else bias if is_score else 0, 0.4)
    model.save_pretrained(directory)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TOKENIZERS / tokenizer / file, directory / file)
    if longest:
        path = directory / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": longest}))
    return directory
