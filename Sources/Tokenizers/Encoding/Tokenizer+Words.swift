public import CheckpointBytes

extension Tokenizer {
  /// Encodes a text whose words are split already, or a pair of such texts (`is_split_into_words` of Transformers 5.23). Each
  /// word is tokenized by itself: ``Encoding/wordIDs`` are the places of words in the list, and ``Encoding/offsets`` count from
  /// the beginning of each word.
  ///
  /// - Throws: What ``encode(_:pair:options:)`` throws.
  public func encode(
    words: [String], pair: [String]? = nil, options: EncodingOptions? = nil
  ) throws(CheckpointError) -> Encoding {
    let options = options ?? usualOptions
    var workspace = workspaces.take()
    let first = try joined(words, 0, options, &workspace)
    let second = try pair.map { (words) throws(CheckpointError) in
      try joined(words, 1, options, &workspace)
    }
    let encoding = try completed(first, second, options: options)
    workspaces.giveBack(workspace)
    return try filled(encoding, options)
  }

  private func joined(
    _ words: [String], _ typeID: Int, _ options: EncodingOptions, _ workspace: inout Workspace
  ) throws(CheckpointError) -> Encoding {
    var text = Encoding()
    for (place, word) in words.enumerated() {
      let splits = options.splitsSpecialTokens ?? splitsSpecialTokens
      var tokens = try tokens(of: word, typeID, splitsSpecial: splits, workspace: &workspace)
      tokens.wordIDs = tokens.wordIDs.map { _ in place }
      text.append(tokens)
    }
    return text
  }

  /// The mark of tokens that go on with a word (`continuing_subword_prefix`), where the model has one, as WordPiece has.
  package var continuingPrefix: String? {
    let prefix: String
    switch parts.model {
    case .wordPiece(let model): prefix = model.continuingPrefix
    case .bytePair(let model): prefix = model.options.continuingPrefix
    case .wordLevel, .unigram: prefix = ""
    }
    return prefix.isEmpty ? nil : prefix
  }

  /// The text of tokens (`convert_tokens_to_string`): as ``decode(_:skipSpecialTokens:cleanUp:)`` makes it, without cleaning up.
  package func text(of tokens: [String]) -> String {
    let pieces = tokens.map { Array($0.utf8) }
    let text =
      parts.decoder.map { Array($0.apply(to: pieces).joined()) }
      ?? Array(pieces.joined(separator: [0x20]))
    return String(decoding: text, as: UTF8.self)
  }
}

extension Tokenizer {
  /// The bytes that a token adds to a text that it goes on with (`StopStringCriteria.clean_tokenizer_vocab`, Transformers 5.23).
  ///
  /// - Parameter beginning: The tokens of some text, ``beginning``.
  package func bytes(ofTokenWithID id: Int, after beginning: [String]) -> [UInt8] {
    guard let token = token(withID: id) else { return [] }
    let bytes = Array(token.utf8)
    if parts.decoder?.hasByteLevel == true {
      let scalars = token.unicodeScalars
      if scalars.allSatisfy({ ByteAlphabet.byte($0.value) != nil }) {
        return Decoder.bytes(ofByteLevel: bytes)
      }
    } else if parts.decoder?.hasByteFallback == true, let byte = Decoder.byte(ofFallback: bytes) {
      return [byte]
    }
    let before = text(of: beginning).utf8
    let after = text(of: beginning + [token]).utf8
    return after.starts(with: before) ? Array(after.dropFirst(before.count)) : bytes
  }
}

extension Decoder {
  /// True if tokens are written in the alphabet of bytes.
  fileprivate var hasByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let decoders): decoders.contains { $0.hasByteLevel }
    default: false
    }
  }

  /// True if some tokens stand for single bytes.
  fileprivate var hasByteFallback: Bool {
    switch self {
    case .byteFallback: true
    case .sequence(let decoders): decoders.contains { $0.hasByteFallback }
    default: false
    }
  }
}
