"""Directories of tokenizers against Transformers' `AutoTokenizer`: every class whose ids are known, over vocabulary files
and over a `tokenizer.json` that says something else than the class, with settings stated and left out at random; and names
of other classes, which must be refused.
"""

import json
import random
import shutil

import sentence_pieces
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from report import Mismatch, require
from texts import texts

WORD_PIECE = ("BertTokenizer", "BertTokenizerFast", "ElectraTokenizer", "LayoutLMTokenizer", "LxmertTokenizer",
              "MobileBertTokenizer", "SqueezeBertTokenizerFast", "DistilBertTokenizer", "ConvBertTokenizer",
              "DPRQuestionEncoderTokenizer", "DPRContextEncoderTokenizer", "DPRReaderTokenizer", "FunnelTokenizer",
              "MPNetTokenizer")
BYTE_LEVEL = ("GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast", "BartTokenizer",
              "LEDTokenizer", "LongformerTokenizer", "MvpTokenizer", "BlenderbotTokenizer", "CodeGenTokenizer",
              "DebertaTokenizer", "GPTNeoXTokenizer")
UNIGRAM = ("XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "CamembertTokenizer", "CamembertTokenizerFast")
WHOLE = ("PreTrainedTokenizerFast", "TokenizersBackend", "BloomTokenizerFast")
REFUSED = ("BertJapaneseTokenizer", "BertweetTokenizer", "PhobertTokenizer", "CLIPTokenizer", "CTRLTokenizer",
           "OpenAIGPTTokenizer", "EsmTokenizer", "RoFormerTokenizer", "SplinterTokenizer",
           "T5Tokenizer", "AlbertTokenizer", "BertTokenizerLegacy", "NoSuchTokenizer")
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<cls>", "<sep>",
           "<|endoftext|>", "<|padding|>"]
ROLES = {"unk_token": ("[UNK]", "<unk>"), "cls_token": ("[CLS]", "<s>"), "sep_token": ("[SEP]", "</s>"),
         "pad_token": ("[PAD]", "<pad>"), "mask_token": ("[MASK]", "<mask>"), "bos_token": ("<s>", "[CLS]"),
         "eos_token": ("</s>", "<|endoftext|>")}
KINDS = {"word-piece": WORD_PIECE, "byte-level": BYTE_LEVEL, "suffix": ("HerbertTokenizer", "HerbertTokenizerFast"),
         "unigram": UNIGRAM * 2}


def check(report, tool, folder, count=240, seed=23):
    random_ = random.Random(seed)
    corpus = list(texts(2000, seed=77))
    trained = {kind: train(kind, corpus, folder) for kind in KINDS}
    inputs = [{"text": text} | ({"pair": random_.choice(corpus) or "x"} if index % 3 == 1 else {})
              for index, text in enumerate(random_.sample(corpus, 60))]
    inputs += [{"text": text} for text in (
        "The Café 東京 weighs <mask> [MASK].", " [CLS] the <s> [unk] Extra Token", "İstanbul ßtraße e\u0301 [UNK]")]
    with report.group(f"tokenizer directories, {count} at random, as AutoTokenizer loads them"):
        for kind, classes in KINDS.items():
            with report.check(kind):
                known = [*classes, *WHOLE]
                for index in range(count * len(classes) // sum(map(len, KINDS.values()))):
                    directory = write(folder, kind, trained[kind], known[index % len(known)], random_)
                    compare(tool, folder, directory, inputs)
        with report.check("tokenizer.json by itself"):
            check_alone(tool, folder, trained["word-piece"], corpus, random_)
        with report.check("names of other classes are refused"):
            for name in REFUSED:
                for kind in ("word-piece", "byte-level"):
                    for place in ("tokenizer_config.json", "config.json"):
                        directory = write_files(folder, trained[kind])
                        stated = {"config.json": {"model_type": "bert"}, "tokenizer_config.json": {}}
                        stated[place]["tokenizer_class"] = name
                        write_settings(directory, stated)
                        said = tool.expect(65, "tokenize", directory, "a text").error
                        require(name in said and place in said, True, f"the error names {name} and {place}: {said}")


def check_alone(tool, folder, tokenizer, corpus, random_, count=40):
    """A `tokenizer.json` by itself cuts and fills up as it states, batch by batch."""
    from tokenizers_cases import answer, answers, require_same

    for index in range(count):
        document = json.loads(tokenizer.to_str())
        pairs = index % 2 == 1
        strategy = "LongestFirst" if pairs else random_.choice(["LongestFirst", "OnlyFirst"])
        document["truncation"] = random_.choice([None, {
            "direction": random_.choice(["Left", "Right"]), "max_length": random_.randint(8, 24), "strategy": strategy,
            "stride": random_.choice([0, 1, 2])}])
        document["padding"] = random_.choice([None, {
            "strategy": random_.choice(["BatchLongest", {"Fixed": random_.choice([4, 12, 32])}]),
            "direction": random_.choice(["Left", "Right"]), "pad_to_multiple_of": random_.choice([None, 4, 8]),
            "pad_id": random_.choice([0, 1]), "pad_type_id": random_.choice([0, 3]), "pad_token": "[PAD]"}])
        path = folder / "alone.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        inputs = [{"text": text} | ({"pair": random_.choice(corpus)} if pairs else {})
                  for text in random_.sample(corpus, 12)]
        reference = Tokenizer.from_file(str(path))
        encodings = reference.encode_batch([(line["text"], line["pair"]) if pairs else line["text"] for line in inputs])
        expected = [answer(encoding, reference.decode) for encoding in encodings]
        require_same(answers(tool, folder, path, inputs), expected, inputs)


def train(kind, corpus, folder):
    if kind == "unigram":
        content = sentence_pieces.trained_model(corpus, user_defined_symbols=["<new>", "[MASK]"], control_symbols=["[CLS]"])
        directory = sentence_pieces.write_model(folder / "unigram", content, "xlm-roberta")
        tokenizer = transformers.XLMRobertaTokenizer.from_pretrained(directory)
        return sentence_pieces.Trained(tokenizer.backend_tokenizer, content)
    arguments = dict(vocab_size=900, special_tokens=SPECIAL, show_progress=False)
    if kind == "word-piece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(limit_alphabet=400, **arguments)
    elif kind == "byte-level":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), **arguments)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.BPEDecoder()
        trainer = trainers.BpeTrainer(end_of_word_suffix="</w>", limit_alphabet=200, **arguments)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def write_files(folder, tokenizer):
    """The vocabulary files alone."""
    directory = folder / "directory"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    tokenizer.model.save(str(directory))
    return directory


def write_settings(directory, settings):
    for name, content in settings.items():
        if content:
            (directory / name).write_text(json.dumps(content), encoding="utf-8")


def write(folder, kind, tokenizer, name, random_):
    """A directory with settings at random."""

    def maybe(chance, value):
        return value() if random_.random() < chance else None

    directory = write_files(folder, tokenizer)
    stated = {"config.json": {"model_type": random_.choice(["bert", "gpt2", "roberta"])}, "tokenizer_config.json": {}}
    place = random_.choice(["tokenizer_config.json", "config.json"])
    if random_.random() < 0.85 or name in WHOLE:
        stated[place]["tokenizer_class"] = name
    else:
        types = {"word-piece": ["bert"], "unigram": ["xlm-roberta" if name.startswith("XLM") else "camembert"]}
        stated["config.json"]["model_type"] = random_.choice(types.get(kind, ["gpt2", "roberta"]))
    settings = stated["tokenizer_config.json"]
    for flag in ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space", "trim_offsets",
                 "clean_up_tokenization_spaces", "add_bos_token", "add_eos_token", "clean_text", "split_special_tokens"):
        if random_.random() < 0.3:
            settings[flag] = random_.random() < 0.5
    for role, tokens in ROLES.items():
        if random_.random() < 0.15:
            token = random_.choice(tokens)
            described = {"__type": "AddedToken", "content": token, "lstrip": random_.random() < 0.5, "rstrip": False}
            if random_.random() < 0.7:
                described |= {"normalized": random_.random() < 0.5, "special": random_.random() < 0.8}
            settings[role] = random_.choice([token, described])
    lists = [["<listed>"], ["</s>NOTUSED", "the"], [], {"image_token": "<img>"}, {}]
    for list_ in ("extra_special_tokens", "additional_special_tokens"):
        if kind == "unigram" and random_.random() < 0.25:
            settings[list_] = random_.choice(lists[:3] if list_.startswith("additional") else lists)
    if kind == "unigram" and random_.random() < 0.25:
        stated["special_tokens_map.json"] = {
            random_.choice(["extra_special_tokens", "additional_special_tokens"]): random_.choice(lists[:3]),
            "mask_token": random_.choice(["<mask>", {"content": "<mask>", "lstrip": True, "normalized": False,
                                                      "rstrip": False, "single_word": False}])}
    added = [{"content": "Extra Token", "lstrip": False, "rstrip": random_.random() < 0.5, "normalized": True,
              "single_word": False, "special": False},
             {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False,
              "special": True}]
    ids = {"Extra Token": tokenizer.get_vocab_size(), "<mask>": tokenizer.token_to_id("<mask>")}
    # Of a model of SentencePiece CamemBERT makes other ids, and every class a vocabulary with the mask that is stated.
    keeps_ids = kind != "unigram" or not name.startswith("Camembert") and "mask_token" not in settings
    if random_.random() < 0.2 and keeps_ids:
        settings["added_tokens_decoder"] = {str(ids[token["content"]]): token for token in added}
    if random_.random() < 0.6 or name in WHOLE:
        document = json.loads(tokenizer.to_str())
        document["added_tokens"] = [{"id": ids[token["content"]]} | token for token in added[:random_.randint(0, 2)]]
        document["added_tokens"].sort(key=lambda token: token["id"])
        document["normalizer"] = random_.choice([
            document["normalizer"], None, {"type": "Lowercase"},
            {"type": "BertNormalizer", "clean_text": random_.random() < 0.5, "handle_chinese_chars": random_.random() < 0.5,
             "strip_accents": random_.choice([None, True, False]), "lowercase": random_.random() < 0.5},
            {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}])
        document["post_processor"] = random_.choice([
            None, {"type": "BertProcessing", "sep": ["[SEP]", 8], "cls": ["[CLS]", 7]},
            {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": random_.random() < 0.5,
             "add_prefix_space": random_.random() < 0.5},
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": random_.random() < 0.5, "use_regex": True}])
        if random_.random() < 0.3:
            document["truncation"] = {"direction": "Left", "max_length": 6, "strategy": "LongestFirst", "stride": 0}
            document["padding"] = {"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1,
                                   "pad_type_id": 0, "pad_token": "<pad>"}
        (directory / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    write_settings(directory, stated)
    return directory


def compare(tool, folder, directory, inputs):
    from tokenizers_cases import answer, answers, require_same

    described = {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.iterdir())
                 if path.name in ("config.json", "tokenizer_config.json")}
    try:
        reference = transformers.AutoTokenizer.from_pretrained(str(directory))
        expected = [answer(reference(line["text"], line.get("pair")).encodings[0], reference.decode) for line in inputs]
    except Exception as refusal:  # noqa: BLE001: whatever the reference does not load is not compared
        return refusal
    try:
        require_same(answers(tool, folder, directory, inputs), expected, inputs)
    except Exception as problem:
        raise Mismatch(f"{type(reference).__name__}, {described}: {problem}") from problem
    return None
