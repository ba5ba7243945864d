public import CheckpointBytes

extension Tokenizer {
  /// The text of tokens. Ids without a token are left out, as the reference leaves them out.
  ///
  /// - Parameters:
  ///   - ids: The tokens.
  ///   - skipSpecialTokens: Leaves special tokens out.
  ///   - cleanUp: Takes spaces out before punctuation and English contractions, as Transformers does after decoding. Nil
  ///     does what `tokenizer_config.json` says, and nothing if it says nothing. Byte-pair text is not cleaned up: there
  ///     the spaces are the text's own (Transformers 5.23, `_decode`), unless `tokenizer_config.json` insists on it
  ///     (`clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output`).
  public func decode(
    _ ids: [Int], skipSpecialTokens: Bool = false, cleanUp: Bool? = nil
  ) -> String {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for id in ids {
      guard let token = token(withID: id), !(skipSpecialTokens && added.isSpecial(token)) else {
        continue
      }
      tokens.append(Array(token.utf8))
    }
    var text: [UInt8]
    if let decoder = parts.decoder {
      text = Array(decoder.apply(to: tokens).joined())
    } else {
      text = Array(tokens.joined(separator: [0x20]))
    }
    if cleanUp ?? cleansUp, cleansBytePairs || !parts.model.isBytePair {
      text = TextCleanUp.transformers.apply(to: text)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// True for a token that decoding takes for a byte.
  fileprivate func isByte(_ id: Int) -> Bool {
    guard let decoder = parts.decoder, decoder.joinsBytes, let token = token(withID: id) else {
      return false
    }
    return Decoder.byte(ofFallback: Array(token.utf8)) != nil
  }

  /// A decoder for tokens that come one at a time.
  public func streamingDecoder(skipSpecialTokens: Bool = false) -> StreamingDecoder {
    StreamingDecoder(self, skipSpecialTokens: skipSpecialTokens)
  }
}

/// Decodes tokens as they are generated, and gives text only when it can no longer change: a scalar whose bytes come in
/// several tokens appears when it is whole, and tokens that stand for bytes (`<0x0A>`) when their run has ended.
///
/// It follows `DecodeStream` of tokenizers 0.23.3, which gives bytes one by one and fails where one changes those before it.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// The last tokens, from the first one that the next may depend on.
  private var ids: [Int] = []
  /// The text of the first `prefixCount` of them, which has been given already.
  private var prefix = ""
  private var prefixCount = 0

  init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  private func decode() -> String {
    tokenizer.decode(ids, skipSpecialTokens: skipSpecialTokens, cleanUp: false)
  }

  /// Takes the next token, and gives the text that is now certain; often a word, sometimes nothing.
  ///
  /// - Throws: `inconsistent` if the token changes text that was given before, as `<0xFF>` can after other bytes.
  public mutating func append(_ id: Int) throws(CheckpointError) -> String {
    ids.append(id)
    // Bytes behind one another are one text, or none at all, and nobody knows which before they end.
    if tokenizer.isByte(id) { return "" }
    let text = decode()
    guard text.utf8.count > prefix.utf8.count, text.unicodeScalars.last != "\u{FFFD}" else {
      return ""
    }
    let new = try rest(of: text)
    let count = ids.count - prefixCount
    ids.removeFirst(prefixCount)
    prefix = decode()
    prefixCount = count
    return new
  }

  /// The text that was held back, incomplete as it is. The decoder starts anew.
  public mutating func finish() throws(CheckpointError) -> String {
    let text = decode()
    let new = text.utf8.count > prefix.utf8.count ? try rest(of: text) : ""
    self = StreamingDecoder(tokenizer, skipSpecialTokens: skipSpecialTokens)
    return new
  }

  private func rest(of text: String) throws(CheckpointError) -> String {
    guard text.utf8.starts(with: prefix.utf8) else {
      throw CheckpointError(
        .inconsistent, file: tokenizer.file, field: "decoder",
        "a token has changed the text that was decoded before it")
    }
    return String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
  }
}
