"""Adapters that `weighbridge train` trains: beside Transformers' Trainer with PEFT from the same start and out of its checkpoints, and loaded by
PEFT. Examples are taken as they are given, dropout is off."""

import json
import shutil

import peft
import resumed
import torch
import transformers
from fixture_models import task_model
from report import require
from resumed import RATE, SAVED, STEPS, prepared
from safetensors.torch import load_file
from trained import LINES

LINEAR = ["query", "key", "value", "dense"]
CASES = {
    "queries and values": dict(r=4, lora_alpha=16, target_modules=["query", "value"]),
    "every layer, √r, ranks of their own": dict(
        r=2, lora_alpha=8, target_modules=LINEAR, use_rslora=True, rank_pattern={"layer.0.attention.self.query": 5}),
    "all biases with them": dict(r=2, target_modules=["query"], bias="all"),
}
# Of language models, whose matrix of scores is the table of words.
BLOCKS = {
    "factors of the scores, beside which PEFT stores the table": dict(r=2, target_modules=["c_attn", "lm_head"]),
    "the scores stored whole": dict(r=2, target_modules=["c_attn"], modules_to_save=["lm_head"]),
    "the table stored whole, and all biases": dict(r=2, target_modules=["c_attn"], modules_to_save=["wte"], bias="all"),
}
# The bias of BERT's scores has two names.
MASKED = {
    "factors of the scores": dict(r=2, target_modules=["query", "decoder"], bias="lora_only"),
    "all biases": dict(r=2, target_modules=["query"], bias="all"),
    "the head stored whole": dict(r=2, target_modules=["query"], modules_to_save=["cls"]),
}


# Models, tasks and PEFT's words for these. Of heads for tokens and answers PEFT has factors and stores them whole, which it then refuses.
LINEAR_CASES = [
    ("bert-classifier", "bert-uncased", "classification", transformers.AutoModelForSequenceClassification, "SEQ_CLS"),
    ("bert-masked", "bert-uncased", "mlm", transformers.AutoModelForMaskedLM, None),
    ("roberta-masked", "roberta", "mlm", transformers.AutoModelForMaskedLM, None),
    ("gpt2", "gpt2", "lm", transformers.AutoModelForCausalLM, "CAUSAL_LM"),
    ("gpt2", "gpt2", "classification", transformers.AutoModelForSequenceClassification, "SEQ_CLS"),
]


def check(report, tool, folder):
    with report.group("adapters trained beside PEFT"):
        for number, (name, settings) in enumerate(CASES.items()):
            with report.check(name):
                compare(tool, folder / f"tuned-{number}", settings)
        with report.check("a checkpoint of Trainer goes on"):
            compare(tool, folder / "tuned-on", CASES["queries and values"], resumes=True)
    with report.group("adapters of GPT-2 trained beside PEFT"):
        for number, (name, settings) in enumerate(BLOCKS.items()):
            for resumes in (False, True):
                with report.check(name + ", on from a checkpoint of Trainer" * resumes):
                    compare_blocks(tool, folder / f"blocks-{number}-{resumes:d}", settings, resumes)
            with report.check(name + ", where Trainer goes on with it"):
                go_on_blocks(tool, folder / f"blocks-{number}-on", settings)
    with report.group("adapters that fill masks"):
        for number, (name, settings) in enumerate(MASKED.items()):
            with report.check(name):
                masked(tool, folder / f"masked-{number}", settings)
    with report.group("all linear modules as PEFT has them"):
        for number, (model, tokenizer, task, kind, peft_task) in enumerate(LINEAR_CASES):
            with report.check(f"{model}, {task}"):
                linear(tool, folder / f"linear-{number}", model, tokenizer, task, kind, peft_task)
    with report.group("new adapters, loaded by PEFT"):
        for name, options in {
            "queries and values": [], "every linear layer": ["--lora-target", "all-linear", "--lora-alpha", "16"]}.items():
            with report.check(name):
                fresh(tool, folder / f"fresh-{len(options)}", options)


def compare(tool, folder, settings, resumes=False):
    path, rows = prepared(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    torch.manual_seed(4)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", **settings)).save_pretrained(folder / "start")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    model = peft.PeftModel.from_pretrained(base, folder / "start", is_trainable=True)
    trainer, theirs = resumed.trained(model, rows, tokenizer, folder / "theirs", {"weight_decay": 0.01})
    run = resumed.command(path, folder, "--learning-rate", RATE, "--weight-decay", "0.01")
    if resumes:
        shutil.copytree(folder / "theirs" / f"checkpoint-{SAVED}", folder / "ours" / f"checkpoint-{SAVED}")
        tool.expect(0, *run, "--resume")
    else:
        tool.expect(0, *run, "--adapter", folder / "start")
    resumed.require_log(folder, theirs)
    trainer.model.save_pretrained(folder / "end")
    wanted, found = (load_file(place / "adapter_model.safetensors") for place in (folder / "end", folder / "ours"))
    # With all biases trained PEFT has those of whole modules again, and the model's own.
    wanted = {name: value for name, value in wanted.items() if "modules_to_save" not in name and "original_module" not in name}
    require(sorted(found), sorted(wanted), "the adapter's tensors")
    for name, value in wanted.items():
        difference = (found[name] - value).abs().max().item()
        # Keys' biases have gradients of rounding alone, which Adam divides by their own size.
        require(difference < (RATE * STEPS if name.endswith("key.bias") else 1e-5), True, f"{name}: error {difference:.3g}")


def started(kind, path, folder, settings):
    """A model with an adapter as it is trained further, from files."""
    torch.manual_seed(4)
    model = peft.get_peft_model(kind.from_pretrained(path), peft.LoraConfig(**settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    model.save_pretrained(folder / "start")
    return peft.PeftModel.from_pretrained(kind.from_pretrained(path), folder / "start", is_trainable=True)


def prepared_blocks(folder):
    """A model, its tokenizer, blocks of tokens as Trainer takes them, and the command that trains on the same ones."""
    path = task_model(folder / "model", "gpt2", "gpt2", embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    ids = [token for line in LINES for token in [*tokenizer(line)["input_ids"], tokenizer.eos_token_id]]
    # Nothing is asked for the first token of a block, but Trainer divides by all labels that it finds.
    rows = [{"input_ids": ids[start:start + 8], "labels": [-100, *ids[start + 1:start + 8]]} for start in range(0, len(ids) - 7, 8)]
    run = [
        "train", path, "--task", "lm", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", STEPS, "--batch-size", 2,
        "--sampling", "sequential", "--log-every", 1, "--learning-rate", RATE, "--weight-decay", "0.01", "--max-length", 8]
    return path, tokenizer, rows, run


def trained_blocks(model, rows, tokenizer, folder, checkpoint=None):
    """The model after Trainer's steps, and its log by step; from a checkpoint on, if one is given."""
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=STEPS, save_steps=SAVED, logging_steps=1, per_device_train_batch_size=2,
        learning_rate=RATE, weight_decay=0.01, train_sampling_strategy="sequential", report_to=[], use_cpu=True, disable_tqdm=True)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=rows, processing_class=tokenizer, data_collator=transformers.default_data_collator)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train(resume_from_checkpoint=checkpoint)
    return trainer.model, {entry["step"]: entry for entry in trainer.state.log_history if "loss" in entry}


def stored(model, folder):
    """What PEFT saves, without what it has again with all biases trained."""
    model.save_pretrained(folder)
    weights = load_file(folder / "adapter_model.safetensors")
    return {name: value for name, value in weights.items() if "modules_to_save" not in name and "original_module" not in name}


def require_close(found, wanted):
    require(sorted(found), sorted(wanted), "the adapter's tensors")
    for name, value in wanted.items():
        difference = (found[name] - value).abs().max().item()
        # Keys' biases have gradients of rounding alone, which Adam divides by their own size.
        require(difference < (RATE * STEPS if "c_attn" in name and name.endswith("bias") else 1e-5), True, f"{name}: error {difference:.3g}")


def compare_blocks(tool, folder, settings, resumes):
    path, tokenizer, rows, run = prepared_blocks(folder)
    model = started(transformers.AutoModelForCausalLM, path, folder, settings)
    model, theirs = trained_blocks(model, rows, tokenizer, folder / "theirs")
    if resumes:
        shutil.copytree(folder / "theirs" / f"checkpoint-{SAVED}", folder / "ours" / f"checkpoint-{SAVED}")
        tool.expect(0, *run, "--resume")
    else:
        tool.expect(0, *run, "--adapter", folder / "start")
    resumed.require_log(folder, theirs)
    require_close(load_file(folder / "ours" / "adapter_model.safetensors"), stored(model, folder / "end"))


def go_on_blocks(tool, folder, settings):
    """Trainer goes on with a run of ours, and ends where it ends alone."""
    path, tokenizer, rows, run = prepared_blocks(folder)
    model, wanted = trained_blocks(
        started(transformers.AutoModelForCausalLM, path, folder, settings), rows, tokenizer, folder / "theirs")
    tool.expect(0, *run, "--adapter", folder / "start", "--save-every", SAVED, "--optimizer-pt")
    again, found = trained_blocks(
        started(transformers.AutoModelForCausalLM, path, folder, settings), rows, tokenizer, folder / "rest",
        str(folder / "ours" / f"checkpoint-{SAVED}"))
    require(sorted(found), list(range(1, STEPS + 1)), "the steps of the log")
    for step, entry in found.items():
        for key in ("loss", "grad_norm", "learning_rate"):
            difference = abs(entry[key] - wanted[step][key])
            require(difference <= 2e-5 * max(1, abs(wanted[step][key])), True, f"step {step}: {key} {entry[key]}, alone {wanted[step][key]}")
    require_close(stored(again, folder / "again"), stored(model, folder / "end"))


def masked(tool, folder, settings):
    """What is hidden is drawn by each side otherwise: what learns is compared, and what is stored."""
    path = task_model(folder / "model", "bert-masked", "bert-uncased")
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    model = started(transformers.AutoModelForMaskedLM, path, folder, settings)
    learning = {name.replace(".default", "").replace("modules_to_save.", "") for name, value in model.named_parameters() if value.requires_grad}
    tool.expect(
        0, "train", path, "--task", "mlm", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", 6, "--save-every", 3,
        "--optimizer-pt", "--learning-rate", RATE, "--max-length", 16, "--adapter", folder / "start")
    start, found = (load_file(place / "adapter_model.safetensors") for place in (folder / "start", folder / "ours"))
    require(sorted(found), sorted(start), "the adapter's tensors")
    changed = {name for name, value in found.items() if not torch.equal(value, start[name])}
    twins = [name for name in found if name.endswith(("cls.predictions.bias", "decoder.bias", "decoder.base_layer.bias"))]
    for name in twins[1:]:
        require(torch.equal(found[name], found[twins[0]]), True, f"{name} is {twins[0]}")
    # A bias of two names learns under either.
    one = {"base_model.model.cls.predictions.bias"} if changed.intersection(twins) else set()
    require(sorted(changed.difference(twins) | one), sorted(learning), "what learned")
    groups = torch.load(folder / "ours" / "checkpoint-3" / "optimizer.pt", weights_only=True)["param_groups"]
    require(sum(len(group["params"]) for group in groups), len(learning), "parameters of the optimizer")
    peft.PeftModel.from_pretrained(transformers.AutoModelForMaskedLM.from_pretrained(path), folder / "ours")


def linear(tool, folder, model, tokenizer, task, kind, peft_task):
    path = task_model(folder / "model", model, tokenizer)
    (folder / "train.jsonl").write_text(
        "".join(json.dumps({"text": line, "label": number % 3}) + "\n" for number, line in enumerate(LINES)))
    tool.expect(
        0, "train", path, "--task", task, "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", 1, "--max-length", 16,
        "--lora-rank", 2, "--lora-target", "all-linear")
    theirs = peft.get_peft_model(kind.from_pretrained(path), peft.LoraConfig(r=2, target_modules="all-linear", task_type=peft_task))
    wanted = [name.replace(".default", "") for name, _ in theirs.named_parameters() if "lora_" in name]
    found = [name for name in load_file(folder / "ours" / "adapter_model.safetensors") if "lora_" in name]
    require(sorted(found), sorted(wanted), "factors")


def fresh(tool, folder, options):
    path, rows = prepared(folder)
    tool.expect(
        0, "train", path, "--task", "classification", "--train", folder / "train.jsonl", "--output", folder / "ours", "--steps", 40,
        "--learning-rate", "0.01", "--lora-rank", 4, *options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "ours")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(path)
    plain = {name: value.clone() for name, value in base.state_dict().items()}
    model = peft.PeftModel.from_pretrained(base, folder / "ours").eval()
    changed = [name for name, value in model.state_dict().items() if "lora_B" in name and value.abs().max() > 0]
    layers = model.config.num_hidden_layers
    # All of the body: the pooler too.
    require(len(changed), layers * 6 + 1 if options else layers * 2, "factors that learned")
    for name, value in base.state_dict().items():
        original = name.replace(".base_layer", "")
        if original in plain and "modules_to_save" not in name:
            require(torch.equal(value, plain[original]), True, f"{name} is what it was")
    output = tool.expect(
        0, "classify", path, "--adapter", folder / "ours", "--json", *[row["text"] for row in rows]).output
    numbers = {label: number for number, label in model.config.id2label.items()}
    for row, answer in zip(rows, json.loads(output)["results"]):
        with torch.no_grad():
            wanted = model(**tokenizer(row["text"], return_tensors="pt")).logits.softmax(-1)[0]
        for label in answer["labels"]:
            require(abs(label["score"] - wanted[numbers[label["label"]]].item()) < 1e-5, True, f"{row['text']}: {label}")
