"""Writes seeds for the fuzz targets `adapter` and `pattern`.

    python3 fuzz/adapter_seeds.py adapter|pattern DIRECTORY

Of `adapter`: for every recorded adapter its settings, and the headers of its file and of its model's, with a NUL between two. Of
`pattern`: a pattern, a NUL, and a name.
"""

import json
import pathlib
import struct
import sys

ADAPTERS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "adapters"
PATTERNS = [
    ("query", "layer.1.self.query"), ("^query", "self.query"), ("layer.1.self.key", "bert.layer.1.self.key"),
    (".*layer.0.*key", "bert.layer.0.self.key"), ("q|v", "a.v"), (r"layers\.\d+\.(q|k)_proj", "model.layers.12.k_proj"),
    (r"layers\.[^0-4]\.k", "layers.5.k"), ("a{2,3}b", "aab"), ("(?:ab)+?c", "ababc"), ("[]a]*", "]"), ("x$", "a.x"),
    (r"(a|a|a*)*b", "aaaa"), (r"[\w\s-]\D{1,}|(\W\S?)*", "a.\u00e9-"), ("((a{9}){9}){9}", "aaaaaaaaa"), ("()*|^*$?", ""),
]


def header(path):
    with open(path, "rb") as file:
        return file.read(struct.unpack("<Q", file.read(8))[0]).strip()


def adapters():
    for directory in sorted(ADAPTERS.iterdir()):
        if (directory / "adapter_config.json").exists():
            settings = json.loads((directory / "adapter_config.json").read_text())
            model = "gpt2" if directory.name == "convolution" else "bert"
            yield b"\0".join([
                json.dumps({key: value for key, value in settings.items() if value}).encode(),
                header(directory / "adapter_model.safetensors"), header(ADAPTERS / model / "model.safetensors")])


def main():
    target, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    seeds = adapters() if target == "adapter" else [b"\0".join(part.encode() for part in pair) for pair in PATTERNS]
    for number, seed in enumerate(seeds):
        (directory / f"{target}-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
