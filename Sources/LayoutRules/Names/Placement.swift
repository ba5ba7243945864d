internal import CheckpointBytes
internal import TensorValues

/// A rule filled in: concrete names and shapes.
struct Placement {
  let rule: LayoutRule
  /// The parameters, all of one shape.
  let canonical: [ModelParameter]
  /// For each foreign weight the names it may have, the one to write first.
  let foreign: [[ExactName]]
  /// The shape of each foreign weight.
  let shape: Shape
  let repeats: [[ExactName]]
  let echoes: [[ExactName]]
  /// The number of the layer; 0 for what belongs to none.
  let layer: Int
}

extension Placement {
  /// What happens to the weights, read from the layout or written into it.
  ///
  /// - Parameter stored: The names in the layout.
  func outcome(isWriting: Bool, stored: [ExactName]) -> LoadReport.Outcome {
    let operation = rule.operation
    if operation.absentRows != nil { return isWriting ? .sliced : .filled }
    if foreign.count > 1 { return isWriting ? .split : .merged }
    if canonical.count > 1 { return isWriting ? .merged : .split }
    if operation.isTransposed { return .transposed }
    if operation.shape != nil { return .reshaped }
    return stored == canonical.map(\.name) ? .kept : .renamed
  }

  /// What becomes of the parameters on the way into the layout.
  var entryOfWriting: LoadReport.Entry {
    let names = foreign.map { $0[0] }
    return LoadReport.Entry(
      outcome: outcome(isWriting: true, stored: names), stored: names,
      parameters: canonical.map(\.name), rule: rule.text,
      detail: rule.operation.absentRows.map { "without rows 0…\($0.count - 1): \($0.reason)" })
  }
}

extension LayoutTable {
  /// The rules filled in for one architecture. Rules for parameters that it does not have are left out.
  ///
  /// - Throws: `inconsistent`, naming the rule, if a size it needs is not known, or two rules claim one name.
  func placements(
    of architecture: ModelArchitecture, _ foreignValues: TemplateValues
  ) throws(CheckpointError) -> [Placement] {
    let parameters = Dictionary(
      architecture.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let definition = architecture.family.definition
    let templates = Dictionary(
      definition.parameters(architecture.head, hasPooler: architecture.hasPooler)
        .filter { $0.exists(in: architecture.sizes) }.map { ($0.name.text, $0.extents) },
      uniquingKeysWith: { first, _ in first })
    var own = TemplateValues()
    own.body = architecture.head == .base ? "" : definition.bodyPrefix
    var foreign = foreignValues
    var parametersClaimed: [ExactName: LayoutRule] = [:]
    var namesClaimed: [ExactName: LayoutRule] = [:]
    var placements: [Placement] = []
    for rule in rules {
      let known = rule.canonical.compactMap { templates[$0.text] }
      guard let extents = known.first, known.count == rule.canonical.count else { continue }
      let shape = try shape(of: rule, rule.extents(from: extents), architecture.sizes)
      for layer in 0..<(rule.isPerLayer ? architecture.sizes.layers : 1) {
        own.layer = layer
        foreign.layer = layer
        let placement = Placement(
          rule: rule, canonical: rule.canonical.compactMap { parameters[$0.names(own)[0]] },
          foreign: rule.foreign.map { $0.names(foreign) }, shape: shape,
          repeats: rule.repeats.map { $0.names(foreign) },
          echoes: rule.echoes.map { $0.names(foreign) }, layer: layer)
        guard placement.canonical.count == rule.canonical.count else {
          throw refusal(rule, "it fits no parameter of the model")
        }
        try claim(placement.canonical.map(\.name), for: rule, among: &parametersClaimed)
        try claim(placement.foreign.flatMap { $0 }, for: rule, among: &namesClaimed)
        placements.append(placement)
      }
    }
    return placements
  }

  /// The parameters of an architecture that the layout does not hold.
  func absentParameters(of architecture: ModelArchitecture) -> [ExactName: AbsentParameter] {
    var own = TemplateValues()
    own.body = architecture.head == .base ? "" : architecture.family.bodyPrefix
    var found: [ExactName: AbsentParameter] = [:]
    for parameter in absent {
      for name in parameter.name.names(own) { found[name] = parameter }
    }
    return found
  }

  private func claim(
    _ names: [ExactName], for rule: LayoutRule, among claimed: inout [ExactName: LayoutRule]
  ) throws(CheckpointError) {
    for name in names {
      if let other = claimed.updateValue(rule, forKey: name) {
        throw refusal(rule, "\(quoted(name.string)) is claimed by \(other.text) too")
      }
    }
  }

  private func shape(
    of rule: LayoutRule, _ extents: [Extent], _ sizes: ModelSizes
  ) throws(CheckpointError) -> Shape {
    var dimensions: [Int] = []
    for extent in extents {
      guard let value = sizes.value(of: extent), value >= 0 else {
        throw refusal(
          rule, "the size \(extent) is not known",
          remedy: [.heads, .headSize].contains(extent)
            ? "say their number with \(remedy: .attentionHeads)" : nil)
      }
      dimensions.append(value)
    }
    guard let shape = Shape(dimensions) else {
      throw refusal(rule, "\(dimensions) cannot be counted")
    }
    return shape
  }

  private func refusal(
    _ rule: LayoutRule, _ problem: String, remedy: Wording? = nil
  ) -> CheckpointError {
    CheckpointError(.inconsistent, "rule \(rule.text): \(problem)", remedy: remedy)
  }
}
