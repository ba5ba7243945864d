/// What a text becomes: tokens, and what is known of each (`Encoding` of tokenizers 0.23.3).
///
/// All arrays have one element a token, special tokens and padding included.
public struct Encoding: Sendable, Equatable {
  /// The tokens' ids: the input of a model.
  public internal(set) var ids: [Int] = []
  /// Which segment each token belongs to, as the model's `token_type_ids` want it.
  public internal(set) var typeIDs: [Int] = []
  /// The tokens as they stand in the vocabulary; added tokens as they stand in the text.
  public internal(set) var tokens: [String] = []
  /// Which part of its text each token stands for, in Unicode scalars; empty at 0 for special tokens and padding.
  public internal(set) var offsets: [Range<Int>] = []
  /// 1 for tokens, 0 for padding.
  public internal(set) var attentionMask: [Int] = []
  /// 1 for tokens that were added to the text, padding included, 0 for those found in it.
  public internal(set) var specialTokensMask: [Int] = []
  /// Which word of its text each token belongs to, counted as the pre-tokenizer cut them; nil for what was added.
  public internal(set) var wordIDs: [Int?] = []
  /// What truncation cut off, in parts of their own, overlapping by the stride. The parts have none themselves.
  public internal(set) var overflowing: [Encoding] = []
  /// True if truncation cut something off, kept as ``overflowing`` or not. Never true of a part that overflowed.
  public internal(set) var isTruncated = false

  /// Whether ``typeIDs`` are an input of models, as the tokenizer has it (``Tokenizer/givesTokenTypes``).
  public internal(set) var givesTokenTypes: Bool?

  /// Where the tokens of each text lie, by text. If nothing is here, all tokens are of the first.
  var sequenceRanges: [Int: Range<Int>] = [:]

  /// An encoding of nothing.
  public init() {}

  /// Tokens of which nothing is known but their ids.
  package init(ids: [Int]) { self.ids = ids }

  /// How many tokens there are.
  public var count: Int { ids.count }

  /// Which text each token comes from, 0 or 1; nil for what was added.
  public var sequenceIDs: [Int?] {
    var result: [Int?] = Array(repeating: nil, count: count)
    // As the reference counts: as many texts as there are ranges, and one without a range has all tokens.
    for sequence in 0..<max(1, sequenceRanges.count) {
      let range = sequenceRanges[sequence] ?? 0..<count
      for index in range.clamped(to: 0..<count) { result[index] = sequence }
    }
    return result
  }
}

extension Encoding {
  /// Tokens that are put in, such as `[CLS]`: no offsets, no word.
  init(special tokens: [(id: Int, text: String)], typeID: Int) {
    ids = tokens.map(\.id)
    self.tokens = tokens.map(\.text)
    typeIDs = Array(repeating: typeID, count: tokens.count)
    offsets = Array(repeating: 0..<0, count: tokens.count)
    attentionMask = Array(repeating: 1, count: tokens.count)
    specialTokensMask = attentionMask
    wordIDs = Array(repeating: nil, count: tokens.count)
  }

  /// Says that all tokens are of one text.
  mutating func setSequence(_ sequence: Int) {
    sequenceRanges[sequence] = 0..<count
  }

  /// Gives all tokens one type id.
  mutating func setTypeID(_ typeID: Int) {
    typeIDs = Array(repeating: typeID, count: count)
  }

  /// The tokens in a range, and nothing of what overflowed.
  package func part(_ range: Range<Int>) -> Encoding {
    var part = Encoding()
    part.ids = Array(ids[range])
    part.typeIDs = Array(typeIDs[range])
    part.tokens = Array(tokens[range])
    part.offsets = Array(offsets[range])
    part.attentionMask = Array(attentionMask[range])
    part.specialTokensMask = Array(specialTokensMask[range])
    part.wordIDs = Array(wordIDs[range])
    return part
  }

  /// Appends another encoding. What overflowed from either is completed with the other, in the reference's order: the
  /// overflow of the first with the second and with its overflow, then the first with the overflow of the second.
  mutating func append(_ other: Encoding) {
    var overflow: [Encoding] = []
    for part in overflowing {
      overflow.append(part.joined(to: other))
      for otherPart in other.overflowing { overflow.append(part.joined(to: otherPart)) }
    }
    for otherPart in other.overflowing { overflow.append(joined(to: otherPart)) }
    appendTokens(of: other)
    overflowing = overflow
  }

  /// Makes room for so many tokens.
  mutating func reserveCapacity(_ count: Int) {
    ids.reserveCapacity(count)
    typeIDs.reserveCapacity(count)
    tokens.reserveCapacity(count)
    offsets.reserveCapacity(count)
    attentionMask.reserveCapacity(count)
    specialTokensMask.reserveCapacity(count)
    wordIDs.reserveCapacity(count)
  }

  private func joined(to other: Encoding) -> Encoding {
    var joined = self
    joined.overflowing = []
    joined.reserveCapacity(count + other.count)
    joined.appendTokens(of: other)
    return joined
  }

  private mutating func appendTokens(of other: Encoding) {
    for (sequence, range) in other.sequenceRanges {
      sequenceRanges[sequence] = range.lowerBound + count..<range.upperBound + count
    }
    ids += other.ids
    typeIDs += other.typeIDs
    tokens += other.tokens
    offsets += other.offsets
    attentionMask += other.attentionMask
    specialTokensMask += other.specialTokensMask
    wordIDs += other.wordIDs
  }
}
