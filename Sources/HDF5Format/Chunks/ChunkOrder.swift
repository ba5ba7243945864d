internal import CheckpointBytes

/// The order of chunks in an array (HDF5 specification VII): row-major over the grid of the largest extents; in an
/// extensible array with the unlimited axis moved to the front.
struct ChunkOrder {
  private let chunkShape: [Int]
  /// The axes from the fastest to the slowest, and the number of chunks that the largest extents take along each; nil
  /// where there is no largest.
  private let axes: [(axis: Int, count: Int?)]
  /// The number of chunks of the largest extents; of the other axes only if one is unlimited.
  let chunkCount: Int

  /// - Throws: `malformed` if the extents are not those that such an index is made for.
  init(
    _ space: Dataspace, _ chunkShape: [Int], movesUnlimitedAxis: Bool
  ) throws(ParseFailure) {
    self.chunkShape = chunkShape
    let unlimited = space.largest.indices.filter { space.largest[$0] == nil }
    guard unlimited.count == (movesUnlimitedAxis ? 1 : 0) else {
      throw ParseFailure(
        .malformed, "chunk index", "an index for another number of unlimited axes")
    }
    var order = Array(space.largest.indices.reversed())
    order.removeAll { unlimited.contains($0) }
    order += unlimited
    var axes: [(axis: Int, count: Int?)] = []
    var product = 1
    for axis in order {
      let count = space.largest[axis].map { $0 == 0 ? 0 : ($0 - 1) / chunkShape[axis] + 1 }
      let (next, overflow) = product.multipliedReportingOverflow(by: count ?? 1)
      guard !overflow else {
        throw ParseFailure(.malformed, "chunk index", "more than 2^63 chunks")
      }
      product = next
      axes.append((axis, count))
    }
    self.axes = axes
    chunkCount = product
  }

  /// The index of the first element of the chunk at a position; nil behind the last one.
  func origin(of position: Int) -> [Int]? {
    var origin = chunkShape
    var left = position
    for (axis, count) in axes {
      guard count != 0 else { return nil }
      let index = count.map { left % $0 } ?? left
      left = count.map { left / $0 } ?? 0
      let (start, overflow) = index.multipliedReportingOverflow(by: chunkShape[axis])
      guard !overflow else { return nil }
      origin[axis] = start
    }
    return left == 0 ? origin : nil
  }
}
