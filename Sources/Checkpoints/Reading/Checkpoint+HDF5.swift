internal import CheckpointBytes
internal import HDF5Format
internal import OrderedCollections
package import TensorValues
internal import WeightGraph
internal import ZipFormat

extension Checkpoint {
  /// Opens one HDF5 file: Keras 2 or 3, or plain. Names are the paths of the data sets.
  static func openHDF5(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let description = try HDF5Description(file, limits: options.limits)
    let layout = try description.kerasLayout(file: file.path)
    let refused = description.listedRefusal(in: layout)?.reason
    if let refused, !options.takesIncomplete { throw refused }
    var reader = HDF5GraphReader(description, file)
    let graph = try reader.graph()
    return Checkpoint(
      format: .hdf5, container: layout.words, files: [file.path], graph: graph,
      links: reader.links, notes: reader.notes, incompleteness: refused)
  }
}

/// Makes a graph of an HDF5 description.
private struct HDF5GraphReader {
  private let description: HDF5Description
  private let file: SourceFile
  private var names = HDF5RootFacts()
  private(set) var notes: [String] = []

  init(_ description: HDF5Description, _ file: SourceFile) {
    self.description = description
    self.file = file
  }

  /// Further names of data sets in a file that does not call them ties.
  var links: Set<ExactName> {
    if names.statesTies { return [] }
    return Set(description.datasets.flatMap { $0.otherPaths.map(names.name(of:)) })
  }

  mutating func graph() throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    names = try HDF5RootFacts(description.groups.first?.attributes ?? [], file: file.path)
    graph.facts.metadata = names.metadata
    graph.facts.tree = names.tree
    for dataset in description.datasets { try insert(dataset, into: &graph) }
    // Only the name is lost: what has the type is carried, or listed, by itself.
    for type in description.namedTypes {
      let count = type.attributeCount
      let attributes =
        count == 0 ? "" : " with \(count) " + (count == 1 ? "attribute" : "attributes")
      for path in [type.path] + type.otherPaths {
        graph.facts.others.append(
          OtherObject(
            name: names.name(of: path),
            description: "a named datatype, \(type.elementType)\(attributes)",
            isOutsideState: true))
      }
    }
    for refusal in description.refusals {
      for path in [refusal.path] + refusal.otherPaths {
        graph.facts.others.append(
          OtherObject(name: names.name(of: path), refusal: refusal.reason))
      }
    }
    addAttributes(to: &graph)
    return graph
  }

  private func insert(
    _ dataset: HDF5Dataset, into graph: inout WeightGraph
  ) throws(CheckpointError) {
    let name = names.name(of: dataset.path)
    guard case .number(let dtype, let order) = dataset.elementType else {
      graph.facts.others.append(
        OtherObject(name: name, description: "\(dataset.elementType) \(dataset.shape)"))
      return
    }
    do throws(CheckpointError) {
      var weight = Weight(
        try StoredTensor(
          source: try description.source(of: dataset, in: file), dtype: dtype,
          layout: StridedLayout(packed: dataset.shape), byteOrder: order))
      weight = try HDF5PackedType.restored(weight, dataset.attributes, file: file.path)
      try graph.insert(weight, as: name)
      for path in dataset.otherPaths { try graph.insert(weight, as: names.name(of: path)) }
    } catch {
      throw error.about(name)
    }
  }

  /// Attributes other than those that say how this package wrote the file; groups that hold nothing count too.
  private mutating func addAttributes(to graph: inout WeightGraph) {
    for group in description.groups {
      let isRoot = group.path.string.isEmpty
      let kept = isRoot ? group.attributes.filter { !names.consumes($0) } : group.attributes
      if !kept.isEmpty || (group.isEmpty && !isRoot) {
        graph.facts.attributes[group.path] = .firstOfEach(kept.map { ($0.name, $0.value) })
      }
      addTypes(of: group.attributes, at: group.path, to: &graph)
      if let other = group.otherPaths.first {
        notes.append(
          "the group \(quoted(other.string)) is another link to \(quoted(group.path.string)) and is listed there only"
        )
      }
    }
    for dataset in description.datasets {
      let kept = dataset.attributes.filter { !HDF5PackedType.consumes($0, of: dataset) }
      if !kept.isEmpty {
        graph.facts.attributes[dataset.path] = .firstOfEach(kept.map { ($0.name, $0.value) })
      }
      addTypes(of: kept, at: dataset.path, to: &graph)
    }
  }

  private func addTypes(
    of attributes: [HDF5Attribute], at path: ExactName, to graph: inout WeightGraph
  ) {
    let types = attributes.compactMap { attribute in
      attribute.type.map { (attribute.name, $0.inert) }
    }
    if !types.isEmpty { graph.facts.attributeTypes[path] = .firstOfEach(types) }
  }
}

extension OrderedDictionary {
  /// The pairs, and of those with one key the first.
  fileprivate static func firstOfEach(_ pairs: [(Key, Value)]) -> Self {
    Self(pairs, uniquingKeysWith: { first, _ in first })
  }
}

/// What the root's attributes say: metadata, and how names were made into paths.
struct HDF5RootFacts {
  private(set) var metadata = CheckpointMetadata.absent
  private(set) var tree: InertValue?
  /// True if hard links are tied weights.
  private(set) var statesTies = false
  private var separator = UInt8(ascii: "/")
  private var exceptions: OrderedDictionary<ExactName, ExactName> = [:]

  init() {}

  init(_ attributes: [HDF5Attribute], file: String) throws(CheckpointError) {
    var entries: OrderedDictionary<ExactName, String> = [:]
    var isStated = false
    for attribute in attributes {
      guard case .string(let text) = attribute.value else { continue }
      switch attribute.name {
      case FactNames.tree: tree = try FactNames.decodeTree(text, file: file)
      case FactNames.ties: statesTies = true
      case FactNames.separator:
        guard text.utf8.count == 1, let byte = text.utf8.first else {
          throw CheckpointError(
            .malformed, file: file, field: FactNames.separator.string, "expected one character")
        }
        separator = byte
      case FactNames.names:
        for (path, name) in try FactNames.decodeTexts(text, FactNames.names, file: file) {
          exceptions[path] = ExactName(name)
        }
      case FactNames.metadata:
        isStated = true
        entries.merge(try FactNames.decodeTexts(text, FactNames.metadata, file: file)) { $1 }
      default:
        isStated = true
        entries[attribute.name] = text
      }
    }
    if isStated { metadata = .entries(entries) }
  }

  /// True for the root's attributes that are metadata or said how to read the rest.
  func consumes(_ attribute: HDF5Attribute) -> Bool {
    if case .string = attribute.value { return true }
    return false
  }

  func name(of path: ExactName) -> ExactName {
    HDF5Names.name(ofPath: path, separator: separator, exceptions: exceptions)
  }
}

/// Types whose elements share bytes: HDF5 has none, so they are written as bytes, and attributes say what they are.
package enum HDF5PackedType {
  /// The attributes of such a data set.
  static func attributes(of weight: Weight) -> [HDF5Attribute] {
    [
      HDF5Attribute(FactNames.dtype, .string(weight.dtype.rawValue)),
      HDF5Attribute(
        FactNames.shape, .string(weight.shape.dimensions.map(String.init).joined(separator: ","))),
    ]
  }

  static func consumes(_ attribute: HDF5Attribute, of dataset: HDF5Dataset) -> Bool {
    if attribute.name == FactNames.dtype || attribute.name == FactNames.shape { return true }
    // "dtype" on opaque data has become the element type.
    guard attribute.name == "dtype", case .number(let dtype, _) = dataset.elementType else {
      return false
    }
    return opaqueTypes.contains(dtype)
  }

  /// The types that HDF5 lacks and whose elements take whole bytes.
  package static let opaqueTypes: Set<DType> = [
    .bf16, .f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ, .f8E8M0,
  ]

  /// The weight as what its attributes say it is.
  static func restored(
    _ weight: Weight, _ attributes: [HDF5Attribute], file: String
  ) throws(CheckpointError) -> Weight {
    guard let type = attributes[FactNames.dtype], let extents = attributes[FactNames.shape] else {
      return weight
    }
    guard case .string(let name) = type, case .string(let text) = extents,
      let dtype = DType(rawValue: name), case .stored(let stored) = weight.expression,
      weight.dtype == .u8,
      let shape = Shape(text.split(separator: ",").compactMap { Int($0) }),
      dtype.byteCount(elementCount: shape.elementCount) == weight.byteCount
    else {
      throw CheckpointError(
        .malformed, file: file, field: FactNames.dtype.string,
        "the attributes do not fit the \(weight.byteCount) bytes")
    }
    return Weight(
      try StoredTensor(source: stored.source, dtype: dtype, layout: StridedLayout(packed: shape)))
  }
}
