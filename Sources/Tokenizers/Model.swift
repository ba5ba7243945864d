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

  /// True for WordPiece.
  var isWordPiece: Bool {
    if case .wordPiece = self { true } else { false }
  }

  /// The token for what is not in the vocabulary.
  var unknownToken: String? {
    switch self {
    case .wordPiece(let model): model.unknownToken
    case .bytePair(let model): model.unknownToken
    }
  }
}

/// What both kinds of models do. They are classes, so that a word costs no counting of references to what they hold.
protocol WordTokenizing: AnyObject, Sendable {
  /// Puts the tokens of a word into `workspace.found`.
  ///
  /// - Throws: `unknownTokenMissing` if one is needed and the vocabulary has none.
  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure)
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
  /// The tokens of the last word.
  var found: [FoundToken] = []
}

/// A token that a model has found in a word.
struct FoundToken: Sendable {
  /// The token's index in the vocabulary.
  var index: UInt32
  /// The scalars that it covers.
  var range: Range<Int>
}

/// A token of a word.
struct WordPart: Sendable {
  /// The token's index in the vocabulary.
  var index: UInt32
  /// How many bytes of the word's UTF-8 it covers.
  var length: UInt32
}
