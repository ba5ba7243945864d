internal import CheckpointBytes
internal import HDF5Format
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// An HDF5 file: names become groups, tied names hard links, facts attributes.
struct HDF5FileImage: FileImage {
  private let structure: HDF5Structure
  let remarks: Remarks
  let needsChecksums = false
  var byteCount: Int { structure.byteCount }

  init(
    _ ties: [Tie], facts: CheckpointFacts, path: String
  ) throws(CheckpointError) {
    let allNames = ties.flatMap(\.names)
    let names = HDF5Names(allNames)
    let pathOfName = Dictionary(uniqueKeysWithValues: zip(allNames, names.paths))
    func objectPath(_ name: ExactName) -> ExactName { ExactName(pathOfName[name] ?? name.string) }

    let paths = names.paths.map { ExactName($0) }
    var remarks = Remarks()
    var attributes = HDF5FileImage.writable(
      KerasBookkeeping.trimmed(facts.attributes, toPaths: paths, &remarks), facts.attributeTypes,
      &remarks)
    var root = HDF5FileImage.rootAttributes(facts, names, attributes.removeValue(forKey: ""))
    if allNames.count > ties.count {
      root.append(HDF5Attribute(FactNames.ties, .string("hard links")))
    }
    var plan = HDF5Plan()
    plan.groups = [HDF5Plan.Group(path: "", attributes: root)]
    for tie in ties {
      let path = objectPath(tie.names[0])
      var own = attributes.removeValue(forKey: path) ?? []
      for alias in tie.names.dropFirst().map(objectPath) {
        // One data set has one set of attributes: those of its other names join it where they say the same.
        guard let others = attributes[alias],
          others.allSatisfy({ other in own.allSatisfy { $0.name != other.name || $0 == other } })
        else { continue }
        own += others.filter { !own.contains($0) }
        attributes[alias] = nil
      }
      plan.datasets.append(HDF5FileImage.dataset(tie.weight, path: path, attributes: own))
      if tie.weight.dtype.byteWidth == nil {
        remarks.note(
          "\(quoted(tie.names[0].string)) is stored as bytes: HDF5 has no elements that share bytes; attributes say what they are"
        )
      }
      plan.hardLinks += tie.names.dropFirst().map {
        HDF5Plan.HardLink(path: objectPath($0), target: path)
      }
    }
    let targets = Dictionary(
      plan.hardLinks.map { ($0.path, $0.target) }, uniquingKeysWith: { first, _ in first })
    let taken = Set(plan.datasets.map(\.path)).union(targets.keys)
    for (path, values) in attributes {
      guard !taken.contains(path), HDF5FileImage.canBeGroup(path, besides: taken) else {
        remarks.omit(
          "attributes of " + quoted(path.string),
          targets[path].map {
            "it is one data set with \(quoted($0.string)), whose attributes say otherwise"
          } ?? "a tensor stands in their place")
        continue
      }
      plan.groups.append(HDF5Plan.Group(path: path, attributes: values))
    }
    structure = try HDF5Structure(plan, for: path)
    self.remarks = remarks
  }

  /// An attribute of a value and what is known of its type.
  private static func attribute(
    _ name: ExactName, _ value: InertValue, _ types: OrderedDictionary<ExactName, InertValue>?
  ) -> HDF5Attribute {
    HDF5Attribute(name, value, type: types?[name].flatMap { HDF5AttributeType($0) })
  }

  /// The attributes that HDF5 has a form for; the others are listed.
  private static func writable(
    _ attributes: FactNames.Attributes, _ types: FactNames.Attributes,
    _ remarks: inout Remarks
  ) -> OrderedDictionary<ExactName, [HDF5Attribute]> {
    var result: OrderedDictionary<ExactName, [HDF5Attribute]> = [:]
    for (path, values) in attributes {
      let types = types[path]
      result[path] = values.compactMap { name, value in
        let attribute = attribute(name, value, types)
        if attribute.isWritable { return attribute }
        remarks.omit(
          "attribute \(quoted(name.string)) of \(quoted("/" + path.string))",
          "neither text nor numbers that fit an attribute")
        return nil
      }
    }
    return result
  }

  /// A group cannot lie inside a data set.
  private static func canBeGroup(_ path: ExactName, besides datasets: Set<ExactName>) -> Bool {
    let text = path.string
    for index in text.utf8.indices where text.utf8[index] == UInt8(ascii: "/") {
      if datasets.contains(ExactName(String(text[..<index]))) { return false }
    }
    return true
  }

  private static func dataset(
    _ weight: Weight, path: ExactName, attributes: [HDF5Attribute]
  ) -> HDF5Plan.Dataset {
    guard weight.dtype.byteWidth == nil, let bytes = Shape([weight.byteCount]) else {
      return HDF5Plan.Dataset(
        path: path, dtype: weight.dtype, shape: weight.shape, attributes: attributes)
    }
    return HDF5Plan.Dataset(
      path: path, dtype: .u8, shape: bytes,
      attributes: attributes + HDF5PackedType.attributes(of: weight))
  }

  private static func rootAttributes(
    _ facts: CheckpointFacts, _ names: HDF5Names,
    _ others: [HDF5Attribute]?
  ) -> [HDF5Attribute] {
    var attributes: [HDF5Attribute] = []
    func add(_ name: ExactName, _ text: String) {
      attributes.append(HDF5Attribute(name, .string(text)))
    }
    if let entries = facts.metadata.entries {
      let plain = entries.filter { key, value in
        !key.string.isEmpty && !key.string.utf8.contains(0) && !value.utf8.contains(0)
          && others?[key] == nil && !key.string.hasPrefix("weighbridge.")
          // A text by the name of Keras's lists would be one of them, and none.
          && !KerasBookkeeping.isList(key)
      }
      // All of them in their order, where some cannot be attributes; the others are attributes all the same, for other readers.
      if plain.count < entries.count || entries.isEmpty {
        add(FactNames.metadata, jsonText(entries))
      }
      let types = facts.attributeTypes[""]
      attributes += plain.map { key, value in
        let typed = attribute(key, .string(value), types)
        // A text of a fixed length lies in the header, which has no room for every one.
        return typed.isWritable ? typed : attribute(key, .string(value), nil)
      }
    }
    attributes += others ?? []
    if let tree = facts.tree { add(FactNames.tree, JSONWriter.text(tree.json)) }
    // The separator matters only where a path has two components.
    if names.separator != UInt8(ascii: "/"), names.paths.contains(where: { $0.utf8.contains(0x2F) })
    {
      add(FactNames.separator, String(UnicodeScalar(names.separator)))
    }
    if !names.exceptions.isEmpty {
      add(FactNames.names, jsonText(names.exceptions.mapValues(\.string)))
    }
    return attributes
  }

  private static func jsonText(_ entries: OrderedDictionary<ExactName, String>) -> String {
    JSONWriter.text(.object(entries.map { JSONValue.Member($0.key, .string($0.value)) }))
  }

  func begin(_ output: any FileOutput) throws(CheckpointError) -> [Int] {
    try structure.write(to: output)
    return structure.offsets
  }

  func finish(_ output: any FileOutput, checksums: [UInt32]) throws(CheckpointError) {}
}
