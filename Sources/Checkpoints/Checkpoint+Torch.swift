internal import CheckpointBytes
internal import TensorValues
internal import TorchFormat
internal import WeightGraph

extension Checkpoint {
  /// Opens one PyTorch file: any of its containers.
  static func openTorch(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let torch = try TorchCheckpoint(
      reading: file, limits: options.limits, inert: options.keepsUnknownObjects)
    var graph = WeightGraph()
    let (facts, dtypes) = try TorchFacts.extract(from: torch.tree, file: file.path)
    graph.facts = facts
    for tensor in torch.tensors {
      var weight: Weight
      do throws(CheckpointError) {
        weight = Weight(
          try StoredTensor(
            source: tensor.storage.source, dtype: tensor.dtype, layout: tensor.layout,
            byteOrder: tensor.storage.byteOrder, isConjugated: tensor.isConjugated,
            isNegated: tensor.isNegated))
        if let dtypes {
          weight = try TorchFacts.restored(weight, tensor.name, dtypes, file: file.path)
        }
      } catch {
        throw error.about(tensor.name)
      }
      try graph.insert(weight, as: tensor.name)
    }
    graph.facts.others = torch.specialTensors.map {
      OtherObject(name: $0.name, description: $0.description)
    }
    if graph.facts.tree?.isFlatListOfWeights == true { graph.facts.tree = nil }
    return Checkpoint(
      format: .pytorch, container: torch.container.words, files: [file.path], graph: graph)
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
