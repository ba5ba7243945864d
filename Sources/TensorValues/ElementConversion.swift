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
