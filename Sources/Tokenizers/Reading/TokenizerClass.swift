/// A tokenizer class of Transformers, as data: what vocabulary it reads, what it puts around it, and which settings of
/// `tokenizer_config.json` it takes.
///
/// The classes of Transformers 5 build their tokenizers anew: of a `tokenizer.json` they take the vocabulary, the merges and
/// the added tokens, and the rest is theirs. A class that is not in the table would give other ids, so that its name is an
/// error wherever it is stated.
public struct TokenizerClass: Sendable {
  /// Its name in Transformers 5.23: `BertTokenizer`.
  public let name: String
  /// True if the inputs that it makes of texts have token types (`model_input_names`).
  public let givesTokenTypes: Bool
  /// Other names for it; every name may end in `Fast`.
  package let otherNames: [String]
  /// The types of models that have it where no class is stated (`TOKENIZER_MAPPING_NAMES`).
  package let modelTypes: [String]
  let form: Form
  /// Its special tokens where the files state none.
  let specialTokens: [SpecialTokens.Role: AddedToken]
  /// Its special tokens without a role where the files list none.
  let listedTokens: [AddedToken]
  /// True if a mask that is stated as text takes the white space before it along.
  private let maskStripsLeft: Bool

  /// How a class puts a tokenizer together.
  enum Form: Sendable {
    /// `tokenizer.json` counts as it stands, and there must be one.
    case file
    case wordPiece(WordPieceForm)
    case bytePair(BytePairForm)
    case unigram(UnigramForm)
  }

  init(
    _ name: String, _ otherNames: [String] = [], modelTypes: [String] = [],
    givesTokenTypes: Bool = false, form: Form,
    tokens specialTokens: [SpecialTokens.Role: String] = [:], listed: [String] = [],
    maskStripsLeft: Bool = false
  ) {
    self.name = name
    self.otherNames = otherNames
    self.modelTypes = modelTypes
    self.givesTokenTypes = givesTokenTypes
    self.form = form
    self.maskStripsLeft = maskStripsLeft
    var tokens: [SpecialTokens.Role: AddedToken] = [:]
    for (role, text) in specialTokens {
      tokens[role] = AddedToken(
        text, stripsLeft: maskStripsLeft && role == .mask, isSpecial: true)
    }
    self.specialTokens = tokens
    listedTokens = listed.map { AddedToken($0, isSpecial: true) }
  }

  /// The token that a text stands for in a role.
  func token(_ text: String, in role: SpecialTokens.Role) -> AddedToken {
    AddedToken(text, stripsLeft: maskStripsLeft && role == .mask, isSpecial: true)
  }
}

/// WordPiece behind BERT's normalizer and pre-tokenizer.
struct WordPieceForm: Sendable {
  var surroundings: Surroundings
  /// False if `do_lower_case` is not passed on: all letters become small.
  var takesCase = true
  /// True if `clean_text` and `wordpieces_prefix` are settings.
  var takesCleaning = false
  /// True if the class has no initializer of its own: `tokenizer.json` counts but for what is put around texts.
  var keepsFile = false
}

/// Byte-pair encoding.
struct BytePairForm: Sendable {
  /// What the letters of words are.
  enum Words: Sendable {
    /// Bytes, after the pattern of GPT-2.
    case bytes(normalizer: Normalizer?, addsPrefixSpace: Bool)
    /// Scalars, after BERT's normalizer and pre-tokenizer; the last of a word ends in `</w>`.
    case scalars(BertNormalization)
  }

  var words: Words
  var surroundings: Surroundings
}

/// Unigram behind a character map, with words cut off at white space, and U+2581 before each.
struct UnigramForm: Sendable {
  /// Which token stands for what is unknown.
  enum Unknown: Sendable {
    /// The one at a place, whatever it is.
    case place(Int)
    /// The first with the text of the unknown token, or else the one at 0.
    case token
  }

  /// A token of the vocabulary that is put together from a SentencePiece model.
  enum Piece: Sendable {
    case role(SpecialTokens.Role)
    case text(String, score: Double)
  }

  var unknown: Unknown
  var surroundings: Surroundings
  /// The tokens that stand before the pieces of a SentencePiece model; the mask stands after them.
  var firstPieces: [Piece]
  /// How many of the model's pieces are left out at its beginning.
  var droppedPieceCount: Int
  /// False if a SentencePiece model of another kind is taken for one of Unigram.
  var asksForUnigram: Bool
}

/// What is put around texts.
enum Surroundings: Sendable {
  /// `[CLS] A [SEP]`, `[CLS] A [SEP] B [SEP]`, the first token of a type of its own.
  case bert(firstTypeID: Int)
  /// `<s> A </s>`, `<s> A </s></s> B </s>`; trimmed by `trim_offsets` and `add_prefix_space`.
  case roberta
  /// The same, trimmed whatever is stated.
  case trimmedRoberta
  /// `[CLS] A [SEP]`, `[CLS] A [SEP] [SEP] B [SEP]`, all of type 0.
  case deberta
  /// The same of the tokens for beginning and end.
  case xlmRoberta
  /// `<s> A </s>`, `<s> A </s> B </s>`, with the ids 0 and 2 whatever the vocabulary says.
  case herbert
  /// The post-processor of `tokenizer.json`, or else this one, or else the tokens for beginning and end that
  /// `add_bos_token` and `add_eos_token` ask for.
  case stated(otherwise: PostProcessor?)
  /// Those tokens, whatever `tokenizer.json` says.
  case beginningAndEnd
}
