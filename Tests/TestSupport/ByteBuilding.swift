extension [UInt8] {
  /// The UTF-8 bytes of a text.
  public init(text: String) {
    self = Array(text.utf8)
  }

  /// The little-endian bytes of numbers.
  public init<Number: FixedWidthInteger>(littleEndian numbers: [Number]) {
    self = []
    for number in numbers { append(littleEndian: number) }
  }

  /// Appends the little-endian bytes of a number.
  public mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: number >> Number(shift)))
    }
  }

  /// The bytes as little-endian numbers.
  public func littleEndian<Number: FixedWidthInteger>(_: Number.Type) -> [Number] {
    let width = Number.bitWidth / 8
    return stride(from: 0, to: count - count % width, by: width).map { start in
      self[start..<(start + width)].reversed().reduce(Number(0)) { number, byte in
        width == 1
          ? Number(truncatingIfNeeded: byte) : number << 8 | Number(truncatingIfNeeded: byte)
      }
    }
  }
}
