public import CheckpointBytes
public import LayoutRules
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
public import WeightGraph

/// A checkpoint's weights, bound to the parameters of one model: what a model is made from.
///
/// Binding touches no data. Every parameter that a model pulls is then there, has the right shape, and is read once.
public struct ModelParameters<Configuration: ModelConfig>: Sendable {
  /// The model's settings.
  public let configuration: Configuration
  /// What became of every name of the checkpoint and of the model.
  public let report: LoadReport
  /// The sizes of the model: those of the weights, but for layers that the configuration does not count.
  public let architecture: ModelArchitecture
  /// The number of layers that the weights have.
  let storedLayers: Int
  let graph: WeightGraph
  let aliases: [ExactName: ExactName]
  let context: ExecutionContext
  let nonFinite: LoadOptions.NonFinite
  let generation: Result<GenerationSettings, CheckpointError>?

  /// Binds a checkpoint in any known layout to a head's parameters. What the layout holds twice is compared.
  ///
  /// - Throws: `inconsistent` if it is no such model, if the settings contradict the weights, or a name is claimed twice;
  ///   `notFound` for a parameter that is missing; `mismatch` for a shape; each with the name.
  public init(
    _ weights: WeightGraph, head: ModelHead, configuration: Configuration,
    options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) {
    let model = try RecognizedModel(
      weights, among: Configuration.families, family: Configuration.family, head: head)
    let plan = try LoadPlan(weights, as: model, fill: .zeros(for: options.fill))
    let others = try Self.namesOfOtherHeads(weights)
    try plan.report.check(mayIgnore: { name in
      others.contains(name) || options.mayIgnore.contains { $0.matches(name) }
    })
    try plan.checkRepeats(in: weights)
    try configuration.check(model.architecture.sizes, report: plan.report)
    self.configuration = configuration
    let layers = model.architecture.sizes.layers
    if configuration.layerCount < layers {
      var sizes = model.architecture.sizes
      sizes.layers = configuration.layerCount
      architecture = try ModelArchitecture(
        family: Configuration.family, head: head, sizes: sizes,
        hasPooler: model.architecture.hasPooler)
      let reason = "the configuration has \(configuration.layerCount) of \(layers) layers"
      report = plan.report.restricted(to: architecture, reason: reason)
    } else {
      architecture = model.architecture
      report = plan.report
    }
    storedLayers = layers
    graph = plan.graph
    aliases = plan.graph.aliases
    context = try options.resolvedContext()
    nonFinite = options.nonFinite
    generation = options.generation
  }

  /// The names that the head which fits best uses: a checkpoint may hold more than the model that is wanted.
  private static func namesOfOtherHeads(
    _ weights: WeightGraph
  ) throws(CheckpointError) -> Set<ExactName> {
    let whole: LoadPlan
    do throws(CheckpointError) {
      whole = try LoadPlan(
        weights,
        as: RecognizedModel(
          weights, among: Configuration.families, family: Configuration.family))
    } catch {
      // The wanted head is whole; another one that contradicts the body has no names of its own.
      guard error.kind == .mismatch else { throw error }
      return []
    }
    return Set(whole.report.entries.filter { !$0.outcome.isProblem }.flatMap(\.stored))
  }

  /// The parameters of the body.
  var body: ParameterScope {
    let prefix = architecture.head == .base ? "" : Configuration.family.bodyPrefix
    return ParameterScope(source: source, name: String(prefix.dropLast()))
  }

  /// All parameters, by their names under no prefix.
  subscript(name: String) -> ParameterScope { ParameterScope(source: source, name: name) }

  private var source: ParameterSource {
    ParameterSource(graph: graph, aliases: aliases, context: context, nonFinite: nonFinite)
  }
}

extension ModelConfig {
  /// Refuses settings that are not those of the weights. ``LayoutRules/ModelConfiguration`` compares more, with the file.
  fileprivate func check(_ sizes: ModelSizes, report: LoadReport) throws(CheckpointError) {
    for (key, stated, found) in [
      ("hidden_size", hiddenSize, sizes.hidden),
      // Fewer layers than there are: a request for the first ones, as in the reference.
      ("num_hidden_layers", layerCount, min(layerCount, sizes.layers)),
      ("vocab_size", vocabularySize, sizes.vocabulary),
      ("max_position_embeddings", positionCount, sizes.positions),
    ] where stated != found {
      throw inputFailure(
        .inconsistent, key, "the configuration says \(stated), the weights have \(found)")
    }
    guard tiesWordEmbeddings else {
      if let entry = report.entries.first(where: { $0.outcome == .tied }) {
        throw CheckpointError(
          .notFound, CheckpointError.Site(), tensor: entry.parameters.first?.string,
          "missing: \(entry.detail ?? "it is tied"), but tie_word_embeddings is false")
      }
      return
    }
  }
}

extension LoadPlan {
  /// Refuses copies of one weight that differ: TensorFlow's language models hold the embeddings twice.
  fileprivate func checkRepeats(in checkpoint: WeightGraph) throws(CheckpointError) {
    for pair in mustEqual {
      guard let first = checkpoint.weights[pair.first], let second = checkpoint.weights[pair.second]
      else { continue }
      var offset = 0
      while offset < first.byteCount {
        // A whole number of elements of any type.
        let count = min(1 << 20, first.byteCount - offset)
        guard first.dtype == second.dtype, first.byteCount == second.byteCount,
          try first.bytes(at: offset, count) == second.bytes(at: offset, count)
        else {
          throw CheckpointError(
            .inconsistent, CheckpointError.Site(), tensor: pair.second.string,
            "the layout repeats \(quoted(pair.first.string)) here, and the bytes differ")
        }
        offset += count
      }
    }
  }
}

extension Weight {
  fileprivate func bytes(at offset: Int, _ count: Int) throws(CheckpointError) -> [UInt8] {
    try unsafe withNewBytes(count: count) { (buffer) throws(CheckpointError) in
      try unsafe read(at: offset, into: buffer)
    }
  }
}
