/// A model of `tokenizer.json`: turns words into tokens.
enum Model: Sendable {
  case wordPiece(WordPieceModel)
  case wordLevel(WordLevelModel)
  case bytePair(BytePairModel)
  case unigram(UnigramModel)

  /// The tokens.
  var vocabulary: Vocabulary {
    switch self {
    case .wordPiece(let model): model.vocabulary
    case .wordLevel(let model): model.vocabulary
    case .bytePair(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    }
  }

  /// True for byte-pair encoding.
  var isBytePair: Bool {
    if case .bytePair = self { true } else { false }
  }

  /// The token for what is not in the vocabulary.
  var unknownToken: String? {
    switch self {
    case .wordPiece(let model): model.unknownToken
    case .wordLevel(let model): model.unknownToken
    case .bytePair(let model): model.unknownToken
    case .unigram(let model): model.unknownToken
    }
  }
}

/// What all kinds of models do. They are classes, so that a word costs no counting of references to what they hold.
protocol WordTokenizing: AnyObject, Sendable {
  var vocabulary: Vocabulary { get }

  /// The index of the token that stands in encodings as the text that it covers, if there is such a token.
  var indexWrittenAsText: UInt32? { get }

  /// True if it takes longer to find a word's tokens than to look them up.
  var isWorthRemembering: Bool { get }

  /// Puts the tokens of a word into `workspace.found`.
  ///
  /// - Throws: `unknownTokenMissing` or `unknownTokenNotStated` if one is needed and there is none.
  func tokenize(
    _ word: ArraySlice<AlignedScalar>, in workspace: inout Workspace
  ) throws(ModelFailure)
}

/// Why a model cannot tokenize.
enum ModelFailure: Error {
  /// A word needs the token for unknown words, and the vocabulary has none of that name.
  case unknownTokenMissing(String)
  /// A word needs the token for unknown words, and the model names none.
  case unknownTokenNotStated
  /// Normalizer and pre-tokenizer make more of a text than ``Normalizer/room(for:)``.
  case rewrittenTooLong
}

extension WordTokenizing {
  var isWorthRemembering: Bool { true }
  var indexWrittenAsText: UInt32? { nil }
}

/// What tokenizing keeps between words and between texts: buffers, and the words it has seen.
struct Workspace: Sendable {
  /// Of longer texts no memory is kept.
  private static let greatestKeptByteCount = 1 << 20

  /// The text, and its parts.
  var text = TextBytes()
  var textParts: [TextPart] = []
  /// The chunks of a window of the text, the tokens of one, and those of all that are known.
  var chunks = TextChunks()
  var pieces = PieceText()
  var chunk: [ChunkToken] = []
  var chunkWordCount: UInt32 = 0
  var known = ChunkCache()

  /// The word that is looked up.
  var word = TextBytes()

  /// Gives back what a long text has taken.
  mutating func releaseLarge() {
    guard text.count > Self.greatestKeptByteCount else { return }
    text = TextBytes()
    textParts = []
    pieces = PieceText()
    chunk = []
    found = []
    symbols = SymbolBuffer()
  }

  var symbols = SymbolBuffer()
  var parts: [WordPart] = []
  /// The best way to each place in the last word.
  var path: [UnigramModel.Step] = []
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
  /// How much of the word it covers: bytes of its UTF-8 for byte pairs, scalars for Unigram.
  var length: UInt32
}
