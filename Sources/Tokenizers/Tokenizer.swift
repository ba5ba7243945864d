package import CheckpointBytes

/// A tokenizer: text to the ids of tokens, and back.
///
/// WordPiece as BERT uses it, byte-level byte-pair encoding as GPT-2 and RoBERTa use it, and Unigram as XLM-RoBERTa and
/// CamemBERT use it, with the components that `tokenizer.json` puts around them. Ids, offsets, masks and decoded text are those of tokenizers 0.23.3, and of
/// Transformers 5.23 for what lies in a model's directory beside it.
///
/// A tokenizer is immutable and may be used from several threads at once.
public struct Tokenizer: Sendable {
  /// The greatest number of UTF-8 bytes that one text may have.
  public static let greatestTextByteCount = 1 << 28
  /// The greatest number of tokens in all parts that are cut off one input: with a long stride, or from both texts of a
  /// pair, they can be many times the input. A part counts for 64 tokens at least; so many take up to 1 GB.
  public static let greatestOverflow = 1 << 24
  /// The greatest length that encodings are padded to.
  public static let greatestPaddedLength = 1 << 24

  private(set) var parts: TokenizerParts
  private(set) var added: AddedVocabulary
  /// Cuts texts into chunks that are tokenized by themselves, if its components allow it.
  private(set) var cutter: TextCutter?
  /// What errors call the tokenizer: the path of its file.
  let file: String
  private(set) var workspaces = WorkspacePool()
  let tokenSpaces = TokenSpacesTable()
  /// True if ``statedTruncation`` and ``statedPadding`` are applied where no options are given.
  let appliesStated: Bool

  /// The tokens that have a part to play. From a bare `tokenizer.json` only the unknown token is known.
  public let specialTokens: SpecialTokens
  /// The longest input that the model takes (`model_max_length`); nil if that is not said.
  public let maximumLength: Int?
  /// The truncation that `tokenizer.json` states; ``usualOptions`` say whether it is applied.
  public let statedTruncation: Truncation?
  /// The padding that `tokenizer.json` states; ``usualOptions`` say whether it is applied.
  public let statedPadding: Padding?
  /// The side where texts are cut off unless it is said otherwise (`truncation_side`, or else that of
  /// ``statedTruncation``).
  public let truncationSide: TextSide
  /// The side where padding is put unless it is said otherwise (`padding_side`, or else that of ``statedPadding``).
  public let paddingSide: TextSide
  /// True if the inputs of models have token types (`model_input_names`); nil for a bare `tokenizer.json`, which does not
  /// say it.
  public let givesTokenTypes: Bool?
  /// True if decoding cleans up spaces unless it is said otherwise (`clean_up_tokenization_spaces`).
  public let cleansUp: Bool
  /// True if byte-pair text is cleaned up as well.
  let cleansBytePairs: Bool
  /// True if special tokens are not looked for in texts unless it is said otherwise (`split_special_tokens`).
  public let splitsSpecialTokens: Bool

  /// Puts a tokenizer together.
  ///
  /// - Parameter isBare: Whether it is a `tokenizer.json` alone; the special tokens of a directory become added tokens where
  ///   they are none, and truncation and padding are not applied.
  init(
    _ parts: TokenizerParts, setup: TokenizerSetup, isBare: Bool, file: String
  ) throws(CheckpointError) {
    self.parts = parts
    self.file = file
    appliesStated = isBare
    specialTokens = setup.specialTokens
    maximumLength = setup.maximumLength
    statedTruncation = parts.truncation
    statedPadding = parts.padding
    truncationSide = setup.truncationSide ?? parts.truncation?.side ?? .right
    paddingSide = setup.paddingSide ?? parts.padding?.side ?? .right
    givesTokenTypes = setup.givesTokenTypes
    cleansUp = setup.cleansUp
    cleansBytePairs = setup.cleansBytePairs
    splitsSpecialTokens = setup.splitsSpecialTokens

    var added = AddedVocabulary()
    added.add(parts.addedTokens.map(\.token), vocabulary: parts.model.vocabulary)
    for (token, id) in parts.addedTokens {
      guard let id, let found = added.id(of: token.content), found != id else { continue }
      throw CheckpointError(
        .inconsistent, file: file, field: "added_tokens",
        "\(quoted(token.content)) has the id \(id), expected \(found) by vocabulary and order")
    }
    if !isBare {
      added.add(setup.specialTokens, vocabulary: parts.model.vocabulary)
    }
    self.added = added
    try prepare()
  }

  /// Makes what depends on the normalizer.
  private mutating func prepare() throws(CheckpointError) {
    do throws(AddedVocabulary.Conflict) {
      try added.prepare(normalizer: parts.normalizer)
    } catch {
      throw CheckpointError(
        .inconsistent, file: file, field: "added_tokens",
        "\(quoted(error.content)) \(error.problem)")
    }
    cutter = TextCutter(parts, added)
    workspaces = WorkspacePool()
  }

  /// The same tokenizer with texts made lower case before all else that its normalizer does (`do_lower_case` of
  /// sentence-transformers 6.2); itself if `Lowercase` is a part of that.
  ///
  /// - Throws: `inconsistent` if added tokens that are looked for in normalized text become the same.
  package func lowercasing() throws(CheckpointError) -> Tokenizer {
    var steps = parts.normalizer.map { [$0] } ?? []
    if case .sequence(let own) = parts.normalizer { steps = own }
    let lowercases = steps.contains { if case .lowercase = $0 { true } else { false } }
    guard !lowercases else { return self }
    var tokenizer = self
    tokenizer.parts.normalizer = .sequence([.lowercase] + steps)
    try tokenizer.prepare()
    return tokenizer
  }

  /// The same tokenizer, that takes every text through all steps as a whole: what ``TextCutter`` is compared with.
  package func tokenizingWhole() -> Tokenizer {
    var tokenizer = self
    tokenizer.cutter = nil
    return tokenizer
  }
}

extension Tokenizer {
  /// How many tokens the model knows, added tokens left out.
  public var modelVocabularyCount: Int { parts.model.vocabulary.count }

  /// How many tokens there are, added tokens included.
  public var vocabularyCount: Int {
    parts.model.vocabulary.count + added.count(notIn: parts.model.vocabulary)
  }

  /// The added tokens and their ids, by ascending id.
  public var addedTokens: [(id: Int, token: AddedToken)] {
    added.tokens.map { (Int($0.id), $0.token) }
  }

  /// The id of a token, compared by its scalars; nil if there is none.
  public func id(of token: String) -> Int? {
    if let id = added.id(of: token) { return Int(id) }
    let vocabulary = parts.model.vocabulary
    return vocabulary.index(of: token).map { Int(vocabulary.ids[Int($0)]) }
  }

  /// The token with an id; nil if there is none. As in the reference, an added token that is looked for in normalized
  /// text is given in its normalized form.
  public func token(withID id: Int) -> String? {
    guard let id = UInt32(exactly: id) else { return nil }
    if let text = added.decodedText(ofID: id) { return text }
    let vocabulary = parts.model.vocabulary
    return vocabulary.index(ofID: id).map { vocabulary.texts[Int($0)] }
  }

  /// The id of the token that plays a part; nil if no token does, or if it is in no vocabulary.
  public func id(of role: SpecialTokens.Role) -> Int? {
    specialTokens[role].flatMap { id(of: $0) }
  }

  /// The mask token's id.
  public var maskTokenID: Int? { id(of: .mask) }
  /// The padding token's id.
  public var paddingTokenID: Int? { id(of: .padding) }
  /// The id of the token that stands before a text and is classified.
  public var classificationTokenID: Int? { id(of: .classification) }
  /// The separator's id.
  public var separatorTokenID: Int? { id(of: .separator) }
  /// The id of the token for what is not in the vocabulary.
  public var unknownTokenID: Int? { id(of: .unknown) }
  /// The id of the token that begins a text.
  public var beginningTokenID: Int? { id(of: .beginning) }
  /// The id of the token that ends a text.
  public var endTokenID: Int? { id(of: .end) }
}

extension Tokenizer: CustomStringConvertible {
  /// The kind of the model and how many tokens there are: `WordPiece, 30522 tokens`.
  public var description: String {
    let kind =
      switch parts.model {
      case .wordPiece: "WordPiece"
      case .wordLevel: "WordLevel"
      case .bytePair: "BPE"
      case .unigram: "Unigram"
      }
    return "\(kind), \(vocabularyCount) tokens"
  }
}

/// The parts of a tokenizer, as `tokenizer.json` has them.
struct TokenizerParts: Sendable {
  var normalizer: Normalizer?
  var preTokenizer: PreTokenizer?
  var model: Model
  var postProcessor: PostProcessor?
  var decoder: Decoder?
  /// The added tokens, with the ids that the files state for them.
  var addedTokens: [(token: AddedToken, id: UInt32?)] = []
  var truncation: Truncation?
  var padding: Padding?
}

/// What a model's directory says of a tokenizer beside its parts (`tokenizer_config.json`).
struct TokenizerSetup: Sendable {
  var specialTokens = SpecialTokens()
  var maximumLength: Int?
  var truncationSide: TextSide?
  var paddingSide: TextSide?
  var givesTokenTypes: Bool?
  var cleansUp = false
  var cleansBytePairs = false
  var splitsSpecialTokens = false
}
