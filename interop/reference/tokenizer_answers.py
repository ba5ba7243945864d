"""Reads tokenizers out of directories, in whichever environment it is run: lines of JSON (framework, family, directory) on
standard input, a line of token ids for each text back, without the special tokens that are put around."""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

TEXTS = ["the cat, a dog", "The Cat!  two spaces", "don't [MASK] <mask> stop", "a 12 b"]


def keras_hub(family, directory):
    import keras_hub
    import numpy

    names = {"bert": "BertTokenizer", "gpt2": "GPT2Tokenizer", "roberta": "RobertaTokenizer"}
    tokenizer = getattr(keras_hub.models, names[family]).from_preset(directory)
    return [numpy.asarray(tokenizer(text)).tolist() for text in TEXTS]


def transformers(family, directory):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    return [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS]


def main():
    for line in sys.stdin:
        framework, family, directory = json.loads(line)
        try:
            found = (keras_hub if framework == "keras-hub" else transformers)(family, directory)
        except Exception as error:  # Whatever a framework raises is the outcome.
            found = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
