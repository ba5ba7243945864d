extension DType {
  /// The values of packed little-endian elements as doubles, for comparing and printing: integers beyond 2⁵³ lose digits,
  /// complex numbers give two values each, booleans 0 and 1.
  public func doubles(_ bytes: UnsafeRawBufferPointer, into values: inout [Double]) {
    let components = component ?? self
    guard let width = components.byteWidth else {
      unsafe fillPackedSmallFloats(bytes, &values)
      return
    }
    resize(&values, to: bytes.count / width)
    switch components {
    case .f64: unsafe fill(&values, bytes) { (bits: UInt64) in Double(bitPattern: bits) }
    case .f32: unsafe fill(&values, bytes) { (bits: UInt32) in Double(Float(bitPattern: bits)) }
    case .f16:
      unsafe fill(&values, bytes) { (bits: UInt16) in
        Double(Float(bitPattern: SmallFloat.float32Bits(float16: bits)))
      }
    case .bf16:
      unsafe fill(&values, bytes) { (bits: UInt16) in
        Double(Float(bitPattern: UInt32(bits) << 16))
      }
    case .bool: unsafe fill(&values, bytes) { (byte: UInt8) in byte == 0 ? 0 : 1 }
    case .u8: unsafe fill(&values, bytes) { (number: UInt8) in Double(number) }
    case .i8: unsafe fill(&values, bytes) { (number: Int8) in Double(number) }
    case .u16: unsafe fill(&values, bytes) { (number: UInt16) in Double(number) }
    case .i16: unsafe fill(&values, bytes) { (number: Int16) in Double(number) }
    case .u32: unsafe fill(&values, bytes) { (number: UInt32) in Double(number) }
    case .i32: unsafe fill(&values, bytes) { (number: Int32) in Double(number) }
    case .u64: unsafe fill(&values, bytes) { (number: UInt64) in Double(number) }
    case .i64: unsafe fill(&values, bytes) { (number: Int64) in Double(number) }
    default:
      let codes = SmallFloat.values(of: components)
      unsafe fill(&values, bytes) { (code: UInt8) in codes[Int(code)] }
    }
  }

  /// F4 and F6 elements, packed from the least significant bit of each byte on.
  private func fillPackedSmallFloats(_ bytes: UnsafeRawBufferPointer, _ values: inout [Double]) {
    let codes = SmallFloat.values(of: self)
    resize(&values, to: bytes.count * 8 / bitWidth)
    for index in values.indices {
      let bit = index * bitWidth
      let low = unsafe UInt16(bytes[bit / 8])
      let high = unsafe bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0
      let code = (high << 8 | low) >> UInt16(bit % 8) & (1 << UInt16(bitWidth) - 1)
      values[index] = codes[Int(code)]
    }
  }
}

private func resize(_ values: inout [Double], to count: Int) {
  if values.count != count { values = Array(repeating: 0, count: count) }
}

@inline(__always)
private func fill<Element: FixedWidthInteger>(
  _ values: inout [Double], _ bytes: UnsafeRawBufferPointer, _ value: (Element) -> Double
) {
  for index in values.indices {
    values[index] = value(
      unsafe bytes.loadUnaligned(
        fromByteOffset: index &* MemoryLayout<Element>.size, as: Element.self))
  }
}

extension SmallFloat {
  /// The value of each of 256 codes: a comparison looks at millions of them.
  fileprivate static func values(of type: DType) -> [Double] {
    let codec = SmallFloat(type)
    return (0...UInt8.max).map { Double(codec?.decode($0) ?? .nan) }
  }
}
