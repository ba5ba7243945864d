/// How encodings are cut to a greatest length.
public struct Truncation: Sendable, Hashable {
  /// Which text is cut.
  public enum Strategy: String, Sendable, CaseIterable {
    /// Token by token the longer one, until both fit.
    case longestFirst = "longest_first"
    /// The first of a pair, or the only one.
    case onlyFirst = "only_first"
    /// The second of a pair.
    case onlySecond = "only_second"
  }

  /// The greatest length, special tokens included.
  public var maximumLength: Int
  /// Which text is cut.
  public var strategy: Strategy
  /// The side where tokens are cut off.
  public var side: TextSide
  /// How many tokens each overflowing piece repeats of the one before it.
  public var stride: Int
  /// Whether what is cut off is kept as ``Encoding/overflowing``. Without it a text takes only the memory of its own tokens, and
  /// ``Tokenizer/greatestOverflow`` does not count.
  public var keepsOverflow: Bool

  /// Cuts to a length, special tokens included.
  public init(
    maximumLength: Int, strategy: Strategy = .longestFirst, side: TextSide = .right,
    stride: Int = 0, keepsOverflow: Bool = true
  ) {
    self.maximumLength = maximumLength
    self.strategy = strategy
    self.side = side
    self.stride = stride
    self.keepsOverflow = keepsOverflow
  }
}

/// An end of a sequence of tokens.
public enum TextSide: String, Sendable, CaseIterable {
  case left
  case right
}

/// Why an encoding cannot be cut as asked.
enum TruncationFailure: Error {
  /// The length leaves no room: special tokens take this many.
  case noRoom(specialTokens: Int)
  /// The stride is below 0.
  case negativeStride
  /// The stride is not smaller than the room that is left.
  case strideTooLong(room: Int)
  /// The second text is to be cut, and there is none.
  case noSecondText
  /// Even without the text that is to be cut the rest is too long.
  case textTooShort
  /// The parts that are cut off would have more tokens than ``Tokenizer/greatestOverflow`` together.
  case tooMuchOverflow
}

extension Truncation {
  /// Cuts one or two encodings before special tokens are put in (utils/truncation.rs).
  ///
  /// - Parameters:
  ///   - added: How many special tokens will be put in.
  ///   - addedToSingle: How many would be put into a single text; the stride must fit beside them.
  func apply(
    to first: inout Encoding, _ second: inout Encoding?, added: Int, addedToSingle: Int
  ) throws(TruncationFailure) {
    let room = try room(added: added, addedToSingle: addedToSingle)
    guard room > 0 else {
      try cut(&first, to: 0)
      if second != nil { try cut(&second, to: 0) }
      return
    }
    let total = first.count + (second?.count ?? 0)
    guard total > room else { return }
    switch strategy {
    case .longestFirst:
      guard let secondCount = second?.count else { return try cut(&first, to: room) }
      let (firstRoom, secondRoom) = Self.share(room, first.count, secondCount)
      try cut(&first, to: firstRoom)
      try cut(&second, to: secondRoom)
      try checkPairs(first, second)
    case .onlyFirst:
      guard first.count > total - room else { throw .textTooShort }
      try cut(&first, to: first.count - (total - room))
    case .onlySecond:
      guard let count = second?.count else { throw .noSecondText }
      guard count > total - room else { throw .textTooShort }
      try cut(&second, to: count - (total - room))
    }
  }

  /// Which tokens are kept of a text that stands alone, what is cut off being left out.
  func kept(
    of count: Int, added: Int, addedToSingle: Int
  ) throws(TruncationFailure) -> Range<Int> {
    let room = try room(added: added, addedToSingle: addedToSingle)
    guard count > room else { return 0..<count }
    guard room > 0 else { return 0..<0 }
    guard strategy != .onlySecond else { throw .noSecondText }
    try checkParts(count, of: room)
    return side == .right ? 0..<room : count - room..<count
  }

  /// How many tokens of texts there may be.
  private func room(added: Int, addedToSingle: Int) throws(TruncationFailure) -> Int {
    guard maximumLength >= added else { throw .noRoom(specialTokens: added) }
    guard stride >= 0 else { throw .negativeStride }
    guard stride <= max(0, maximumLength - addedToSingle) else {
      throw .strideTooLong(room: max(0, maximumLength - addedToSingle))
    }
    return maximumLength - added
  }

  /// Fails if tokens cannot be cut to parts of a length, or would be too many in them.
  private func checkParts(_ count: Int, of length: Int) throws(TruncationFailure) {
    guard stride < length else { throw .strideTooLong(room: length) }
    let partCount = (count - length) / (length - stride) + 2
    try checkCount(partCount, ofParts: length)
  }

  /// Fails if the parts of two texts, each with each, would be too many.
  private func checkPairs(_ first: Encoding, _ second: Encoding?) throws(TruncationFailure) {
    let pairs = (first.overflowing.count + 1).multipliedReportingOverflow(
      by: (second?.overflowing.count ?? 0) + 1)
    try checkCount(pairs.overflow ? .max : pairs.partialValue, ofParts: maximumLength)
  }

  private func checkCount(_ count: Int, ofParts length: Int) throws(TruncationFailure) {
    guard !keepsOverflow || count <= Tokenizer.greatestOverflow / max(length, Self.leastPart) else {
      throw .tooMuchOverflow
    }
  }

  /// How many tokens a short part counts for.
  private static let leastPart = 64

  /// The room that each of two texts gets: the shorter one all it needs if the longer can give way, otherwise half.
  private static func share(_ room: Int, _ first: Int, _ second: Int) -> (Int, Int) {
    let shorter = min(first, second)
    let longer = shorter > room ? shorter : max(shorter, room - shorter)
    let (small, large) =
      shorter + longer > room ? (room / 2, room / 2 + room % 2) : (shorter, longer)
    return first > second ? (large, small) : (small, large)
  }

  private func cut(_ encoding: inout Encoding?, to length: Int) throws(TruncationFailure) {
    guard var cutEncoding = encoding else { return }
    try cut(&cutEncoding, to: length)
    encoding = cutEncoding
  }

  /// Keeps `length` tokens; the others overflow in pieces of that length, if they are kept.
  private func cut(_ encoding: inout Encoding, to length: Int) throws(TruncationFailure) {
    let count = encoding.count
    guard length < count else { return }
    guard length > 0 else {
      let whole = encoding
      encoding = Encoding()
      if keepsOverflow { encoding.overflowing = [whole] }
      return
    }
    try checkParts(count, of: length)
    var parts: [Encoding] = []
    var offset = 0
    var isComplete = false
    while !isComplete {
      let range =
        side == .right
        ? offset..<min(offset + length, count)
        : max(0, count - offset - length)..<count - offset
      parts.append(encoding.part(range))
      isComplete =
        !keepsOverflow || (side == .right ? range.upperBound == count : range.lowerBound == 0)
      offset += length - stride
    }
    encoding = parts.removeFirst()
    encoding.overflowing = parts
  }
}
