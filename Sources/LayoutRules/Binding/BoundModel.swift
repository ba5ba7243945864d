public import CheckpointBytes
internal import OrderedCollections
internal import Synchronization
internal import TensorValues
public import WeightGraph

/// A checkpoint bound to the model that it was recognised as: every weight under its canonical name.
///
/// It is made once of what is opened, converted, compared or loaded, and handed on. Making it reads structure only;
/// ``settled()`` compares what only bytes can show.
public struct BoundModel: Sendable {
  /// The model, and the layout that it was found in.
  public let model: RecognizedModel
  /// The weights under their canonical names, in the model's order. Parameters that are tied are one weight; what is
  /// missing is not in it.
  public private(set) var graph: WeightGraph
  /// What became of every name. Problems are for the caller to weigh, and what they concern is not in the graph.
  public let report: LoadReport
  /// The configuration that was checked; nil if there was none.
  public let configuration: ModelConfiguration?
  /// What the configuration says differently without contradicting the weights, in words.
  public let notes: [String]
  /// Names in the checkpoint that hold one weight twice: different bytes make the checkpoint inconsistent.
  public let mustEqual: [EqualPair]
  /// Canonical names that Transformers ties, of which the checkpoint holds both: different bytes make the model untied.
  public private(set) var statedTies: [EqualPair]
  /// Of these the pairs that differ, as far as they were compared.
  public private(set) var untied: [EqualPair] = []
  /// The weights under their own names.
  private let source: WeightGraph

  /// Binds what was recognised.
  ///
  /// - Parameters:
  ///   - stored: The weights as the checkpoint has them.
  ///   - model: The model.
  ///   - configuration: The model's configuration, where there is one: it is checked against names and shapes.
  ///   - fill: What becomes zeros where the layout has no place for it; the report says so. Token types that a layout does
  ///     not have are zeros by definition and need no asking.
  /// - Throws: `inconsistent` if the layout's rules do not fit the model; what ``ModelConfiguration/check(against:)`` throws.
  public init(
    _ stored: WeightGraph, as model: RecognizedModel, configuration: ModelConfiguration? = nil,
    fill: FillPolicy = .nothing
  ) throws(CheckpointError) {
    // Steps and their scales are one weight to a model.
    let scaleNames = stored.scaleNames
    let source = try stored.joiningScales()
    WorkCount.current?.bindings.add(1, ordering: .relaxed)
    notes = try configuration?.check(against: model.architecture) ?? []
    var binding = Binding(source, model.names, fill, scaleNames: scaleNames)
    let placements = try model.table.placements(of: model.architecture, model.values)
    for placement in placements { binding.bind(placement) }
    binding.resolveTies(of: model.architecture)
    binding.resolveAbsences(of: model)
    binding.dropKnown(model)
    binding.findSpellings(model, placements)
    binding.explainParametrized(model)
    binding.suggest()
    var graph = WeightGraph()
    graph.facts.metadata = source.facts.metadata
    for parameter in model.architecture.parameters {
      if let weight = binding.bound[parameter.name] {
        try graph.insert(weight, as: parameter.name)
      }
    }
    self.source = source
    self.model = model
    self.configuration = configuration
    self.graph = graph
    report = LoadReport(entries: binding.entries, remarks: model.remarks + binding.remarks)
    mustEqual = binding.mustEqual
    statedTies = binding.statedTies
  }

  /// True for a name of the checkpoint that is none of the model's, and is one of the head that fits best.
  package var isOfFittingHead: (ExactName) -> Bool {
    let names = Set(
      model.namesOfOtherHeads.lazy.filter { $0.value.contains(model.fittingHead) }.map(\.key))
    return { names.contains(model.names.bare($0)) }
  }

  /// Compares what the layout holds twice, byte by byte.
  ///
  /// - Throws: `inconsistent` if the copies differ; what reading throws.
  public func checkRepeats() throws(CheckpointError) {
    if let pair = try source.unequal(mustEqual).first {
      throw CheckpointError(
        .inconsistent, tensor: pair.second.string,
        "the layout repeats \(quoted(pair.first.string)) here, and the bytes differ")
    }
  }

  /// The model with its ties as the bytes have them: parameters that Transformers ties are one weight where they are equal,
  /// and in ``untied`` where they are not, or where the configuration says that nothing is tied: Transformers then looks for each.
  ///
  /// - Throws: what ``checkRepeats()`` throws; `inconsistent` if a tie that the configuration or the file's metadata states is
  ///   none.
  public func settled() throws(CheckpointError) -> BoundModel {
    try checkRepeats()
    try source.checkStatedAliases(report)
    var settled = self
    settled.untied =
      configuration?.tiesWordEmbeddings == false ? statedTies : try graph.unequal(statedTies)
    if let configuration, configuration.statesTie, let pair = settled.untied.first {
      throw CheckpointError(
        .inconsistent, tensor: pair.second.string,
        "\(configuration.file) ties it to \(quoted(pair.first.string)), and the bytes differ",
        remedy: "say \"tie_word_embeddings\": false there if the model is meant to be untied")
    }
    let different = Set(settled.untied.map(\.second))
    var primaries: [ExactName: ExactName] = [:]
    for pair in statedTies where !different.contains(pair.second) {
      primaries[pair.second] = pair.first
    }
    settled.graph = try graph.mapWeights { (name, weight) in
      primaries[name].flatMap { graph.weights[$0] } ?? weight
    }
    settled.statedTies = settled.untied
    return settled
  }

  /// The architecture with the number of attention heads, as far as it is known; see
  /// ``ModelArchitecture/withHeads(_:configuration:)``.
  public func architecture(heads: Int? = nil) throws(CheckpointError) -> ModelArchitecture {
    try model.architecture.withHeads(heads, configuration: configuration)
  }

  /// The weights under the names that they have in a model with a head, whether this one has a head or is a body alone:
  /// what makes two checkpoints of one family comparable. Weights that are none of the model's follow, under their own
  /// names. What the checkpoint holds that is no tensor stays listed.
  public func comparableGraph() throws(CheckpointError) -> WeightGraph {
    let prefix = model.architecture.head == .base ? model.architecture.family.bodyPrefix : ""
    var result = WeightGraph()
    result.facts.others = source.facts.others
    for (name, weight) in graph.weights {
      try result.insert(weight, as: ExactName(prefix + name.string))
    }
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
      error.remedy = "\(remedy: .leaveOut([pair.second.string])) leaves it out"
      throw error
    }
  }
}

extension ModelConfiguration {
  /// True if the file itself says that the output is the word embeddings: the default is no statement.
  fileprivate var statesTie: Bool {
    document["tie_word_embeddings"] == .boolean(true)
  }
}
