"""Makes the models with Transformers 5 on torch, records their outputs, and checks directories against them (base
environment). See __main__.py for the folder's layout."""

import json
import pathlib
import sys

import numpy
import torch
import transformers
from safetensors.numpy import load_file, save_file

from answers import answer
from cases import CASES, weight


def model_of(case, **changes):
    classes = {"bert": "BertConfig", "distilbert": "DistilBertConfig", "electra": "ElectraConfig", "gpt2": "GPT2Config",
               "roberta": "RobertaConfig"}
    configuration = getattr(transformers, classes[case.family])(**case.configuration() | changes)
    model = getattr(transformers, case.name)(configuration).eval()
    with torch.no_grad():
        # Without the prefix, so that the classes of a family share their body.
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weight(name.removeprefix(f"{model.base_model_prefix}."), parameter.shape)))
    return model


def outputs_of(case, model):
    inputs = {name: torch.from_numpy(array) for name, array in case.inputs().items()}
    with torch.no_grad():
        found = model(**inputs)
    return {name: found[name].contiguous().numpy() for name in case.outputs}


def as_keras_hub_computes(case, model):
    """KerasHub's constants are not configurable: its BERT uses the tanh GELU in the body, and in the head of BertMaskedLM
    the erf GELU with epsilon 1e-5. Transformers has one setting for both, so the head is changed here."""
    if case.family == "roberta":
        # KerasHub's RoBERTa has no token types. The published models hold zeros there.
        torch.nn.init.zeros_(getattr(model, "roberta", model).embeddings.token_type_embeddings.weight)
    if case.name == "DistilBertForMaskedLM":
        model.vocab_layer_norm.eps = 1e-5
    if case.name == "BertForPreTraining":
        model.cls.predictions.transform.transform_act_fn = torch.nn.GELU()
        model.cls.predictions.transform.LayerNorm.eps = 1e-5


def write(folder):
    for case in CASES.values():
        home = folder / case.name
        home.mkdir(parents=True, exist_ok=True)
        save_file(case.inputs(), home / "inputs.safetensors")
        model = model_of(case)
        model.save_pretrained(home / "transformers")
        save_file(outputs_of(case, model), home / "outputs.safetensors")
        if case.keras_hub:
            changed = model_of(case, **{"hidden_act": "gelu_new"} if case.family in ("bert", "electra") else {})
            as_keras_hub_computes(case, changed)
            changed.save_pretrained(home / "transformers.keras-hub")
            save_file(outputs_of(case, changed), home / "outputs.keras-hub.safetensors")


def check(case, directory, expected):
    model, information = getattr(transformers, case.name).from_pretrained(directory, output_loading_info=True)
    found = outputs_of(case, model.eval())
    recorded = load_file(expected)
    return {
        "missing": sorted(information["missing_keys"]),
        "unexpected": sorted(information["unexpected_keys"]),
        "mismatched": sorted(map(str, information["mismatched_keys"])),
        "difference": max(float(numpy.abs(found[name] - recorded[name]).max()) for name in case.outputs),
    }


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    command, *arguments = sys.argv[1:]
    if command == "write":
        write(pathlib.Path(arguments[0]))
    else:
        for line in sys.stdin:
            name, directory, expected = json.loads(line)
            print(json.dumps(answer(lambda: check(CASES[name], directory, expected))), flush=True)


if __name__ == "__main__":
    main()
