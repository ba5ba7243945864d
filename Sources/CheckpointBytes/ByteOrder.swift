/// The order of a number's bytes in a file.
public enum ByteOrder: String, Sendable, Hashable {
  /// Least significant byte first.
  case little
  /// Most significant byte first.
  case big
}

extension FixedWidthInteger {
  /// The bytes, the lowest first.
  package var littleEndianBytes: [UInt8] {
    (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
  }
}
