"""Sentences of film reviews with their sign, as examples to learn from, out of the source package of vaderSentiment 3.3.2.

    python3 film_reviews.py ARCHIVE DIRECTORY

The package has the data of Hutto and Gilbert (2014): 10,605 sentences of film reviews (of Pang and Lee, 2004), each with the mean of
twenty people's ratings from -4 to 4. Those at least half a point from neutral have a label; every fifth is to measure by.
"""

import io
import json
import pathlib
import sys
import tarfile

NAME = "movieReviewSnippets_GroundTruth.txt"

archive, directory = sys.argv[1], pathlib.Path(sys.argv[2])
with tarfile.open(archive) as outer:
    inner = next(member for member in outer.getmembers() if member.name.endswith("hutto_ICWSM_2014.tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(outer.extractfile(inner).read())) as data:
        member = next(member for member in data.getmembers() if member.name.endswith(NAME))
        lines = data.extractfile(member).read().decode("utf-8", "replace").splitlines()
rows = []
for line in lines:
    _, rating, text = line.split("\t", 2)
    if abs(float(rating)) >= 0.5:
        rows.append(json.dumps({"text": text, "label": "positive" if float(rating) > 0 else "negative"}))
directory.mkdir(parents=True, exist_ok=True)
for name, part in (("train", [row for place, row in enumerate(rows) if place % 5]), ("test", rows[::5])):
    (directory / f"{name}.jsonl").write_text("\n".join(part) + "\n")
    print(f"{len(part)} examples: {directory / name}.jsonl")
