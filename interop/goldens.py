"""What scripts/record_golden.py records of a Transformers model, the same model must compute here; a changed one must not."""

import contextlib
import importlib.util
import io
import json
import pathlib
import sys

import safetensors
import safetensors.torch
import torch
import transformers

from report import require

ROOT = pathlib.Path(__file__).resolve().parent.parent
LABELS = {"num_labels": 5}
BERT = dict(
    vocab_size=97, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=80,
    max_position_embeddings=40)
GPT2 = dict(vocab_size=97, n_embd=48, n_layer=3, n_head=4, n_inner=80, n_positions=40, pad_token_id=96)
DISTILBERT = dict(vocab_size=97, dim=48, n_layers=3, n_heads=4, hidden_dim=80, max_position_embeddings=40)
ELECTRA = BERT | dict(embedding_size=20)
CLASSES = {
    "DistilBertModel": {}, "DistilBertForMaskedLM": {}, "DistilBertForSequenceClassification": LABELS,
    "DistilBertForTokenClassification": LABELS, "DistilBertForQuestionAnswering": {}, "DistilBertForMultipleChoice": {},
    "BertModel": {}, "BertForPreTraining": {}, "BertForMaskedLM": {}, "BertLMHeadModel": {"is_decoder": True},
    "BertForNextSentencePrediction": {}, "BertForSequenceClassification": LABELS, "BertForTokenClassification": LABELS,
    "BertForQuestionAnswering": {}, "BertForMultipleChoice": {},
    "ElectraModel": {}, "ElectraForMaskedLM": {}, "ElectraForCausalLM": {"is_decoder": True}, "ElectraForPreTraining": {},
    "ElectraForSequenceClassification": LABELS, "ElectraForTokenClassification": LABELS, "ElectraForQuestionAnswering": {},
    "ElectraForMultipleChoice": {},
    "RobertaModel": {}, "RobertaForMaskedLM": {}, "RobertaForCausalLM": {"is_decoder": True},
    "RobertaForSequenceClassification": LABELS, "RobertaForTokenClassification": LABELS,
    "RobertaForQuestionAnswering": {}, "RobertaForMultipleChoice": {},
    "GPT2Model": {}, "GPT2LMHeadModel": {}, "GPT2DoubleHeadsModel": {}, "GPT2ForSequenceClassification": LABELS,
    "GPT2ForTokenClassification": LABELS, "GPT2ForQuestionAnswering": {},
}


# Models that do not run here, with inputs of pictures, sound and two texts.
OTHERS = {
    "ViTForImageClassification": lambda: transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37, image_size=30, patch_size=10),
    "T5ForConditionalGeneration": lambda: transformers.T5Config(
        vocab_size=99, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, decoder_start_token_id=0, pad_token_id=0),
    "WhisperModel": lambda: transformers.WhisperConfig(
        vocab_size=99, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=8, max_source_positions=30, max_target_positions=20,
        pad_token_id=98, bos_token_id=97, eos_token_id=96, decoder_start_token_id=95, suppress_tokens=None,
        begin_suppress_tokens=None),
    "LlamaForCausalLM": lambda: transformers.LlamaConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=37),
}


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with report.group("recorded runs of Transformers models"):
        for name, changes in CLASSES.items():
            directory = folder / name
            with report.check(f"{name}: equal to its record, with attentions and without; not with another activation"):
                save(name, changes, directory)
                check_class(tool, folder, directory)
        for dtype in ("float32", "float16", "bfloat16"):
            with report.check(f"recorded in {dtype}: equal within the default tolerance of that type"):
                golden = record(folder / "BertForMaskedLM", folder / f"{dtype}.safetensors", "--dtype", dtype)
                tool.expect(0, "verify", folder / "BertForMaskedLM", "--golden", golden)
        with report.check("texts, and inputs of another record"):
            check_inputs(tool, folder)
        for name, config in OTHERS.items():
            with report.check(f"{name}: recorded with its modules; the module that is changed is named"):
                check_modules(tool, folder, name, config)


def save(name, changes, directory):
    if name.startswith("GPT2"):
        config = transformers.GPT2Config(**GPT2 | changes)
    elif name.startswith("DistilBert"):
        config = transformers.DistilBertConfig(**DISTILBERT | changes)
    elif name.startswith("Electra"):
        config = transformers.ElectraConfig(**ELECTRA | changes)
    elif name.startswith("Roberta"):
        config = transformers.RobertaConfig(**BERT | {"type_vocab_size": 1} | changes)
    else:
        config = transformers.BertConfig(**BERT | changes)
    torch.manual_seed(len(name))
    model = getattr(transformers, name)(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # Fresh biases are 0 and norms 1: mixed up, they would not be noticed.
            parameter.add_(torch.randn_like(parameter) * 0.15)
    model.save_pretrained(directory)


def record(directory, path, *options):
    """Runs scripts/record_golden.py in this process: its imports take seconds."""
    location = importlib.util.spec_from_file_location("record_golden", ROOT / "scripts/record_golden.py")
    script = importlib.util.module_from_spec(location)
    location.loader.exec_module(script)
    arguments = sys.argv
    sys.argv = ["record_golden.py", str(directory), str(path), *map(str, options)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            script.main()
    finally:
        sys.argv = arguments
    return path


def check_class(tool, folder, directory):
    golden = record(directory, folder / f"{directory.name}.safetensors", "--seed", 3)
    tool.expect(0, "verify", directory, "--golden", golden)
    attentive = record(directory, folder / f"{directory.name}.attentions.safetensors", "--attentions")
    tool.expect(0, "verify", directory, "--golden", attentive)
    other = folder / f"{directory.name}.other"
    other.mkdir()
    (other / "model.safetensors").symlink_to(directory / "model.safetensors")
    config = json.loads((directory / "config.json").read_text())
    config[next(key for key in ("activation_function", "hidden_act", "activation") if key in config)] = "relu"
    (other / "config.json").write_text(json.dumps(config))
    found = json.loads(tool.expect(1, "verify", other, "--golden", golden, "--json").output)
    require(found["first_divergence"]["name"], "hidden_states.1", "first divergence")


def check_inputs(tool, folder):
    directory = folder / "BertForMaskedLM"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "bridge", "weighs", "what", "crosses", "it"]
    (directory / "vocab.txt").write_text("\n".join(words) + "\n")
    transformers.BertTokenizer(str(directory / "vocab.txt")).save_pretrained(directory)
    texts = record(directory, folder / "texts.safetensors", "--text", "a bridge weighs [MASK] crosses it", "what")
    tool.expect(0, "verify", directory, "--golden", texts)
    inputs, outputs = folder / "inputs.safetensors", folder / "outputs.safetensors"
    names = ("input_ids", "attention_mask", "token_type_ids")
    tool.convert(texts, inputs, *(word for name in names for word in ("--include", name)))
    tool.convert(texts, outputs, *(word for name in names for word in ("--exclude", name)))
    tool.expect(0, "verify", directory, "--golden", outputs, "--inputs", inputs)
    tool.expect(65, "verify", directory, "--golden", outputs)
    again = record(directory, folder / "again.safetensors", "--inputs", inputs)
    tool.expect(0, "verify", directory, "--golden", again)


def check_modules(tool, folder, name, config):
    directory = folder / name
    torch.manual_seed(1)
    getattr(transformers, name)(config()).save_pretrained(directory)
    golden = record(directory, folder / f"{name}.safetensors", "--modules", "*")
    tool.expect(0, "verify", "--outputs", golden, "--golden", golden)
    # Attentions are computed with masks, which modules are given.
    attentive = record(directory, folder / f"{name}.attentions.safetensors", "--modules", "*", "--attentions")
    tool.expect(0, "verify", "--outputs", attentive, "--golden", attentive)
    # What a port with a wrong module would give: everything from its result on is off.
    with safetensors.safe_open(golden, "pt") as file:
        origin = json.loads(file.metadata()["weighbridge.golden"])
        outputs = {key: file.get_tensor(key) for key in origin["order"]}
    faulty = next(
        key for key in origin["order"][len(outputs) // 2:] if key.endswith(":output") and f"{key[:-7]}:input" in outputs)
    for key in origin["order"][origin["order"].index(faulty):]:
        outputs[key] = outputs[key] + 0.5
    mine = folder / f"{name}.mine.safetensors"
    safetensors.torch.save_file(outputs, mine)
    found = json.loads(tool.expect(1, "verify", "--outputs", mine, "--golden", golden, "--json").output)
    require(found["first_divergence"]["name"], faulty, "first divergence")
    require(found["faulty_module"], faulty[:-7], "faulty module")
