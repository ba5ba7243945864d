internal import CheckpointBytes
internal import TensorValues

/// The geometry of an array cut into chunks of equal shape, and which part of a byte range lies in which chunk.
///
/// Everything counts in bytes of the packed row-major array. That the sizes fit an `Int` was checked where the data set
/// and its chunks were described.
struct ChunkGrid {
  let dimensions: [Int]
  let chunkDimensions: [Int]
  let elementSize: Int
  /// The bytes between neighbours along each axis of the array.
  private let strides: [Int]
  /// The same inside a chunk.
  private let chunkStrides: [Int]
  /// The size of a decoded chunk in bytes.
  let chunkByteCount: Int

  /// A stretch of bytes that is contiguous in the array and in its chunk.
  struct Run {
    let arrayOffset: Int
    let chunkOffset: Int
    let count: Int
  }

  /// Takes the shapes; nil if they do not belong together.
  init?(dimensions: [Int], chunkDimensions: [Int], elementSize: Int) {
    guard dimensions.count == chunkDimensions.count, !dimensions.isEmpty, elementSize > 0,
      chunkDimensions.allSatisfy({ $0 > 0 }), let shape = Shape(dimensions),
      let chunkShape = Shape(chunkDimensions),
      !shape.elementCount.multipliedReportingOverflow(by: elementSize).overflow,
      case let (bytes, overflow) = chunkShape.elementCount.multipliedReportingOverflow(
        by: elementSize),
      !overflow
    else { return nil }
    self.dimensions = dimensions
    self.chunkDimensions = chunkDimensions
    self.elementSize = elementSize
    chunkByteCount = bytes
    strides = StridedLayout.packedStrides(of: shape).map { $0 &* elementSize }
    chunkStrides = StridedLayout.packedStrides(of: chunkShape).map { $0 &* elementSize }
  }

  /// The smallest box of elements that holds a range of bytes. The range must not be empty.
  private func box(_ range: Range<Int>) -> [Range<Int>] {
    var first = range.lowerBound
    var last = range.upperBound - 1
    var box: [Range<Int>] = []
    var isWhole = false
    for (extent, stride) in zip(dimensions, strides) {
      if isWhole {
        box.append(0..<extent)
        continue
      }
      let (low, high) = (first / stride, last / stride)
      box.append(low..<(high + 1))
      isWhole = low != high
      first %= stride
      last %= stride
    }
    return box
  }

  /// Calls `body` with the origin of each chunk that a range of bytes touches, in the order of the array.
  func forEachChunk(
    in range: Range<Int>, _ body: ([Int], [Range<Int>]) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    guard !range.isEmpty else { return }
    let box = box(range)
    let starts = zip(box, chunkDimensions).map { $0.lowerBound / $1 * $1 }
    var origin = starts
    while true {
      // The part of the box that lies in this chunk.
      let part = box.indices.map { axis in
        max(
          box[axis].lowerBound, origin[axis])..<min(
            box[axis].upperBound,
            origin[axis] + min(chunkDimensions[axis], dimensions[axis] - origin[axis]))
      }
      try body(origin, part)
      var axis = origin.count - 1
      while axis >= 0 {
        let (next, overflow) = origin[axis].addingReportingOverflow(chunkDimensions[axis])
        if !overflow, next < box[axis].upperBound {
          origin[axis] = next
          break
        }
        origin[axis] = starts[axis]
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// Calls `body` with each run of a part of a chunk, clipped to a range of bytes.
  func forEachRun(
    of part: [Range<Int>], chunk origin: [Int], in range: Range<Int>,
    _ body: (Run) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let inner = part.count - 1
    var index = part.map(\.lowerBound)
    let length = part[inner].count * elementSize
    while true {
      var arrayOffset = 0
      var chunkOffset = 0
      for axis in index.indices {
        arrayOffset += index[axis] * strides[axis]
        chunkOffset += (index[axis] - origin[axis]) * chunkStrides[axis]
      }
      let start = max(arrayOffset, range.lowerBound)
      let end = min(arrayOffset + length, range.upperBound)
      if start < end {
        try body(
          Run(
            arrayOffset: start, chunkOffset: chunkOffset + start - arrayOffset, count: end - start))
      }
      var axis = inner - 1
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < part[axis].upperBound { break }
        index[axis] = part[axis].lowerBound
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// True if a chunk reaches beyond the array.
  func isCut(_ origin: [Int]) -> Bool {
    origin.indices.contains { origin[$0] > dimensions[$0] - chunkDimensions[$0] }
  }
}
