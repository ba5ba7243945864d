internal import CTextMasks

/// The tokens of chunks that have been met, so that one met again need not be tokenized again.
///
/// ```
/// line, 64 bytes   slot ───────────────────────────────────────  slot: the one before
///                  key, 16 bytes           entry, 16 bytes
/// in the slot      up to 15 bytes │ count  up to 3 tokens │ their ends │ how many
/// in the lists     the same, or a hash     tokens from, how many │ bytes from
/// ```
///
/// A slot holds chunks of up to 15 bytes and up to three tokens that are one word; other chunks and tokens lie in lists, and
/// the slot says where. Nothing is taken for known that is not the same byte by byte. Memory is bounded: a new chunk takes the
/// slot of the one in its line that was not met for longer, and full lists are emptied with all slots.
struct ChunkCache: Sendable {
  /// The greatest number of bytes in a slot.
  private static let longestInSlot = 15
  /// Longer chunks are hardly met again.
  static let longest = 255
  /// So many lines are 8 MB, so many tokens 4, and so many bytes 1.
  private static let greatestLineCount = 1 << 17
  private static let greatestTokenCount = 1 << 19
  private static let greatestByteCount = 1 << 20

  /// Each line is two slots: key, entry, key, entry.
  private var lines: [SIMD8<UInt64>] = Array(repeating: SIMD8(), count: 1 << 6)
  private var filled = 0
  private var lists = Lists()

  // MARK: Looking up

  /// The key of a chunk; nil if it is empty or too long to be kept. 16 bytes may be read from the place.
  @inline(__always)
  private static func key(
    _ chunk: UnsafePointer<UInt8>, _ count: Int, _ variant: Variant
  ) -> Key? {
    let mark = variant.rawValue << 60 | UInt64(truncatingIfNeeded: count) << 56
    if count &- 1 < longestInSlot {
      let bytes = unsafe text_first(chunk, count)
      return Key(low: bytes.low, high: bytes.high | mark)
    }
    guard count &- 1 < longest else { return nil }
    func mixed(_ bits: UInt64) -> UInt64 {
      let product = (bits ^ 0x2127_599B_F432_5C37).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
      return product.high ^ product.low
    }
    var hash = unsafe mixed(text_eight(chunk + count - 8))
    var place = 0
    while place &+ 8 <= count {
      hash = unsafe mixed(hash ^ text_eight(chunk + place))
      place &+= 8
    }
    return Key(
      low: hash,
      high: (0x8 | variant.rawValue) << 60 | UInt64(truncatingIfNeeded: count))
  }

  @inline(__always)
  private static func line(of key: Key, _ lineCount: Int) -> Int {
    let product = (key.low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
      by: key.high ^ 0xD6E8_FEB8_6659_FD93)
    return Int(truncatingIfNeeded: product.high ^ product.low) & (lineCount &- 1)
  }

  /// The entry of a key in its line. One that is found in the second slot moves to the first.
  @inline(__always)
  private static func entry(of key: Key, in line: UnsafeMutableRawPointer) -> Entry? {
    let words = unsafe line.assumingMemoryBound(to: UInt64.self)
    if unsafe (words[0] ^ key.low) | (words[1] ^ key.high) == 0 {
      return unsafe Entry(low: words[2], high: words[3])
    }
    guard unsafe (words[4] ^ key.low) | (words[5] ^ key.high) == 0 else { return nil }
    let entry = unsafe Entry(low: words[6], high: words[7])
    unsafe (words[4], words[5], words[6], words[7]) = (words[0], words[1], words[2], words[3])
    unsafe (words[0], words[1], words[2], words[3]) = (key.low, key.high, entry.low, entry.high)
    return entry
  }

  /// A chunk's key, and the line that has been asked for.
  @unsafe private struct Asked {
    let key: Key
    let line: UnsafeMutableRawPointer
  }

  /// So many chunks are asked for at once: while one line comes from memory, others do.
  private static let askedCount = 16

  /// Gives away the tokens of chunks, from a place on, until one comes that is not known. Gives the place of that one, or
  /// the end.
  @inline(__always)
  mutating func append(
    _ chunks: TextChunks, from first: Int, of text: TextBytes, to sink: inout some TokenSink
  ) -> Int {
    Self.append(chunks, from: first, of: text, &lines, lists, to: &sink)
  }

  /// The loop that most text goes through. Pointers save a look at sizes and reference counts for each chunk: lines are found
  /// below their number, chunks lie in the text and in their lists, and there is room for three tokens of each chunk that is
  /// left; more are seen to where they occur.
  @inline(__always)
  private static func append<Sink: TokenSink>(
    _ chunks: TextChunks, from first: Int, of text: TextBytes, _ lines: inout [SIMD8<UInt64>],
    _ lists: Lists, to sink: inout Sink
  ) -> Int {
    let end = chunks.count
    let found = unsafe lines.withUnsafeMutableBytes { lines in
      unsafe text.withBytes { bytes in
        unsafe chunks.withLists { places in
          sink.withRoom(for: 3 * (end &- first) &+ 3) { room -> Int in
            guard let line = lines.baseAddress else { return first }
            let lineCount = lines.count / 64
            return unsafe withUnsafeTemporaryAllocation(of: Asked.self, capacity: askedCount) {
              asked -> Int in
              guard let asked = asked.baseAddress else { return first }
              var place = first
              while place < end {
                // The lines of the next chunks are on their way while the first of them are looked at.
                let next = min(end, place &+ askedCount)
                for ahead in place..<next {
                  let start = unsafe Int(places.starts[ahead])
                  let count = unsafe Int(places.ends[ahead]) &- start
                  let key = unsafe key(bytes + start, count, .plain) ?? Key(low: 0, high: 0)
                  let itsLine = unsafe line + Self.line(of: key, lineCount) &* 64
                  unsafe text_ask_for(itsLine)
                  unsafe asked[ahead &- place] = Asked(key: key, line: itsLine)
                }
                let group = place
                while place < next {
                  let (key, line) = unsafe (asked[place &- group].key, asked[place &- group].line)
                  guard key.high != 0, let entry = unsafe entry(of: key, in: line) else {
                    return place
                  }
                  let scalar = unsafe Sink.placesTokens ? places.scalarStarts[place] : 0
                  if !entry.isListed {
                    room.put(entry, at: scalar)
                  } else {
                    let start = unsafe Int(places.starts[place])
                    let count = unsafe Int(places.ends[place]) &- start
                    guard unsafe !key.isHash || lists.hold(bytes + start, count, entry),
                      let range = lists.range(of: entry),
                      room.left >= range.count &+ 3 &* (end &- place)
                    else { return place }
                    for token in range.lowerBound..<range.upperBound &- 1 {
                      room.put(lists.tokens[token].token, at: scalar)
                    }
                    room.endWords(UInt32(lists.tokens[range.upperBound &- 1].word))
                  }
                  place &+= 1
                }
              }
              return place
            }
          }
        }
      }
    }
    return (found ?? first) ?? first
  }

  /// What is known of a part of a text; nil if that is nothing. The key to learn it by is given back unless it is too long.
  mutating func tokens(
    of range: Range<Int>, of text: TextBytes, _ variant: Variant
  ) -> (key: Key?, tokens: ArraySlice<ChunkToken>?, wordCount: UInt32) {
    Self.tokens(of: range, of: text, variant, &lines, lists)
  }

  private static func tokens(
    of range: Range<Int>, of text: TextBytes, _ variant: Variant,
    _ lines: inout [SIMD8<UInt64>], _ lists: Lists
  ) -> (key: Key?, tokens: ArraySlice<ChunkToken>?, wordCount: UInt32) {
    guard range.lowerBound >= 0, range.upperBound <= text.count else { return (nil, nil, 0) }
    let found = unsafe text.withBytes { bytes -> (key: Key, entry: Entry?)? in
      let chunk = unsafe bytes + range.lowerBound
      guard let key = unsafe key(chunk, range.count, variant) else { return nil }
      let place = line(of: key, lines.count) * 64
      let known = unsafe lines.withUnsafeMutableBytes { lines -> Entry? in
        guard let first = lines.baseAddress else { return nil }
        return unsafe Self.entry(of: key, in: first + place)
      }
      guard let known, key.isHash else { return (key, known) }
      return unsafe (key, lists.hold(chunk, range.count, known) ? known : nil)
    }
    guard let found = found ?? nil else { return (nil, nil, 0) }
    guard let entry = found.entry else { return (found.key, nil, 0) }
    guard entry.isListed else {
      let tokens = entry.tokens
      return (found.key, tokens, tokens.isEmpty ? 0 : 1)
    }
    guard let range = lists.range(of: entry) else { return (found.key, nil, 0) }
    return (
      found.key, lists.tokens[range].dropLast().map(\.token)[...],
      UInt32(lists.tokens[range.upperBound - 1].word)
    )
  }

  // MARK: Learning

  /// Keeps the tokens of a part of a text.
  mutating func keep(
    _ newTokens: [ChunkToken], wordCount: UInt32, of range: Range<Int>, of text: TextBytes,
    _ key: Key
  ) {
    let byteCount = key.isHash ? range.count : 0
    if lists.tokens.count + newTokens.count >= Self.greatestTokenCount
      || lists.bytes.count + byteCount > Self.greatestByteCount
    {
      self = ChunkCache()
    }
    var entry = key.isHash ? nil : Entry(holding: newTokens, wordCount: wordCount)
    if entry == nil {
      guard newTokens.count < Self.greatestTokenCount else { return }
      entry = Entry(
        low: UInt64(lists.tokens.count) | UInt64(newTokens.count + 1) << 32,
        high: Entry.listed | UInt64(lists.bytes.count))
      lists.tokens += newTokens.lazy.map { ListedToken($0) }
      lists.tokens.append(
        ListedToken(ChunkToken(index: 0, start: 0, end: 0, word: wordCount)))
      if key.isHash { lists.bytes += text.bytes(range) }
    }
    guard let entry else { return }
    if filled > lines.count / 2, lines.count < Self.greatestLineCount { grow() }
    put(key, entry)
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
