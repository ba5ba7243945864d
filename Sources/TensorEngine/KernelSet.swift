internal import CKernels

/// The inner loops for one instruction set.
///
/// Different sets give results that differ by rounding. The fastest that the processor can run is the default; the others
/// are there for tests, and to get the same bits on different machines (``portable`` on those of one architecture).
@safe public struct KernelSet: @unchecked Sendable {
  /// Constant for the life of the process.
  let table: UnsafePointer<weighbridge_kernels>

  /// All that this processor can run, fastest first; ``portable`` is the last.
  public static let available: [KernelSet] = {
    var sets: [KernelSet] = []
    while let table = unsafe weighbridge_kernels_at(sets.count) {
      unsafe sets.append(KernelSet(table: table))
    }
    return sets
  }()

  /// The fastest set.
  public static var best: KernelSet { available[0] }

  /// What every processor can run.
  public static var portable: KernelSet { available[available.count - 1] }

  /// `avx512`, `avx2` or `portable`.
  public var name: String { unsafe String(cString: table.pointee.name) }
}

extension KernelSet: Hashable, CustomStringConvertible {
  /// The set's name.
  public var description: String { name }

  /// Whether both are the same set.
  public static func == (left: KernelSet, right: KernelSet) -> Bool {
    unsafe left.table == right.table
  }

  /// Hashes the set's identity.
  public func hash(into hasher: inout Hasher) {
    unsafe hasher.combine(table)
  }
}
