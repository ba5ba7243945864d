/// The chunks of one window of a text, in order.
struct TextChunks: Sendable {
  /// How many bytes of text a window has: its chunks stay in the nearest cache.
  static let window = 4096
  /// One chunk may be open from the window before, and each byte may begin another; an end stands one place behind its start.
  private static let capacity = window + 64

  /// Where chunks begin, where they end, and where they begin in scalars: three lists of the same length.
  private var positions: [UInt32] = []
  private var startCount = 0
  private var endCount = 0

  /// How many chunks have a start and an end.
  var count: Int { endCount }

  /// Where a chunk lies, in bytes. What lies between one and the next is white space that no token stands for.
  func range(_ place: Int) -> Range<Int> {
    Int(positions[place])..<Int(positions[Self.capacity + 1 + place])
  }

  /// Where a chunk begins in scalars, if these are counted.
  func scalarStart(_ place: Int) -> UInt32 { positions[2 * Self.capacity + place] }

  /// Forgets all chunks.
  mutating func removeAll() {
    startCount = 0
    endCount = 0
  }

  /// Forgets all chunks but the last one, if it has no end yet, and lends the lists for those of another window.
  mutating func nextWindow(_ find: (inout Lists) -> Void) {
    if positions.isEmpty { positions = Array(repeating: 0, count: 3 * Self.capacity) }
    if startCount > endCount {
      positions[0] = positions[startCount - 1]
      positions[2 * Self.capacity] = positions[2 * Self.capacity + startCount - 1]
      startCount = 1
    } else {
      startCount = 0
    }
    // A window has no more chunks than the lists have places, see `capacity`.
    (startCount, endCount) = unsafe positions.withUnsafeMutableBufferPointer {
      [startCount] positions in
      guard let first = positions.baseAddress else { return (0, 0) }
      var lists = unsafe Lists(
        starts: first, ends: first + Self.capacity + 1, scalarStarts: first + 2 * Self.capacity,
        startCount: startCount)
      unsafe find(&lists)
      return unsafe (lists.startCount, lists.endCount)
    }
  }

  /// Lends the lists for reading.
  @inline(__always)
  func withLists<Result>(_ body: (Lists) -> Result) -> Result? {
    unsafe positions.withUnsafeBufferPointer { positions -> Result? in
      guard let first = unsafe UnsafeMutablePointer(mutating: positions.baseAddress) else {
        return nil
      }
      return unsafe body(
        Lists(
          starts: first, ends: first + Self.capacity + 1, scalarStarts: first + 2 * Self.capacity,
          startCount: startCount, endCount: endCount))
    }
  }

  /// The lists as pointers, which spare a look at their sizes for each chunk.
  @unsafe struct Lists {
    let starts: UnsafeMutablePointer<UInt32>
    let ends: UnsafeMutablePointer<UInt32>
    let scalarStarts: UnsafeMutablePointer<UInt32>
    var startCount = 0
    var endCount = 0

    /// Begins a chunk at each bit that is set; where chunks `touch`, the one before ends there.
    @inline(__always)
    mutating func begin(_ bits: UInt64, at position: Int, touch: Bool) {
      let base = UInt32(truncatingIfNeeded: position)
      var place = unsafe startCount
      forEachBit(bits) { bit in
        let start = base &+ UInt32(truncatingIfNeeded: bit)
        unsafe starts[place] = start
        // Before the list of ends is a place for what would end before the first start.
        if touch { unsafe ends[place &- 1] = start }
        place &+= 1
      }
      unsafe startCount = place
      if touch { unsafe endCount = max(place &- 1, 0) }
    }

    /// Notes where in scalars the chunks begin that `begin` is told of right after: each bit's place less the bytes before it
    /// that go on with a scalar, of which there are so many before the block.
    @inline(__always)
    mutating func beginScalars(
      _ bits: UInt64, at position: Int, continuing: UInt64, before: Int
    ) {
      let base = position &- before
      var place = unsafe startCount
      if continuing == 0 {
        forEachBit(bits) { bit in
          unsafe scalarStarts[place] = UInt32(truncatingIfNeeded: base &+ bit)
          place &+= 1
        }
      } else {
        forEachBit(bits) { bit in
          let own = (continuing & ((1 &<< UInt64(truncatingIfNeeded: bit)) &- 1)).nonzeroBitCount
          unsafe scalarStarts[place] = UInt32(truncatingIfNeeded: base &+ bit &- own)
          place &+= 1
        }
      }
    }

    /// Ends a chunk at each bit that is set.
    @inline(__always)
    mutating func end(_ bits: UInt64, at position: Int) {
      var place = unsafe endCount
      forEachBit(bits) { bit in
        unsafe ends[place] = UInt32(truncatingIfNeeded: position &+ bit)
        place &+= 1
      }
      unsafe endCount = place
    }

    /// Ends the chunk that is still open at the end of the text.
    mutating func close(at position: Int) {
      guard unsafe startCount > endCount else { return }
      unsafe ends[endCount] = UInt32(truncatingIfNeeded: position)
      unsafe endCount += 1
    }
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
