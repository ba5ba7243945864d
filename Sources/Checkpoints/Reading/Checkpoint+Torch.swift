internal import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
internal import TorchFormat
internal import WeightGraph
internal import ZipFormat

extension Checkpoint {
  /// Opens one PyTorch file: any of its containers.
  static func openTorch(
    _ file: SourceFile, _ archive: ZipArchive? = nil, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let torch = try TorchCheckpoint(
      reading: file, in: archive, limits: options.limits, inert: options.keepsUnknownObjects)
    var graph = WeightGraph()
    let (facts, dtypes) = try TorchFacts.extract(from: torch.tree, file: file.path)
    graph.facts = facts
    var packedViews = PackedViews()
    for tensor in torch.tensors {
      var weight: Weight
      do throws(CheckpointError) {
        weight = try packedViews.weight(of: tensor)
        if let dtypes {
          weight = try TorchFacts.restored(weight, tensor.name, dtypes, file: file.path)
        }
      } catch {
        throw error.about(tensor.name)
      }
      try graph.insert(weight, as: tensor.name)
    }
    graph.facts.others = torch.specialTensors.map {
      OtherObject(
        name: $0.name, description: $0.description, isOutsideState: $0.isOutsideState)
    }
    graph.adopt(torch.tensorAttributes)
    if graph.facts.tree?.isFlatListOfWeights == true { graph.facts.tree = nil }
    return Checkpoint(
      format: .pytorch, container: torch.container.words, files: [file.path], graph: graph,
      notes: notes(on: torch.tensors))
  }

  /// What a tensor was beside its numbers, which no other format says.
  private static func notes(on tensors: [TorchTensor]) -> [String] {
    var notes: [String] = []
    var examples: OrderedDictionary<ExactName, (name: ExactName, count: Int)> = [:]
    for tensor in tensors {
      guard let className = tensor.className.map({ ExactName($0) }) else { continue }
      examples[className, default: (tensor.name, 0)].count += 1
    }
    for (className, example) in examples {
      let others = example.count - 1
      notes.append(
        "\(quoted(example.name.string))"
          + (others == 0 ? "" : " and \(others) more are") + (others == 0 ? " is" : "")
          + " of the class \(singleLine(className.string)): the numbers are read, the class is not kept"
      )
    }
    let trained = tensors.count(where: \.isTrained)
    if trained > 0 {
      notes.append(
        (trained == 1
          ? "1 tensor is a parameter or requires" : "\(trained) tensors are parameters or require")
          + " gradients, which is not kept: a state dict has plain tensors")
    }
    return notes
  }
}

/// Makes weights of tensors. A view into elements that share bytes is gathered byte by byte; views that are one and the
/// same stay one weight, so that they are still ties.
private struct PackedViews {
  private struct Key: Hashable {
    let storage: ObjectIdentifier
    let layout: StridedLayout
  }

  private var weights: [Key: Weight] = [:]

  mutating func weight(of tensor: TorchTensor) throws(CheckpointError) -> Weight {
    let layout = tensor.layout
    let isShared = tensor.dtype.byteWidth == nil
    guard isShared, !(layout.isPacked && layout.offset == 0) else {
      let weight = Weight(
        try StoredTensor(
          source: tensor.storage.source, dtype: tensor.dtype,
          layout: isShared ? StridedLayout(packed: tensor.shape) : layout,
          byteOrder: tensor.storage.byteOrder, isConjugated: tensor.isConjugated,
          isNegated: tensor.isNegated))
      guard let conversion = tensor.conversion else { return weight }
      return try weight.cast(to: conversion)
    }
    let key = Key(storage: ObjectIdentifier(tensor.storage), layout: layout)
    if let weight = weights[key] { return weight }
    let bytes = Weight(
      try StoredTensor(source: tensor.storage.source, dtype: .u8, layout: layout))
    let weight = try bytes.reinterpreted(as: tensor.dtype, tensor.shape)
    weights[key] = weight
    return weight
  }
}

extension WeightGraph {
  /// Takes over what tensors were given as attributes of their own, as attributes of the paths that the tensors have in
  /// HDF5.
  fileprivate mutating func adopt(_ attributes: [TorchTensorAttributes]) {
    guard !attributes.isEmpty else { return }
    let paths = HDF5Names.paths(of: weights.keys)
    for attributes in attributes {
      guard let path = paths[attributes.name] else { continue }
      for (name, value) in attributes.values {
        // Tensors are there under names of their own.
        guard let value = value.renamingWeights({ _ in nil }) else { continue }
        facts.attributes[path, default: [:]][ExactName(name)] = value
      }
    }
  }
}

extension TorchContainer {
  /// The container in words.
  fileprivate var words: String {
    switch self {
    case .zip: "zip"
    case .legacyStream: "legacy stream"
    case .tar: "tar"
    case .torchScript: "TorchScript"
    }
  }
}

extension TorchFacts {
  /// A weight of a dtype that PyTorch lacks, stored as bytes, as what it is: `dtypes` maps names to `[dtype, extent…]`.
  static func restored(
    _ weight: Weight, _ name: ExactName, _ dtypes: InertValue, file: String
  ) throws(CheckpointError) -> Weight {
    guard case .dictionary(let entries) = dtypes,
      let entry = entries.first(where: {
        if case .string(let key) = $0.key { ExactName(key) == name } else { false }
      })
    else { return weight }
    let malformed = CheckpointError(
      .malformed, file: file, field: TorchArchivePlan.dtypesAttribute, tensor: name.string,
      "expected [dtype, extents…] of \(weight.byteCount) bytes")
    var parts: [InertValue]
    switch entry.value {
    case .list(let values), .tuple(let values): parts = values
    default: throw malformed
    }
    guard case .string(let type)? = parts.first, let dtype = DType(rawValue: type),
      case .stored(let stored) = weight.expression, stored.isVerbatim, weight.dtype == .u8
    else { throw malformed }
    parts.removeFirst()
    var extents: [Int] = []
    for part in parts {
      guard case .integer(let extent) = part, extent >= 0 else { throw malformed }
      extents.append(Int(extent))
    }
    guard let shape = Shape(extents),
      dtype.byteCount(elementCount: shape.elementCount) == weight.byteCount,
      stored.layout.offset == 0
    else { throw malformed }
    return Weight(
      try StoredTensor(source: stored.source, dtype: dtype, layout: StridedLayout(packed: shape)))
  }
}
