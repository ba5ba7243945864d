internal import CheckpointBytes
internal import TensorValues

/// A convention of names and shapes.
public enum Layout: String, Sendable, Hashable, CaseIterable {
  /// Transformers' PyTorch names: the canonical ones.
  case transformers
  /// `tf_model.h5`, as Transformers' TensorFlow classes wrote it.
  case tensorFlow = "tf"
  /// KerasHub's `.weights.h5`, of BERT and GPT-2.
  case kerasHub = "keras-hub"
  /// The names of OpenAI's GPT-2.
  case openAI = "openai"
  /// The names of Google's BERT.
  case google
}

/// The rules of one layout for one family.
struct LayoutTable {
  let layout: Layout
  let family: ModelFamily
  let rules: [LayoutRule]
  /// The heads that the layout has; nil for all.
  var heads: Set<ModelHead>?
  /// True if a body without a pooler cannot be written: the layout's own reader would miss it.
  var needsPooler = false
  /// What is known to lie beside the parameters.
  var drops: [KnownAbsence] = []
  /// What stands for `{body}` with a head on top, and without.
  var bodies: (headed: String, bare: String) = ("", "")
  /// True if the names of a whole model may stand in a scope of its own.
  var hasScopes = false

  /// The tables of a layout, the one to write first.
  static func tables(_ layout: Layout, _ family: ModelFamily) -> [LayoutTable] {
    switch layout {
    case .transformers: [transformers(family)]
    case .tensorFlow: [tensorFlow(family)]
    case .kerasHub: kerasHub(family).map { [$0] } ?? []
    case .openAI: family == .gpt2 ? [openAI] : []
    case .google: family == .bert ? [google] : []
    }
  }

  /// The rules filled in for one architecture.
  ///
  /// - Throws: `inconsistent`, naming the rule, if a size it needs is not known, or two rules claim one name.
  func placements(
    of architecture: ModelArchitecture, _ foreignValues: TemplateValues
  ) throws(CheckpointError) -> [Placement] {
    let parameters = Dictionary(
      architecture.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let templates = Dictionary(
      ParameterTemplate.all(family, architecture.head, hasPooler: architecture.hasPooler).map {
        ($0.name.text, $0)
      }, uniquingKeysWith: { first, _ in first })
    var claimed: Set<ExactName> = []
    var placements: [Placement] = []
    for rule in rules {
      guard let template = templates[rule.canonical.text] else { continue }
      func refusal(_ problem: String) -> CheckpointError {
        CheckpointError(.inconsistent, CheckpointError.Site(), "rule \(rule.text): \(problem)")
      }
      let extents = rule.operation.extents(from: template.extents)
      var dimensions: [Int] = []
      for extent in extents {
        guard let value = architecture.sizes.value(of: extent), value >= 0 else {
          throw refusal("the size \(extent) is not known")
        }
        dimensions.append(value)
      }
      guard let shape = Shape(dimensions) else { throw refusal("\(dimensions) cannot be counted") }
      var own = TemplateValues()
      own.body = architecture.head == .base ? "" : family.bodyPrefix
      var foreign = foreignValues
      for layer in 0..<(rule.canonical.isPerLayer ? architecture.sizes.layers : 1) {
        own.layer = layer
        foreign.layer = layer
        let name = rule.canonical.names(own)[0]
        guard let parameter = parameters[name], claimed.insert(name).inserted else {
          throw refusal("\(quoted(name.string)) is claimed by another rule too")
        }
        let placement = Placement(
          rule: rule, canonical: parameter, foreign: rule.foreign.map { $0.names(foreign) },
          shape: shape, repeats: rule.repeats.map { $0.names(foreign) })
        placements.append(placement)
      }
    }
    return placements
  }
}

/// A rule filled in: concrete names and shapes.
struct Placement {
  let rule: LayoutRule
  let canonical: ModelParameter
  /// For each foreign weight the names it may have, the one to write first.
  let foreign: [[ExactName]]
  /// The shape of each foreign weight.
  let shape: Shape
  let repeats: [[ExactName]]
}
