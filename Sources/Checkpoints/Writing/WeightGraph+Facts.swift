package import CheckpointBytes
internal import HDF5Format
internal import OrderedCollections
internal import TensorValues
package import WeightGraph

extension WeightGraph {
  /// Fits what is beside the weights to the format to be written, and lists what has no place in it.
  package mutating func prepareFacts(
    for writer: any CheckpointWriter, from source: Checkpoint
  ) -> Remarks {
    var remarks = Remarks()
    if !writer.holdsObjects, let tree = facts.tree, tree.holdsOnlyModuleVersions {
      // Nothing but the order of names and torch's own bookkeeping of module versions, which no other reader knows.
      facts.tree = nil
      remarks.omit(
        "attribute _metadata", "versions of torch modules, read by torch's load_state_dict alone")
    }
    if !writer.holdsObjects, source.format == .pytorch, case .unstated = facts.metadata {
      // What every reader of such files expects, and so usual that it is worth no note; `save_pretrained` writes it too.
      facts.metadata = .entries(["format": "pt"])
    }
    leaveOutMarkers(&remarks)
    if source.format == .pytorch, !facts.attributes.isEmpty { noteAttributes(writer, &remarks) }
    settleTies(for: writer, &remarks)
    return remarks
  }

  /// Says which tensors had attributes of their own, one line for all that had the same.
  private func noteAttributes(_ writer: any CheckpointWriter, _ remarks: inout Remarks) {
    let paths = HDF5Names.paths(of: weights.keys)
    var tensors: OrderedDictionary<[ExactName], [ExactName]> = [:]
    for name in weights.keys {
      guard let values = paths[name].flatMap({ facts.attributes[$0] }) else { continue }
      tensors[values.keys.sorted(), default: []].append(name)
    }
    for (attributes, tensors) in tensors {
      let attributes = attributes.map { singleLine($0.string) }.joined(separator: ", ")
      let others = tensors.count > 1 ? " and of \(tensors.count - 1) more" : ""
      remarks.note(
        "attributes of the tensor \(quoted(tensors[0].string))\(others), \(attributes): kept \(writer.placeOfAttributes)"
      )
    }
  }

  /// Attributes whose value has no form as inert data, which only stood for it.
  private mutating func leaveOutMarkers(_ remarks: inout Remarks) {
    for (path, values) in facts.attributes {
      facts.attributes[path] = values.filter { name, value in
        guard let reason = HDF5Attribute.missingValue(value) else { return true }
        remarks.omit(
          (name.string.isEmpty ? "attributes" : "attribute \(quoted(name.string))")
            + " of \(quoted("/" + path.string))", reason)
        return false
      }
    }
  }

  /// Looks at metadata whose value is the name of a weight. What a reader takes for a tie of a weight that is not written is
  /// left out; what is none by ``TieConvention`` gets an entry of its own in safetensors files, since other readers know less.
  private mutating func settleTies(
    for writer: any CheckpointWriter, _ remarks: inout Remarks
  ) {
    guard var entries = facts.metadata.entries else { return }
    let convention = TieConvention(storedNames: weights.keys)
    var aside: [JSONValue.Member] = []
    for (key, value) in entries where weights[key] == nil && weights[ExactName(value)] != nil {
      let text = "metadata \(quoted(key.string)) = \(quoted(value))"
      if convention.tells(key, isTiedTo: ExactName(value)) {
        entries[key] = nil
        remarks.omit(text, "it would tie a weight that is not there to one that is")
      } else if writer.tellsTiesInMetadata {
        entries[key] = nil
        aside.append(JSONValue.Member(key, .string(value)))
        remarks.note(
          "\(text) stands in \(FactNames.metadata.string): by itself it looks like a second name")
      }
    }
    if !aside.isEmpty { entries[FactNames.metadata] = JSONWriter.text(.object(aside)) }
    facts.metadata = .entries(entries)
  }
}

extension CheckpointFacts {
  /// The metadata with the facts that safetensors has no other place for.
  var safetensorsMetadata: OrderedDictionary<ExactName, String>? {
    var entries = metadata.entries
    if let tree {
      entries = entries ?? [:]
      entries?[FactNames.tree] = JSONWriter.text(tree.json)
    }
    if !attributes.isEmpty {
      entries = entries ?? [:]
      entries?[FactNames.attributes] = FactNames.encodeAttributes(attributes)
    }
    if !attributeTypes.isEmpty {
      entries = entries ?? [:]
      entries?[FactNames.attributeTypes] = FactNames.encodeAttributes(attributeTypes)
    }
    return entries
  }
}

extension InertValue {
  /// True for a flat dictionary of weights whose only attribute is torch's `_metadata`.
  fileprivate var holdsOnlyModuleVersions: Bool {
    guard case .object(let object) = self, object.type == "collections.OrderedDict",
      object.arguments.isEmpty, object.elements.isEmpty, object.items.allSatisfy(\.isNamedWeight)
    else { return false }
    guard let state = object.state else { return true }
    guard case .dictionary(let entries) = state else { return false }
    return entries.allSatisfy { $0.key == .string("_metadata") }
  }

  /// True for a flat dictionary of weights under their own names: the graph says as much by itself.
  package var isFlatListOfWeights: Bool {
    switch self {
    case .dictionary(let entries): return entries.allSatisfy(\.isNamedWeight)
    case .object(let object):
      return object.type == "collections.OrderedDict" && object.arguments.isEmpty
        && object.elements.isEmpty && object.state == nil
        && object.items.allSatisfy(\.isNamedWeight)
    default: return false
    }
  }
}

extension InertValue.Entry {
  /// True if the key is the name of the weight that it leads to.
  fileprivate var isNamedWeight: Bool {
    guard case .string(let key) = key, case .weight(let name) = value else { return false }
    return ExactName(key) == name
  }
}
