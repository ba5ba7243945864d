public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
package import WeightGraph

extension CheckpointManifest {
  /// How a checkpoint differs from a manifest.
  public struct Difference: Sendable, Hashable {
    /// What is different about a tensor that both have.
    public struct Change: Sendable, Hashable {
      /// The name.
      public let name: ExactName
      /// `values`, or the type or shape that was found and the one that was expected.
      public let what: String
    }

    /// What the manifest has and the checkpoint has not.
    public let missing: [ExactName]
    /// What the checkpoint has and the manifest has not.
    public let extra: [ExactName]
    /// What both have and is not the same.
    public let changed: [Change]
    /// The number of tensors of the manifest.
    public let count: Int

    /// True if the checkpoint is what the manifest has.
    public var isEqual: Bool { missing.isEmpty && extra.isEmpty && changed.isEmpty }
  }

  /// How another manifest differs from this one, which is the measure.
  public func difference(to found: CheckpointManifest) -> Difference {
    Difference(
      missing: tensors.keys.filter { found.tensors[$0] == nil },
      extra: found.tensors.keys.filter { tensors[$0] == nil },
      changed: tensors.compactMap { name, tensor in
        guard let other = found.tensors[name], other != tensor else { return nil }
        if other.dtype != tensor.dtype {
          return Difference.Change(
            name: name, what: "dtype \(other.dtype), expected \(tensor.dtype)")
        }
        if other.shape != tensor.shape {
          return Difference.Change(
            name: name, what: "shape \(other.shape), expected \(tensor.shape)")
        }
        return Difference.Change(name: name, what: "values")
      }, count: tensors.count)
  }

  /// Throws if a checkpoint is not what the manifest has. Names, types and shapes are compared before a byte is read.
  ///
  /// - Throws: `inconsistent` for a tensor that only one of the two has, `mismatch` for one of another type, shape or value; the
  ///   first is named, and the others are counted. What reading throws.
  func check(_ checkpoint: Checkpoint, at path: String) throws(CheckpointError) {
    try difference(to: try CheckpointManifest(structureOf: checkpoint, beside: self))
      .refuse(path)
    let names = try checkpoint.manifestNames()
    let digests = try WeightDigest.sha256(names.map { ($0.name, $0.weight) })
    var found: OrderedDictionary<ExactName, Tensor> = [:]
    for (entry, digest) in zip(names, digests) { found[entry.name] = Tensor(entry.weight, digest) }
    try difference(to: CheckpointManifest(tensors: found, sha256: sha256)).refuse(path)
  }

  /// A checkpoint's tensors with the digests of another manifest, as if their values were right.
  private init(
    structureOf checkpoint: Checkpoint, beside other: CheckpointManifest
  ) throws(CheckpointError) {
    var tensors: OrderedDictionary<ExactName, Tensor> = [:]
    for (name, weight) in try checkpoint.manifestNames() {
      tensors[name] = Tensor(weight, other.tensors[name]?.sha256 ?? "")
    }
    self.init(tensors: tensors, sha256: other.sha256)
  }
}

extension CheckpointManifest.Tensor {
  package init(_ weight: Weight, _ sha256: String) {
    self.init(
      dtype: weight.dtype.rawValue, shape: weight.shape.dimensions, sha256: sha256)
  }
}

extension Checkpoint {
  /// The tensors that a manifest has, in the order of their names, with those of the modules that follow the model.
  ///
  /// - Throws: What keeps a module's weights from being opened; `inconsistent` for a name that both have.
  package func manifestNames() throws(CheckpointError) -> [(name: ExactName, weight: Weight)] {
    try graph.addingModules(of: self).weights.map { ($0.key, $0.value) }
      .sorted { $0.name < $1.name }
  }
}

extension CheckpointManifest.Difference {
  /// Throws the first difference.
  fileprivate func refuse(_ path: String) throws(CheckpointError) {
    let count = missing.count + extra.count + changed.count
    let rest = count > 1 ? "; and \(count - 1) more" : ""
    if let change = changed.first {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(file: path), tensor: change.name.string,
        "not as the manifest has it: \(change.what)\(rest)")
    }
    if let name = missing.first ?? extra.first {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(file: path), tensor: name.string,
        (missing.isEmpty ? "not in the manifest" : "in the manifest, and not there") + rest)
    }
  }
}
