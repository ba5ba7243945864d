public import CheckpointBytes
public import LayoutRules
internal import ModelFamilies
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

  /// The configuration that was checked; nil if there was none.
  public let configuration: ModelConfiguration?
  /// What the configuration says differently without contradicting the weights, in words.
  public let notes: [String]

  /// Recognises and binds weights. What the layout holds twice is compared byte by byte.
  ///
  /// - Parameters:
  ///   - source: The checkpoint's weights.
  ///   - configuration: The model's configuration, where there is one: it is checked against the weights, and decides
  ///     where they leave the family or the head open.
  ///   - task: Of several classification heads of fairseq, the one that is meant.
  ///   - fill: Parameters that become zeros where the layout does not hold them, or not whole. Token types that a layout
  ///     does not have are zeros by definition and need no asking.
  /// - Throws: what ``RecognizedModel``, ``ModelConfiguration/check(against:)`` and ``LoadPlan`` throw; `inconsistent` if
  ///   the copies of a repeated weight differ, or if a tie that the configuration states is none; what reading throws.
  public init(
    _ source: WeightGraph, configuration: ModelConfiguration? = nil, task: String? = nil,
    fill: [NamePattern] = []
  ) throws(CheckpointError) {
    let model = try RecognizedModel(source, configuration: configuration, task: task)
    let notes = try configuration?.check(against: model.architecture) ?? []
    try self.init(source, as: model, configuration: configuration, notes: notes, fill: fill)
  }

  /// Binds weights that were recognised.
  package init(
    _ source: WeightGraph, as model: RecognizedModel, configuration: ModelConfiguration? = nil,
    notes: [String] = [], fill: [NamePattern] = []
  ) throws(CheckpointError) {
    self.model = model
    self.configuration = configuration
    self.notes = notes
    let plan = try LoadPlan(source, as: model, fill: .zeros(for: fill))
    if let pair = try source.unequal(plan.mustEqual).first {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(), tensor: pair.second.string,
        "the layout repeats \(quoted(pair.first.string)) here, and the bytes differ")
    }
    try source.checkStatedAliases(plan.report)
    untied = try plan.graph.unequal(plan.statedTies)
    if let configuration, configuration.statesTie, let pair = untied.first {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(), tensor: pair.second.string,
        "\(configuration.file) ties it to \(quoted(pair.first.string)), and the bytes differ",
        remedy: "say \"tie_word_embeddings\": false there if the model is meant to be untied")
    }
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

  /// The architecture with the number of attention heads, as far as it is known.
  ///
  /// - Parameter heads: Their number as the caller knows it.
  /// - Throws: `inconsistent` if it is another one than the weights or the configuration have, or does not divide the
  ///   width.
  public func architecture(heads: Int? = nil) throws(CheckpointError) -> ModelArchitecture {
    let found = model.architecture
    let known = found.sizes.heads ?? configuration?.sizes.heads
    func refusal(_ problem: String) -> CheckpointError {
      CheckpointError(.inconsistent, CheckpointError.Site(field: "attention heads"), problem)
    }
    if let heads, let known, heads != known {
      throw refusal("\(heads) are stated, the model has \(known)")
    }
    guard let number = heads ?? known else { return found }
    guard number > 0, found.sizes.hidden.isMultiple(of: number) else {
      throw refusal("\(number) do not divide the width \(found.sizes.hidden)")
    }
    var sizes = found.sizes
    sizes.heads = number
    return try ModelArchitecture(
      family: found.family, head: found.head, sizes: sizes, hasPooler: found.hasPooler)
  }

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

extension WeightGraph {
  /// Looks whether what a safetensors file's metadata says of tied weights is true (`safetensors.torch.save_model`, 0.8.0:
  /// the left-out name is the key, the kept one the value). Where it is, opening the file has tied them.
  fileprivate func checkStatedAliases(_ report: LoadReport) throws(CheckpointError) {
    func refusal(_ name: ExactName, _ problem: String) -> CheckpointError {
      CheckpointError(
        .inconsistent, CheckpointError.Site(field: "__metadata__"), tensor: name.string, problem)
    }
    let known = Set(report.entries.flatMap { $0.parameters + ($0.expected.map { [$0] } ?? []) })
    var pairs: [EqualPair] = []
    let convention = TieConvention(storedNames: weights.keys)
    for (key, value) in facts.metadata.entries ?? [:] where key != "format" {
      let kept = ExactName(value)
      if weights[key] != nil && weights[kept] != nil {
        guard convention.tells(key, isTiedTo: kept) else { continue }
        pairs.append(EqualPair(first: kept, second: key))
      } else if weights[key] == nil && weights[kept] == nil && known.contains(key) {
        throw refusal(key, "it is stated to be \(quoted(value)), which is not there")
      }
    }
    if let pair = try unequal(pairs).first {
      var error = refusal(
        pair.second, "it is stated to be \(quoted(pair.first.string)), and the bytes differ")
      error.remedy = "--exclude \(shellPattern(pair.second.string)) leaves it out"
      throw error
    }
  }
}

extension RecognizedModel {
  /// Recognises weights, and lets the configuration decide what they leave open.
  ///
  /// - Throws: what recognising throws.
  public init(
    _ source: WeightGraph, configuration: ModelConfiguration?, task: String? = nil
  ) throws(CheckpointError) {
    var model = try RecognizedModel(source, task: task)
    if let configuration {
      var family: ModelFamily?
      let isVariant =
        configuration.family.definition.variantOf == model.architecture.family.name
      if configuration.family != model.architecture.family,
        isVariant || model.isFamilyLikelyOnly
      {
        family = configuration.family
        model = try RecognizedModel(source, family: family, task: task)
      }
      if let head = configuration.heads.first(where: model.alternatives.contains) {
        model = try RecognizedModel(source, family: family, head: head, task: task)
      }
    }
    self = model
  }
}

extension ModelConfiguration {
  /// True if the file itself says that the output is the word embeddings: the default is no statement.
  fileprivate var statesTie: Bool {
    document["tie_word_embeddings"] == .boolean(true)
  }
}
