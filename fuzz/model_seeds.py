"""Writes seeds for the fuzz target `model`: for every recorded model a config.json, a NUL, and a safetensors header.

    python3 fuzz/model_seeds.py DIRECTORY
"""

import json
import pathlib
import struct
import sys

MODELS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "models"
PREFIXES = {"bert": "bert.", "roberta": "roberta.", "gpt2": "transformer.", "distilbert": "distilbert.", "electra": "electra."}


def tensors(family):
    """Name, dtype, extents and size of what a family's file holds: the body under plain names, heads as `Class/name`."""
    with open(MODELS / f"{family}.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    for name, entry in header.items():
        if name != "__metadata__":
            yield name, entry["dtype"], entry["shape"], entry["data_offsets"][1] - entry["data_offsets"][0]


def header(family, class_, has_pooler):
    end, entries = 0, {}
    is_body = class_.endswith("Model") and class_ not in ("GPT2LMHeadModel", "BertLMHeadModel", "GPT2DoubleHeadsModel")
    for name, dtype, shape, size in tensors(family):
        owner, _, own = name.rpartition("/")
        if owner not in ("", class_) or (name.startswith("pooler") and not has_pooler):
            continue
        name = own if owner or is_body else PREFIXES[family] + name
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    return json.dumps(entries).encode()


def main():
    directory = pathlib.Path(sys.argv[1])
    for case in json.loads((MODELS / "cases.json").read_text()):
        for has_pooler in (False, True):
            seed = json.dumps(case["configuration"]).encode() + b"\0" + header(case["family"], case["class"], has_pooler)
            (directory / f"{case['class']}-{case['case']}-{has_pooler}").write_bytes(seed)


if __name__ == "__main__":
    main()
