/// Cuts text, still in bytes, where the tokens on one side do not depend on the other side.
///
/// What lies between two cuts is mostly one word of ASCII, found by bit masks over 64 bytes at a time. Where a byte is not
/// ASCII, or the rules are not as simple, a chunk is longer; tokenizing it by itself says the rest. So a cutter decides
/// nothing but where text may be cut, and every chunk means the same wherever it is met.
struct TextCutter: Sendable {
  /// What is cut for.
  enum Rules: Sendable {
    /// The words of BertPreTokenizer: chunks are parted by white space, which is dropped, and each ASCII punctuation is one.
    /// Normalization by BertNormalizer does not reach over either: they are starters and stay as they are.
    case bert
    /// The words of GPT-2's pattern, see ``GPT2Words``. Text beyond ASCII is cut only before white space that follows
    /// something else.
    case gpt2
  }

  let rules: Rules
  /// What cuts the words of a chunk that is not the first of a text.
  let preTokenizer: PreTokenizer
  /// True if a text gets a space before it unless it begins with one.
  let prefixesSpace: Bool

  /// A cutter for these parts; nil if nothing is known of where their text may be cut.
  init?(_ parts: TokenizerParts, _ added: AddedVocabulary) {
    // Of Unigram's tokens some are written as the text that they stand for.
    if case .unigram = parts.model { return nil }
    switch (parts.normalizer, parts.preTokenizer) {
    case (nil, .bert), (.bert, .bert):
      rules = .bert
      preTokenizer = .bert
      prefixesSpace = false
    case (nil, .byteLevel(let addsPrefixSpace, usesPattern: true)):
      rules = .gpt2
      preTokenizer = .byteLevel(addsPrefixSpace: false, usesPattern: true)
      prefixesSpace = addsPrefixSpace
    default: return nil
    }
    // Tokens that are looked for in normalized text may lie across cuts.
    guard parts.normalizer == nil || added.hasNoNormalized else { return nil }
  }
}

/// The chunks of one window of a text, in order.
struct TextChunks: Sendable {
  /// Where they begin, in bytes.
  fileprivate(set) var starts = PositionList()
  /// Where they end. What lies between one and the next is white space that no token stands for.
  fileprivate(set) var ends = PositionList()
  /// Where they begin in scalars, if these are counted.
  fileprivate var scalarStarts = PositionList()

  var count: Int { ends.count }

  /// Where a chunk begins in scalars.
  @inline(__always)
  func scalarStart(_ place: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: scalarStarts[place])
  }

  fileprivate mutating func removeAll() {
    starts.keepLast(0)
    ends.keepLast(0)
    scalarStarts.keepLast(0)
  }

  /// Forgets all chunks but the last one, if it has no end yet.
  fileprivate mutating func keepOpen() {
    let openCount = starts.count > ends.count ? 1 : 0
    starts.keepLast(openCount)
    scalarStarts.keepLast(min(openCount, scalarStarts.count))
    ends.keepLast(0)
  }
}

/// Positions in a text, in memory that is kept.
struct PositionList: Sendable {
  private var storage: [UInt32] = []
  private(set) var count = 0

  @inline(__always)
  subscript(place: Int) -> Int { Int(storage[place]) }

  @inline(__always)
  private mutating func makeRoom(for more: Int) {
    guard count &+ more > storage.count else { return }
    storage.append(contentsOf: repeatElement(0, count: max(more, storage.count, 256)))
  }

  /// Appends the places of the bits that are set, lowest first, as `position` makes them of their numbers.
  @inline(__always)
  fileprivate mutating func append(_ bits: UInt64, _ position: (Int) -> Int) {
    makeRoom(for: 64)
    // At most 64 are written, and there is room for them.
    count = unsafe storage.withUnsafeMutableBufferPointer { [count] storage in
      var count = count
      forEachBit(bits) { bit in
        unsafe storage[count] = UInt32(truncatingIfNeeded: position(bit))
        count &+= 1
      }
      return count
    }
  }

  fileprivate mutating func append(_ position: Int) {
    makeRoom(for: 1)
    storage[count] = UInt32(truncatingIfNeeded: position)
    count += 1
  }

  /// Appends all positions of another list but its first.
  fileprivate mutating func append(restOf other: PositionList) {
    guard other.count > 1 else { return }
    makeRoom(for: other.count)
    for place in 1..<other.count { storage[count + place - 1] = other.storage[place] }
    count += other.count - 1
  }

  fileprivate mutating func keepLast(_ kept: Int) {
    for place in 0..<kept { storage[place] = storage[count - kept + place] }
    count = kept
  }
}

/// A walk through a text, window by window.
struct ChunkWalk {
  /// How many bytes a window has: its chunks stay in the nearest cache.
  private static let window = 4096

  private let rules: TextCutter.Rules
  private let end: Int
  private let countsScalars: Bool
  private var position: Int
  /// How many bytes before `position` go on with a scalar.
  private var continuing: Int

  // What the byte before `position` is.
  private var wasWord = false
  private var wasSign = false
  private var last = ByteKinds()
  /// What a contraction at the end of the last block says of the starts in the next.
  private var refused: UInt64 = 0
  private var forced: UInt64 = 0
  /// True in a chunk that only ends before white space that follows something else.
  private var isWhole = false
  /// The last start by the rules of ASCII, whether it counts or not.
  private var lastStart: Int

  /// One bit each: the kinds of GPT-2's pattern, in the place of a block's highest byte.
  private struct ByteKinds {
    var letter: UInt64 = 0
    var digit: UInt64 = 0
    var sign: UInt64 = 0
    var space: UInt64 = 0
    var blank: UInt64 = 0
    var foreign: UInt64 = 0
  }

  /// - Parameters:
  ///   - scalarStart: How many scalars the text has before the range; nil if they are not counted.
  ///   - joinsFirst: The first chunk goes on to white space that follows something else: what is put before the text may
  ///     change where its first words end.
  init(
    _ cutter: TextCutter, through range: Range<Int>, scalarStart: Int?, joinsFirst: Bool,
    _ chunks: inout TextChunks
  ) {
    rules = cutter.rules
    position = range.lowerBound
    end = range.upperBound
    countsScalars = scalarStart != nil
    continuing = range.lowerBound - (scalarStart ?? 0)
    lastStart = range.lowerBound
    isWhole = joinsFirst
    chunks.removeAll()
  }

  /// Puts the chunks that end in the next window in the place of those before; false if the text is at its end.
  mutating func next(in bytes: TextBytes, _ chunks: inout TextChunks) -> Bool {
    guard position < end else { return false }
    chunks.keepOpen()
    let windowEnd = min(position + Self.window, end)
    // Each loop computes the masks that it needs.
    switch rules {
    case .bert:
      while position < windowEnd {
        let masks = ByteMasks(bytes, at: position)
        markBERT(masks, &chunks)
        advance(masks)
      }
    case .gpt2:
      while position < windowEnd {
        let masks = ByteMasks(bytes, at: position)
        markGPT2(masks, bytes, &chunks)
        advance(masks)
      }
      chunks.ends.append(restOf: chunks.starts)
    }
    if position >= end, chunks.starts.count > chunks.ends.count { chunks.ends.append(end) }
    return true
  }

  @inline(__always)
  private mutating func advance(_ masks: ByteMasks) {
    continuing += masks.continuing.nonzeroBitCount
    position += 64
  }

  /// The bits of the block that lie in the text.
  @inline(__always)
  private var inside: UInt64 {
    end - position >= 64 ? .max : (1 << UInt64(end - position)) &- 1
  }

  @inline(__always)
  private func append(_ bits: UInt64, _ masks: ByteMasks, to chunks: inout TextChunks) {
    let position = position
    chunks.starts.append(bits) { position &+ $0 }
    guard countsScalars else { return }
    let scalar = position &- continuing
    let own = masks.continuing
    if own == 0 {
      chunks.scalarStarts.append(bits) { scalar &+ $0 }
    } else {
      chunks.scalarStarts.append(bits) {
        scalar &+ $0 &- (own & ((1 << UInt64($0)) &- 1)).nonzeroBitCount
      }
    }
  }

  // MARK: BERT

  @inline(__always)
  private mutating func markBERT(_ masks: ByteMasks, _ chunks: inout TextChunks) {
    // Vertical tab and form feed are removed where text is cleaned, and then part nothing.
    let spaces = masks.spaces & ~masks.breaks | ~inside
    let signs = masks.signs & ~spaces
    let words = ~(spaces | signs)
    let wordsBefore = words << 1 | (wasWord ? 1 : 0)
    let signsBefore = signs << 1 | (wasSign ? 1 : 0)
    let position = position
    append(signs | words & ~wordsBefore, masks, to: &chunks)
    chunks.ends.append(wordsBefore & ~words | signsBefore) { position &+ $0 }
    wasSign = signs >> 63 != 0
    wasWord = words >> 63 != 0
  }

  // MARK: GPT-2

  @inline(__always)
  private mutating func markGPT2(
    _ masks: ByteMasks, _ bytes: TextBytes, _ chunks: inout TextChunks
  ) {
    let inside = inside
    let spaces = masks.spaces | ~inside
    let others = ~(masks.letters | masks.digits | spaces | masks.foreign)
    func before(_ bits: UInt64, _ last: UInt64) -> UInt64 { bits << 1 | last }
    let spacesBefore = before(spaces, last.space)
    let goesOn =
      masks.letters & before(masks.letters, last.letter)
      | masks.digits & before(masks.digits, last.digit) | others & before(others, last.sign)
      | before(masks.blanks, last.blank)
    // The white space before a word goes with it, or stands alone. What comes before text beyond ASCII is not cut.
    let nextIsWord = position + 64 < end && !Self.isSpaceOrForeign(bytes[position + 64])
    let spacesOrForeign = spaces | masks.foreign
    let wordsAfter = ~spacesOrForeign >> 1 | (nextIsWord ? 1 << 63 : 0)
    var starts =
      ~spacesOrForeign & ~goesOn
      | masks.foreign & ~before(masks.foreign, last.foreign)
      | spaces & (~spacesBefore | wordsAfter)
    starts = (starts | forced) & ~refused & inside
    refused = 0
    forced = 0
    forEachBit(starts & masks.apostrophes) { bit in
      markContraction(at: bit, bytes, &starts)
    }
    starts &= inside
    if masks.foreign | last.foreign == 0, !isWhole {
      append(starts, masks, to: &chunks)
      if starts != 0 { lastStart = position + 63 - starts.leadingZeroBitCount }
    } else {
      appendMixed(starts, masks, bytes, &chunks)
    }
    last = ByteKinds(
      letter: masks.letters >> 63, digit: masks.digits >> 63, sign: others >> 63,
      space: spaces >> 63, blank: masks.blanks >> 63, foreign: masks.foreign >> 63)
  }

  private static func isSpaceOrForeign(_ byte: UInt8) -> Bool {
    byte >= 0x80 || isSpace(byte)
  }

  @inline(__always)
  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || 0x09...0x0D ~= byte
  }

  /// Moves the start after an apostrophe to where the contraction ends.
  private mutating func markContraction(
    at bit: Int, _ bytes: TextBytes, _ starts: inout UInt64
  ) {
    let length = GPT2Words.contractionLength { offset in
      position + bit + offset < end ? UInt32(bytes[position + bit + offset]) : 0
    }
    guard length > 0 else { return }
    func mark(_ bit: Int, _ here: inout UInt64, _ next: inout UInt64) {
      if bit < 64 { here |= 1 << UInt64(bit) } else { next |= 1 << UInt64(bit - 64) }
    }
    var cleared: UInt64 = 0
    mark(bit + 1, &cleared, &refused)
    starts &= ~cleared
    mark(bit + length, &starts, &forced)
  }

  /// Appends those starts that count where there is text beyond ASCII.
  private mutating func appendMixed(
    _ starts: UInt64, _ masks: ByteMasks, _ bytes: TextBytes, _ chunks: inout TextChunks
  ) {
    var counted: UInt64 = 0
    forEachBit(starts) { bit in
      let start = position + bit
      let isFirst = chunks.starts.count == 0 && counted == 0
      if !isWhole, start > lastStart, bytes[start] >= 0x80 || bytes[lastStart] >= 0x80 {
        isWhole = true
      }
      if isWhole, !isFirst, Self.isSpace(bytes[start]), !Self.endsWithSpace(bytes, start) {
        isWhole = false
      }
      if !isWhole || isFirst { counted |= 1 << UInt64(bit) }
      lastStart = start
    }
    append(counted, masks, to: &chunks)
  }

  private static func endsWithSpace(_ bytes: TextBytes, _ end: Int) -> Bool {
    let scalar = bytes.scalar(at: bytes.position(before: end))
    return ScalarClasses.of(scalar).contains(.whitespace)
  }
}

/// Calls `body` with the place of each bit that is set, lowest first.
@inline(__always)
func forEachBit(_ bits: UInt64, _ body: (Int) -> Void) {
  var rest = bits
  while rest != 0 {
    body(rest.trailingZeroBitCount)
    rest &= rest &- 1
  }
}
