"""Low-rank adapters: what PEFT saves is merged as `merge_and_unload` merges it, and runs unmerged as PEFT runs it."""

import json

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

from report import Mismatch
from seeded import VOCABULARY, model_of

# Sums of a rank's products in another order, beside values of about 1.
FLOAT32 = 2e-6
OUTPUTS = 3e-5
LINEAR = ["query", "key", "value", "dense"]
CASES = {
    "queries and values": ("BertForSequenceClassification", dict(target_modules=["query", "value"], r=8)),
    "every layer of the encoder": ("RobertaForMaskedLM", dict(target_modules=LINEAR, r=4, lora_alpha=32)),
    "a pattern of modules": (
        "BertForTokenClassification", dict(target_modules=r".*\.layer\.[0-9]+\.attention\.self\.(query|key)", r=3)),
    "divided by the root of the rank": (
        "DistilBertForSequenceClassification", dict(target_modules=["q_lin", "v_lin"], r=4, use_rslora=True)),
    "ranks and scales of single modules": (
        "BertModel",
        dict(target_modules=LINEAR, r=4, rank_pattern={"layer.0.attention.self.query": 2, ".*key": 6},
             alpha_pattern={"^encoder.layer.1.*dense": 3})),
    "magnitudes": ("BertForMaskedLM", dict(target_modules=["query", "dense"], r=4, use_dora=True)),
    "tables": ("RobertaForSequenceClassification", dict(target_modules=["word_embeddings", "query"], r=4)),
    "tables with magnitudes": ("BertModel", dict(target_modules=["position_embeddings"], r=4, use_dora=True)),
    "rows of tables": (
        "BertForSequenceClassification",
        dict(target_modules=["value"], r=2, trainable_token_indices={"word_embeddings": [9, 1, 4]})),
    "biases": ("BertForSequenceClassification", dict(target_modules=["query"], r=2, bias="all", lora_bias=True)),
    "heads": (
        "XLMRobertaForSequenceClassification",
        dict(target_modules=["query"], r=2, modules_to_save=["classifier", "LayerNorm"])),
    "layers with inputs in rows": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn", "c_proj", "c_fc"], r=4, fan_in_fan_out=True)),
    "magnitudes with inputs in rows": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn", "c_proj"], r=4, fan_in_fan_out=True, use_dora=True)),
    "expressions for ranks and scales": (
        "BertModel",
        dict(target_modules=LINEAR, r=4, use_rslora=True, lora_bias=True,
             rank_pattern={r"layer\.(0|2)\.attention\.self\.(query|key)": 2, r"layer\.[1-9]+\..*output\.dense": 7},
             alpha_pattern={r".*self.*": 3, r"^encoder\.layer\.0\.output": 5, "dense$": 2.5})),
    "expressions for names with their prefix": (
        "BertForSequenceClassification",
        dict(target_modules=["query", "value"], r=4, rank_pattern={"^bert.encoder.layer.0": 2, "^encoder.layer.1.*": 3},
             alpha_pattern={"query": 1, "layer.1.attention.self.value": 9})),
    "magnitudes, ranks and scales with inputs in rows": (
        "GPT2LMHeadModel",
        dict(target_modules=["c_attn", "c_proj"], r=4, fan_in_fan_out=True, use_dora=True, use_rslora=True, rank_pattern={"c_attn": 2},
             alpha_pattern={"c_proj": 1})),
    "inputs in rows, unsaid": ("GPT2LMHeadModel", dict(target_modules=["c_attn", "c_proj"], r=4)),
    "tables of several ranks and scales": (
        "RobertaForSequenceClassification",
        dict(target_modules=["word_embeddings", "position_embeddings", "query"], r=4, lora_alpha=24, use_rslora=True,
             rank_pattern={"position_embeddings": 2}, alpha_pattern={"word_embeddings": 3})),
    "some layers": ("BertModel", dict(target_modules=["query", "dense"], r=3, layers_to_transform=[1])),
    "a layer, by the name of the list": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn"], r=3, layers_to_transform=0, layers_pattern="h", fan_in_fan_out=True)),
    "all but some": ("BertModel", dict(target_modules=LINEAR, r=3, exclude_modules=["key", "layer.0.output.dense"])),
    "all linear layers": ("RobertaForSequenceClassification", dict(target_modules="all-linear", r=3, task_type="SEQ_CLS")),
    "weights as they are stored": (
        "BertModel",
        dict(target_modules=["query"], target_parameters=["intermediate.dense.weight", "word_embeddings.weight"], r=2,
             rank_pattern={"intermediate.dense.weight": 3}, alpha_pattern={"intermediate.dense": 5, "word_embeddings.weight": 7})),
    "weights as they are stored, in rows and square": (
        "GPT2LMHeadModel", dict(target_modules=[], target_parameters=["attn.c_proj.weight", "c_fc.weight"], r=2)),
    "biases of adapted layers": ("BertForSequenceClassification", dict(target_modules=["query", "dense"], r=2, bias="lora_only")),
    "all biases": ("GPT2LMHeadModel", dict(target_modules=["c_attn"], r=2, bias="all", fan_in_fan_out=True)),
    "rows of the table of words": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn"], r=2, trainable_token_indices=[3, 9], fan_in_fan_out=True)),
    "an output matrix of its own": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn"], r=2, modules_to_save=["lm_head"], fan_in_fan_out=True)),
    "a table of its own": ("GPT2LMHeadModel", dict(target_modules=["c_attn"], r=2, modules_to_save=["wte"], fan_in_fan_out=True)),
    "a table and an output matrix of their own": (
        "GPT2LMHeadModel", dict(target_modules=["c_attn"], r=2, modules_to_save=["wte", "lm_head"], fan_in_fan_out=True)),
    "a table of its own, and a bias of the output matrix": (
        "BertForMaskedLM", dict(target_modules=["query"], r=2, modules_to_save=["word_embeddings"])),
    "the same beside a head of other names": (
        "RobertaForMaskedLM", dict(target_modules=["query"], r=2, modules_to_save=["word_embeddings"])),
    "a head of its own": ("BertForMaskedLM", dict(target_modules=["query"], r=2, modules_to_save=["cls"])),
}
# One weight is table and output matrix: merging changes both, and PEFT without merging the one that is adapted. True if the model that is
# run with the adapter does as PEFT without merging.
TIED = {
    "rows of a table that is the output matrix": (
        "BertForMaskedLM", dict(target_modules=["query"], r=2, trainable_token_indices=[3, 9]), False),
    "a table that is the output matrix": ("BertForMaskedLM", dict(target_modules=["word_embeddings"], r=2, lora_alpha=5), False),
    "an output matrix that is a table": ("BertForMaskedLM", dict(target_modules=["query", "decoder"], r=2, bias="lora_only"), True),
    "an output matrix that is a table, and its bias": ("RobertaForMaskedLM", dict(target_modules=["lm_head.decoder"], r=2, lora_bias=True), True),
    "the layer of the output matrix": ("GPT2LMHeadModel", dict(target_modules=["lm_head"], r=2), True),
    "magnitudes of the output matrix": ("GPT2LMHeadModel", dict(target_modules=["lm_head"], r=2, use_dora=True), False),
    "both": ("GPT2LMHeadModel", dict(target_modules=["lm_head", "wte"], r=2), False),
}


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with report.group("adapters of PEFT, merged and beside the weights"):
        for number, (title, (name, settings, *runs_apart)) in enumerate((CASES | TIED).items()):
            with report.check(title):
                check_case(tool, folder / str(number), name, settings, *runs_apart)
    with report.group("adapters of 16 bits, merged"):
        for dtype in (torch.bfloat16, torch.float16):
            for of_adapter in (dtype, torch.float32):
                with report.check(f"{dtype} with factors of {of_adapter}"):
                    check_half(tool, folder / f"{dtype}-{of_adapter}", dtype, of_adapter)
    with report.group("adapters out of two checkpoints, loaded by PEFT"):
        for name in ("BertForSequenceClassification", "GPT2LMHeadModel", "RobertaForTokenClassification"):
            with report.check(name):
                check_extracted(tool, folder / f"extracted-{name}", name)
        for name in ("BertForMaskedLM", "RobertaForMaskedLM", "DistilBertForMaskedLM", "GPT2LMHeadModel"):
            with report.check(f"{name} with its table, which is the output matrix"):
                check_extracted(tool, folder / f"tied-{name}", name, ("layer.", ".h.", "word_embeddings", "wte"))
    with report.group("adapters with a head, on a body alone"):
        for body, name in (("BertModel", "BertForSequenceClassification"), ("GPT2Model", "GPT2ForTokenClassification")):
            with report.check(name):
                check_body(tool, folder / f"body-{name}", body, name)
    with report.group("adapters that cannot be put on a model"):
        with report.check("one of another model"):
            check_foreign(tool, folder / "foreign")


def demand(truth, problem):
    if not truth:
        raise Mismatch(problem)


def adapted(folder, name, settings, dtype=torch.float32):
    """A model and an adapter of it, saved; the adapter's numbers are drawn."""
    folder.mkdir()
    model = model_of(name, 11).to(dtype)
    model.save_pretrained(folder / "base")
    wrapped = peft.get_peft_model(model, peft.LoraConfig(**settings))
    generator = torch.Generator().manual_seed(3)
    for key, parameter in wrapped.named_parameters():
        if parameter.requires_grad:
            drawn = torch.randn(parameter.shape, generator=generator) * 0.05
            parameter.data = (drawn + (1 if "magnitude" in key else 0)).to(parameter.dtype)
    wrapped.save_pretrained(folder / "adapter")
    return type(model)


def opened(folder, of_class, dtype=torch.float32):
    base = of_class.from_pretrained(folder / "base", dtype=dtype)
    return peft.PeftModel.from_pretrained(base, folder / "adapter").eval()


def check_case(tool, folder, name, settings, runs_apart=True):
    of_class = adapted(folder, name, settings)
    generator = torch.Generator().manual_seed(5)
    inputs = {"input_ids": torch.randint(3, VOCABULARY, (3, 12), generator=generator)}
    with torch.no_grad():
        apart = opened(folder, of_class)(**inputs)[0]
        wanted = opened(folder, of_class).merge_and_unload()(**inputs)[0]
        plain = of_class.from_pretrained(folder / "base").eval()(**inputs)[0]
    demand((wanted - plain).abs().max() > 100 * OUTPUTS, "the adapter changes too little to be seen")
    save_file(inputs, folder / "inputs.safetensors")
    first = "last_hidden_state" if name == "BertModel" else "logits"
    merged = opened(folder, of_class).merge_and_unload()
    tool.expect(0, "convert", folder / "base", folder / "merged", "--to", "safetensors", "--adapter", folder / "adapter")
    compare(load_file(folder / "merged" / "model.safetensors"), merged.state_dict(), FLOAT32)
    for source, options in (("base", ["--adapter", folder / "adapter"]), ("merged", [])):
        output = folder / f"{source}.safetensors"
        tool.expect(
            0, "run", folder / source, "--inputs", folder / "inputs.safetensors", "--output", output,
            "--architecture", name, *options)
        expected = apart if source == "base" and runs_apart else wanted
        distance = (load_file(output)[first] - expected).abs().max().item()
        demand(distance <= OUTPUTS, f"{source}: an output is {distance:.2g} off")
    again = of_class.from_pretrained(folder / "merged").eval()
    with torch.no_grad():
        distance = (again(**inputs)[0] - wanted).abs().max().item()
    demand(distance <= OUTPUTS, f"merged, in Transformers: an output is {distance:.2g} off")


def compare(ours, theirs, tolerance):
    for key, value in ours.items():
        demand(key in theirs, f"{key} is not in the merged model")
        demand(value.dtype == theirs[key].dtype, f"{key}: {value.dtype}, expected {theirs[key].dtype}")
        distance = (value.double() - theirs[key].double()).abs()
        bound = tolerance if value.dtype == torch.float32 else tolerance * theirs[key].double().abs() + 1e-6
        demand(bool((distance <= bound).all()), f"{key}: {distance.max().item():.2g} off")


def check_half(tool, folder, dtype, of_adapter):
    settings = dict(target_modules=["query", "dense"], r=4, lora_alpha=16)
    of_class = adapted(folder, "BertForMaskedLM", settings, dtype)
    path = folder / "adapter" / "adapter_model.safetensors"
    save_file({key: value.to(of_adapter) for key, value in load_file(path).items()}, path)
    base = of_class.from_pretrained(folder / "base", dtype=dtype)
    merged = peft.PeftModel.from_pretrained(
        base, folder / "adapter", autocast_adapter_dtype=False).eval()
    # Loading has rounded the factors to the model's type.
    factors = load_file(path)
    for key, parameter in merged.named_parameters():
        if "lora_" in key:
            parameter.data = factors[key.replace(".default", "")]
    merged = merged.merge_and_unload()
    tool.expect(0, "convert", folder / "base", folder / "merged", "--to", "safetensors", "--adapter", folder / "adapter")
    # A unit in the last place, where a sum in another order lies on the other side of a half.
    compare(load_file(folder / "merged" / "model.safetensors"), merged.state_dict(), 2 ** (-7 if dtype == torch.bfloat16 else -10))


def check_body(tool, folder, body, name):
    """An adapter that brings the head is put on a body alone, whose names have no prefix."""
    folder.mkdir()
    model_of(body, 11).save_pretrained(folder / "base")
    model = getattr(transformers, name).from_pretrained(folder / "base", num_labels=3)
    kind = peft.TaskType.SEQ_CLS if "Sequence" in name else peft.TaskType.TOKEN_CLS
    target = "c_attn" if "GPT2" in name else "query"
    wrapped = peft.get_peft_model(model, peft.LoraConfig(target_modules=[target], r=2, task_type=kind, fan_in_fan_out="GPT2" in name))
    generator = torch.Generator().manual_seed(3)
    for parameter in wrapped.parameters():
        if parameter.requires_grad:
            parameter.data += torch.randn(parameter.shape, generator=generator) * 0.1
    wrapped.save_pretrained(folder / "adapter")
    tool.expect(0, "convert", folder / "base", folder / "merged", "--to", "safetensors", "--adapter", folder / "adapter")
    ours = load_file(folder / "merged" / "model.safetensors")
    merged = wrapped.merge_and_unload()
    opened = type(merged).from_pretrained(folder / "merged")
    demand(opened.config.id2label == merged.config.id2label, f"labels {opened.config.id2label}")
    theirs = merged.state_dict()
    demand({key for key in theirs if "pooler" not in key} <= ours.keys(), f"missing: {theirs.keys() - ours.keys()}")
    compare(ours, {key: theirs[key] for key in theirs if key in ours}, FLOAT32)


def check_extracted(tool, folder, name, changed=("layer.", ".h.")):
    """A model that was changed by matrices of rank 3, in its biases and in its norms."""
    folder.mkdir()
    model = model_of(name, 11)
    model.save_pretrained(folder / "base")
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter += torch.randn(parameter.shape, generator=generator) * 0.05
            elif any(part in key for part in changed):
                rows, columns = parameter.shape
                left, right = (torch.randn(shape, generator=generator) for shape in ((rows, 3), (3, columns)))
                parameter += left @ right * 0.02
    model.save_pretrained(folder / "tuned")
    tool.expect(0, "extract", folder / "base", folder / "tuned", folder / "adapter", "--rank", 4)
    base = type(model).from_pretrained(folder / "base")
    merged = peft.PeftModel.from_pretrained(base, folder / "adapter").eval().merge_and_unload()
    wanted = model.state_dict()
    compare({key: value for key, value in merged.state_dict().items() if key in wanted}, wanted, FLOAT32)
    lost = tool.run("extract", folder / "base", folder / "tuned", folder / "small", "--rank", 1, "--json")
    shares = [module["share"] for module in json.loads(lost.output)["modules"]]
    demand(shares and all(0.2 < share < 0.99 for share in shares), f"shares of a rank too small: {shares}")


def check_foreign(tool, folder):
    adapted(folder, "BertForSequenceClassification", dict(target_modules=["query"], r=2))
    model_of("GPT2LMHeadModel", 1).save_pretrained(folder / "other")
    outcome = tool.run(
        "convert", folder / "other", folder / "out", "--to", "safetensors", "--adapter", folder / "adapter", "--json")
    demand(outcome.code != 0, "it is merged")
    demand("lora" in outcome.error or "query" in outcome.error, outcome.error)
    demand(not (folder / "out").exists(), "something is written")
    settings = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    settings["peft_type"] = "IA3"
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(settings))
    outcome = tool.run("convert", folder / "base", folder / "out", "--to", "safetensors", "--adapter", folder / "adapter")
    demand("peft_type" in outcome.error, outcome.error)
