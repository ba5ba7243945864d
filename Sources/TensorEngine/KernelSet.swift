internal import CKernels

/// The inner loops for one instruction set.
///
/// Different sets give results that differ by rounding. The fastest that the processor can run is the default; the others
/// are there for tests, and to get the same bits on different machines (``portable`` on those of one architecture).
@safe public struct KernelSet: @unchecked Sendable {
  /// Constant for the life of the process.
  let table: UnsafePointer<weighbridge_kernels>
  /// What products may round.
  public let precision: Precision

  /// All that this processor can run, fastest first; ``portable`` is the last.
  public static let available: [KernelSet] = {
    var sets: [KernelSet] = []
    while let table = unsafe weighbridge_kernels_at(sets.count) {
      unsafe sets.append(KernelSet(table: table, precision: .full))
    }
    return sets
  }()

  /// The fastest set.
  public static var best: KernelSet { available[0] }

  /// The fastest set whose products may round as much as a precision says; ``best`` where the processor has no instructions that gain
  /// by it. ``precision`` tells.
  public static func best(at precision: Precision) -> KernelSet {
    guard let table = unsafe weighbridge_kernels_with(precision.code) else { return best }
    return unsafe KernelSet(table: table, precision: precision)
  }

  /// Products in tiles of bfloat16 and int8 that are emulated, for tests.
  package static var emulatedTiles: KernelSet {
    unsafe KernelSet(table: weighbridge_emulated_tiles(), precision: .high)
  }

  /// What every processor can run.
  public static var portable: KernelSet { available[available.count - 1] }

  /// The products of attention that go with those of layers.
  func attention(_ rounding: AttentionRounding) -> AttentionProducts {
    switch rounding {
    case .none: unsafe AttentionProducts(table: table.pointee.plain_attention)
    case .asPrecision: unsafe AttentionProducts(table: table.pointee.attention)
    case .asInt8: unsafe AttentionProducts(table: table.pointee.rounded_attention)
    }
  }

  /// `avx512`, `avx2` or `portable`; with what they round less precise ones have names of their own.
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

/// What products may round beside the sums of float32.
public enum Precision: Sendable, Hashable, CaseIterable {
  /// Nothing.
  case full
  /// Rows and weights of float32 to 16 bits, as sums of two bfloat16: errors of at most 2e-5 of the largest result.
  case high
  /// Rows to bfloat16 where the weights are stored as such, and what attention multiplies where all keys may be looked at, as PyTorch
  /// does in a model of bfloat16. Others as ``full``.
  case bfloat16

  var code: weighbridge_precision {
    switch self {
    case .full: WEIGHBRIDGE_FULL
    case .high: WEIGHBRIDGE_HIGH
    case .bfloat16: WEIGHBRIDGE_NARROW
    }
  }
}
