/// A model of `tokenizer.json`: turns words into tokens.
enum Model: Sendable {
  case wordPiece(WordPieceModel)
  case bytePair(BytePairModel)

  /// The tokens.
  var vocabulary: Vocabulary {
    switch self {
    case .wordPiece(let model): model.vocabulary
    case .bytePair(let model): model.vocabulary
    }
  }

  /// The token for what is not in the vocabulary.
  var unknownToken: String? {
    switch self {
    case .wordPiece(let model): model.unknownToken
    case .bytePair(let model): model.unknownToken
    }
  }

  /// Hands the tokens of a word to `body`: the token's index and the scalars it covers.
  ///
  /// - Throws: `unknownTokenMissing` if one is needed and the vocabulary has none.
  @inline(__always)
  func tokenize(
    _ word: ArraySlice<AlignedScalar>, workspace: inout Workspace,
    _ body: (_ index: UInt32, _ range: Range<Int>) -> Void
  ) throws(ModelFailure) {
    switch self {
    case .wordPiece(let model): try model.tokenize(word, workspace: &workspace, body)
    case .bytePair(let model): try model.tokenize(word, workspace: &workspace, body)
    }
  }
}

/// Why a model cannot tokenize.
enum ModelFailure: Error {
  /// A word needs the token for unknown words, and the vocabulary has none of that name.
  case unknownTokenMissing(String)
}

/// What tokenizing keeps between words and between texts: buffers, and the words it has seen.
struct Workspace: Sendable {
  var words = WordCache()
  var symbols = SymbolBuffer()
  var parts: [WordPart] = []
}

/// A token of a word.
struct WordPart: Sendable {
  /// The token's index in the vocabulary.
  var index: UInt32
  /// How much of the word it covers: scalars in WordPiece, bytes of its UTF-8 in byte-pair encoding.
  var length: UInt32
}
