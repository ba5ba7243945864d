internal import TensorValues

/// Extents (HDF5 specification IV.A.2.b), as ``Dataspace`` reads them: version 1, and 2 for that of no elements at all, which
/// the older one lacks.
struct DataspaceDraft {
  /// Nil for a null dataspace.
  let shape: Shape?

  var byteCount: Int { shape.map { 8 + 16 * $0.rank } ?? 4 }

  func write(to buffer: inout StructureBuffer) {
    guard let shape else {
      buffer.append([2, 0, 0, 2])
      return
    }
    // No extent can grow: the largest are the same again.
    buffer.append([1, UInt8(truncatingIfNeeded: shape.rank), shape.rank == 0 ? 0 : 1])
    buffer.append(zeros: 5)
    for _ in 0..<2 {
      for extent in shape.dimensions { buffer.append(UInt64(extent)) }
    }
  }
}
