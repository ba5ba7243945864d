internal import CheckpointBytes
internal import TensorValues

/// Integers that are stored in some bits of their bytes, as integers of all bits: what libhdf5 makes of them when they are
/// read into memory (`H5T__conv_i_i`, 1.10.8).
final class WidenedIntegers: ByteSource {
  private let stored: any ByteSource
  private let bits: HDF5IntegerBits
  private let width: Int
  private let isSigned: Bool
  private let order: ByteOrder

  init(_ stored: any ByteSource, _ bits: HDF5IntegerBits, _ dtype: DType, _ order: ByteOrder) {
    self.stored = stored
    self.bits = bits
    self.order = order
    width = dtype.byteWidth ?? 1
    isSigned = [.i8, .i16, .i32, .i64].contains(dtype)
  }

  var byteCount: Int { stored.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String { "\(stored.origin) (of \(bits.count) bits)" }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset.isMultiple(of: width), destination.count.isMultiple(of: width) else {
      // Whole elements around what is asked for.
      let start = offset - offset % width
      let end = min(byteCount, (offset + destination.count + width - 1) / width * width)
      let bytes = try bytes(at: start, count: end - start)
      unsafe destination.copyBytes(from: bytes[(offset - start)...].prefix(destination.count))
      return
    }
    try unsafe stored.read(at: offset, into: destination)
    for start in stride(from: 0, to: destination.count, by: width) {
      unsafe widen(UnsafeMutableRawBufferPointer(rebasing: destination[start..<(start + width)]))
    }
  }

  private func widen(_ element: UnsafeMutableRawBufferPointer) {
    let places =
      order == .little ? stride(from: 0, to: width, by: 1) : stride(from: width - 1, to: -1, by: -1)
    var value: UInt64 = 0
    var shift: UInt64 = 0
    for place in places {
      unsafe value |= UInt64(element[place]) << shift
      shift += 8
    }
    // Up to the highest bits, and down again with the sign or without.
    let unused = UInt64(64 - bits.count)
    let top = (value >> UInt64(bits.offset)) << unused
    value = isSigned ? UInt64(bitPattern: Int64(bitPattern: top) >> Int64(unused)) : top >> unused
    for place in places {
      unsafe element[place] = UInt8(truncatingIfNeeded: value)
      value >>= 8
    }
  }
}
