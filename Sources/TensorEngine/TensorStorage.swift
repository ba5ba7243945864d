internal import CKernels
internal import CheckpointBytes

/// Memory of tensors: freed with the last reference to it.
///
/// Sendable although its numbers can be written: only the operator that takes it from the workspace writes, before anybody
/// else sees the tensor.
@safe final class TensorStorage: @unchecked Sendable {
  let memory: UnsafeMutablePointer<Float>
  /// In floats.
  let capacity: Int

  init(capacity: Int, _ operation: String) throws(CheckpointError) {
    guard capacity >= 0, let memory = unsafe weighbridge_allocate(capacity) else {
      throw CheckpointError(
        .limitExceeded, operation, "result", "no memory for \(capacity) numbers of float32")
    }
    unsafe self.memory = unsafe memory
    self.capacity = capacity
  }

  deinit { unsafe weighbridge_free(memory) }

  /// More than any memory holds, and little enough that sums and small multiples of extents cannot overflow, even those of
  /// tensors that have no numbers because their other extent is 0.
  static let largestExtent = 1 << 48

  /// The product of two extents, both of which may come from a caller.
  static func count(_ rows: Int, _ columns: Int, _ operation: String) throws(CheckpointError) -> Int
  {
    guard rows >= 0, columns >= 0 else {
      throw CheckpointError(
        .inconsistent, operation, "shape",
        "expected no negative extent, found [\(rows), \(columns)]")
    }
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, max(rows, columns) <= largestExtent else {
      throw CheckpointError(
        .limitExceeded, operation, "shape",
        "[\(rows), \(columns)] has more numbers than can be counted")
    }
    return count
  }

  /// The floats that have room for numbers of some bytes.
  static func floats(_ count: Int, of width: Int, _ operation: String) throws(CheckpointError)
    -> Int
  {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, bytes <= Int.max - 3 else {
      throw CheckpointError(
        .limitExceeded, operation, "shape", "\(count) numbers have more bytes than can be counted")
    }
    return (bytes + 3) / MemoryLayout<Float>.size
  }
}
