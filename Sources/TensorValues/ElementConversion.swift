/// Conversion of packed little-endian buffers between element types of one category.
///
/// Real types round to nearest, ties to even, as PyTorch's `Tensor.to` does: float64 goes to the 16-bit and 8-bit types
/// through float32 (`c10/util/Half.h`, `BFloat16.h`, 2.13). What does not fit becomes infinity; in types that have none it
/// becomes the largest number of its sign in F8_E4M3 and NaN in the others. Integers keep their value or the conversion
/// fails. Complex types convert by component.
public struct ElementConversion: Sendable {
  /// The type converted from.
  public let source: DType
  /// The type converted to.
  public let destination: DType

  /// A conversion, or nil if there is none: across categories, or for types whose elements share bytes.
  public init?(from source: DType, to destination: DType) {
    guard source.category == destination.category, source.byteWidth != nil,
      destination.byteWidth != nil
    else { return nil }
    self.source = source
    self.destination = destination
  }

  /// An integer that the destination type cannot hold.
  public struct OutOfRange: Error, Sendable, Hashable {
    /// The index of the element in the buffer.
    public let index: Int
    /// The value, as text.
    public let value: String
  }

  /// True if every value of the source type exists in the destination type.
  public var isExact: Bool {
    if source == destination { return true }
    switch source.category {
    case .boolean: return false
    case .integer:
      return destination.isSigned
        ? source.bitWidth < destination.bitWidth
        : !source.isSigned && source.bitWidth <= destination.bitWidth
    case .complex: return source.bitWidth < destination.bitWidth
    case .real:
      switch destination {
      case .f64: return true
      case .f32: return source != .f64
      case .bf16: return source.bitWidth == 8
      case .f16: return source.bitWidth == 8 && source != .f8E8M0
      default: return false
      }
    }
  }

  /// Converts all elements of `input` into `output`, whose sizes must agree.
  public func convert(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(OutOfRange) {
    guard let sourceWidth = source.byteWidth, let destinationWidth = destination.byteWidth else {
      return
    }
    let count = min(input.count / sourceWidth, output.count / destinationWidth)
    if source == destination {
      unsafe output.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: input[..<(count * sourceWidth)]))
      return
    }
    switch source.category {
    case .integer: try unsafe convertIntegers(input, into: output, count: count)
    case .real: unsafe convertReals(source, input, destination, output, count: count)
    case .complex:
      guard let from = source.component, let to = destination.component else { return }
      unsafe convertReals(from, input, to, output, count: count * 2)
    case .boolean: break
    }
  }
}

extension DType {
  /// True for integers that can be negative.
  fileprivate var isSigned: Bool {
    switch self {
    case .i8, .i16, .i32, .i64: true
    default: false
    }
  }

  /// The real type a complex type is made of.
  package var component: DType? {
    switch self {
    case .c32: .f16
    case .c64: .f32
    case .c128: .f64
    default: nil
    }
  }
}

// MARK: Real types

private func convertReals(
  _ from: DType, _ input: UnsafeRawBufferPointer, _ to: DType,
  _ output: UnsafeMutableRawBufferPointer, count: Int
) {
  // Through float32, except where both ends are wider than that.
  switch (from, to) {
  case (.f32, .bf16):
    unsafe map(input, output, count) { (bits: UInt32) in SmallFloat.bfloat16Bits(bits) }
  case (.bf16, .f32):
    unsafe map(input, output, count) { (bits: UInt16) in UInt32(bits) << 16 }
  case (.f32, .f16):
    unsafe map(input, output, count) { (bits: UInt32) in SmallFloat.float16Bits(bits) }
  case (.f16, .f32):
    unsafe map(input, output, count) { (bits: UInt16) in SmallFloat.float32Bits(float16: bits) }
  case (.f64, .f32):
    unsafe map(input, output, count) { (bits: UInt64) in
      Float(Double(bitPattern: bits)).bitPattern
    }
  case (.f32, .f64):
    unsafe map(input, output, count) { (bits: UInt32) in
      Double(Float(bitPattern: bits)).bitPattern
    }
  default:
    unsafe convertThroughFloat(from, input, to, output, count: count)
  }
}

private func convertThroughFloat(
  _ from: DType, _ input: UnsafeRawBufferPointer, _ to: DType,
  _ output: UnsafeMutableRawBufferPointer, count: Int
) {
  for index in 0..<count {
    let value: Float =
      switch from {
      case .f64:
        unsafe Float(
          Double(bitPattern: input.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
      case .f32:
        unsafe Float(
          bitPattern: input.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
      case .f16:
        unsafe Float(
          bitPattern: SmallFloat.float32Bits(
            float16: input.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
      case .bf16:
        unsafe Float(
          bitPattern: UInt32(input.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16)
      default: unsafe SmallFloat(from)?.decode(input[index]) ?? .nan
      }
    switch to {
    case .f64:
      unsafe output.storeBytes(
        of: Double(value).bitPattern, toByteOffset: index * 8, as: UInt64.self)
    case .f32:
      unsafe output.storeBytes(of: value.bitPattern, toByteOffset: index * 4, as: UInt32.self)
    case .f16:
      unsafe output.storeBytes(
        of: SmallFloat.float16Bits(value.bitPattern), toByteOffset: index * 2, as: UInt16.self)
    case .bf16:
      unsafe output.storeBytes(
        of: SmallFloat.bfloat16Bits(value.bitPattern), toByteOffset: index * 2, as: UInt16.self)
    default: unsafe output[index] = SmallFloat(to)?.encode(value) ?? 0
    }
  }
}

@inline(__always)
private func map<Input: FixedWidthInteger, Output: FixedWidthInteger>(
  _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ count: Int,
  _ transform: (Input) -> Output
) {
  guard let from = input.baseAddress, let to = output.baseAddress else { return }
  for index in 0..<count {
    let value = unsafe from.loadUnaligned(
      fromByteOffset: index &* MemoryLayout<Input>.size, as: Input.self)
    unsafe to.storeBytes(
      of: transform(value), toByteOffset: index &* MemoryLayout<Output>.size, as: Output.self)
  }
}

// MARK: Integers

extension ElementConversion {
  fileprivate func convertIntegers(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, count: Int
  ) throws(OutOfRange) {
    for index in 0..<count {
      let value = unsafe loadInteger(source, input, index)
      guard unsafe storeInteger(value, destination, output, index) else {
        throw OutOfRange(index: index, value: String(value))
      }
    }
  }
}

/// An element of an integer type, or of a boolean one as its byte.
private func loadInteger(_ type: DType, _ buffer: UnsafeRawBufferPointer, _ index: Int) -> Int128 {
  func load<Number: FixedWidthInteger>(_: Number.Type) -> Int128 {
    unsafe Int128(
      buffer.loadUnaligned(fromByteOffset: index * MemoryLayout<Number>.size, as: Number.self))
  }
  switch type {
  case .i8: return load(Int8.self)
  case .i16: return load(Int16.self)
  case .i32: return load(Int32.self)
  case .i64: return load(Int64.self)
  case .u16: return load(UInt16.self)
  case .u32: return load(UInt32.self)
  case .u64: return load(UInt64.self)
  default: return load(UInt8.self)
  }
}

private func storeInteger(
  _ value: Int128, _ type: DType, _ buffer: UnsafeMutableRawBufferPointer, _ index: Int
) -> Bool {
  func store<Number: FixedWidthInteger>(_: Number.Type) -> Bool {
    guard let number = Number(exactly: value) else { return false }
    unsafe buffer.storeBytes(
      of: number, toByteOffset: index * MemoryLayout<Number>.size, as: Number.self)
    return true
  }
  switch type {
  case .i8: return store(Int8.self)
  case .i16: return store(Int16.self)
  case .i32: return store(Int32.self)
  case .i64: return store(Int64.self)
  case .u16: return store(UInt16.self)
  case .u32: return store(UInt32.self)
  case .u64: return store(UInt64.self)
  default: return store(UInt8.self)
  }
}

// MARK: Values as doubles

extension DType {
  /// The values of packed little-endian elements as doubles, for comparing and printing: integers beyond 2⁵³ lose digits,
  /// complex numbers give two values each, booleans 0 and 1.
  public func doubles(_ bytes: UnsafeRawBufferPointer, into values: inout [Double]) {
    values.removeAll(keepingCapacity: true)
    let components = component ?? self
    guard let width = components.byteWidth else {
      unsafe appendPackedSmallFloats(bytes, &values)
      return
    }
    let count = bytes.count / width
    values.reserveCapacity(count)
    for index in 0..<count {
      switch components {
      case .f64:
        unsafe values.append(
          Double(bitPattern: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
      case .f32:
        unsafe values.append(
          Double(
            Float(bitPattern: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))))
      case .f16:
        unsafe values.append(
          Double(
            Float(
              bitPattern: SmallFloat.float32Bits(
                float16: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))))
      case .bf16:
        unsafe values.append(
          Double(
            Float(
              bitPattern: UInt32(
                bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16)))
      case .bool: unsafe values.append(bytes[index] == 0 ? 0 : 1)
      case .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64:
        unsafe values.append(Double(loadInteger(components, bytes, index)))
      default: unsafe values.append(Double(SmallFloat(components)?.decode(bytes[index]) ?? .nan))
      }
    }
  }

  /// F4 and F6 elements, packed from the least significant bit of each byte on.
  private func appendPackedSmallFloats(_ bytes: UnsafeRawBufferPointer, _ values: inout [Double]) {
    guard let codec = SmallFloat(self) else { return }
    let count = bytes.count * 8 / bitWidth
    values.reserveCapacity(count)
    for index in 0..<count {
      let bit = index * bitWidth
      let low = unsafe UInt16(bytes[bit / 8])
      let high = unsafe bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0
      let code = (high << 8 | low) >> UInt16(bit % 8) & (1 << UInt16(bitWidth) - 1)
      values.append(Double(codec.decode(UInt8(truncatingIfNeeded: code))))
    }
  }
}
