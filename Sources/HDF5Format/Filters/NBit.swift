internal import CheckpointBytes

/// The n-bit filter (`H5Znbit.c`, libhdf5 1.10.8): of each element only the bits that count are stored, the highest first, one
/// element behind the other.
///
/// Of the types that it takes apart further, arrays and compounds, none is a number of this package.
struct NBit {
  private let elementCount: Int
  private let size: Int
  private let isBigEndian: Bool
  private let bitCount: Int
  private let bitOffset: Int

  /// True if all bits of the type count, and the bytes are as they were ("need not compress").
  static func leavesAlone(_ parameters: [UInt32]) -> Bool {
    parameters.count > 1 && parameters[1] != 0
  }

  /// Reads the filter's parameters: their number, whether it does anything, the number of elements, then the type.
  init(_ parameters: [UInt32]) throws(ParseFailure) {
    guard parameters.count >= 8, parameters[3] == 1 else {
      throw ParseFailure(.unsupported, "n-bit filter", "elements that are no plain numbers")
    }
    elementCount = Int(parameters[2])
    size = Int(parameters[4])
    isBigEndian = parameters[5] == 1
    bitCount = Int(parameters[6])
    bitOffset = Int(parameters[7])
    guard (1...8).contains(size), bitCount > 0, bitCount + bitOffset <= 8 * size else {
      throw ParseFailure(
        .malformed, "n-bit filter",
        "\(bitCount) bits from bit \(bitOffset) of elements of \(size) bytes")
    }
  }

  /// Decodes a chunk to exactly `byteCount` bytes. The bits that are not stored are 0.
  func decode(_ bytes: [UInt8], byteCount: Int) throws(ParseFailure) -> [UInt8] {
    let (needed, overflow) = elementCount.multipliedReportingOverflow(by: size)
    guard !overflow, needed == byteCount else {
      throw ParseFailure(
        .malformed, "n-bit filter",
        "\(elementCount) elements of \(size) bytes, expected \(byteCount) bytes")
    }
    var cursor = ByteCursor(bytes)
    var reader = BitReader(
      try cursor.readBytes((elementCount * bitCount + 7) / 8, "n-bit filter"))
    var output = [UInt8](repeating: 0, count: byteCount)
    for element in 0..<elementCount {
      var value = reader.next(bitCount) << UInt64(bitOffset)
      for index in 0..<size {
        output[element * size + (isBigEndian ? size - 1 - index : index)] =
          UInt8(truncatingIfNeeded: value)
        value >>= 8
      }
    }
    return output
  }
}
