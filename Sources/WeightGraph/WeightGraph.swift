public import CheckpointBytes
public import OrderedCollections
internal import TensorValues

/// A checkpoint as one value: names in order, each with its weight, and what else the checkpoint holds.
///
/// Listing, renaming and comparing structure never touch data. Transforms are pure: they give a new graph.
public struct WeightGraph: Sendable {
  /// The weights by name, in the checkpoint's order.
  public private(set) var weights: OrderedDictionary<ExactName, Weight> = [:]
  /// What the checkpoint holds beside its weights.
  public var facts = CheckpointFacts()

  /// An empty graph.
  public init() {}

  /// The weight of a name; nil if there is none.
  public subscript(name: ExactName) -> Weight? { weights[name] }

  /// The weight of a name; nil if there is none.
  public subscript(name: String) -> Weight? { weights[ExactName(name)] }

  /// Adds a weight under a new name.
  ///
  /// - Throws: `inconsistent` if the name is taken.
  public mutating func insert(_ weight: Weight, as name: ExactName) throws(CheckpointError) {
    guard weights.index(forKey: name) == nil else {
      throw CheckpointError(
        .inconsistent, tensor: name.string, "the name occurs twice")
    }
    weights[name] = weight
  }

  /// The graph with another weight under each name.
  public func mapWeights(
    _ transform: (ExactName, Weight) throws(CheckpointError) -> Weight
  ) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    graph.facts = facts
    for (name, weight) in weights { try graph.insert(try transform(name, weight), as: name) }
    return graph
  }

  /// The graph with other names, in the same order; a weight given no name is left out. The checkpoint's
  /// structure follows where it can (`InertValue/renamingWeights(_:)`), and attributes that stand under the name of a
  /// weight follow it.
  ///
  /// - Throws: `inconsistent`, naming both, if two weights get one name.
  public func renamed(
    _ newName: (ExactName) -> ExactName?
  ) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    graph.facts = facts
    var origins: [ExactName: ExactName] = [:]
    for (name, weight) in weights {
      let renamed = newName(name)
      guard let renamed else { continue }
      if let other = origins.updateValue(name, forKey: renamed) {
        throw CheckpointError(
          .inconsistent, tensor: renamed.string,
          "both \(quoted(other.string)) and \(quoted(name.string)) would get this name")
      }
      try graph.insert(weight, as: renamed)
    }
    graph.facts.tree = facts.tree.flatMap { $0.renamingWeights(newName) }
    let newPath = { [weights] path in weights[path] == nil ? path : newName(path) }
    graph.facts.attributes = facts.attributes.renamingKeys(newPath)
    graph.facts.attributeTypes = facts.attributeTypes.renamingKeys(newPath)
    return graph
  }

  /// The sum of the bytes of all weights, tied ones counted once.
  public var storedByteCount: Int {
    ties.reduce(into: 0) { $0 += $1.weight.byteCount }
  }
}

extension OrderedDictionary {
  /// The same values under other keys, in the same order; a value given no key is left out. Of two values with one key the
  /// first stays.
  package func renamingKeys(_ newKey: (Key) -> Key?) -> Self {
    Self(
      compactMap { pair in newKey(pair.key).map { ($0, pair.value) } },
      uniquingKeysWith: { first, _ in first })
  }
}
