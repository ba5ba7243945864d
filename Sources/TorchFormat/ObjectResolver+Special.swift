internal import CheckpointBytes
internal import PickleFormat
internal import TensorValues

/// Tensors that are no plain views of numbers: described, and never read as something else.
extension ObjectResolver {
  private func name(_ reference: PickleReference) -> String? {
    document.global(reference)?.name.string
  }

  private func shape(_ call: PickleCall, _ sizes: [Int]) throws(CheckpointError) -> Shape {
    guard let shape = Shape(sizes) else {
      throw failure(.malformed, at: call.reference, call.type, "size \(sizes) describes no tensor")
    }
    return shape
  }

  /// `_rebuild_qtensor(storage, storage_offset, size, stride, quantizer_params, requires_grad, backward_hooks)`
  func rebuildQuantised(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 7...7)
    let storage = try storage(call, 0)
    _ = try boolean(call, 5, "requires_grad")
    try requireHooks(call, 6)
    // Checks the geometry as for any tensor.
    _ = try view(call, of: storage, dtype: nil, metadata: nil)
    let shape = try shape(call, try extents(call, 2, "size"))
    guard case .tuple(let parameters) = document[call.arguments[4]], let scheme = parameters.first,
      let schemeName = name(scheme)
    else { throw wrongArgument(call, "quantizer_params", "a tuple", call.arguments[4]) }
    var description = "quantized \(storage.type.element.name) \(shape), \(schemeName)"
    switch (schemeName, parameters.count) {
    case ("per_tensor_affine", 3):
      guard case .float(let scale) = document[parameters[1]],
        case .integer(let zeroPoint) = document[parameters[2]]
      else { throw wrongArgument(call, "scale", "a float and an integer", parameters[1]) }
      description += ", scale \(scale), zero point \(zeroPoint)"
    case ("per_channel_affine", 4), ("per_channel_affine_float_qparams", 4):
      guard case .integer(let axis) = document[parameters[3]], axis >= 0, axis < shape.rank else {
        throw wrongArgument(call, "axis", "a dimension of \(shape)", parameters[3])
      }
      let extent = shape.dimensions[Int(axis)]
      for (parameter, role) in [(parameters[1], "scales"), (parameters[2], "zero points")] {
        guard elementCount(parameter) == extent else {
          throw failure(
            .malformed, at: call.reference, call.type,
            "\(role): expected \(extent), one for each index of dimension \(axis)")
        }
      }
      description += ", \(extent) scales and zero points along dimension \(axis)"
    default:
      throw failure(
        .unsupported, at: call.reference, call.type,
        "quantisation \(quoted(schemeName)) with \(parameters.count - 1) parameters is not known")
    }
    return .special(SpecialValue(description: description))
  }

  private func elementCount(_ reference: PickleReference) -> Int? {
    switch (document[reference], self[reference]) {
    case (.list(let elements), _): elements.count
    case (_, .tensor(let tensor)?): tensor.shape.elementCount
    default: nil
    }
  }

  /// `_rebuild_sparse_tensor(layout, data)`: indices and values, which are tensors of their own.
  func rebuildSparse(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 2...2)
    guard case .value(.global(let layout))? = self[call.arguments[0]] else {
      throw wrongArgument(call, "layout", "a torch.layout", call.arguments[0])
    }
    guard case .tuple(let data) = document[call.arguments[1]] else {
      throw wrongArgument(call, "data", "a tuple", call.arguments[1])
    }
    let isCoordinates = layout == "torch.sparse_coo"
    // Coordinates: indices, values, size, perhaps whether it is coalesced. Compressed: two indices, values, size.
    guard isCoordinates ? (3...4).contains(data.count) : data.count == 4 else {
      throw failure(
        .malformed, at: call.reference, call.type, "\(layout): found \(data.count) parts")
    }
    let valuesIndex = isCoordinates ? 1 : 2
    for part in data[...valuesIndex] {
      guard case .tensor? = self[part] else {
        throw wrongArgument(call, "data", "tensors of indices and values", part)
      }
    }
    guard case .tensor(let values)? = self[data[valuesIndex]] else {
      throw wrongArgument(call, "values", "a tensor", data[valuesIndex])
    }
    let shape = try shape(call, try extents(call, at: data[valuesIndex + 1], "size"))
    let count = values.shape.dimensions.first ?? 0
    let dtype = TorchDType.all.first { $0.dtype == values.dtype }?.name ?? values.dtype.rawValue
    return .special(
      SpecialValue(
        description:
          "\(layout.replacingPrefix("torch.")) \(dtype) \(shape), \(count) "
          + (count == 1 ? "value" : "values")))
  }

  /// `_rebuild_nested_tensor(buffer, sizes, strides, storage_offsets)`
  func rebuildNested(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    var parts: [TensorValue] = []
    for argument in call.arguments {
      guard case .tensor(let part)? = self[argument] else {
        throw wrongArgument(call, "buffer, sizes, strides and offsets", "tensors", argument)
      }
      parts.append(part)
    }
    let count = parts[1].shape.dimensions.first ?? 0
    return .special(
      SpecialValue(
        description:
          "nested \(parts[0].dtype), \(count) tensors, \(parts[0].shape.elementCount) elements"
      ))
  }

  /// `_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)`: a tensor without data.
  func rebuildMeta(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 4...4)
    let dtype = try dtype(call, 0)
    let shape = try shape(call, try extents(call, 1, "size"))
    _ = try extents(call, 2, "stride")
    _ = try boolean(call, 3, "requires_grad")
    return .special(SpecialValue(description: "meta \(dtype.name) \(shape), no data"))
  }

  /// `_rebuild_wrapper_subclass(cls, dtype, size, stride, storage_offset, layout, device, requires_grad)`: the data is
  /// in the attributes.
  func rebuildWrapper(_ call: PickleCall) throws(CheckpointError) -> Resolved {
    try requireCount(call, 8...8)
    guard let type = document.global(call.arguments[0]) else {
      throw wrongArgument(call, "cls", "a class of tensors", call.arguments[0])
    }
    let dtype = try dtype(call, 1)
    let shape = try shape(call, try extents(call, 2, "size"))
    _ = try extents(call, 3, "stride")
    _ = try boolean(call, 7, "requires_grad")
    return .special(
      SpecialValue(description: "wrapper \(singleLine(type.description)) \(dtype.name) \(shape)"))
  }
}

extension String {
  /// The text without a prefix, if it has it.
  fileprivate func replacingPrefix(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}

/// Tensors and parameters as the first versions of PyTorch pickled them (`torch/_tensor.py`, `Tensor.__setstate__`).
enum OldTensor {
  /// True for the classes that hold a tensor, as opposed to tensors themselves.
  static func isParameter(_ name: GlobalName?) -> Bool {
    guard let name else { return false }
    return ["Parameter", "Buffer", "Variable"].contains(name.name.string)
  }
}

extension ObjectResolver {
  /// `torch.FloatTensor()` with the state (storage, offset, size, stride); `Parameter(data, requires_grad)`, with the state
  /// (requires_grad, volatile, hooks) perhaps; `Variable()` with the state (data, …), five values.
  func oldTensor(
    _ object: PickleObject, _ name: GlobalName?, at reference: PickleReference
  ) throws(CheckpointError) -> Resolved {
    let type = name?.description ?? "tensor"
    guard object.items.isEmpty, object.elements.isEmpty, object.keywords.isEmpty else {
      throw failure(.malformed, at: reference, type, "items or elements are given to a tensor")
    }
    var state: [PickleReference]?
    if let given = object.state, case .tuple(let parts) = document[given] { state = parts }
    if type.contains("Uninitialized") {
      return .special(SpecialValue(description: "parameter without data, not yet initialised"))
    }
    if OldTensor.isParameter(name) {
      let data = object.arguments.first ?? (state?.count == 5 ? state?.first : nil)
      if let data, object.state == nil || state?.count == 3 || state?.count == 5,
        case .tensor(var tensor)? = self[data]
      {
        tensor.isTrained = true
        return .tensor(tensor)
      }
    } else if object.arguments.isEmpty, let state, state.count == 4 {
      let call = PickleCall(type: type, arguments: state, reference: reference)
      return try view(call, of: try storage(call, 0), dtype: nil, metadata: nil)
    }
    throw failure(
      .malformed, at: reference, type, "expected a tensor's data, found other arguments or state")
  }
}
