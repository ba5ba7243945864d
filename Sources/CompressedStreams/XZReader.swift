internal import CheckpointBytes

/// An xz stream.
///
/// ```
/// signature 6, flags 2, CRC 4 │ block: header, LZMA2 chunks, padding, check │ … │ index │ CRC 4, size 4, flags 2, 'YZ' │ zeros
/// ```
enum XZReader {
  static let signature: [UInt8] = [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]
  private static let field = "xz stream"
  private static let filterLZMA2: UInt64 = 0x21
  /// The sizes of checks by their kind.
  private static let checkSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]

  static func read(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    let start = cursor.position
    try cursor.skip(7, field)
    let checkSize = checkSizes[Int(try cursor.readByte(field) & 15)]
    try cursor.skip(4, field)
    while true {
      let first = try cursor.readByte(field)
      if first == 0 { break }
      var header = try cursor.slice((Int(first) + 1) * 4 - 1, field)
      try readFilters(&header)
      try readChunks(&cursor, into: &output)
      try skipPadding(&cursor, since: start)
      try cursor.skip(checkSize, field)
    }
    // The index says again what was read.
    for _ in 0..<(try number(&cursor)) { _ = try (number(&cursor), number(&cursor)) }
    try skipPadding(&cursor, since: start)
    try cursor.skip(4 + 12, field)
    while cursor.peekByte() == 0 { try cursor.skip(1, field) }
  }

  private static func readFilters(_ header: inout ByteCursor) throws(ParseFailure) {
    let flags = try header.readByte(field)
    if flags & 0x40 != 0 { _ = try number(&header) }
    if flags & 0x80 != 0 { _ = try number(&header) }
    let filter = try number(&header)
    guard flags & 3 == 0, filter == filterLZMA2 else {
      throw ParseFailure(
        .unsupported, at: header.offset, field,
        "\(flags & 3 + 1) filters, the first of kind 0x\(String(filter, radix: 16)); only LZMA2 alone is read"
      )
    }
  }

  private static func skipPadding(_ cursor: inout ByteCursor, since start: Int) throws(ParseFailure)
  {
    try cursor.skip((4 - (cursor.position - start) % 4) % 4, field)
  }

  private static func number(_ cursor: inout ByteCursor) throws(ParseFailure) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<9 {
      let byte = try cursor.readByte(field)
      value |= UInt64(byte & 0x7F) << UInt64(7 * place)
      if byte < 0x80 { return value }
    }
    throw ParseFailure(.malformed, at: cursor.offset, field, "a number of more than 9 bytes")
  }

  /// LZMA2: `control 1 │ size 2 │ packed size 2 │ (properties 1) │ range-coded`, or `control 1 │ size 2 │ bytes`.
  private static func readChunks(
    _ cursor: inout ByteCursor, into output: inout DecodedBytes
  ) throws(ParseFailure) {
    var decoder: LZMADecoder?
    var start = output.count
    while true {
      let offset = cursor.offset
      let control = try cursor.readByte(field)
      if control == 0 { return }
      if control == 1 || control >= 0xE0 { start = output.count }
      guard control >= 0x80 else {
        guard control <= 2 else {
          throw ParseFailure(.malformed, at: offset, field, "a chunk of kind \(control)")
        }
        let size = Int(try cursor.read(UInt16.self, .big, field)) + 1
        try output.append(try cursor.readBytes(size, field), at: offset)
        continue
      }
      let size =
        Int(control & 0x1F) << 16 + Int(try cursor.read(UInt16.self, .big, field)) + 1
      let packed = Int(try cursor.read(UInt16.self, .big, field)) + 1
      if control >= 0xC0 {
        decoder = try LZMADecoder(try cursor.readByte(field), at: offset)
      } else if control >= 0xA0 {
        decoder?.reset()
      }
      var range = try RangeDecoder(try cursor.slice(packed, field))
      guard
        try decoder?.read(&range, since: start, until: output.count + size, into: &output) == false
      else {
        throw ParseFailure(
          .malformed, at: offset, field, "a chunk without properties, or with an end")
      }
    }
  }
}
