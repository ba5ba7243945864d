internal import CheckpointBytes

/// LZMA alone, as `lzma.FORMAT_ALONE` of Python and joblib write it, and as members of ZIP archives hold it.
///
/// ```
/// properties 1 │ dictionary size 4 │ size 8, or all ones and an end marker │ range-coded
/// ```
enum LZMAReader {
  static let headerSize = 13
  private static let field = "LZMA stream"

  static func readAlone(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    let properties = try cursor.readByte(field)
    try cursor.skip(4, field)
    let size = try cursor.read(UInt64.self, .little, field)
    try read(&cursor, properties, size: size == .max ? nil : size, into: &output)
  }

  /// `version 2 │ size of the properties 2 │ properties 1, dictionary size 4 │ range-coded, with an end marker perhaps`
  static func readZipMember(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    try cursor.skip(2, field)
    let size = try cursor.read(UInt16.self, .little, field)
    guard size == 5 else {
      throw ParseFailure(.malformed, at: cursor.offset, field, "properties of \(size) bytes")
    }
    let properties = try cursor.readByte(field)
    try cursor.skip(4, field)
    // Whether a marker ends it a flag of the archive says; the end of the bytes does, too.
    try read(&cursor, properties, size: nil, into: &output)
  }

  private static func read(
    _ cursor: inout ByteCursor, _ properties: UInt8, size: UInt64?, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    var decoder = try LZMADecoder(properties, at: cursor.offset)
    var range = try RangeDecoder(cursor)
    defer { cursor = range.cursor }
    let start = output.count
    let end = size.map { size in
      size > UInt64(Int.max - start) ? Int.max : start + Int(size)
    }
    _ = try decoder.read(&range, since: start, until: end, into: &output)
  }
}

/// The range decoder (LZMA specification, "Range Decoder").
struct RangeDecoder {
  private(set) var cursor: ByteCursor
  private var range: UInt32 = .max
  private var code: UInt32 = 0

  init(_ cursor: ByteCursor) throws(ParseFailure) {
    self.cursor = cursor
    let first = try self.cursor.readByte("range coder")
    code = try self.cursor.read(UInt32.self, .big, "range coder")
    guard first == 0, code != .max else {
      throw ParseFailure(.malformed, at: cursor.offset, "range coder", "does not begin with 0")
    }
  }

  /// True where a stream can end.
  var isFinished: Bool { code == 0 }

  private mutating func normalize() throws(ParseFailure) {
    guard range < 1 << 24 else { return }
    range <<= 8
    code = code << 8 | UInt32(try cursor.readByte("range coder"))
  }

  /// A bit by its probability, which learns from it.
  mutating func bit(_ probability: inout UInt16) throws(ParseFailure) -> Int {
    let bound = (range >> 11) * UInt32(probability)
    let bit: Int
    if code < bound {
      range = bound
      probability += (2_048 - probability) >> 5
      bit = 0
    } else {
      range -= bound
      code -= bound
      probability -= probability >> 5
      bit = 1
    }
    try normalize()
    return bit
  }

  /// Bits of equal probability, the highest first.
  mutating func directBits(_ count: Int) throws(ParseFailure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      range >>= 1
      code &-= range
      let mask = 0 &- (code >> 31)
      code &+= range & mask
      guard code != range else {
        throw ParseFailure(.malformed, at: cursor.offset, "range coder", "is out of step")
      }
      try normalize()
      value = value << 1 &+ (mask &+ 1)
    }
    return value
  }

  /// A number of a tree of bits in probabilities from `base` on, the highest bit first.
  mutating func tree(
    _ probabilities: inout [UInt16], _ base: Int, bits: Int
  ) throws(ParseFailure) -> Int {
    var symbol = 1
    for _ in 0..<bits { symbol = symbol << 1 | (try bit(&probabilities[base + symbol])) }
    return symbol - 1 << bits
  }

  /// The same, the lowest bit first.
  mutating func reverseTree(
    _ probabilities: inout [UInt16], _ base: Int, bits: Int
  ) throws(ParseFailure) -> Int {
    var (symbol, value) = (1, 0)
    for place in 0..<bits {
      let bit = try bit(&probabilities[base + symbol])
      symbol = symbol << 1 | bit
      value |= bit << place
    }
    return value
  }
}
