import CheckpointBytes
import Tokenizers

/// A `tokenizer.json`, a NUL, and a text; without a NUL the file is its own text. What is no JSON is a SentencePiece model.
func fuzzTokenizer(_ bytes: [UInt8]) {
  let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let text = String(decoding: parts.last ?? [], as: UTF8.self)
  let json = try? JSONValue(parsing: Array(parts.first ?? []), context: "input")
  do throws(CheckpointError) {
    let tokenizer =
      if let json {
        try Tokenizer(json: json, file: "input")
      } else {
        try Tokenizer.load(
          from: "input", contents: ["sentencepiece.bpe.model": bytes],
          as: TokenizerClass(named: "XLMRobertaTokenizer"))
      }
    let options = [
      EncodingOptions(),
      EncodingOptions(
        truncation: Truncation(maximumLength: 7 + text.utf8.count / 64, side: .left, stride: 1),
        padding: Padding(.fixed(9), id: 0)),
    ]
    for option in options {
      let encoding = try tokenizer.encode(text, pair: "Pair of <mask>", options: option)
      expectWhole(encoding)
      for part in encoding.overflowing { expectWhole(part) }
    }
    let alone = try tokenizer.encode(text)
    let length = text.unicodeScalars.count
    expect(alone.offsets.allSatisfy { $0.upperBound <= length }, "offsets lie in the text")
    var decoder = tokenizer.streamingDecoder()
    for id in alone.ids.prefix(50) { _ = try decoder.append(id) }
    _ = tokenizer.decode(alone.ids, skipSpecialTokens: true, cleanUp: true)
  } catch {
    expectReadable(error)
  }
}

private func expectWhole(_ encoding: Encoding) {
  let counts = [
    encoding.tokens.count, encoding.offsets.count, encoding.typeIDs.count,
    encoding.attentionMask.count, encoding.specialTokensMask.count, encoding.wordIDs.count,
    encoding.sequenceIDs.count,
  ]
  expect(counts.allSatisfy { $0 == encoding.count }, "all arrays have an element a token")
}
