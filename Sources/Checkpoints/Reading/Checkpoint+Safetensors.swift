internal import CheckpointBytes
internal import OrderedCollections
internal import SafetensorsFormat
internal import TensorValues
internal import WeightGraph

extension Checkpoint {
  /// Opens one safetensors file.
  static func openSafetensors(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let header = try SafetensorsHeader(reading: file, limits: options.limits)
    var graph = WeightGraph()
    for tensor in header.tensors {
      let bytes = try FileBytes(
        file, at: header.dataOffset + tensor.range.lowerBound, count: tensor.range.count)
      let stored = try StoredTensor(
        source: bytes, dtype: tensor.dtype, layout: StridedLayout(packed: tensor.shape))
      try graph.insert(Weight(stored), as: tensor.name)
    }
    try graph.adoptMetadata(header.metadata, file: file.path)
    return Checkpoint(
      format: .safetensors, container: "safetensors", files: [file.path], graph: graph)
  }
}

extension WeightGraph {
  /// Takes the entries of `__metadata__`: names of tied weights become weights (``TieConvention``), what this package has
  /// put there becomes what it was, the rest is metadata.
  mutating func adoptMetadata(
    _ entries: [(key: ExactName, value: String)]?, file: String
  ) throws(CheckpointError) {
    guard let entries else {
      facts.metadata = .absent
      return
    }
    var convention = TieConvention(storedNames: weights.keys)
    convention.isNothingElse = entries.allSatisfy { entry in
      weights[entry.key] == nil && weights[ExactName(entry.value)] != nil
    }
    let listed = try entries.first { $0.key == FactNames.ties }
      .map { (entry) throws(CheckpointError) in try FactNames.decodeNames(entry.value, file: file) }
    var metadata: OrderedDictionary<ExactName, String> = [:]
    for (key, value) in entries {
      if key == FactNames.tree {
        facts.tree = try FactNames.decodeTree(value, file: file)
      } else if key == FactNames.attributes {
        facts.attributes = try FactNames.decodeAttributes(value, file: file)
      } else if key == FactNames.attributeTypes {
        facts.attributeTypes = try FactNames.decodeAttributes(value, file: file)
      } else if key == FactNames.metadata {
        metadata.merge(try FactNames.decodeTexts(value, key, file: file)) { $1 }
      } else if key == FactNames.ties {
        continue
      } else if weights[key] == nil, let kept = weights[ExactName(value)],
        listed?.contains(key) ?? false || convention.tells(key, isTiedTo: ExactName(value))
      {
        try insert(kept, as: key)
      } else {
        metadata[key] = value
      }
    }
    // Metadata of nothing but this package's own facts was none before they came.
    let isNone = metadata.isEmpty && entries.contains { FactNames.inMetadata.contains($0.key) }
    facts.metadata = isNone ? .absent : .entries(metadata)
  }
}
