"""Tokenizers against `tokenizers` and Transformers: the same ids, offsets, type ids, masks and decoded text for every text.

The tokenizers are trained here, on the corpus of texts.py, with components and settings of all kinds; those under fixtures/
are loaded as Transformers loads a directory.
"""

import json
import pathlib
import random

import sentence_pieces
import tokenizer_classes
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from report import Mismatch, require, shortened
from texts import texts

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "tokenizers"
CORPUS_SIZE = 3000
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def check(report, tool, folder):
    transformers.logging.set_verbosity_error()
    inputs = list(lines(10_000, seed=1))
    with report.group("tokenizers, 10000 texts each, as Transformers loads them"):
        for name in ("bert-uncased", "bert-cased", "gpt2", "roberta", "xlm-roberta", "camembert"):
            for directory in (FIXTURES / name, FIXTURES / f"{name}-files"):
                with report.check(directory.name):
                    check_directory(tool, folder, directory, loaded(directory), inputs)
        for directory, tokenizer in sentence_pieces.directories(folder, list(texts(3000, seed=98))):
            with report.check(directory.name):
                check_directory(tool, folder, directory, tokenizer, inputs)
        with report.check("cut and padded as Transformers does it"):
            check_options(tool, folder)
    tokenizer_classes.check(report, tool, folder)
    with report.group(f"tokenizer.json, {CORPUS_SIZE} texts each, component by component"):
        corpus = list(texts(4000, seed=99))
        for name, tokenizer in trained(corpus):
            with report.check(name):
                path = folder / f"{name}.json"
                tokenizer.save(str(path))
                check_file(tool, folder, path, Tokenizer.from_file(str(path)), inputs[:CORPUS_SIZE])


def lines(count, seed):
    """Texts, a third of them pairs."""
    random_ = random.Random(seed)
    corpus = list(texts(count, seed))
    for index, text in enumerate(corpus):
        yield {"text": text} | ({"pair": random_.choice(corpus)} if index % 3 == 1 else {})


def answers(tool, folder, model, inputs, *options):
    """What weighbridge answers."""
    source, target = folder / "inputs.jsonl", folder / "outputs.jsonl"
    source.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in inputs), encoding="utf-8")
    tool.expect(0, "tokenize", model, "--input", source, "--output", target, *options)
    return [json.loads(line) for line in target.read_text(encoding="utf-8").split("\n") if line]


def require_same(found, expected, inputs):
    require(len(found), len(expected), "answers")
    for answer, wanted, line in zip(found, expected, inputs):
        if answer != wanted:
            key = next(key for key in wanted if answer[key] != wanted[key])
            raise Mismatch(f"{shortened(json.dumps(line))}: {key}: expected {shortened(wanted[key])}, "
                           f"found {shortened(answer[key])}")


def answer(encoding, decode):
    return {"ids": encoding.ids, "offsets": [list(offset) for offset in encoding.offsets], "type_ids": encoding.type_ids,
            "attention_mask": encoding.attention_mask, "decoded": decode(encoding.ids, skip_special_tokens=False),
            "decoded_skip": decode(encoding.ids, skip_special_tokens=True)}


def loaded(directory):
    """The class is named: the vocabulary files have no model beside them."""
    name = directory.name.split("-")[0]
    class_ = {"bert": transformers.BertTokenizer, "gpt2": transformers.GPT2Tokenizer,
              "roberta": transformers.RobertaTokenizer, "xlm": transformers.XLMRobertaTokenizer,
              "camembert": transformers.CamembertTokenizer}[name]
    return class_.from_pretrained(directory)


def check_directory(tool, folder, directory, tokenizer, inputs):
    encodings = tokenizer.backend_tokenizer.encode_batch(
        [(line["text"], line["pair"]) if "pair" in line else line["text"] for line in inputs])
    for index in range(0, len(inputs), 97):
        line = inputs[index]
        if line.get("pair") != "":  # which Transformers takes for none
            require(encodings[index].ids, tokenizer(line["text"], line.get("pair"))["input_ids"], "ids of Transformers")
    expected = [answer(encoding, tokenizer.decode) for encoding in encodings]
    require_same(answers(tool, folder, directory, inputs), expected, inputs)


def check_file(tool, folder, path, tokenizer, inputs):
    encodings = tokenizer.encode_batch(
        [(line["text"], line["pair"]) if "pair" in line else line["text"] for line in inputs])
    expected = [answer(encoding, tokenizer.decode) for encoding in encodings]
    require_same(answers(tool, folder, path, inputs), expected, inputs)


def check_options(tool, folder):
    """`max_length`, `truncation`, `padding` and their sides, in the words of Transformers."""
    inputs = [line for line in lines(600, seed=5) if line.get("pair") != ""]
    for directory, padding_id in ((FIXTURES / "bert-uncased", None), (FIXTURES / "gpt2", 7), (FIXTURES / "xlm-roberta", None)):
        tokenizer = loaded(directory)
        if padding_id is not None:
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(padding_id)
        for truncation in (None, "longest_first", "do_not_truncate"):
            for padding in (False, "longest", "max_length"):
                for side, other in (("right", "left"), ("left", "right")):
                    for length, multiple in ((None, None), (12, None), (16, 8)):
                        expected = []
                        tokenizer.padding_side, tokenizer.truncation_side = side, other
                        batch = [[line["text"] for line in inputs], [line.get("pair", "x") for line in inputs]]
                        found = tokenizer(*batch, truncation=truncation, padding=padding, max_length=length,
                                          pad_to_multiple_of=multiple if padding else None)
                        expected = [answer(encoding, tokenizer.decode) for encoding in found.encodings]
                        options = ["--padding-side", side, "--truncation-side", other]
                        options += ["--truncation", truncation] if truncation else []
                        options += ["--padding", padding] if padding else []
                        options += ["--max-length", length] if length else []
                        options += ["--pad-to-multiple-of", multiple] if padding and multiple else []
                        options += ["--pad-token-id", padding_id] if padding_id is not None else []
                        pairs = [line | {"pair": line.get("pair", "x")} for line in inputs]
                        require_same(answers(tool, folder, directory, pairs, *options), expected, pairs)
                        if padding and length is None and truncation is None:
                            check_every_field(tool, folder, directory, tokenizer, pairs[::3], options, padding)


def check_every_field(tool, folder, directory, tokenizer, pairs, options, padding):
    """What is told row by row is filled up as the rest is, of texts and of words that are split already."""
    fields = ["ids", "tokens", "type_ids", "attention_mask", "special_tokens_mask", "word_ids"]

    def rows(found):
        return [
            dict(zip(fields, (one.ids, one.tokens, one.type_ids, one.attention_mask, one.special_tokens_mask, one.word_ids)))
            for one in found.encodings]

    texts = [line["text"] for line in pairs], [line["pair"] for line in pairs]
    # Neither side is a list of no words.
    words = [[text.split() or ["x"] for text in side] for side in texts]
    split = [{"words": first, "pair_words": second} for first, second in zip(*words)]
    for given, form, found in (
            (pairs, "text", tokenizer(*texts, padding=padding)), (split, "words", tokenizer(*words, padding=padding, is_split_into_words=True))):
        lines = answers(tool, folder, directory, given, *options, "--from", form, "--fields", ",".join(fields))
        for line, expected, row in zip(lines, rows(found), given, strict=True):
            for field in fields:
                if line[field] != expected[field]:
                    raise Mismatch(f"{field} of {row}: expected {shortened(expected[field])}, found {shortened(line[field])}")


def trained(corpus):
    """Tokenizers of all components, by name."""
    yield from word_pieces(corpus)
    yield from word_levels(corpus)
    yield from byte_levels(corpus)
    yield from others(corpus)
    yield from sentence_pieces.components(corpus)


def word_pieces(corpus):
    settings = {"lower": dict(lowercase=True), "cased": dict(lowercase=False),
                "accents-off": dict(lowercase=False, strip_accents=True),
                "accents-kept": dict(lowercase=True, strip_accents=False),
                "as-it-is": dict(lowercase=True, clean_text=False, handle_chinese_chars=False)}
    for name, arguments in settings.items():
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(**arguments)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(
            vocab_size=1500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        tokenizer.add_tokens([AddedToken("Extra", single_word=True), AddedToken("<new>", lstrip=True, rstrip=True),
                              AddedToken("ΣΊ", normalized=True)])
        yield f"wordpiece-{name}", tokenizer


def word_levels(corpus):
    bert = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    bytes_of_words = None, pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    lower = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    words = lower, pre_tokenizers.Whitespace(), None
    for name, parts in {"bert": bert, "bytes": bytes_of_words, "words": words}.items():
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        for part, value in zip(("normalizer", "pre_tokenizer", "decoder"), parts):
            if value is not None:
                setattr(tokenizer, part, value)
        tokenizer.train_from_iterator(corpus, trainers.WordLevelTrainer(
            vocab_size=1200, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
        tokenizer.add_tokens([AddedToken("<new>", lstrip=True), AddedToken("É", normalized=True)])
        yield f"word-level-{name}", tokenizer


def byte_levels(corpus):
    for name, prefix, whole, roberta, trims in (
            ("gpt2", False, True, False, False), ("prefix", True, True, False, True), ("roberta", False, True, True, True),
            ("roberta-prefix", True, True, True, True), ("letters-missing", False, False, False, True)):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
            vocab_size=1500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if whole else [],
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"], show_progress=False,
            limit_alphabet=1000 if whole else 120))
        if roberta:
            tokenizer.post_processor = processors.RobertaProcessing(
                ("</s>", 2), ("<s>", 0), trim_offsets=trims, add_prefix_space=prefix)
            tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
        else:
            tokenizer.post_processor = processors.ByteLevel(trim_offsets=trims, add_prefix_space=prefix)
        yield f"byte-level-{name}", tokenizer


def others(corpus):
    norm, pre, dec = normalizers, pre_tokenizers, decoders

    def tokenizer(model, normalizer=None, pre_tokenizer=None, decoder=None, processor=None, added=(), **training):
        result = Tokenizer(model)
        if normalizer:
            result.normalizer = normalizer
        if pre_tokenizer:
            result.pre_tokenizer = pre_tokenizer
        if decoder:
            result.decoder = decoder
        if processor:
            result.post_processor = processor
        result.train_from_iterator(corpus, trainers.BpeTrainer(
            **{"vocab_size": 1200, "special_tokens": ["<unk>"], "show_progress": False} | training))
        result.add_tokens(list(added))
        return result

    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield form, tokenizer(
            models.BPE(unk_token="<unk>"), norm.Sequence([getattr(norm, form)(), norm.Lowercase()]), pre.Whitespace(),
            dec.BPEDecoder(), added=[AddedToken("É", normalized=True)])
    yield "suffix", tokenizer(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True),
        norm.Sequence([norm.NFD(), norm.StripAccents(), norm.Strip(), norm.Replace("a", "bb")]),
        pre.Sequence([pre.WhitespaceSplit(), pre.Punctuation("merged_with_next"), pre.Digits(True)]), dec.BPEDecoder(),
        end_of_word_suffix="</w>", limit_alphabet=200)
    yield "prefix", tokenizer(
        models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), norm.Nmt(),
        pre.Sequence([pre.Split(Regex(r"\s+"), "merged_with_previous"), pre.Punctuation("contiguous"), pre.Digits(False)]),
        dec.WordPiece("##", False), continuing_subword_prefix="##", limit_alphabet=200)
    yield "byte-fallback", tokenizer(
        models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
        norm.Sequence([norm.Prepend("▁"), norm.Replace(" ", "▁")]), None,
        dec.Sequence([dec.Replace("▁", " "), dec.ByteFallback(), dec.Fuse(), dec.Strip(" ", 1, 0)]), vocab_size=1400,
        special_tokens=["<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)], limit_alphabet=120, max_token_length=6)
    yield "metaspace-first", tokenizer(
        models.BPE(unk_token="<unk>"), norm.NFKC(), pre.Metaspace(prepend_scheme="first"), dec.Metaspace(), limit_alphabet=300,
        added=[AddedToken("<new>", normalized=False, rstrip=True)])
    yield "metaspace-always", tokenizer(
        models.BPE(unk_token="<unk>"), None, pre.Sequence([pre.Metaspace(prepend_scheme="always"), pre.Split("e", "removed")]),
        dec.Metaspace(), limit_alphabet=300)
    yield "gpt2-as-split", tokenizer(
        models.BPE(ignore_merges=True), None,
        pre.Sequence([pre.Split(Regex(GPT2_PATTERN), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)]),
        dec.ByteLevel(), processors.Sequence([
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single="<unk> $A", pair="<unk> $A <unk>:1 $B:1", special_tokens=[("<unk>", 0)])]))
    yield "byte-level-normalizer", tokenizer(models.BPE(), norm.ByteLevel(), pre.CharDelimiterSplit("a"), dec.ByteLevel())
