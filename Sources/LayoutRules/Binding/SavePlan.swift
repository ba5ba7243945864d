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

  /// What becomes of every parameter: each is in one entry, and so is every name that is written. In these entries
  /// ``LoadReport/Entry/stored`` is what is written, and `split` and `merged` are seen from the parameters.
  public let entries: [LoadReport.Entry]

  /// What the layout does not hold of the model.
  public let losses: [LayoutLoss]
  /// Canonical names among the losses that have to be zeros, since their loss was not allowed: other values mean that
  /// the layout cannot hold this model. Structure cannot show it, so whoever has the bytes looks.
  public let mustBeZero: [ExactName]

  /// Lays out the canonical weights of a model.
  ///
  /// - Parameters:
  ///   - canonical: The weights by Transformers' names.
  ///   - architecture: The architecture that is meant.
  ///   - layout: The layout to write.
  ///   - mayLose: The canonical names that may be left out, or left out in part.
  ///   - mayMiss: The canonical names that may be missing in `canonical`, and then are not in what is written.
  ///   - tied: The canonical names of parameters that get no weight of their own, since they are what they are tied to.
  /// - Throws: `unsupported` if the layout has no such model, or, naming the tensor, does not hold what `mayLose` does not
  ///   cover; `notFound` for a parameter that is not in `canonical`; `mismatch` for one of another shape; `inconsistent`,
  ///   naming it, for a weight that is none of the model's, or that the layout has no place for.
  public init(
    _ canonical: WeightGraph, of architecture: ModelArchitecture, in layout: Layout,
    mayLose: [NamePattern] = [], mayMiss: [NamePattern] = [], tied: Set<ExactName> = []
  ) throws(CheckpointError) {
    let table = try Self.table(for: architecture, in: layout)
    let missing = try Self.check(canonical, against: architecture, mayMiss)
    var values = TemplateValues()
    values.body = architecture.head == .base ? table.bodies.bare : table.bodies.headed
    if table.hasScopes {
      values.scope = LayoutTable.tensorFlowScope(of: architecture.head, in: architecture.family)
    }
    let isLanguageModel = architecture.parameters.contains { $0.tiedTo != nil }
    var unplaced = Set(architecture.parameters.map(\.name)).subtracting(missing)
    var losses: [LayoutLoss] = []
    var graph = WeightGraph()
    var entries: [LoadReport.Entry] = []
    for placement in try table.placements(of: architecture, values) {
      let names = placement.canonical.map(\.name)
      if let lacking = names.first(where: missing.contains) {
        guard missing.isSuperset(of: names) else {
          throw refusal(
            .notFound, lacking, "the layout holds it in one weight with others, which are there")
        }
        continue
      }
      if tied.isSuperset(of: names) { continue }
      let operation = placement.rule.operation
      let weights: [Weight]
      do throws(CheckpointError) {
        weights = try operation.applied(
          to: names.compactMap { canonical.weights[$0] },
          shapes: placement.foreign.map { _ in placement.shape })
      } catch {
        throw refusal(.inconsistent, names[0], error.problem)
      }
      for (names, weight) in zip(placement.foreign, weights) {
        try graph.insert(weight, as: names[0])
      }
      entries.append(placement.entryOfWriting)
      if isLanguageModel {
        for (names, weight) in zip(placement.repeats, weights) {
          try graph.insert(weight, as: names[0])
          entries.append(
            LoadReport.Entry(
              outcome: .repeated, stored: [names[0]], parameters: [], rule: placement.rule.text,
              detail: placement.canonical.first.map { "it is \(quoted($0.name.string)) too" }))
        }
      }
      if let rows = operation.absentRows {
        losses.append(
          LayoutLoss(
            name: names[0], rows: 0..<rows.count, reason: rows.reason, isNothingIfZero: false))
      }
      unplaced.subtract(names)
    }
    for extra in table.surplus {
      try graph.insert(extra, values, architecture.sizes, &entries)
      losses.append(
        LayoutLoss(
          name: ExactName(extra.name), rows: nil, reason: extra.reason, isNothingIfZero: false,
          isSurplus: true))
    }
    var pairs: [EqualPair] = []
    let absent = table.absentParameters(of: architecture)
    for parameter in architecture.parameters where missing.contains(parameter.name) {
      entries.append(LoadReport.Entry(outcome: .missing, stored: [], parameters: [parameter.name]))
    }
    for parameter in architecture.parameters where unplaced.contains(parameter.name) {
      var entry = LoadReport.Entry(outcome: .dropped, stored: [], parameters: [parameter.name])
      defer { entries.append(entry) }
      if let known = absent[parameter.name] {
        losses.append(
          LayoutLoss(
            name: parameter.name, rows: nil, reason: known.reason,
            isNothingIfZero: known.zeros != nil))
        entry.detail = known.reason
      } else if let target = parameter.tiedTo {
        if !tied.contains(parameter.name) {
          pairs.append(EqualPair(first: target, second: parameter.name))
        }
        entry.outcome = .tied
        entry.detail = "it is \(quoted(target.string))"
      } else {
        throw refusal(.inconsistent, parameter.name, "the layout has no place for it")
      }
    }
    let refused = losses.filter { loss in !mayLose.contains { $0.matches(loss.name) } }
    if let loss = refused.first(where: { !$0.isNothingIfZero }) {
      guard !loss.isSurplus else {
        throw CheckpointError(
          .unsupported, tensor: loss.name.string,
          "layout \(layout.rawValue) needs it, and the model has none: \(loss.reason)",
          remedy: "\(remedy: .acceptLoss(loss.name.string)) accepts that")
      }
      let part = loss.rows.map { "its rows \($0.lowerBound)…\($0.upperBound - 1)" } ?? "it"
      throw CheckpointError(
        .unsupported, tensor: loss.name.string,
        "layout \(layout.rawValue) does not hold \(part): \(loss.reason)",
        remedy: "\(remedy: .acceptLoss(loss.name.string)) lets go of it")
    }
    self.graph = graph
    self.entries = entries
    self.losses = losses
    mustEqual = pairs
    mustBeZero = refused.map(\.name)
  }

  private static func table(
    for architecture: ModelArchitecture, in layout: Layout
  ) throws(CheckpointError) -> LayoutTable {
    guard let table = LayoutTable.tables(layout, architecture.family).first else {
      throw CheckpointError(
        .unsupported,
        "no layout \(layout.rawValue) for family \(architecture.family)")
    }
    let isHeld = table.heads?.contains(architecture.head) ?? true
    guard isHeld, architecture.hasPooler || !table.needsPooler else {
      let name = architecture.head.className(in: architecture.family) ?? ""
      let reason = isHeld ? "the pooler that it needs is not there" : "it has no such head"
      throw CheckpointError(
        .unsupported,
        "\(name) cannot be written in layout \(layout.rawValue): \(reason)")
    }
    return table
  }

  /// Looks that the weights are the model's, all of them and no others; what is missing and may be is the result.
  private static func check(
    _ canonical: WeightGraph, against architecture: ModelArchitecture, _ mayMiss: [NamePattern]
  ) throws(CheckpointError) -> Set<ExactName> {
    var missing: Set<ExactName> = []
    for parameter in architecture.parameters {
      guard let weight = canonical.weights[parameter.name] else {
        if mayMiss.contains(where: { $0.matches(parameter.name) }) {
          missing.insert(parameter.name)
          continue
        }
        throw refusal(.notFound, parameter.name, "the parameter is not there")
      }
      guard weight.shape == parameter.shape else {
        throw refusal(
          .mismatch, parameter.name, "expected \(parameter.shape), found \(weight.shape)")
      }
    }
    let known = Set(architecture.parameters.map(\.name))
    if let other = canonical.weights.keys.first(where: { !known.contains($0) }) {
      throw refusal(.inconsistent, other, "it is no parameter of the model")
    }
    return missing
  }
}

extension WeightGraph {
  /// Inserts zeros of the type of the first weight.
  fileprivate mutating func insert(
    _ extra: SurplusWeight, _ values: TemplateValues, _ sizes: ModelSizes,
    _ entries: inout [LoadReport.Entry]
  ) throws(CheckpointError) {
    let dimensions = extra.shape.compactMap(sizes.value)
    guard let dtype = weights.values.first?.dtype, let shape = Shape(dimensions),
      let name = extra.foreign.names(values).first(where: { weights[$0] == nil })
    else { throw refusal(.inconsistent, ExactName(extra.name), "the layout has no place for it") }
    try insert(try Weight.zeros(dtype, shape), as: name)
    entries.append(
      LoadReport.Entry(outcome: .filled, stored: [name], parameters: [], detail: extra.reason))
  }
}

private func refusal(
  _ kind: FailureKind, _ name: ExactName, _ problem: String
) -> CheckpointError {
  CheckpointError(kind, tensor: name.string, problem)
}
