"""Models of every class in any size with random weights, ragged inputs for them, and what Transformers and `weighbridge run`
make of these."""

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file

from report import require

VOCABULARY, LABELS = 101, 5
LABELLED, DECODER = {"num_labels": LABELS}, {"is_decoder": True}
CLASSES = {
    "BertModel": {}, "BertForPreTraining": {}, "BertForMaskedLM": {}, "BertLMHeadModel": DECODER,
    "BertForNextSentencePrediction": {}, "BertForSequenceClassification": LABELLED, "BertForTokenClassification": LABELLED,
    "BertForQuestionAnswering": {}, "BertForMultipleChoice": {},
    "DistilBertModel": {}, "DistilBertForMaskedLM": {}, "DistilBertForSequenceClassification": LABELLED,
    "DistilBertForTokenClassification": LABELLED, "DistilBertForQuestionAnswering": {}, "DistilBertForMultipleChoice": {},
    "ElectraModel": {}, "ElectraForMaskedLM": {}, "ElectraForCausalLM": DECODER, "ElectraForPreTraining": {},
    "ElectraForSequenceClassification": LABELLED, "ElectraForTokenClassification": LABELLED, "ElectraForQuestionAnswering": {},
    "ElectraForMultipleChoice": {},
    "GPT2Model": {}, "GPT2LMHeadModel": {}, "GPT2DoubleHeadsModel": {}, "GPT2ForSequenceClassification": LABELLED,
    "GPT2ForTokenClassification": LABELLED, "GPT2ForQuestionAnswering": {},
    "RobertaModel": {}, "RobertaForMaskedLM": {}, "RobertaForCausalLM": DECODER, "RobertaForSequenceClassification": LABELLED,
    "RobertaForTokenClassification": LABELLED, "RobertaForQuestionAnswering": {}, "RobertaForMultipleChoice": {},
    "XLMRobertaModel": {}, "XLMRobertaForMaskedLM": {}, "XLMRobertaForSequenceClassification": LABELLED,
    "CamembertModel": {}, "CamembertForMaskedLM": {}, "CamembertForTokenClassification": LABELLED,
}


def configuration(name, width, layers, heads, positions, **changes):
    if name.startswith("GPT2"):
        return transformers.GPT2Config(**dict(
            vocab_size=VOCABULARY, n_embd=width, n_layer=layers, n_head=heads, n_positions=positions, pad_token_id=0,
            bos_token_id=2, eos_token_id=2) | CLASSES[name] | changes)
    if name.startswith("DistilBert"):
        return transformers.DistilBertConfig(**dict(
            vocab_size=VOCABULARY, dim=width, n_layers=layers, n_heads=heads, hidden_dim=4 * width,
            max_position_embeddings=positions) | CLASSES[name] | changes)
    fields = dict(
        vocab_size=VOCABULARY, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * width, max_position_embeddings=positions, type_vocab_size=2) | CLASSES[name]
    if name.startswith("Bert"):
        return transformers.BertConfig(**fields | changes)
    if name.startswith("Electra"):
        return transformers.ElectraConfig(**fields | {"embedding_size": width // 2} | changes)
    # Its positions begin behind the padding token.
    fields |= dict(max_position_embeddings=positions + 2, layer_norm_eps=1e-5)
    kinds = {"XLMRoberta": transformers.XLMRobertaConfig, "Camembert": transformers.CamembertConfig}
    kind = next((kind for start, kind in kinds.items() if name.startswith(start)), transformers.RobertaConfig)
    return kind(**fields | changes)


def model_of(name, seed, width=48, layers=2, heads=4, positions=64, embeddings=0.5, **changes):
    """Every output of a matrix is of the size of its input, no norm is 1 and no bias 0."""
    torch.manual_seed(seed)
    model = getattr(transformers, name)(configuration(name, width, layers, heads, positions, **changes)).eval()
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if "emb" in path or "wte" in path or "wpe" in path:
                deviation = 0.2 if parameter.ndim == 1 else embeddings
            else:
                # GPT-2 has its matrices transposed, but for the scores.
                deviation = 0.2 if parameter.ndim == 1 else parameter.shape[0 if "h." in path else 1] ** -0.5
            is_norm = parameter.ndim == 1 and path.endswith("weight")
            parameter.normal_(1 if is_norm else 0, deviation)
    return model


def inputs_of(model, seed, batch=8, length=24, side="right"):
    """Sequences of 1 to `length` tokens, padded."""
    name, config = type(model).__name__, model.config
    rng = numpy.random.default_rng(seed)
    shape = (batch, 3) if name.endswith(("MultipleChoice", "DoubleHeadsModel")) else (batch,)
    lengths = rng.integers(1, length + 1, shape)
    lengths.reshape(-1)[0] = length
    mask = (numpy.arange(length) < lengths[..., None]).astype(numpy.int64)
    if side == "left":
        mask = mask[..., ::-1].copy()
    ids = rng.integers(3, VOCABULARY, (*shape, length))
    inputs = {"input_ids": numpy.where(mask == 1, ids, config.pad_token_id), "attention_mask": mask}
    if config.model_type in ("bert", "electra"):
        inputs["token_type_ids"] = rng.integers(0, 2, ids.shape)
    # The reference's class with choices does not take them for each choice.
    if config.model_type == "gpt2" and side == "left" and len(shape) == 1:
        inputs["position_ids"] = numpy.maximum(mask.cumsum(-1) - 1, 0)
    if name == "GPT2DoubleHeadsModel":
        inputs["mc_token_ids"] = lengths - 1
    return inputs


def outputs_of(model, inputs, attentions=False):
    """All outputs as arrays, the lists numbered as weighbridge numbers them."""
    arguments = {name: torch.from_numpy(array) for name, array in inputs.items()}
    # Only the eager form gives attentions.
    model.set_attn_implementation("eager" if attentions else "sdpa")
    with torch.no_grad():
        found = model(**arguments, output_hidden_states=True, output_attentions=attentions)
    outputs = {}
    for name, value in found.items():
        if isinstance(value, torch.Tensor):
            outputs[name] = value.numpy()
        elif name in ("hidden_states", "attentions"):
            outputs |= {f"{name}.{index}": layer.numpy() for index, layer in enumerate(value)}
    return outputs


def run(tool, folder, model, inputs, *options):
    """What `weighbridge run` gives, hidden states with it."""
    given, result = folder / "given.safetensors", folder / "result.safetensors"
    save_file({name: numpy.ascontiguousarray(array) for name, array in inputs.items()}, given)
    result.unlink(missing_ok=True)
    tool.expect(0, "run", model, "--inputs", given, "--output", result, "--hidden-states", *options)
    return load_file(result)


def require_same_names(found, expected):
    require(sorted(found), sorted(expected), "outputs")
    for name, array in expected.items():
        require(found[name].shape, array.shape, f"{name}, extents")
