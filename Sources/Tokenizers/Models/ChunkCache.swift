/// A token of a chunk of text.
struct ChunkToken: Sendable, Equatable {
  /// The token's index in the vocabulary.
  var index: UInt32
  /// The scalars of the chunk that it stands for.
  var start: UInt32
  var end: UInt32
  /// Which word of the chunk it belongs to.
  var word: UInt32
}

/// The tokens of chunks that have been met, so that one met again need not be tokenized again.
///
/// Two slots share a cache line. A slot of four numbers holds a chunk of up to 15 bytes, its last byte saying how many there
/// are, and up to three tokens that are one word; other chunks and tokens lie in lists, and the slot says where. Nothing is
/// taken for known that is not the same byte by byte. Memory is bounded: a new chunk takes the slot of
/// the one in its line that was not met for longer, and full lists are emptied with all slots.
struct ChunkCache: Sendable {
  /// What a chunk is looked up by.
  struct Key {
    var low: UInt64
    var high: UInt64
  }

  /// What is known of a chunk.
  struct Entry {
    fileprivate var low: UInt64
    fileprivate var high: UInt64

    /// How many tokens there are, if they are in the entry.
    @inline(__always)
    var count: Int { Int(truncatingIfNeeded: high >> 56) }

    /// The tokens' indices, as many as count.
    @inline(__always)
    var indices: (UInt32, UInt32, UInt32) {
      (
        UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32),
        UInt32(truncatingIfNeeded: high)
      )
    }

    /// Where the tokens end, in scalars; each begins where the one before it ends.
    @inline(__always)
    var ends: (UInt32, UInt32, UInt32) {
      let ends = UInt32(truncatingIfNeeded: high >> 32)
      return (ends & 0xFF, ends >> 8 & 0xFF, ends >> 16 & 0xFF)
    }

    /// The tokens lie in the list.
    fileprivate static var listed: UInt64 { 0xFF << 56 }
    var isListed: Bool { high & Self.listed == Self.listed }
  }

  /// The greatest number of bytes in a slot.
  static let longestInSlot = 15
  /// Longer chunks are hardly met again.
  private static let longest = 128
  /// So many lines are 4 MB.
  private static let greatestLineCount = 1 << 16
  private static let greatestTokenCount = 1 << 18
  private static let greatestByteCount = 1 << 20
  /// Says that the key is a hash, and the chunk lies in the list.
  private static let hashed: UInt64 = 0x80 << 56

  /// Each line is two slots: key, entry, key, entry.
  private var lines: [SIMD8<UInt64>] = Array(repeating: SIMD8(), count: 1 << 6)
  private var filled = 0
  private var tokens: [ChunkToken] = []
  private var bytes: [UInt8] = []

  /// The key of a chunk of one to 15 bytes. `variant`, below 8, tells apart chunks that mean different things in different
  /// places.
  @inline(__always)
  static func key(_ text: TextBytes, _ start: Int, _ count: Int, variant: UInt64) -> Key {
    let inLow = min(count, 8) &* 8
    let inHigh = max(count &- 8, 0) &* 8
    return Key(
      low: text.eight(at: start) & (~0 >> UInt64(truncatingIfNeeded: 64 &- inLow)),
      high: text.eight(at: start &+ 8) & ((1 << UInt64(truncatingIfNeeded: inHigh)) &- 1)
        | (UInt64(truncatingIfNeeded: count) | variant << 4) << 56)
  }

  @inline(__always)
  private static func line(of key: Key, _ lineCount: Int) -> Int {
    let product = (key.low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
      by: key.high ^ 0xD6E8_FEB8_6659_FD93)
    return Int(truncatingIfNeeded: product.high ^ product.low) & (lineCount &- 1)
  }

  /// The entry of a key in its line. One that is found in the second slot moves to the first.
  @inline(__always)
  private static func entry(of key: Key, in line: inout SIMD8<UInt64>) -> Entry? {
    if line[0] == key.low, line[1] == key.high { return Entry(low: line[2], high: line[3]) }
    guard line[4] == key.low, line[5] == key.high else { return nil }
    line = SIMD8(lowHalf: line.highHalf, highHalf: line.lowHalf)
    return Entry(low: line[2], high: line[3])
  }

  /// What is known of a chunk with this key.
  mutating func entry(of key: Key) -> Entry? {
    Self.entry(of: key, in: &lines[Self.line(of: key, lines.count)])
  }

  /// Gives away the tokens of chunks, from a place on, until one comes that is not in a slot. Gives the place of that one, or
  /// the end.
  @inline(__always)
  mutating func append(
    _ chunks: TextChunks, from first: Int, of text: TextBytes, to sink: inout some TokenSink
  ) -> Int {
    // The pointer saves a look at the array's reference count for each chunk. Lines are found below their number.
    unsafe lines.withUnsafeMutableBufferPointer { lines in
      var place = first
      let lineCount = lines.count
      while place < chunks.count {
        let start = chunks.starts[place]
        let count = chunks.ends[place] &- start
        guard count <= Self.longestInSlot else { return place }
        let key = Self.key(text, start, count, variant: 0)
        guard let entry = unsafe Self.entry(of: key, in: &lines[Self.line(of: key, lineCount)]),
          !entry.isListed
        else { return place }
        sink.append(entry, at: type(of: sink).placesTokens ? chunks.scalarStart(place) : 0)
        place &+= 1
      }
      return place
    }
  }

  /// The key of a chunk of more than 15 bytes; nil if it is too long to be kept.
  static func key(ofLong chunk: ArraySlice<UInt8>, variant: UInt64) -> Key? {
    guard chunk.count <= longest else { return nil }
    var hash: UInt64 = 0
    for byte in chunk {
      hash = (hash ^ UInt64(byte)) &* 0x2127_599B_F432_5C37
      hash ^= hash >> 29
    }
    return Key(
      low: hash, high: hashed | variant << 60 | UInt64(truncatingIfNeeded: chunk.count))
  }

  /// True if an entry, found by a hash, is that of this chunk.
  func holds(_ chunk: ArraySlice<UInt8>, _ entry: Entry) -> Bool {
    // The bytes lie in the list where the entry's other half says.
    let start = Int(truncatingIfNeeded: entry.high & 0xFF_FFFF)
    return start + chunk.count <= bytes.count
      && bytes[start..<start + chunk.count].elementsEqual(chunk)
  }

  /// The tokens of a listed entry, and how many words they are.
  func tokens(of entry: Entry) -> (tokens: ArraySlice<ChunkToken>, wordCount: UInt32) {
    let start = Int(truncatingIfNeeded: entry.low & 0xFFFF_FFFF)
    let end = start + Int(truncatingIfNeeded: entry.low >> 32)
    guard start < end, end <= tokens.count else { return ([], 0) }
    // The last one is none, and only counts the words.
    return (tokens[start..<end - 1], tokens[end - 1].word)
  }

  /// Keeps the tokens of a chunk; `chunk` are its bytes if there are more than 15.
  mutating func keep(
    _ newTokens: [ChunkToken], wordCount: UInt32, of chunk: ArraySlice<UInt8>?, _ key: Key
  ) {
    if tokens.count + newTokens.count >= Self.greatestTokenCount
      || bytes.count + (chunk?.count ?? 0) > Self.greatestByteCount
    {
      self = ChunkCache()
    }
    var entry = chunk == nil ? Self.entry(holding: newTokens, wordCount: wordCount) : nil
    if entry == nil {
      guard newTokens.count < Self.greatestTokenCount else { return }
      entry = Entry(
        low: UInt64(tokens.count) | UInt64(newTokens.count + 1) << 32,
        high: Entry.listed | UInt64(bytes.count))
      tokens += newTokens
      tokens.append(ChunkToken(index: 0, start: 0, end: 0, word: wordCount))
      if let chunk { bytes += chunk }
    }
    guard let entry else { return }
    if filled > lines.count, lines.count < Self.greatestLineCount { grow() }
    put(key, entry)
  }

  /// The entry that holds these tokens itself, if it can: one word without gaps.
  private static func entry(holding tokens: [ChunkToken], wordCount: UInt32) -> Entry? {
    guard tokens.count <= 3, wordCount == (tokens.isEmpty ? 0 : 1) else { return nil }
    var entry = Entry(low: 0, high: UInt64(tokens.count) << 56)
    var end: UInt32 = 0
    for (place, token) in tokens.enumerated() {
      guard token.word == 0, token.start == end, token.end <= 0xFF else { return nil }
      end = token.end
      if place < 2 {
        entry.low |= UInt64(token.index) << UInt64(place * 32)
      } else {
        entry.high |= UInt64(token.index)
      }
      entry.high |= UInt64(token.end) << UInt64(32 + place * 8)
    }
    return entry
  }

  private mutating func put(_ key: Key, _ entry: Entry) {
    let place = Self.line(of: key, lines.count)
    var line = lines[place]
    if line[5] == 0 { filled += 1 }
    line.highHalf = line.lowHalf
    line.lowHalf = SIMD4(key.low, key.high, entry.low, entry.high)
    lines[place] = line
  }

  private mutating func grow() {
    let old = lines
    lines = Array(repeating: SIMD8(), count: old.count * 4)
    filled = 0
    for line in old {
      for slot in [line.highHalf, line.lowHalf] where slot[1] != 0 {
        put(Key(low: slot[0], high: slot[1]), Entry(low: slot[2], high: slot[3]))
      }
    }
  }
}
