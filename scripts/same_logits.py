"""Loads a classifier in Transformers, and compares its scores with recorded ones.

    python same_logits.py DIRECTORY ANSWERS

ANSWERS are lines of `weighbridge classify --output ANSWERS --function none`. Ends with 1 if a score differs by more than 1e-4.
"""

import json
import sys

import torch
import transformers

directory, path = sys.argv[1:]
transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForSequenceClassification.from_pretrained(directory).eval()
tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
answers = [json.loads(line) for line in open(path)]
largest = 0.0
for start in range(0, len(answers), 32):
    part = answers[start:start + 32]
    with torch.inference_mode():
        logits = model(**tokenizer([one["text"] for one in part], padding=True, truncation=True, return_tensors="pt")).logits
    for answer, row in zip(part, logits):
        for label in answer["labels"]:
            largest = max(largest, abs(row[model.config.label2id[label["label"]]].item() - label["score"]))
print(f"{len(answers)} texts: the largest difference from Transformers' scores is {largest:.2g}")
sys.exit(largest > 1e-4)
