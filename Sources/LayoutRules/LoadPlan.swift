public import CheckpointBytes
internal import OrderedCollections
internal import TensorValues
public import WeightGraph

/// Two names whose bytes have to agree. Structure cannot show it, so whoever has the files compares them.
public struct EqualPair: Sendable, Hashable {
  /// The name that the other repeats.
  public let first: ExactName
  /// The other name.
  public let second: ExactName

  /// Makes a pair.
  public init(first: ExactName, second: ExactName) {
    self.first = first
    self.second = second
  }
}

/// A checkpoint bound to a model's parameters, before a byte is read.
public struct LoadPlan: Sendable {
  /// The weights under their canonical names, in the model's order. Ties are one weight under several names.
  public let graph: WeightGraph
  /// What became of every name.
  public let report: LoadReport
  /// Names in the checkpoint that hold one weight twice: different bytes make the checkpoint inconsistent.
  public let mustEqual: [EqualPair]
  /// Canonical names that Transformers ties, of which the checkpoint holds both: different bytes make the model untied.
  public let statedTies: [EqualPair]

  /// Binds what was recognised. Problems are in the report, and what they concern is not in the graph.
  ///
  /// - Parameter fill: What becomes zeros where the layout has no place for it; the report says so.
  /// - Throws: `inconsistent` if the layout's rules do not fit the model.
  public init(
    _ checkpoint: WeightGraph, as model: RecognizedModel, fill: FillPolicy = .nothing
  ) throws(CheckpointError) {
    var binding = Binding(checkpoint, model.names, fill)
    let placements = try model.table.placements(of: model.architecture, model.values)
    for placement in placements { binding.bind(placement) }
    binding.resolveTies(of: model.architecture)
    binding.resolveAbsences(of: model)
    binding.dropKnown(model)
    binding.findSpellings(model, placements)
    binding.explainParametrized(model)
    binding.suggest()
    var graph = WeightGraph()
    graph.facts.metadata = checkpoint.facts.metadata
    for parameter in model.architecture.parameters {
      if let weight = binding.bound[parameter.name] {
        try graph.insert(weight, as: parameter.name)
      }
    }
    self.graph = graph
    report = LoadReport(entries: binding.entries, remarks: model.remarks + binding.remarks)
    mustEqual = binding.mustEqual
    statedTies = binding.statedTies
  }
}
