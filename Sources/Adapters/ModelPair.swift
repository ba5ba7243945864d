internal import CheckpointBytes
internal import LayoutRules
internal import ModelFamilies
internal import OrderedCollections
internal import WeightGraph

/// Two checkpoints by the same names.
struct ModelPair {
  /// The weights of the first, tied ones under each of their names.
  private(set) var base: WeightGraph
  /// Those of the second.
  private(set) var tuned: WeightGraph
  /// Where the matrices of layers have their outputs; nil if neither is a model that is known.
  private(set) var outputAxes: [ExactName: Int]?

  /// The names of both.
  var names: OrderedSet<ExactName> { tuned.weights.keys.union(base.weights.keys) }

  init(_ first: WeightGraph, _ second: WeightGraph) throws(CheckpointError) {
    let (one, other): (RecognizedModel?, RecognizedModel?)
    (base, one) = try first.byTransformersNames()
    (tuned, other) = try second.byTransformersNames()
    let models = [one, other].compactMap { $0?.architecture }
    guard let prefix = models.first?.family.bodyPrefix else {
      try base.insertNamedTies()
      try tuned.insertNamedTies()
      return
    }
    if one?.architecture.head == .base, other?.architecture.head == .base {
      base = try base.without(prefix)
      tuned = try tuned.without(prefix)
    }
    var axes: [ExactName: Int] = [:]
    for (name, axis) in models.flatMap(\.layerMatrices) {
      axes[name] = axis
      if !name.hasPrefix(prefix) { axes[ExactName(prefix + name.string)] = axis }
    }
    outputAxes = axes
    for parameter in models.flatMap(\.parameters) {
      guard let target = parameter.tiedTo else { continue }
      try base.insertTie(parameter.name, target)
      try tuned.insertTie(parameter.name, target)
    }
  }
}

extension WeightGraph {
  /// The weights by the names that Transformers has beside a head, and the model that they are, where it is a known one: under
  /// `ernie.` there is another one, of the same parts.
  fileprivate func byTransformersNames() throws(CheckpointError) -> (WeightGraph, RecognizedModel?)
  {
    let graph = try joiningScales()
    guard let model = try? Recognition(graph).model(), !model.hasUnusualWrapper else {
      return (graph, nil)
    }
    return (try BoundModel(self, as: model).comparableGraph(), model)
  }

  /// The weights without what stands in front of a body's names.
  fileprivate func without(_ prefix: String) throws(CheckpointError) -> WeightGraph {
    try renamed { name in
      name.hasPrefix(prefix)
        ? ExactName(String(Substring(name.string.utf8.dropFirst(prefix.utf8.count)))) : name
    }
  }

  /// Inserts what a model of no known family leaves out.
  fileprivate mutating func insertNamedTies() throws(CheckpointError) {
    for (name, target) in namedTies.sorted(by: { $0.key < $1.key }) { try insertTie(name, target) }
  }

  /// Inserts a weight that is another one, if it is not there.
  fileprivate mutating func insertTie(
    _ name: ExactName, _ target: ExactName
  ) throws(CheckpointError) {
    if self[name] == nil, let weight = self[target] { try insert(weight, as: name) }
  }
}
