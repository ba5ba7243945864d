internal import CheckpointBytes

/// The scale-offset filter (`H5Zscaleoffset.c`, libhdf5 1.10.8): each chunk keeps its minimum and as many bits of each
/// difference as the largest needs. Of floating-point numbers the differences are rounded to some decimal places.
///
/// ```
/// bits a difference (4) │ size of the minimum (1) │ minimum (8) │ unused (8) │ differences, most significant bit first
/// ```
struct ScaleOffset {
  private let elementCount: Int
  private let size: Int
  private let isBigEndian: Bool
  /// The decimal places that floating-point numbers keep; nil for integers.
  private let decimalPlaces: Int?
  /// The element that all bits set stand for, if the data set has a fill value; so does a difference of no bits.
  private let fillValue: UInt64?

  /// True if all bits of integers were asked for, and the bytes are as they were.
  static func leavesAlone(_ parameters: [UInt32]) -> Bool {
    parameters.count > 4 && parameters[0] == 2 && parameters[4] <= 8
      && parameters[1] == parameters[4] * 8
  }

  /// Reads the filter's parameters.
  init(_ parameters: [UInt32]) throws(ParseFailure) {
    // HDF5 has a number for floating-point numbers with a scale of their own, and no code.
    guard parameters.count >= 8, parameters[0] == (parameters[3] == 0 ? 2 : 0), parameters[3] < 2
    else {
      throw ParseFailure(
        .unsupported, "scale-offset filter", "a scale of type \(parameters.first ?? 0)")
    }
    elementCount = Int(parameters[2])
    size = Int(parameters[4])
    isBigEndian = parameters[6] == 1
    decimalPlaces = parameters[3] == 0 ? nil : Int(Int32(bitPattern: parameters[1]))
    guard (decimalPlaces == nil ? [1, 2, 4, 8] : [4, 8]).contains(size),
      (-400...400).contains(decimalPlaces ?? 0)
    else {
      throw ParseFailure(
        .malformed, "scale-offset filter",
        "elements of \(size) bytes with \(decimalPlaces ?? 0) decimal places")
    }
    if parameters[7] == 1 {
      let words = parameters.dropFirst(8).prefix(2).enumerated()
      fillValue = words.reduce(0) { $0 | UInt64($1.element) << (32 * UInt64($1.offset)) }
    } else {
      fillValue = nil
    }
  }

  /// Decodes a chunk to exactly `byteCount` bytes.
  func decode(_ bytes: [UInt8], byteCount: Int) throws(ParseFailure) -> [UInt8] {
    let (needed, overflow) = elementCount.multipliedReportingOverflow(by: size)
    guard !overflow, needed == byteCount else {
      throw ParseFailure(
        .malformed, "scale-offset filter",
        "\(elementCount) elements of \(size) bytes, expected \(byteCount) bytes")
    }
    var cursor = ByteCursor(bytes)
    let bitCount = Int(try cursor.read(UInt32.self, .little, "scale-offset filter"))
    let minimumSize = Int(try cursor.readByte("scale-offset filter"))
    guard bitCount <= 8 * size, minimumSize <= 8 else {
      throw ParseFailure(
        .malformed, "scale-offset filter", "\(bitCount) bits for elements of \(size) bytes")
    }
    let minimum = try cursor.readBytes(minimumSize, "scale-offset filter").reversed()
      .reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    try cursor.skip(16 - minimumSize, "scale-offset filter")
    if bitCount == 8 * size {
      // Nothing was gained: the elements follow as they were, in the order of the machine that wrote them.
      var elements = Array(try cursor.readBytes(byteCount, "scale-offset filter"))
      if isBigEndian {
        for start in stride(from: 0, to: byteCount, by: size) {
          elements[start..<(start + size)].reverse()
        }
      }
      return elements
    }
    let packed = try cursor.readBytes(
      (elementCount * bitCount + 7) / 8, "scale-offset filter")
    return unpacked(packed, bitCount, minimum)
  }

  private func unpacked(
    _ packed: ArraySlice<UInt8>, _ bitCount: Int, _ minimum: UInt64
  ) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(elementCount * size)
    let mask: UInt64 = (1 << UInt64(bitCount)) &- 1
    var reader = BitReader(packed)
    for _ in 0..<elementCount {
      let difference = reader.next(bitCount)
      let isFill = fillValue != nil && difference == mask
      append(isFill ? fillValue ?? 0 : value(difference, minimum), to: &output)
    }
    return output
  }

  /// The bits of the element that is a difference above the minimum.
  private func value(_ difference: UInt64, _ minimum: UInt64) -> UInt64 {
    guard let decimalPlaces else { return difference &+ minimum }
    var power = 1.0
    for _ in 0..<abs(decimalPlaces) { power *= 10 }
    if decimalPlaces < 0 { power = 1 / power }
    // In the precision of the elements, as the library computes.
    if size == 4 {
      let difference = Float(Int32(truncatingIfNeeded: difference))
      let minimum = Float(bitPattern: UInt32(truncatingIfNeeded: minimum))
      return UInt64((difference / Float(power) + minimum).bitPattern)
    }
    let difference = Double(Int64(bitPattern: difference))
    return (difference / power + Double(bitPattern: minimum)).bitPattern
  }

  private func append(_ value: UInt64, to output: inout [UInt8]) {
    for index in 0..<size {
      let shift = UInt64(8 * (isBigEndian ? size - 1 - index : index))
      output.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}
