import CheckpointBytes
import TensorValues
import TestSupport
import Testing
import WeightGraph

/// A tensor as a list of elements in row-major order: what weights are compared with. Every transform is done by counting
/// through all indices.
struct NaiveTensor {
  var extents: [Int]
  /// Each element's little-endian bytes.
  var elements: [[UInt8]]

  var bytes: [UInt8] { elements.flatMap { $0 } }

  /// All indices of a shape in row-major order.
  static func indices(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { prefixes, extent in
      prefixes.flatMap { prefix in (0..<extent).map { prefix + [$0] } }
    }
  }

  private static func place(_ index: [Int], _ extents: [Int]) -> Int {
    zip(index, extents).reduce(0) { $0 * $1.1 + $1.0 }
  }

  subscript(index: [Int]) -> [UInt8] { elements[Self.place(index, extents)] }

  func transposed(_ order: [Int]) -> NaiveTensor {
    let newExtents = order.map { extents[$0] }
    let newElements = Self.indices(newExtents).map { index in
      var old = index
      for (axis, source) in order.enumerated() { old[source] = index[axis] }
      return self[old]
    }
    return NaiveTensor(extents: newExtents, elements: newElements)
  }

  func sliced(axis: Int, _ range: Range<Int>) -> NaiveTensor {
    var newExtents = extents
    newExtents[axis] = range.count
    let newElements = Self.indices(newExtents).map { index in
      var old = index
      old[axis] += range.lowerBound
      return self[old]
    }
    return NaiveTensor(extents: newExtents, elements: newElements)
  }

  static func concatenated(_ parts: [NaiveTensor], axis: Int) -> NaiveTensor {
    var extents = parts[0].extents
    extents[axis] = parts.reduce(0) { $0 + $1.extents[axis] }
    let elements = indices(extents).map { index in
      var rest = index
      for part in parts {
        if rest[axis] < part.extents[axis] { return part[rest] }
        rest[axis] -= part.extents[axis]
      }
      return []
    }
    return NaiveTensor(extents: extents, elements: elements)
  }

  func cast(_ source: DType, _ destination: DType) throws -> NaiveTensor {
    guard let conversion = ElementConversion(from: source, to: destination),
      let width = destination.byteWidth
    else { return self }
    var result = [UInt8](repeating: 0, count: elements.count * width)
    try unsafe bytes.withUnsafeBytes { input in
      try unsafe result.withUnsafeMutableBytes { try unsafe conversion.convert(input, into: $0) }
    }
    let newElements = (0..<elements.count).map { Array(result[($0 * width)..<(($0 + 1) * width)]) }
    return NaiveTensor(extents: extents, elements: newElements)
  }
}

extension Weight {
  /// All bytes, read at once.
  func bytes() throws -> [UInt8] {
    try bytes(at: 0, count: byteCount)
  }

  /// Some bytes, read at once.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    var result = [UInt8](repeating: 0xAA, count: count)
    try unsafe result.withUnsafeMutableBytes { try unsafe read(at: offset, into: $0) }
    return result
  }

  /// Packed little-endian elements in memory.
  static func packed(_ dtype: DType, _ extents: [Int], _ bytes: [UInt8], origin: String = "memory")
    throws -> Weight
  {
    let shape = Shape(extents) ?? .scalar
    return Weight(
      try StoredTensor(
        source: MemoryBytes(bytes, origin: origin), dtype: dtype,
        layout: StridedLayout(packed: shape)))
  }
}

/// A shape that must be one.
func shape(_ extents: [Int]) throws -> Shape {
  try #require(Shape(extents))
}

/// A layout that must be one.
func layout(_ extents: [Int], strides: [Int], offset: Int = 0) throws -> StridedLayout {
  let layout = StridedLayout(shape: try shape(extents), strides: strides, offset: offset)
  return try #require(layout)
}
