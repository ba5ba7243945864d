package import CheckpointBytes
internal import OrderedCollections
internal import TorchFormat
internal import WeightGraph

/// A PyTorch zip archive. Tied weights share a storage, as in the model they came from.
struct TorchFileImage: FileImage {
  private let plan: TorchArchivePlan
  private(set) var remarks = Remarks()
  let needsChecksums = true
  var byteCount: Int { plan.byteCount }

  init(
    _ ties: [Tie], facts: CheckpointFacts, keepsTree: Bool, losesTree: Bool, path: String
  ) throws(CheckpointError) {
    var tensors: [TorchArchivePlan.Tensor] = []
    for (storage, tie) in ties.enumerated() {
      for name in tie.names {
        tensors.append(
          TorchArchivePlan.Tensor(
            name: name, dtype: tie.weight.dtype, shape: tie.weight.shape, storage: storage))
      }
    }
    do {
      plan = try TorchArchivePlan(
        tensors: tensors, storageByteCounts: ties.map(\.weight.byteCount),
        tree: keepsTree ? facts.tree : nil, attributes: TorchFacts.attributes(of: facts))
    } catch {
      throw error.inFile(path)
    }
    if losesTree, facts.tree != nil {
      remarks.omit(
        "the nesting and the plain values", "shards of a PyTorch checkpoint are flat lists of names"
      )
    }
    for omission in plan.omissions {
      remarks.omit("value " + quoted(omission.path), omission.reason)
    }
    for name in plan.rawTensors {
      remarks.note(
        "\(quoted(name.string)) is stored as bytes: PyTorch has no such dtype; the attribute "
          + "\(TorchArchivePlan.dtypesAttribute) says what they are")
    }
  }

  func begin(_ output: any FileOutput) throws(CheckpointError) -> [Int] {
    plan.storageOffsets
  }

  func finish(_ output: any FileOutput, checksums: [UInt32]) throws(CheckpointError) {
    for piece in try plan.pieces(storageCRC32s: checksums) {
      try output.write(piece.bytes, at: piece.offset)
    }
    try output.setSize(plan.byteCount)
  }
}

/// Facts as attributes of a state dict, which is an `OrderedDict` and can have some (`_metadata` is torch's own).
package enum TorchFacts {
  private static let metadata: ExactName = "__metadata__"
  package static let hdf5Attributes: ExactName = "__attributes__"
  private static let attributeTypes: ExactName = "__attribute_types__"

  /// The attributes to write. Metadata that any safetensors file made of a PyTorch checkpoint has goes without saying.
  static func attributes(of facts: CheckpointFacts) -> [(String, InertValue)] {
    var attributes: [(String, InertValue)] = []
    switch facts.metadata {
    case .unstated: break
    case .absent: attributes.append((metadata.string, .none))
    case .entries(["format": "pt"]): break
    case .entries(let entries):
      attributes.append(
        (metadata.string, .dictionary(entries.map { ($0.key.string, .string($0.value)) })))
    }
    if !facts.attributes.isEmpty {
      attributes.append(
        (hdf5Attributes.string, .string(FactNames.encodeAttributes(facts.attributes))))
    }
    if !facts.attributeTypes.isEmpty {
      attributes.append(
        (attributeTypes.string, .string(FactNames.encodeAttributes(facts.attributeTypes))))
    }
    return attributes
  }

  /// What a structure's root says in attributes that ``attributes(of:)`` has written, and the structure without them.
  static func extract(
    from tree: InertValue, file: String
  ) throws(CheckpointError) -> (facts: CheckpointFacts, dtypes: InertValue?) {
    var facts = CheckpointFacts()
    facts.tree = tree
    guard case .object(var object) = tree, case .dictionary(let state)? = object.state else {
      return (facts, nil)
    }
    var rest: [InertValue.Entry] = []
    var dtypes: InertValue?
    for entry in state {
      guard case .string(let key) = entry.key else {
        rest.append(entry)
        continue
      }
      switch (ExactName(key), entry.value) {
      case (metadata, .none): facts.metadata = .absent
      case (metadata, .dictionary(let entries)):
        if let metadata = metadataEntries(entries) {
          facts.metadata = .entries(metadata)
        } else {
          rest.append(entry)
        }
      case (hdf5Attributes, .string(let text)):
        facts.attributes = try FactNames.decodeAttributes(text, file: file)
      case (attributeTypes, .string(let text)):
        facts.attributeTypes = try FactNames.decodeAttributes(text, file: file)
      case (ExactName(TorchArchivePlan.dtypesAttribute), let value): dtypes = value
      default: rest.append(entry)
      }
    }
    object.state = rest.isEmpty ? nil : .dictionary(rest)
    facts.tree = .object(object)
    return (facts, dtypes)
  }

  private static func metadataEntries(
    _ entries: [InertValue.Entry]
  ) -> OrderedDictionary<ExactName, String>? {
    var metadata: OrderedDictionary<ExactName, String> = [:]
    for entry in entries {
      guard case .string(let key) = entry.key, case .string(let value) = entry.value else {
        return nil
      }
      metadata[ExactName(key)] = value
    }
    return metadata
  }
}
