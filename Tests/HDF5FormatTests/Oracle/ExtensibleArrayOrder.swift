internal import CHDF5
internal import CheckpointBytes
internal import HDF5Format
internal import TensorValues

/// The order of chunks in an extensible array (HDF5 specification III.J): row-major over the grid of the largest extents,
/// with the unlimited axis moved to the front.
///
/// libhdf5 1.10 to 2.0 look chunks up in this order but list them as if no axis had been moved, so that
/// `H5Dget_chunk_info` gives wrong origins as soon as the unlimited axis is not the first one.
struct ExtensibleArrayOrder {
  private let chunkShape: [Int]
  private let unlimitedAxis: Int
  /// The number of chunks that the largest extents take along each axis; 1 for the unlimited one.
  private let mostChunks: [Int]

  /// Takes the largest extents, nil for the unlimited axis. Nil if the order is that of the axes, or the extents are not
  /// those of an extensible array.
  init?(largest: [Int?], chunkShape: [Int]) {
    guard largest.count == chunkShape.count, let axis = largest.firstIndex(of: nil), axis > 0,
      largest.filter({ $0 == nil }).count == 1
    else { return nil }
    var mostChunks: [Int] = []
    var product = 1
    for (extent, chunk) in zip(largest, chunkShape) {
      guard chunk > 0 else { return nil }
      let count = extent.map { max(1, ($0 - 1) / chunk + 1) } ?? 1
      let (next, overflow) = product.multipliedReportingOverflow(by: count)
      guard !overflow else { return nil }
      product = next
      mostChunks.append(count)
    }
    unlimitedAxis = axis
    self.chunkShape = chunkShape
    self.mostChunks = mostChunks
  }

  /// A chunk with the origin that its position in the array gives it.
  func placed(_ chunk: HDF5Chunk) -> HDF5Chunk {
    // The position: the axes as listed, the one that cannot wrap being the unlimited one.
    var position = 0
    for axis in chunk.origin.indices {
      let (scaled, overflow) = position.multipliedReportingOverflow(by: mostChunks[axis])
      let (sum, sumOverflow) = scaled.addingReportingOverflow(chunk.origin[axis] / chunkShape[axis])
      // Nowhere: an origin off every grid is refused by whoever checks it.
      if overflow || sumOverflow { return chunk }
      position = sum
    }
    var origin = chunk.origin
    for axis in chunk.origin.indices.reversed() where axis != unlimitedAxis {
      origin[axis] = position % mostChunks[axis] &* chunkShape[axis]
      position /= mostChunks[axis]
    }
    let (last, overflow) = position.multipliedReportingOverflow(by: chunkShape[unlimitedAxis])
    origin[unlimitedAxis] = overflow ? Int.max : last
    return HDF5Chunk(
      origin: origin, offset: chunk.offset, byteCount: chunk.byteCount,
      filterMask: chunk.filterMask)
  }
}

extension LibraryReader {
  /// The order to put the chunks of a data set into, if the library lists them wrongly.
  func extensibleArray(
    _ object: HDF5Handle, _ chunkShape: Shape, at path: ExactName
  ) throws(CheckpointError) -> ExtensibleArrayOrder? {
    guard weighbridge_hdf5_has_extensible_array(object.identifier) != 0,
      weighbridge_hdf5_miscounts_extensible_arrays() != 0
    else { return nil }
    var largest = [hsize_t](repeating: 0, count: chunkShape.rank)
    guard let space = HDF5Handle.dataspace(H5Dget_space(object.identifier)),
      unsafe H5Sget_simple_extent_dims(space.identifier, nil, &largest) == chunkShape.rank
    else { throw failure(.malformed, path, "dataspace") }
    return ExtensibleArrayOrder(
      largest: largest.map { $0 == hsize_t.max ? nil : Int(clamping: $0) },
      chunkShape: chunkShape.dimensions)
  }
}
