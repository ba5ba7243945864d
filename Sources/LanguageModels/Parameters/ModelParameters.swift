package import CheckpointBytes
public import LayoutRules
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
internal import WeightGraph

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
  let quantization: LoadedQuantization
  let learns: Bool
  let adapterDropout: Float
  let staysInFile: Bool
  let generation: Result<GenerationSettings, CheckpointError>?
  let origin: ModelOrigin?
  /// What of the weights was drawn.
  let drawnHead: DrawnHead?
  /// What a model has taken of them.
  private(set) var collector = ParameterCollector(aliases: [:])

  /// Takes what was bound for a head. Whatever contradicts the model is told before a tensor's bytes are read; what the
  /// layout holds twice is compared last.
  ///
  /// - Parameter settings: The configuration as a file has it, where it is one of this class: more of it is compared.
  /// - Throws: `inconsistent` if the settings contradict the weights, or a name is claimed twice; `notFound` for a parameter
  ///   that is missing; `mismatch` for a shape; each with the name.
  package init(
    _ bound: BoundModel, configuration: Configuration, settings: ModelConfiguration? = nil,
    options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) {
    let model = bound.model
    let isOfFittingHead = bound.isOfFittingHead
    try bound.report.check(
      mayIgnore: { name in
        isOfFittingHead(name) || options.mayIgnore.contains { $0.matches(name) }
      },
      remedy: { entry in
        entry.isFillable
          ? entry.parameters.first.map {
            "\(remedy: .fillZeros($0.string)) puts zeros there"
          } : entry.suggestion.map { "did you mean \(quoted($0.string))?" }
      })
    try configuration.check(model.architecture.sizes, report: bound.report)
    self.configuration = configuration
    let layers = model.architecture.sizes.layers
    if configuration.layerCount < layers {
      var sizes = model.architecture.sizes
      sizes.layers = configuration.layerCount
      architecture = try ModelArchitecture(
        family: Configuration.family, head: model.architecture.head, sizes: sizes,
        hasPooler: model.architecture.hasPooler)
      let reason = "the configuration has \(configuration.layerCount) of \(layers) layers"
      report = bound.report.restricted(to: architecture, reason: reason)
    } else {
      architecture = model.architecture
      report = bound.report
    }
    storedLayers = layers
    graph = bound.graph
    aliases = bound.graph.aliases
    context = try options.resolvedContext()
    nonFinite = options.nonFinite
    learns = options.learns
    adapterDropout = options.adapterDropout
    staysInFile = options.staysInFile && !options.learns
    quantization = try LoadedQuantization(
      architecture, quantizes: options.precision == .int8, document: configuration.document)
    generation = options.generation
    origin = options.origin
    drawnHead = options.drawnHead
    try settings?.check(against: architecture)
    try bound.checkRepeats()
  }

  /// The same for another model, whose parameters are its own.
  func collected() -> ModelParameters {
    var parameters = self
    parameters.collector = ParameterCollector(aliases: aliases)
    return parameters
  }

  /// Takes what a parameter of the model would be if the two were tied, and what nothing is computed with where they are not: Transformers
  /// has a bias of the head and one of its decoder, and saves both.
  func takeUntied() throws(CheckpointError) {
    for parameter in architecture.parameters where collector[parameter.name.string] != nil {
      guard let other = parameter.tiedTo, collector[other.string] == nil else { continue }
      try self[""].take(other)
    }
  }

  /// The parameters of the body.
  var body: ParameterScope {
    let prefix = architecture.head == .base ? "" : Configuration.family.bodyPrefix
    return ParameterScope(source: source, name: String(prefix.dropLast()))
  }

  /// All parameters, by their names under no prefix.
  subscript(name: String) -> ParameterScope { ParameterScope(source: source, name: name) }

  private var source: ParameterSource {
    ParameterSource(
      graph: graph, context: context, nonFinite: nonFinite, quantization: quantization,
      collector: collector, learns: learns, adapterDropout: adapterDropout, staysInFile: staysInFile
    )
  }
}

extension ModelConfig {
  /// Refuses settings that are not those of the weights. ``LayoutRules/ModelConfiguration`` compares more, with the file.
  fileprivate func check(_ sizes: ModelSizes, report: LoadReport) throws(CheckpointError) {
    for (key, stated, found) in [
      ("hidden_size", hiddenSize, sizes.hidden),
      ("embedding_size", embeddingSize, sizes.embedding),
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
          .notFound, tensor: entry.parameters.first?.string,
          "missing: \(entry.detail ?? "it is tied"), but tie_word_embeddings is false")
      }
      return
    }
  }
}
