internal import CheckpointBytes

/// The LZF compression that h5py registers as filter 32000 (liblzf's format): literal runs and back references.
enum LZF {
  /// Decompresses to exactly `byteCount` bytes; where that is not known, because a filter before it changed the size, to
  /// as many as there are, at most `room`.
  static func decode(
    _ bytes: [UInt8], byteCount expected: Int?, atMost room: Int
  ) throws(ParseFailure) -> [UInt8] {
    let byteCount = expected ?? room
    var output: [UInt8] = []
    output.reserveCapacity(expected ?? bytes.count)
    var cursor = ByteCursor(bytes)
    while !cursor.isAtEnd {
      let control = Int(try cursor.readByte("LZF filter"))
      if control < 32 {
        output += try cursor.readBytes(control + 1, "LZF filter")
      } else {
        var length = control >> 5
        if length == 7 { length += Int(try cursor.readByte("LZF filter")) }
        length += 2
        let distance = (control & 31) << 8 | Int(try cursor.readByte("LZF filter"))
        guard distance < output.count, length <= byteCount - output.count else {
          throw ParseFailure(.malformed, "LZF filter", "a reference points outside of the data")
        }
        // Byte by byte: a reference may overlap what it produces.
        let start = output.count - distance - 1
        for index in start..<(start + length) { output.append(output[index]) }
      }
      guard output.count <= byteCount else {
        throw ParseFailure(.malformed, "LZF filter", "more than \(byteCount) bytes come out")
      }
    }
    guard expected == nil || output.count == byteCount else {
      throw ParseFailure(
        .truncated, "LZF filter", "expected \(byteCount) bytes, \(output.count) come out")
    }
    return output
  }
}
