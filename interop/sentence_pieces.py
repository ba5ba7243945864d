"""Unigram tokenizers as SentencePiece trains them, with its own character maps: directories of XLM-RoBERTa and CamemBERT as
Transformers loads them, from the model and from `tokenizer.json`, and the components that other families put around the
same vocabulary.
"""

import io
import json

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

FILE = "sentencepiece.bpe.model"
RULES = ("nmt_nfkc", "nmt_nfkc_cf", "nfkc")
CLASSES = {"xlm-roberta": transformers.XLMRobertaTokenizer, "camembert": transformers.CamembertTokenizer}


def trained_model(corpus, rule="nmt_nfkc", size=6000, **arguments):
    """The content of a SentencePiece model, trained on texts of one line."""
    lines = [" ".join(text.split()) for text in corpus if "\0" not in text]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in lines if line]), model_writer=model, model_type="unigram",
        normalization_rule_name=rule, vocab_size=size, hard_vocab_limit=False, character_coverage=0.98, num_threads=1,
        minloglevel=2, **arguments)
    return model.getvalue()


class Trained:
    """A tokenizer of Transformers, and the model that it was made of in place of the one it would save."""

    def __init__(self, tokenizer, content):
        self.tokenizer = tokenizer
        self.content = content
        self.model = self

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def save(self, directory):
        with open(f"{directory}/{FILE}", "wb") as file:
            file.write(self.content)


def write_model(directory, content, model_type):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_bytes(content)
    (directory / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    return directory


def directories(folder, corpus):
    """Directories of both families, as a model alone and as Transformers saves them, and the tokenizers they are."""
    for rule in RULES:
        content = trained_model(corpus, rule, user_defined_symbols=["<new>"], control_symbols=["[CLS]"])
        for family, class_ in CLASSES.items():
            files = write_model(folder / f"{family}-{rule}-files", content, family)
            tokenizer = class_.from_pretrained(files)
            yield files, tokenizer
            tokenizer.save_pretrained(folder / f"{family}-{rule}")
            yield folder / f"{family}-{rule}", class_.from_pretrained(folder / f"{family}-{rule}")


def components(corpus):
    """Tokenizers with the normalizers, pre-tokenizers and decoders of other families, by name."""
    norm, pre, dec = normalizers, pre_tokenizers, decoders
    spaces = norm.Replace(Regex(" {2,}"), "▁")
    for rule in RULES:
        proto = sentencepiece_model_pb2.ModelProto.FromString(trained_model(corpus, rule))
        map_ = norm.Precompiled(proto.normalizer_spec.precompiled_charsmap)
        pieces = [(piece.piece, piece.score) for piece in proto.pieces]
        bytes_ = [(f"<0x{byte:02X}>", -15.0) for byte in range(256)]
        yield f"t5-{rule}", tokenizer(
            pieces, norm.Sequence([map_, norm.Strip(left=False, right=True), spaces]),
            pre.Metaspace(prepend_scheme="first"), dec.Metaspace(prepend_scheme="first"))
        yield f"albert-{rule}", tokenizer(
            pieces, norm.Sequence([norm.Replace("``", '"'), norm.Replace("''", '"'), norm.NFKD(), norm.StripAccents(),
                                   norm.Lowercase(), map_, norm.Replace(Regex(" {2,}"), " ")]),
            pre.Metaspace(), dec.Metaspace())
        yield f"unsplit-{rule}", tokenizer(
            pieces, norm.Sequence([map_, norm.Prepend("▁"), norm.Replace(" ", "▁")]), None,
            dec.Sequence([dec.Replace("▁", " "), dec.Fuse(), dec.Strip(" ", 1, 0)]))
        yield f"bytes-{rule}", tokenizer(
            pieces[:900] + bytes_, map_, pre.Metaspace(prepend_scheme="never", split=False),
            dec.Sequence([dec.Replace("▁", " "), dec.ByteFallback(), dec.Fuse()]), falls_back=True)
        yield f"nmt-{rule}", tokenizer(
            pieces, norm.Sequence([norm.Nmt(), map_, norm.NFC()]),
            pre.Sequence([pre.WhitespaceSplit(), pre.Punctuation(), pre.Metaspace(prepend_scheme="always")]),
            dec.Metaspace())


def tokenizer(pieces, normalizer, pre_tokenizer, decoder, falls_back=False):
    result = Tokenizer(models.Unigram(pieces, 0, falls_back))
    result.normalizer = normalizer
    if pre_tokenizer:
        result.pre_tokenizer = pre_tokenizer
    result.decoder = decoder
    result.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    result.add_special_tokens(["<s>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)])
    result.add_tokens([AddedToken("Extra", single_word=True), AddedToken("<new>", lstrip=True, rstrip=True)])
    return result
