extension ElementConversion {
  /// Converts integers; each pair of types has a loop of its own, that the compiler can make vectors of.
  func convertIntegers(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, count: Int
  ) throws(OutOfRange) {
    switch source {
    case .i8: try unsafe convert(Int8.self, input, output, count)
    case .i16: try unsafe convert(Int16.self, input, output, count)
    case .i32: try unsafe convert(Int32.self, input, output, count)
    case .i64: try unsafe convert(Int64.self, input, output, count)
    case .u16: try unsafe convert(UInt16.self, input, output, count)
    case .u32: try unsafe convert(UInt32.self, input, output, count)
    case .u64: try unsafe convert(UInt64.self, input, output, count)
    default: try unsafe convert(UInt8.self, input, output, count)
    }
  }

  @inline(__always)
  private func convert<From: FixedWidthInteger>(
    _: From.Type, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
    _ count: Int
  ) throws(OutOfRange) {
    switch destination {
    case .i8: try unsafe convert(From.self, to: Int8.self, input, output, count)
    case .i16: try unsafe convert(From.self, to: Int16.self, input, output, count)
    case .i32: try unsafe convert(From.self, to: Int32.self, input, output, count)
    case .i64: try unsafe convert(From.self, to: Int64.self, input, output, count)
    case .u16: try unsafe convert(From.self, to: UInt16.self, input, output, count)
    case .u32: try unsafe convert(From.self, to: UInt32.self, input, output, count)
    case .u64: try unsafe convert(From.self, to: UInt64.self, input, output, count)
    default: try unsafe convert(From.self, to: UInt8.self, input, output, count)
    }
  }

  @inline(__always)
  private func convert<From: FixedWidthInteger, To: FixedWidthInteger>(
    _: From.Type, to _: To.Type, _ input: UnsafeRawBufferPointer,
    _ output: UnsafeMutableRawBufferPointer, _ count: Int
  ) throws(OutOfRange) {
    for index in 0..<count {
      let value = unsafe input.loadUnaligned(
        fromByteOffset: index &* MemoryLayout<From>.size, as: From.self)
      guard let number = To(exactly: value) else {
        throw OutOfRange(index: index, value: String(value))
      }
      unsafe output.storeBytes(
        of: number, toByteOffset: index &* MemoryLayout<To>.size, as: To.self)
    }
  }
}
