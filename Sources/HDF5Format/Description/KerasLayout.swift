public import CheckpointBytes

/// How Keras arranged an HDF5 file, told from its groups and attributes alone.
public enum KerasLayout: Sendable, Hashable {
  /// Keras 2 (and Keras 3's legacy writer): layers and weights are listed in attributes. `root` is the group they lie
  /// in, empty in a weights file and `model_weights` in a file of a whole model.
  case keras2(root: ExactName, layers: [KerasLayer])
  /// Keras 3's `.weights.h5`: `layers/…/vars/0`.
  case keras3
  /// No layout of Keras.
  case plain
}

/// A layer of a Keras 2 file.
public struct KerasLayer: Sendable, Hashable {
  /// A weight: the name that the layer lists, and the path of its data set.
  public struct Weight: Sendable, Hashable {
    /// The name, as `weight_names` has it: `bert/encoder/…/kernel:0`.
    public let name: ExactName
    /// The path of the data set, by which ``HDF5Dataset/path`` knows it.
    public let path: ExactName

    /// Makes a weight.
    public init(name: ExactName, path: ExactName) {
      self.name = name
      self.path = path
    }
  }

  /// The layer's name, which is the name of its group.
  public let name: ExactName
  /// The weights in the order of the layer.
  public let weights: [Weight]

  /// Makes a layer.
  public init(name: ExactName, weights: [Weight]) {
    self.name = name
    self.weights = weights
  }
}

extension HDF5Description {
  /// The layout of the file. Every weight that a Keras 2 file lists must be there, of its layers and of its optimizer;
  /// one that is refused is there (``listedRefusal(in:)``).
  ///
  /// A shard of Transformers' TensorFlow classes (4.41, `tf_shard_checkpoint`) lists its weights themselves as layers.
  ///
  /// Lists longer than an attribute can be are split over `layer_names0`, `layer_names1`… (`keras/src/legacy/saving/`
  /// `legacy_h5_format.py`, 3.15).
  ///
  /// - Parameter file: the path of the file, for errors.
  /// - Throws: `notFound` with the name of a layer or weight that is listed and not there, `malformed` if a list is no
  ///   list of names, `inconsistent` if a layer is listed twice.
  public func kerasLayout(file: String) throws(CheckpointError) -> KerasLayout {
    for root: ExactName in ["", "model_weights"] {
      guard let group = group(root), let names = try group.names("layer_names", file: file) else {
        continue
      }
      let objects = ObjectPaths(self)
      // `save_model` of Keras 1 to 3 puts the optimizer's variables beside the model's; a list of theirs that leads
      // nowhere is one that the writer broke off.
      let optimizer: ExactName = "optimizer_weights"
      if let index = objects.groups[optimizer] {
        _ = try weights(of: groups[index], as: optimizer, objects, file: file)
      }
      return .keras2(root: root, layers: try layers(names, below: root, objects, file: file))
    }
    return isKeras3 ? .keras3 : .plain
  }

  /// The first weight or layer in the lists of a Keras 2 file that is refused; nil if all can be read.
  public func listedRefusal(in layout: KerasLayout) -> HDF5Refusal? {
    guard case .keras2(let root, let layers) = layout, !refusals.isEmpty else { return nil }
    var reasons: [ExactName: HDF5Refusal] = [:]
    for refusal in refusals {
      for path in [refusal.path] + refusal.otherPaths { reasons[path] = refusal }
    }
    for layer in layers {
      let path = root.string.isEmpty ? layer.name : ExactName("\(root)/\(layer.name)")
      if let refusal = reasons[path] { return refusal }
      for weight in layer.weights {
        if let refusal = reasons[weight.path] { return refusal }
      }
    }
    return nil
  }

  /// Where objects are found.
  private struct ObjectPaths {
    var groups: [ExactName: Int] = [:]
    /// By every path of a data set the path that it is known by; a refused one is known by each of its own.
    var datasets: [ExactName: ExactName] = [:]
    var refused: Set<ExactName> = []

    init(_ description: HDF5Description) {
      for (index, group) in description.groups.enumerated() {
        for path in [group.path] + group.otherPaths { groups[path] = index }
      }
      for dataset in description.datasets {
        for path in [dataset.path] + dataset.otherPaths { datasets[path] = dataset.path }
      }
      for refusal in description.refusals { refused.formUnion([refusal.path] + refusal.otherPaths) }
    }

    /// The path by which what lies at a path is known, or the path of a refused group above it.
    func found(at path: ExactName) -> ExactName? {
      if let known = datasets[path] { return known }
      if refused.isEmpty { return nil }
      var parent: ExactName? = path
      while let path = parent {
        if refused.contains(path) { return path }
        parent = path.parent
      }
      return nil
    }
  }

  private func layers(
    _ names: [ExactName], below root: ExactName, _ objects: ObjectPaths, file: String
  ) throws(CheckpointError) -> [KerasLayer] {
    var layers: [KerasLayer] = []
    var listed: Set<ExactName> = []
    for name in names {
      guard listed.insert(name).inserted else {
        throw CheckpointError(
          .inconsistent, file: file, member: name.string, field: "layer_names",
          "the layer is listed twice")
      }
      let path = root.string.isEmpty ? name : ExactName("\(root)/\(name)")
      if let index = objects.groups[path] {
        let weights = try weights(of: groups[index], as: path, objects, file: file)
        layers.append(KerasLayer(name: name, weights: weights))
      } else if let weight = objects.datasets[path] {
        layers.append(
          KerasLayer(name: name, weights: [KerasLayer.Weight(name: name, path: weight)]))
      } else if objects.found(at: path) != nil {
        layers.append(KerasLayer(name: name, weights: []))
      } else {
        throw CheckpointError(
          .notFound, file: file, member: path.string, field: "layer_names",
          "the layer is listed and is not there")
      }
    }
    return layers
  }

  /// The weights that a group lists. Each name is that of one data set: Keras' writer breaks off at one that occurs twice,
  /// and has written the list before.
  private func weights(
    of group: HDF5Group, as path: ExactName, _ objects: ObjectPaths, file: String
  ) throws(CheckpointError) -> [KerasLayer.Weight] {
    var weights: [KerasLayer.Weight] = []
    var missing: [ExactName] = []
    var listed: Set<ExactName> = []
    var twice: ExactName?
    for weight in try group.names("weight_names", file: file) ?? [] {
      if !listed.insert(weight).inserted { twice = twice ?? weight }
      // What lies below a group with two links is known by the first of them.
      if let found = objects.found(at: ExactName("\(path)/\(weight)"))
        ?? objects.found(at: ExactName("\(group.path)/\(weight)"))
      {
        weights.append(KerasLayer.Weight(name: weight, path: found))
      } else {
        missing.append(weight)
      }
    }
    if let first = missing.first {
      let others = missing.dropFirst().prefix(4).map { quoted($0.string) }
      throw CheckpointError(
        .notFound, file: file, member: path.string, field: "weight_names", tensor: first.string,
        "the weight is listed and its data set is not there"
          + (others.isEmpty
            ? ""
            : "; so with \(missing.count - 1) more of \(weights.count + missing.count): "
              + others.joined(separator: ", ")))
    }
    if let twice {
      throw CheckpointError(
        .inconsistent, file: file, member: path.string, field: "weight_names",
        tensor: twice.string, "the weight is listed twice, and there is one data set of its name")
    }
    return weights
  }

  /// True if data sets lie as Keras 3 puts them: `vars/` and a number, under `layers`, or under
  /// `_layer_checkpoint_dependencies` as Keras 2.13 wrote them.
  private var isKeras3: Bool {
    let tops: Set<ExactName> = ["layers", "_layer_checkpoint_dependencies"]
    guard groups.contains(where: { tops.contains($0.path) }) else { return false }
    return datasets.contains(where: \.isKerasVariable)
  }
}

extension HDF5Dataset {
  /// True if the data set lies where Keras 3 puts a variable: `…/vars/0`.
  var isKerasVariable: Bool {
    let components = path.string.utf8.split(separator: 0x2F)
    guard let last = components.last, let variables = components.dropLast().last else {
      return false
    }
    return variables.elementsEqual("vars".utf8) && last.allSatisfy { (0x30...0x39).contains($0) }
  }
}

extension HDF5Group {
  /// A list of names in an attribute, or in attributes numbered from 0; nil if there is neither.
  fileprivate func names(
    _ attribute: String, file: String
  ) throws(CheckpointError) -> [ExactName]? {
    if let value = attributes[ExactName(attribute)] {
      return try names(value, attribute, file)
    }
    var names: [ExactName]?
    var number = 0
    let values = Dictionary(attributes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    while let value = values[ExactName("\(attribute)\(number)")] {
      names = (names ?? []) + (try self.names(value, "\(attribute)\(number)", file))
      number += 1
    }
    return names
  }

  private func names(
    _ value: InertValue, _ attribute: String, _ file: String
  ) throws(CheckpointError) -> [ExactName] {
    switch value {
    case .list(let elements):
      let names = elements.compactMap {
        if case .string(let text) = $0 { ExactName(text) } else { nil }
      }
      if names.count == elements.count { return names }
    // A layer without weights has an empty array of numbers.
    case .array(_, let shape, _) where shape.contains(0): return []
    // A list that cannot be read lists nothing; the data sets are found without it.
    case .object: return []
    default: break
    }
    throw CheckpointError(
      .malformed, file: file, member: path.string.isEmpty ? "/" : path.string,
      field: "attribute \(quoted(attribute))", "expected a list of names")
  }
}
