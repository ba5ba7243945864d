public import CheckpointBytes
public import Tokenizers

/// Turns texts into tokens, and back.
public struct Tokenization: TextTask {
  /// What may be said of a text, by the names that stand in answers.
  public enum Field: String, Sendable, Hashable, CaseIterable {
    /// The tokens' ids.
    case ids
    /// The tokens.
    case tokens
    /// Which part of its text each token stands for, `[start, end]` in Unicode scalars.
    case offsets
    /// Which text each token is of, as models want it.
    case typeIDs = "type_ids"
    /// 1 for tokens, 0 for padding.
    case attentionMask = "attention_mask"
    /// 1 for tokens that were added to the text.
    case specialTokensMask = "special_tokens_mask"
    /// Which word of its text each token belongs to, null for what was added.
    case wordIDs = "word_ids"
    /// What the ids are decoded to.
    case decoded
    /// The same without special tokens.
    case decodedSkip = "decoded_skip"
    /// What truncation cut off, each part as a text of its own.
    case parts

    /// What is known of ids that were given.
    package static let ofIDs: [Field] = [.ids, .decoded, .decodedSkip]
  }

  /// What is tokenized.
  public enum Input: Sendable, Hashable {
    /// A text, or a pair.
    case text(TokenizerInput)
    /// Words that are split already, or two texts of them.
    case words([String], pair: [String]?)
    /// Tokens, which become text.
    case ids([Int])
  }

  private let tokenizer: Tokenizer
  private let options: EncodingOptions?
  /// What is said of a text, in this order.
  public let fields: [Field]

  /// Takes a tokenizer; without options its usual ones count. Each text is a batch of its own, so that filling up to the longest fills up
  /// nothing: `Tokenizer.encodeBatch` does that for several.
  public init(
    _ tokenizer: Tokenizer, options: EncodingOptions? = nil,
    fields: [Field] = [.ids, .offsets, .typeIDs, .attentionMask, .decoded, .decodedSkip]
  ) {
    self.tokenizer = tokenizer
    self.options = options
    self.fields = fields
  }

  /// `text` and `pair`; or `words` and `pair_words`; or `ids`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> Input {
    if let ids = try row.integers("ids") { return .ids(ids) }
    if let words = try row.texts("words") {
      return .words(words, pair: try row.texts("pair_words"))
    }
    return .text(try TokenizerInput(row))
  }

  /// The tokens of texts. Of ids only what they are decoded to is known.
  public func answers(to inputs: [Input]) -> [Result<Encoding, CheckpointError>] {
    inputs.map { input in
      Result { () throws(CheckpointError) in
        switch input {
        case .text(let input):
          try tokenizer.encode(input.text, pair: input.pair, options: options)
        case .words(let words, let pair):
          try tokenizer.encode(words: words, pair: pair, options: options)
        case .ids(let ids): Encoding(ids: try Self.checked(ids))
        }
      }
    }
  }

  /// Ids that tokens can have: the reference refuses others too, and has nothing for those that no token has.
  private static func checked(_ ids: [Int]) throws(CheckpointError) -> [Int] {
    guard let wrong = ids.first(where: { UInt32(exactly: $0) == nil }) else { return ids }
    throw CheckpointError(
      .malformed, field: "ids", "expected whole numbers from 0 to \(UInt32.max), found \(wrong)")
  }

  /// The fields that are asked for; of ids that were given, these and what they are decoded to.
  public func members(of output: Encoding) -> [JSONValue.Member] {
    let isWhole = output.attentionMask.count == output.ids.count
    let known = isWhole ? fields : fields.filter(Field.ofIDs.contains)
    let fields = known.isEmpty ? Field.ofIDs : known
    return fields.map { JSONValue.Member(ExactName($0.rawValue), value($0, of: output)) }
  }

  private func value(_ field: Field, of encoding: Encoding) -> JSONValue {
    func list(_ numbers: [Int]) -> JSONValue { .array(numbers.map { .integer($0) }) }
    return switch field {
    case .ids: list(encoding.ids)
    case .tokens: .array(encoding.tokens.map { .string($0) })
    case .offsets: .array(encoding.offsets.map { list([$0.lowerBound, $0.upperBound]) })
    case .typeIDs: list(encoding.typeIDs)
    case .attentionMask: list(encoding.attentionMask)
    case .specialTokensMask: list(encoding.specialTokensMask)
    case .wordIDs: .array(encoding.wordIDs.map { $0.map { .integer($0) } ?? .null })
    case .decoded: .string(tokenizer.decode(encoding.ids))
    case .decodedSkip: .string(tokenizer.decode(encoding.ids, skipSpecialTokens: true))
    case .parts: .array([JSONValue](encoding.overflowing.map { members(of: $0) }))
    }
  }
}

extension TokenizerInput {
  /// `text`, and `pair` or `text_pair`.
  package init(_ row: TaskRow) throws(CheckpointError) {
    self.init(try row.text("text"), pair: try row.optionalText("pair", "text_pair"))
  }
}
