internal import CheckpointBytes

/// An LZ4 frame.
///
/// ```
/// 04 22 4D 18 │ flags, block size, (content size 8), (dictionary 4), checksum │ block: length 4, bytes, (checksum 4) │ … │ 0
/// ```
enum LZ4Reader {
  static let signature: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
  private static let field = "LZ4 frame"
  /// The shortest match, which is not counted in its length.
  private static let shortestMatch = 4
  /// How far back a match may lie.
  private static let reach = 65_535

  static func read(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    try cursor.skip(signature.count, field)
    let flags = try cursor.readByte(field)
    _ = try cursor.readByte(field)
    guard flags >> 6 == 1 else {
      throw ParseFailure(.malformed, at: cursor.offset, field, "version \(flags >> 6), expected 1")
    }
    guard flags & 1 == 0 else {
      throw ParseFailure(.unsupported, at: cursor.offset, field, "it needs a dictionary")
    }
    try cursor.skip(flags & 8 != 0 ? 9 : 1, field)
    let start = output.count
    while true {
      let length = try cursor.read(UInt32.self, .little, field)
      if length == 0 { break }
      var block = try cursor.slice(Int(length & 0x7FFF_FFFF), field)
      if length >> 31 == 1 {
        try output.append(try block.readBytes(block.remaining, field), at: block.offset)
      } else {
        try readBlock(&block, since: start, into: &output)
      }
      if flags & 16 != 0 { try cursor.skip(4, field) }
    }
    if flags & 4 != 0 { try cursor.skip(4, field) }
  }

  private static func readBlock(
    _ block: inout ByteCursor, since start: Int, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    while !block.isAtEnd {
      let token = try block.readByte(field)
      let literals = try block.readBytes(try length(Int(token >> 4), &block), field)
      try output.append(literals, at: block.offset)
      if block.isAtEnd { return }
      let distance = Int(try block.read(UInt16.self, .little, field))
      let count = try length(Int(token & 15), &block) + shortestMatch
      try output.repeat(
        distance, count, since: max(start, output.count - reach), at: block.offset)
    }
  }

  private static func length(_ first: Int, _ block: inout ByteCursor) throws(ParseFailure) -> Int {
    var length = first
    guard first == 15 else { return length }
    while true {
      let byte = try block.readByte(field)
      length += Int(byte)
      if byte < 255 { return length }
    }
  }
}
