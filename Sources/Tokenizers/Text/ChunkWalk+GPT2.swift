internal import CTextMasks

/// What the rules of GPT-2's pattern know of the text before a block.
struct GPT2Past {
  /// One bit each: the kinds of a block's highest byte.
  var letter: UInt64 = 0
  var digit: UInt64 = 0
  var sign: UInt64 = 0
  var space: UInt64 = 0
  var blank: UInt64 = 0
  var foreign: UInt64 = 0

  /// What a contraction at the end of the last block says of the starts in the next.
  var refused: UInt64 = 0
  var forced: UInt64 = 0
  /// The last start by the rules of ASCII, whether it counts or not.
  var lastStart: Int
  /// True in a chunk that only ends before white space that follows something else.
  var isWhole: Bool
}

extension ChunkWalk {
  /// Where chunks begin in a block.
  @inline(__always)
  mutating func gpt2Starts(_ masks: text_masks, _ bytes: UnsafePointer<UInt8>) -> UInt64 {
    let inside = inside
    let spaces = masks.spaces | ~inside
    let others = ~(masks.letters | masks.digits | spaces | masks.foreign)
    func before(_ bits: UInt64, _ last: UInt64) -> UInt64 { bits << 1 | last }
    let goesOn =
      masks.letters & before(masks.letters, past.letter)
      | masks.digits & before(masks.digits, past.digit) | others & before(others, past.sign)
      | before(masks.blanks, past.blank)
    // The white space before a word goes with it, or stands alone. What comes before text beyond ASCII is not cut.
    let nextIsWord =
      unsafe position &+ 64 < end && !Self.isSpaceOrForeign(bytes[position &+ 64])
    let spacesOrForeign = spaces | masks.foreign
    let wordsAfter = ~spacesOrForeign >> 1 | (nextIsWord ? 1 << 63 : 0)
    var starts =
      ~spacesOrForeign & ~goesOn
      | masks.foreign & ~before(masks.foreign, past.foreign)
      | spaces & (~before(spaces, past.space) | wordsAfter)
    starts = (starts | past.forced) & ~past.refused & inside
    past.refused = 0
    past.forced = 0
    let contractions = starts & masks.apostrophes
    if contractions != 0 {
      unsafe markContractions(contractions, bytes, &starts)
      starts &= inside
    }
    if masks.foreign | past.foreign == 0, !past.isWhole {
      if starts != 0 { past.lastStart = position &+ 63 &- starts.leadingZeroBitCount }
    } else {
      starts = unsafe mixedStarts(starts, bytes)
    }
    past.letter = masks.letters >> 63
    past.digit = masks.digits >> 63
    past.sign = others >> 63
    past.space = spaces >> 63
    past.blank = masks.blanks >> 63
    past.foreign = masks.foreign >> 63
    return starts
  }

  private static func isSpaceOrForeign(_ byte: UInt8) -> Bool {
    byte >= 0x80 || isSpace(byte)
  }

  @inline(__always)
  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || 0x09...0x0D ~= byte
  }

  /// Moves the starts after apostrophes to where the contractions end.
  private mutating func markContractions(
    _ apostrophes: UInt64, _ bytes: UnsafePointer<UInt8>, _ starts: inout UInt64
  ) {
    forEachBit(apostrophes) { bit in
      let length = GPT2Words.contractionLength { offset in
        let place = position + bit + offset
        return unsafe place < end ? UInt32(bytes[place]) : 0
      }
      guard length > 0 else { return }
      func mark(_ bit: Int, _ here: inout UInt64, _ next: inout UInt64) {
        if bit < 64 { here |= 1 << UInt64(bit) } else { next |= 1 << UInt64(bit - 64) }
      }
      var cleared: UInt64 = 0
      mark(bit + 1, &cleared, &past.refused)
      starts &= ~cleared
      mark(bit + length, &starts, &past.forced)
    }
  }

  /// Those starts that count where there is text beyond ASCII.
  private mutating func mixedStarts(_ starts: UInt64, _ bytes: UnsafePointer<UInt8>) -> UInt64 {
    var counted: UInt64 = 0
    forEachBit(starts) { bit in
      let start = position + bit
      let isFirst = start == textStart
      if !past.isWhole, start > past.lastStart,
        unsafe bytes[start] >= 0x80 || bytes[past.lastStart] >= 0x80
      {
        past.isWhole = true
      }
      if past.isWhole, !isFirst, unsafe Self.isSpace(bytes[start]),
        unsafe !endsWithSpace(bytes, start)
      {
        past.isWhole = false
      }
      if !past.isWhole || isFirst { counted |= 1 << UInt64(bit) }
      past.lastStart = start
    }
    return counted
  }

  /// True if white space ends at a place, which is not the start of the text.
  private func endsWithSpace(_ bytes: UnsafePointer<UInt8>, _ end: Int) -> Bool {
    var start = end - 1
    while start > textStart, unsafe bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return ScalarClasses.of(utf8Scalar { unsafe bytes[start &+ $0] }).contains(.whitespace)
  }
}
