internal import CheckpointBytes

/// A bzip2 stream.
///
/// ```
/// 'BZh' level │ block: 48 bits magic, 32 checksum, 1 randomised, 24 origin, 16 + n×16 bytes in use,
///             │        3 tables, 15 selectors, tables as differences of lengths, symbols … │ end: 48 bits magic, 32 checksum
/// ```
enum BZip2Reader {
  private static let blockMagic: UInt64 = 0x3141_5926_5359
  private static let endMagic: UInt64 = 0x1772_4538_5090
  private static let field = "bzip2 stream"
  /// How many symbols one selector serves.
  private static let groupSize = 50
  /// The longest code.
  private static let longestCode = 20
  /// The most selectors that mean anything: 900,000 symbols in groups of 50. libbzip2 reads past further ones.
  private static let selectorLimit = 18_002

  static func begins(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.count >= 10, bytes.starts(with: "BZh".utf8) else { return false }
    let rest = bytes.dropFirst(3)
    guard let level = rest.first, (0x31...0x39).contains(level) else { return false }
    let magic = rest.dropFirst().prefix(6).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return magic == blockMagic || magic == endMagic
  }

  static func read(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    let place = cursor.offset
    let start = try cursor.readBytes(4, field)
    guard start.starts(with: "BZh".utf8), let digit = start.last, (0x31...0x39).contains(digit)
    else { throw ParseFailure(.malformed, at: place, field, "no stream begins here") }
    let level = Int(digit) - 0x30
    var bits = BigEndianBits(cursor)
    while true {
      let magic = try UInt64(bits.read(24)) << 24 | UInt64(bits.read(24))
      _ = try (bits.read(16), bits.read(16))
      if magic == endMagic { break }
      guard magic == blockMagic else {
        throw ParseFailure(.malformed, at: bits.cursor.offset, field, "no block begins here")
      }
      try readBlock(&bits, capacity: level * 100_000, into: &output)
    }
    cursor = bits.cursor
  }

  private static func readBlock(
    _ bits: inout BigEndianBits, capacity: Int, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    let offset = bits.cursor.offset
    func malformed(_ words: String) -> ParseFailure {
      ParseFailure(.malformed, at: offset, field, words)
    }
    guard try bits.read(1) == 0 else {
      throw ParseFailure(.unsupported, at: offset, field, "a randomised block (bzip2 0.9)")
    }
    let origin = Int(try bits.read(24))
    var symbols: [UInt8] = []
    let ranges = try bits.read(16)
    for high in 0..<16 where ranges >> UInt32(15 - high) & 1 == 1 {
      let used = try bits.read(16)
      for low in 0..<16 where used >> UInt32(15 - low) & 1 == 1 {
        symbols.append(UInt8(high << 4 | low))
      }
    }
    guard !symbols.isEmpty else { throw malformed("no byte is in use") }
    let tableCount = Int(try bits.read(3))
    let selectorCount = Int(try bits.read(15))
    guard (2...6).contains(tableCount), selectorCount > 0 else {
      throw malformed("\(tableCount) tables, \(selectorCount) selectors")
    }
    var order = Array(0..<tableCount)
    var selectors: [Int] = []
    for index in 0..<selectorCount {
      var place = 0
      while try bits.read(1) == 1 { place += 1 }
      guard place < tableCount else { throw malformed("a selector of no table") }
      let table = order.remove(at: place)
      order.insert(table, at: 0)
      if index < selectorLimit { selectors.append(table) }
    }
    let alphabetSize = symbols.count + 2
    var codes: [PrefixCode] = []
    for _ in 0..<tableCount {
      var length = Int(try bits.read(5))
      var lengths: [Int] = []
      for _ in 0..<alphabetSize {
        while true {
          guard (1...longestCode).contains(length) else {
            throw malformed("a code of \(length) bits")
          }
          if try bits.read(1) == 0 { break }
          length += try bits.read(1) == 0 ? 1 : -1
        }
        lengths.append(length)
      }
      codes.append(PrefixCode(lengths, longest: longestCode))
    }
    try invert(
      readSymbols(&bits, codes, selectors, symbols, capacity: capacity, at: offset), origin,
      at: offset, into: &output)
  }

  /// The bytes of a block before the last transform is undone: prefix codes, run lengths, move to front.
  private static func readSymbols(
    _ bits: inout BigEndianBits, _ codes: [PrefixCode], _ selectors: [Int], _ symbols: [UInt8],
    capacity: Int, at offset: Int
  ) throws(ParseFailure) -> [UInt8] {
    var recent = symbols
    var block: [UInt8] = []
    let last = symbols.count + 1
    var (group, left) = (0, 0)
    var (run, weight) = (0, 1)
    while true {
      if left == 0 {
        guard group < selectors.count else {
          throw ParseFailure(.malformed, at: offset, field, "more symbols than selectors")
        }
        (group, left) = (group + 1, groupSize)
      }
      left -= 1
      let symbol = try codes[selectors[group - 1]].read(&bits)
      if symbol <= 1 {
        // Lengths of runs are numbers of the digits 1 and 2.
        guard weight <= capacity else {
          throw ParseFailure(.malformed, at: offset, field, "a run is longer than the block")
        }
        run += weight << symbol
        weight <<= 1
        continue
      }
      if run > 0 {
        guard run <= capacity - block.count else {
          throw ParseFailure(.malformed, at: offset, field, "the block is longer than announced")
        }
        block.append(contentsOf: repeatElement(recent[0], count: run))
        (run, weight) = (0, 1)
      }
      if symbol == last { return block }
      guard block.count < capacity else {
        throw ParseFailure(.malformed, at: offset, field, "the block is longer than announced")
      }
      let byte = recent.remove(at: symbol - 1)
      recent.insert(byte, at: 0)
      block.append(byte)
    }
  }

  /// Undoes the Burrows-Wheeler transform, and the run lengths of before it: four equal bytes and how many more.
  private static func invert(
    _ block: [UInt8], _ origin: Int, at offset: Int, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    guard origin < block.count else {
      if block.isEmpty, origin == 0 { return }
      throw ParseFailure(.malformed, at: offset, field, "the origin lies outside of the block")
    }
    var starts = [Int](repeating: 0, count: 257)
    for byte in block { starts[Int(byte) + 1] += 1 }
    for value in 0..<256 { starts[value + 1] += starts[value] }
    var next = [UInt32](repeating: 0, count: block.count)
    for (index, byte) in block.enumerated() {
      next[starts[Int(byte)]] = UInt32(index)
      starts[Int(byte)] += 1
    }
    var place = Int(next[origin])
    var (equal, previous) = (0, -1)
    for _ in block {
      let byte = block[place]
      place = Int(next[place])
      if equal == 4 {
        for _ in 0..<byte { try output.append(UInt8(previous), at: offset) }
        (equal, previous) = (0, -1)
        continue
      }
      equal = Int(byte) == previous ? equal + 1 : 1
      previous = Int(byte)
      try output.append(byte, at: offset)
    }
  }
}

/// Bits, the highest of each byte first.
struct BigEndianBits {
  /// Behind the last byte of which a bit was read.
  private(set) var cursor: ByteCursor
  private var buffer: UInt32 = 0
  private var count = 0

  init(_ cursor: ByteCursor) { self.cursor = cursor }

  /// The next bits, at most 24.
  mutating func read(_ wanted: Int) throws(ParseFailure) -> UInt32 {
    while count < wanted {
      buffer = buffer << 8 | UInt32(try cursor.readByte("compressed stream"))
      count += 8
    }
    count -= wanted
    return buffer >> UInt32(count) & (1 << UInt32(wanted) - 1)
  }
}

/// A canonical prefix code.
struct PrefixCode {
  /// The symbols by their codes.
  private var symbols: [Int] = []
  /// For each length: the first code that is too large for it, and what is to be added to a code for its place.
  private var limits: [Int] = []
  private var shifts: [Int] = []

  init(_ lengths: [Int], longest: Int) {
    var (code, place) = (0, 0)
    for length in 1...longest {
      for (symbol, other) in lengths.enumerated() where other == length { symbols.append(symbol) }
      let count = symbols.count - place
      shifts.append(place - code)
      code += count
      place += count
      limits.append(code)
      code <<= 1
    }
  }

  func read(_ bits: inout BigEndianBits) throws(ParseFailure) -> Int {
    var code = 0
    for index in limits.indices {
      code = code << 1 | Int(try bits.read(1))
      guard code < limits[index] else { continue }
      let place = code + shifts[index]
      guard symbols.indices.contains(place) else { break }
      return symbols[place]
    }
    throw ParseFailure(.malformed, at: bits.cursor.offset, "compressed stream", "no such code")
  }
}
