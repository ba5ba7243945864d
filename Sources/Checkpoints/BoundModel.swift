public import CheckpointBytes
public import LayoutRules
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// A checkpoint bound to the model that it was recognised as: every weight under its canonical name, ties settled.
public struct BoundModel: Sendable {
  /// The model, and the layout that it was found in.
  public let model: RecognizedModel
  /// The weights under their canonical names, in the model's order. Parameters that are tied are one weight; what is
  /// missing is not in it.
  public let graph: WeightGraph
  /// What became of every name. Problems are for the caller to weigh.
  public let report: LoadReport
  /// Parameters that Transformers ties, and that are different weights here.
  public let untied: [EqualPair]

  /// Recognises and binds weights. What the layout holds twice is compared byte by byte.
  ///
  /// - Parameters:
  ///   - source: The checkpoint's weights.
  ///   - family: The family, where it is stated.
  ///   - head: The head, where it is stated.
  ///   - fill: Parameters that become zeros where the layout does not hold them, or not whole. Token types that a layout
  ///     does not have are zeros by definition and need no asking.
  /// - Throws: what ``RecognizedModel`` and ``LoadPlan`` throw; `inconsistent` if the copies of a repeated weight differ;
  ///   what reading throws.
  public init(
    _ source: WeightGraph, family: ModelFamily? = nil, head: ModelHead? = nil,
    fill: [NamePattern] = []
  ) throws(CheckpointError) {
    model = try RecognizedModel(source, family: family, head: head)
    let plan = try LoadPlan(source, as: model, fill: .zeros(for: fill + Self.zeroByDefinition))
    if let pair = try source.unequal(plan.mustEqual).first {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(), tensor: pair.second.string,
        "the layout repeats \(quoted(pair.first.string)) here, and the bytes differ")
    }
    untied = try plan.graph.unequal(plan.statedTies)
    let different = Set(untied.map(\.second))
    var primaries: [ExactName: ExactName] = [:]
    for pair in plan.statedTies where !different.contains(pair.second) {
      primaries[pair.second] = pair.first
    }
    graph = try plan.graph.mapWeights { (name, weight) in
      primaries[name].flatMap { plan.graph.weights[$0] } ?? weight
    }
    report = plan.report
  }

  /// Layouts without token types add none, which is what zeros do: nothing is made up.
  private static let zeroByDefinition = [
    NamePattern("embeddings.token_type_embeddings.weight"),
    NamePattern("roberta.embeddings.token_type_embeddings.weight"),
  ]

  /// The weights under the names that they have in a model with a head, whether this one has a head or is a body alone:
  /// what makes two checkpoints of one family comparable.
  ///
  /// - Parameter hasOwnNames: True if weights of the checkpoint that are none of the model's follow, under their own names.
  public func comparableGraph(
    with source: WeightGraph, hasOwnNames: Bool = true
  ) throws(CheckpointError) -> WeightGraph {
    let prefix = model.architecture.head == .base ? model.architecture.family.bodyPrefix : ""
    var result = WeightGraph()
    for (name, weight) in graph.weights {
      try result.insert(weight, as: ExactName(prefix + name.string))
    }
    guard hasOwnNames else { return result }
    for entry in report.entries where entry.parameters.allSatisfy({ graph.weights[$0] == nil }) {
      for name in entry.stored where entry.outcome != .repeated && entry.outcome != .dropped {
        if let weight = source.weights[name], result.weights[name] == nil {
          try result.insert(weight, as: name)
        }
      }
    }
    return result
  }
}
