internal import CKernels

/// The type that weights are kept in.
///
/// Products and lookups widen numbers of two bytes to float32 as they read them, which is exact, so that results have the same bits as
/// with the weights as float32 (at ``Precision/full``). Products of int8 are sums of integers: rows are quantised as they come.
public enum StoredElement: Sendable, Hashable, CaseIterable {
  /// IEEE 754 binary32.
  case float32
  /// The upper half of a binary32.
  case bfloat16
  /// IEEE 754 binary16.
  case float16
  /// Steps of a scale that each output has: -127 to 127 of them. Only packed matrices have such weights.
  case int8

  /// The bytes of one number.
  public var width: Int { unsafe KernelSet.portable.weights(self).pointee.packing.pointee.width }

  var code: Int {
    switch self {
    case .float32: Int(WEIGHBRIDGE_FLOAT32.rawValue)
    case .bfloat16: Int(WEIGHBRIDGE_BFLOAT16.rawValue)
    case .float16: Int(WEIGHBRIDGE_FLOAT16.rawValue)
    case .int8: Int(WEIGHBRIDGE_INT8.rawValue)
    }
  }
}

/// How the weights of a packed matrix lie: what a kernel set brings for each type of element.
@safe struct Packing: Equatable, @unchecked Sendable {
  /// Constant for the life of the process; one address for all sets that pack and read alike.
  let table: UnsafePointer<weighbridge_packing>

  /// The packing that a kernel set reads.
  init(_ element: StoredElement, for kernels: KernelSet) {
    unsafe table = unsafe kernels.weights(element).pointee.packing
  }

  /// The outputs of a panel.
  var panelColumns: Int { unsafe table.pointee.panel_columns }
  /// The bytes of one weight.
  var width: Int { unsafe table.pointee.width }

  /// Whether a panel ends with the scales of its outputs.
  var hasScales: Bool { unsafe table.pointee.has_scales != 0 }

  /// The bytes of a panel.
  func panelSize(_ inputs: Int) -> Int { unsafe table.pointee.panel_size(inputs) }

  static func == (left: Packing, right: Packing) -> Bool { unsafe left.table == right.table }
}

extension KernelSet {
  /// What the set does with weights of a type.
  @unsafe func weights(_ element: StoredElement) -> UnsafePointer<weighbridge_weights> {
    unsafe table.pointee.weights + element.code
  }
}
