internal import CTextMasks

/// A walk through a text, window by window.
struct ChunkWalk {
  private let rules: TextCutter.Rules
  /// Where the text begins and ends.
  let textStart: Int
  let end: Int
  private let countsScalars: Bool
  private(set) var position: Int
  /// How many bytes before `position` go on with a scalar.
  private var continuing: Int

  // What BERT's rules know of the byte before `position`.
  private var wasWord = false
  private var wasSign = false
  /// What GPT-2's rules know of what is before `position`.
  var past: GPT2Past

  /// - Parameters:
  ///   - scalarStart: How many scalars the text has before the range; nil if they are not counted.
  ///   - joinsFirst: The first chunk goes on to white space that follows something else: what is put before the text may
  ///     change where its first words end.
  init(
    _ cutter: TextCutter, through range: Range<Int>, scalarStart: Int?, joinsFirst: Bool,
    _ chunks: inout TextChunks
  ) {
    rules = cutter.rules
    textStart = range.lowerBound
    position = range.lowerBound
    end = range.upperBound
    countsScalars = scalarStart != nil
    continuing = range.lowerBound - (scalarStart ?? 0)
    past = GPT2Past(lastStart: range.lowerBound, isWhole: joinsFirst)
    chunks.removeAll()
  }

  /// Puts the chunks that end in the next window in the place of those before; false if the text is at its end.
  mutating func next(in text: TextBytes, _ chunks: inout TextChunks) -> Bool {
    guard position < end else { return false }
    // A window is less than the text has room after its end, and a block is read only if it begins in the text.
    unsafe text.withBytes { bytes in
      unsafe chunks.nextWindow { lists in
        let windowEnd = min(position &+ TextChunks.window, end)
        // Each loop computes the masks that it needs.
        switch rules {
        case .bert:
          while position < windowEnd {
            let masks = unsafe text_masks_of(bytes + position)
            unsafe markBERT(masks, &lists)
            advance(masks)
          }
        case .gpt2:
          while position < windowEnd {
            let masks = unsafe text_masks_of(bytes + position)
            let starts = unsafe gpt2Starts(masks, bytes)
            unsafe begin(starts, masks, touch: true, &lists)
            advance(masks)
          }
        }
        if position >= end { unsafe lists.close(at: end) }
      }
    }
    return true
  }

  @inline(__always)
  private mutating func advance(_ masks: text_masks) {
    if countsScalars { continuing &+= masks.continuing.nonzeroBitCount }
    position &+= 64
  }

  /// The bits of the block that lie in the text.
  @inline(__always)
  var inside: UInt64 {
    end &- position >= 64 ? .max : (1 &<< UInt64(truncatingIfNeeded: end &- position)) &- 1
  }

  @inline(__always)
  private func begin(
    _ bits: UInt64, _ masks: text_masks, touch: Bool, _ lists: inout TextChunks.Lists
  ) {
    if countsScalars {
      unsafe lists.beginScalars(
        bits, at: position, continuing: masks.continuing, before: continuing)
    }
    unsafe lists.begin(bits, at: position, touch: touch)
  }

  @inline(__always)
  private mutating func markBERT(_ masks: text_masks, _ lists: inout TextChunks.Lists) {
    // Vertical tab and form feed are removed where text is cleaned, and then part nothing.
    let spaces = masks.spaces & ~masks.breaks | ~inside
    let signs = masks.signs & ~spaces
    let words = ~(spaces | signs)
    let wordsBefore = words << 1 | (wasWord ? 1 : 0)
    let signsBefore = signs << 1 | (wasSign ? 1 : 0)
    unsafe begin(signs | words & ~wordsBefore, masks, touch: false, &lists)
    unsafe lists.end(wordsBefore & ~words | signsBefore, at: position)
    wasSign = signs >> 63 != 0
    wasWord = words >> 63 != 0
  }
}
