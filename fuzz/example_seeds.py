"""Writes examples of all kinds to learn from into a corpus: the first byte is the form of the file, the tokenizer and the length.

    python3 example_seeds.py DIRECTORY
"""

import json
import pathlib
import sys

ROWS = [
    {"text": "a good \u00e9 day", "label": "pos"}, {"text": "ab", "text_pair": "b", "label": 1}, {"text": "", "label": [0, 2]},
    {"text": "a", "label": 0.5}, {"tokens": ["a", "", "ab"], "ner_tags": ["O", "B", "I"]}, {"tokens": ["a"], "ner_tags": [0]},
    {"question": "b?", "context": "a \U0001F600 ab", "answers": {"text": ["ab"], "answer_start": [4]}},
    {"question": "b?", "context": "a", "answers": {"text": [], "answer_start": []}},
    {"question": " b?", "context": "ab " * 12 + "day", "answers": {"text": ["ab day"], "answer_start": [33]}},
    {"sentences": ["a day", "b", "ab"]},
]
TABLES = ["text,label\n\"a, \"\"b\"\"\r\nc\",1\r\n\r\n d ,\n", "sentence1,sentence2,label\na,b,x\n", "text,label\na,0.25\n"]

directory = pathlib.Path(sys.argv[1])
seeds = [b"\0" + json.dumps(row).encode() + b"\n" for row in ROWS]
seeds.append(b"\0" + b"\n".join(json.dumps(row).encode() for row in ROWS))
seeds += [b"\1" + table.encode() for table in TABLES] + [b"\2" + table.replace(",", "\t").encode() for table in TABLES]
seeds += [b"\3a b\n\nab\xff\n", b"\3a b.\nday\n\nb a\n"]
# Labels, names and texts of a directory.
seeds.append(b"\4" + b"\0".join([b"pos\n0_9.txt\na good day\n", "n\u00e9g\n1.txt\n\U0001F600 ab".encode(), b"unsup\n2.txt\na", b"pos\nnotes.md\nb"]))
seeds += [bytes([seed[0] + 5 * other]) + seed[1:] for seed in seeds for other in (1, 3, 5)]
for number, seed in enumerate(seeds):
    (directory / f"examples-{number}").write_bytes(seed)
