"""What a Python user does today: JSON lines in, `tokenizers` on all processors, JSON lines out.

    python lines_peer.py TOKENIZER.json SOURCE DESTINATION FIELDS
    python lines_peer.py --save DIRECTORY TOKENIZER.json     writes the tokenizer of a directory, as Transformers has it
    python lines_peer.py --reader                            says which JSON library it has

With orjson if it is installed, which takes a small part of json's time.
"""

import itertools
import sys

try:
    import orjson

    NAME, loads, dumps = "orjson", orjson.loads, orjson.dumps
except ImportError:
    import json

    NAME, loads = "json", json.loads

    def dumps(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def save(directory, path):
    import transformers

    transformers.AutoTokenizer.from_pretrained(directory).backend_tokenizer.save(path)


def answer(path, source, destination, fields):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # The fast one does not keep offsets.
    encode = tokenizer.encode_batch if "offsets" in fields else tokenizer.encode_batch_fast
    with open(source, "rb") as lines, open(destination, "wb") as output:
        while part := [loads(line)["text"] for line in itertools.islice(lines, 4096)]:
            encodings = encode(part)
            ids = [one.ids for one in encodings]
            columns = {
                "ids": lambda: ids,
                "offsets": lambda: [one.offsets for one in encodings],
                "type_ids": lambda: [one.type_ids for one in encodings],
                "attention_mask": lambda: [one.attention_mask for one in encodings],
                "decoded": lambda: tokenizer.decode_batch(ids, skip_special_tokens=False),
                "decoded_skip": lambda: tokenizer.decode_batch(ids, skip_special_tokens=True),
            }
            for row in zip(*(columns[field]() for field in fields)):
                output.write(dumps(dict(zip(fields, row))) + b"\n")


if __name__ == "__main__":
    if sys.argv[1] == "--reader":
        print(NAME)
    elif sys.argv[1] == "--save":
        save(*sys.argv[2:])
    else:
        answer(*sys.argv[1:4], sys.argv[4].split(","))
