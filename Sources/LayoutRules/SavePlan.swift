public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// A model's parameters in the names and shapes of a layout.
public struct SavePlan: Sendable {
  /// The weights under the layout's names, in the order of its table.
  public let graph: WeightGraph
  /// Canonical names that the layout holds as one: different bytes mean that it cannot hold this model.
  public let mustEqual: [EqualPair]

  /// Lays out the canonical weights of a model.
  ///
  /// - Throws: `unsupported` if the layout has no such model; `notFound` for a parameter that is not in `canonical`; `mismatch` for one of another shape;
  ///   `inconsistent`, naming it, for a weight that is none of the model's, or that the layout has no place for.
  public init(
    _ canonical: WeightGraph, of architecture: ModelArchitecture, in layout: Layout
  ) throws(CheckpointError) {
    func refusal(
      _ kind: FailureKind, _ name: ExactName, _ problem: String
    ) -> CheckpointError {
      CheckpointError(kind, CheckpointError.Site(), tensor: name.string, problem)
    }
    guard let table = LayoutTable.tables(layout, architecture.family).first else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(), "no layout \(layout.rawValue) for this family")
    }
    let isHeld = table.heads?.contains(architecture.head) ?? true
    guard isHeld, architecture.hasPooler || !table.needsPooler else {
      let name = architecture.head.className(in: architecture.family) ?? ""
      let reason = isHeld ? "the pooler that it needs is not there" : "it has no such head"
      throw CheckpointError(
        .unsupported, CheckpointError.Site(),
        "\(name) cannot be written in layout \(layout.rawValue): \(reason)")
    }
    var unplaced: [ExactName: ExactName?] = [:]
    for parameter in architecture.parameters {
      guard let weight = canonical.weights[parameter.name] else {
        throw refusal(.notFound, parameter.name, "the parameter is not there")
      }
      guard weight.shape == parameter.shape else {
        throw refusal(
          .mismatch, parameter.name, "expected \(parameter.shape), found \(weight.shape)")
      }
      unplaced[parameter.name] = .some(parameter.tiedTo)
    }
    if let other = canonical.weights.keys.first(where: { unplaced[$0] == nil }) {
      throw refusal(.inconsistent, other, "it is no parameter of the model")
    }
    var values = TemplateValues()
    values.body = architecture.head == .base ? table.bodies.bare : table.bodies.headed
    if table.hasScopes { values.scope = LayoutTable.tensorFlowScope(of: architecture) }
    let isLanguageModel = architecture.parameters.contains { $0.tiedTo != nil }
    var graph = WeightGraph()
    for placement in try table.placements(of: architecture, values) {
      let shapes = placement.foreign.map { _ in placement.shape }
      let name = placement.canonical.name
      guard let weight = canonical.weights[name] else { continue }
      let results: [Weight]
      do throws(TransformError) {
        results = try placement.rule.operation.applied(to: weight, shapes: shapes)
      } catch {
        throw refusal(.inconsistent, name, error.description)
      }
      for (names, weight) in zip(placement.foreign, results) {
        try graph.insert(weight, as: names[0])
      }
      if isLanguageModel {
        for (names, weight) in zip(placement.repeats, results) {
          try graph.insert(weight, as: names[0])
        }
      }
      unplaced[name] = nil
    }
    var pairs: [EqualPair] = []
    for parameter in architecture.parameters where unplaced[parameter.name] != nil {
      guard let target = parameter.tiedTo else {
        throw refusal(.inconsistent, parameter.name, "the layout has no place for it")
      }
      pairs.append(EqualPair(first: target, second: parameter.name))
    }
    self.graph = graph
    mustEqual = pairs
  }
}
