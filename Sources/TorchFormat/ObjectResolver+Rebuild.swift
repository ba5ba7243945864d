internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

extension ObjectResolver {
  /// What a call of one of PyTorch's rebuild functions would have made (`torch/_utils.py`, torch 2.13).
  func rebuild(
    _ function: GlobalRole.Rebuild, _ call: PickleCall
  ) throws(CheckpointError) -> Resolved {
    switch function {
    case .tensor: return try rebuildTensor(call)
    case .tensorV2: return try rebuildTensorV2(call)
    case .tensorV3: return try rebuildTensorV3(call)
    case .parameter, .parameterWithState:
      return try rebuildParameter(call, hasState: function == .parameterWithState)
    case .fromTypeV2: return try rebuildFromType(call)
    case .quantised: return try rebuildQuantised(call)
    case .sparse: return try rebuildSparse(call)
    case .nested: return try rebuildNested(call)
    case .jagged: return .special(SpecialValue(description: "nested (jagged)"))
    case .meta: return try rebuildMeta(call)
    case .wrapperSubclass: return try rebuildWrapper(call)
    case .fromNumpy, .fromCPUTensor: return try rebuildOnDevice(call)
    }
  }

  /// `_rebuild_tensor(storage, storage_offset, size, stride)`
  private func rebuildTensor(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    return try view(call, of: try storage(call, 0), dtype: nil, metadata: nil)
  }

  /// `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None)`
  private func rebuildTensorV2(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 6...7)
    let storage = try storage(call, 0)
    let isTrained = try boolean(call, 4, "requires_grad")
    try requireHooks(call, 5)
    return try learning(
      call, isTrained,
      try view(
        call, of: storage, dtype: nil,
        metadata: call.arguments.count > 6 ? call.arguments[6] : nil))
  }

  /// `_rebuild_tensor_v3(storage, …, backward_hooks, dtype, metadata=None)`: the type is no longer the storage's.
  private func rebuildTensorV3(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 7...8)
    let storage = try storage(call, 0)
    let isTrained = try boolean(call, 4, "requires_grad")
    try requireHooks(call, 5)
    return try learning(
      call, isTrained,
      try view(
        call, of: storage, dtype: try dtype(call, 6),
        metadata: call.arguments.count > 7 ? call.arguments[7] : nil))
  }

  /// A tensor over a storage: offset, size and stride are arguments 1 to 3. The view must lie inside the storage.
  func view(
    _ call: PickleCall, of view: StorageView, dtype stated: TorchDType?, metadata: PickleReference?
  ) throws(CheckpointError) -> Resolved {
    let flags = try flags(call, metadata)
    let geometry = TensorGeometry(
      sizes: try extents(call, 2, "size"), strides: try extents(call, 3, "stride"),
      offset: try integer(call, 1, "storage_offset"))
    do {
      return try geometry.view(
        of: view, dtype: stated, isConjugated: flags.conjugated, isNegated: flags.negated)
    } catch {
      throw failure(.malformed, at: call.reference, call.type, error.problem)
    }
  }

  /// The metadata of a tensor: `{'conj': True}`, `{'neg': True}`.
  private func flags(
    _ call: PickleCall, _ metadata: PickleReference?
  ) throws(CheckpointError) -> (conjugated: Bool, negated: Bool) {
    guard let metadata else { return (false, false) }
    var flags = (conjugated: false, negated: false)
    switch document[metadata] {
    case .none: break
    case .dictionary(let entries):
      for entry in entries {
        guard case .string(let key) = document[entry.key],
          case .boolean(let value) = document[entry.value]
        else { throw wrongArgument(call, "metadata", "names with Booleans", metadata) }
        switch key {
        case "conj": flags.conjugated = value
        case "neg": flags.negated = value
        default:
          throw failure(
            .unsupported, at: call.reference, call.type, "metadata \(quoted(key)) is not known")
        }
      }
    default: throw wrongArgument(call, "metadata", "a dictionary", metadata)
    }
    return flags
  }

  /// `_rebuild_parameter(data, requires_grad, backward_hooks)`, and one with the attributes as a fourth argument.
  private func rebuildParameter(
    _ call: PickleCall, hasState: Bool
  ) throws(CheckpointError) -> Resolved {
    try requireCount(call, hasState ? 4...4 : 3...3)
    let isTrained = try boolean(call, 1, "requires_grad")
    try requireHooks(call, 2)
    return try learning(
      call, isTrained,
      try withState(call, self[call.arguments[0]], hasState ? call.arguments[3] : nil)
    ).trained(true)
  }

  /// The same, marked if it asks for gradients, which torch gives to real and complex numbers only.
  private func learning(
    _ call: PickleCall, _ isTrained: Bool, _ result: Resolved
  ) throws(CheckpointError) -> Resolved {
    guard isTrained, case .tensor(let tensor) = result else { return result }
    guard tensor.dtype.category == .real || tensor.dtype.category == .complex else {
      throw failure(
        .malformed, at: call.reference, call.type,
        "requires_grad of \(tensor.dtype), which has no gradients")
    }
    return result.trained(true)
  }

  private func withState(
    _ call: PickleCall, _ data: Resolved?, _ state: PickleReference?
  ) throws(CheckpointError) -> Resolved {
    switch data {
    case .tensor(var tensor)?:
      tensor.state = state ?? tensor.state
      return .tensor(tensor)
    case .special(var special)?:
      special.state = state ?? special.state
      return .special(special)
    default:
      throw failure(.malformed, at: call.reference, call.type, "expected a tensor, found none")
    }
  }

  /// `torch._tensor._rebuild_from_type_v2(func, type, args, state)`: what `func` makes, with attributes.
  private func rebuildFromType(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    guard let name = document.global(call.arguments[0]),
      case .rebuild(let function)? = AllowedGlobals.role(of: name), function != .fromTypeV2
    else { throw wrongArgument(call, "func", "a rebuild function", call.arguments[0]) }
    guard let type = document.global(call.arguments[1]) else {
      throw wrongArgument(call, "type", "a class of tensors", call.arguments[1])
    }
    let isKnown = if case .tensorClass? = AllowedGlobals.role(of: type) { true } else { false }
    guard isKnown || isInert else {
      throw wrongArgument(call, "type", "a class of tensors", call.arguments[1])
    }
    guard case .tuple(let arguments) = document[call.arguments[2]] else {
      throw wrongArgument(call, "args", "a tuple", call.arguments[2])
    }
    let inner = PickleCall(
      type: name.description, arguments: arguments, reference: call.reference)
    var result = try withState(call, try rebuild(function, inner), call.arguments[3])
    if !["Tensor", "Parameter", "Buffer"].contains(type.name.string) || !isKnown,
      case .tensor(var tensor) = result
    {
      tensor.className = type.description
      result = .tensor(tensor)
    }
    return result.trained(OldTensor.isParameter(type) && type.name != "Buffer")
  }

  /// `_rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad)` and its twin over a tensor: data that was
  /// copied from a device (XLA and others).
  private func rebuildOnDevice(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    let dtype = try dtype(call, 1)
    let isTrained = try boolean(call, 3, "requires_grad")
    guard case .tensor(var tensor)? = self[call.arguments[0]] else {
      throw wrongArgument(call, "data", "an array or a tensor", call.arguments[0])
    }
    guard tensor.dtype != dtype.dtype else { return Resolved.tensor(tensor).trained(isTrained) }
    // numpy has no bfloat16: torch stores such numbers as float32, which hold them exactly, and converts when it loads
    // (`torch/_tensor.py`, `_reduce_ex_internal`, 2.13).
    guard let target = dtype.dtype, target.category == .real, tensor.dtype.category == .real,
      dtype.packing == 1
    else {
      return .special(
        SpecialValue(
          description:
            "\(dtype.name) \(tensor.shape), stored as \(tensor.dtype) to be converted"))
    }
    tensor.conversion = target
    return Resolved.tensor(tensor).trained(isTrained)
  }
}

extension Resolved {
  /// The same, marked if it is a tensor that is trained.
  fileprivate func trained(_ isTrained: Bool) -> Resolved {
    guard isTrained, case .tensor(var tensor) = self else { return self }
    tensor.isTrained = true
    return .tensor(tensor)
  }
}
