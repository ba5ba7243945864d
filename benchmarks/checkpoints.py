"""The checkpoints that are measured: safetensors files made here, the other formats by the reference libraries.

    python checkpoints.py DIRECTORY bert LAYERS     BERT-base with so many layers, random bits
    python checkpoints.py DIRECTORY large BYTES     3,000 tensors of so many bytes together, zeros
    python checkpoints.py DIRECTORY small-N N       N tensors of 16 numbers, as safetensors only
"""

import json
import os
import pathlib
import random
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PEER = HERE / "peer.py"


def bert_shapes(layers):
    """BERT-base's tensors (transformers' BertModel with its pooler): with 12 layers 199 tensors, 438 MB of float32."""
    hidden, inner = 768, 3072
    shapes = {
        "embeddings.word_embeddings.weight": (30522, hidden), "embeddings.position_embeddings.weight": (512, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden), "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,)}

    def linear(name, outputs, inputs):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    for layer in range(layers):
        block = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{block}.attention.self.{part}", hidden, hidden)
        linear(f"{block}.attention.output.dense", hidden, hidden)
        linear(f"{block}.intermediate.dense", inner, hidden)
        linear(f"{block}.output.dense", hidden, inner)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{block}.{norm}.weight"], shapes[f"{block}.{norm}.bias"] = (hidden,), (hidden,)
    linear("pooler.dense", hidden, hidden)
    return shapes


def many_shapes(total, count=3000):
    """`count` float32 tensors of `total` bytes together, two of three small."""
    rows = (total - count * 2048 * 2 // 3) // (count // 3) // 4096
    return {f"model.layers.{i // 30}.block_{i // 3 % 10}.{('norm', 'bias', 'weight')[i % 3]}":
            (rows, 1024) if i % 3 == 2 else (512,) for i in range(count)}


def write_safetensors(path, shapes, content):
    """A safetensors file of float32 tensors; without `content` the data is a hole in the file, zeros that take no disk."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in sorted(shapes.items()):
        size = 4
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if content:
            generator = random.Random(1)
            while end:
                step = min(end, 1 << 24)
                file.write(generator.randbytes(step))
                end -= step
        else:
            file.truncate(file.tell() + end)
    os.replace(temporary, path)


def make(directory, name, shapes, content):
    """Makes one checkpoint in the three formats, as far as it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    first = directory / f"{name}.safetensors"
    if not first.exists():
        print(f"making {first.name} …", file=sys.stderr)
        write_safetensors(first, shapes, content)
    for extension in ("pt", "h5"):
        path = directory / f"{name}.{extension}"
        if not path.exists():
            print(f"making {path.name} …", file=sys.stderr)
            temporary = path.with_name("part-" + path.name)
            subprocess.run([sys.executable, PEER, first, temporary], check=True)
            os.replace(temporary, path)


if __name__ == "__main__":
    directory, name, number = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if name.startswith("small"):
        path = directory / f"{name}.safetensors"
        if not path.exists():
            write_safetensors(path, {f"layers.{place // 16}.part_{place % 16}.weight": (4, 4) for place in range(number)}, True)
    else:
        shapes = bert_shapes(number) if name == "bert" else many_shapes(number)
        make(directory, name, shapes, content=name == "bert")
