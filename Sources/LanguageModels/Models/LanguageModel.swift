public import CheckpointBytes
public import LayoutRules
public import TensorEngine
public import WeightGraph

/// A model with its weights, ready to run: one of Transformers' classes under its name there.
///
///     let model = try BertForMaskedLM(weights: graph, configuration: configuration)
///     let outputs = try model(ModelInputs(inputIDs: TokenArray([[101, 103, 102]])))
///
/// A model does not change unless somebody replaces values of its ``parameters``, and may be run by any number of tasks. Its results depend neither on the number of threads nor,
/// but for padding, on what else is in the batch.
public protocol LanguageModel: Sendable {
  /// The settings of its family.
  associatedtype Configuration: ModelConfig
  /// What stands on the body.
  static var head: ModelHead { get }
  /// What was loaded.
  var info: ModelInfo<Configuration> { get }

  /// Takes the weights that it needs, and reads each once.
  ///
  /// - Throws: `unsupported` for a setting or an element type that is not implemented; what reading throws.
  init(_ parameters: ModelParameters<Configuration>) throws(CheckpointError)

  /// Runs the model once over whole sequences.
  ///
  /// - Throws: `mismatch` for arrays whose extents do not fit, `inconsistent` for an index outside its table or an empty batch,
  ///   naming the argument and the place.
  func run(_ inputs: ModelInputs, _ options: RunOptions) throws(CheckpointError) -> ModelOutputs
}

/// What a loaded model is.
public struct ModelInfo<Configuration: ModelConfig>: Sendable {
  /// The settings.
  public let configuration: Configuration
  /// The family, the head, and the sizes of the weights.
  public let architecture: ModelArchitecture
  /// What became of every name of the checkpoint and of the model.
  public let report: LoadReport
  /// What the model computes with.
  public let context: ExecutionContext

  /// What is odd about the settings, a sentence each: what the reference warns of, and does; layers that are left aside.
  public let remarks: [String]
  let generation: Result<GenerationSettings, CheckpointError>?
  /// The parameters, by their names in Transformers.
  public let parameters: ParameterSet
  /// The factors of the adapter that the model runs with.
  public let adapterParameters: ParameterSet
  /// Where the model was opened, if it was.
  package let origin: ModelOrigin?

  init(_ parameters: ModelParameters<Configuration>) {
    var remarks = parameters.report.notesOfFilled
    switch (parameters.architecture.head, parameters.configuration.isCausal) {
    case (.causalLM, false):
      remarks.append(
        "is_decoder is false: a token sees what follows it, and no text can be generated")
    case (.maskedLM, true):
      remarks.append("is_decoder is true: a token does not see what follows it")
    default: break
    }
    let (first, all) = (parameters.architecture.sizes.layers, parameters.storedLayers)
    if first < all {
      remarks.append(
        "the configuration has \(first) of the \(all) layers that the weights have; "
          + (first + 1 == all ? "layer \(first) is" : "layers \(first) to \(all - 1) are")
          + " left aside")
    }
    if let drawn = parameters.drawnHead, !drawn.names.isEmpty {
      remarks.append("drawn by seed \(drawn.seed): " + drawn.names.joined(separator: ", "))
    }
    self.remarks = remarks
    configuration = parameters.configuration
    architecture = parameters.architecture
    report = parameters.report
    context = parameters.context
    generation = parameters.generation
    origin = parameters.origin
    self.parameters = parameters.collector.parameters(of: parameters.architecture)
    adapterParameters = parameters.collector.factors(of: parameters.architecture)
  }
}

extension LanguageModel {
  /// The class's name in Transformers.
  public static var className: String { head.className(in: Configuration.family) ?? "" }
  /// The family, for types whose settings are not known.
  public static var family: ModelFamily { Configuration.family }

  /// Binds a checkpoint's weights, in any known layout, and takes those that the model needs.
  ///
  /// What the checkpoint holds for another head of the family is left aside and is in the report; anything else that is
  /// missing, unexpected or of another shape is an error.
  /// - Throws: `inconsistent`, `notFound` or `mismatch`, naming the tensor, if the weights are not this model's; `unsupported`
  ///   for a setting or an element type that is not implemented.
  public init(
    weights: WeightGraph, configuration: Configuration, options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) {
    let model = try Recognition(weights, among: Configuration.families)
      .model(family: Configuration.family, head: Self.head)
    let bound = try BoundModel(weights, as: model, fill: .zeros(for: options.fill))
    try self.init(
      try ModelParameters(bound, configuration: configuration, options: options))
  }

  /// Binds a checkpoint's weights and takes those that the model needs; the settings are those of a `config.json`.
  ///
  /// - Throws: what ``ModelConfig/init(_:file:)`` and ``LanguageModel/init(weights:configuration:options:)`` throw.
  public init(
    weights: WeightGraph, document: JSONValue, file: String? = nil,
    options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) {
    try self.init(
      weights: weights, configuration: try Configuration(document, file: file), options: options)
  }

  /// Runs the model once over whole sequences; see ``LanguageModel/run(_:_:)``.
  public func callAsFunction(
    _ inputs: ModelInputs, options: RunOptions = RunOptions()
  ) throws(CheckpointError) -> ModelOutputs {
    try run(inputs, options)
  }

  /// The settings.
  public var configuration: Configuration { info.configuration }
  /// The family, head and sizes.
  package var architecture: ModelArchitecture { info.architecture }
  /// What became of every name of the checkpoint and of the model.
  public var report: LoadReport { info.report }
  /// The parameters, by their names in Transformers and in the model's order; tied ones once. They are frozen: a model that is
  /// loaded does not learn unless it is told to (``ParameterSet/unfreeze(_:)``).
  public var parameters: ParameterSet { info.parameters }
  /// The factors of the low-rank adapter that the model runs with, by their names in PEFT's files without `base_model.model.`, in the
  /// order of the weights that they stand beside; none without an adapter. What an adapter merges is no part of them.
  public var adapterParameters: ParameterSet { info.adapterParameters }
  /// Both, as PEFT's models list them (0.21, `named_parameters`): factors stand behind what else their layer has, and those of a layer
  /// that has nothing of its own, being tied, at the end.
  package var parametersWithFactors: [Parameter] {
    var factors = Dictionary(grouping: adapterParameters) { factor in
      ExactName(factor.name).layer.layer
    }
    var all: [Parameter] = []
    var open: ExactName?
    for parameter in parameters {
      let layer = ExactName(parameter.name).layer
      if let last = open, last != layer { all += factors.removeValue(forKey: last) ?? [] }
      open = layer
      all.append(parameter)
    }
    if let open { all += factors.removeValue(forKey: open) ?? [] }
    return all + adapterParameters.filter { factors[ExactName($0.name).layer.layer] != nil }
  }
  /// What is odd about the settings, a sentence each; see ``ModelInfo/remarks``.
  public var remarks: [String] { info.remarks }

  /// Whether token types are an input of this model for texts of a tokenizer. The tokenizer says it, as in Transformers
  /// (`model_input_names`, 5.23); where it does not, being a bare `tokenizer.json`, the family does. A model without token types takes none.
  ///
  /// - Parameter given: What the tokenizer, or an encoded text, says of it.
  package func takesTokenTypes(given: Bool?) -> Bool {
    let family = Configuration.family.definition
    return family.takesTokenTypes && (given ?? family.tokenizer.givesTokenTypes)
  }
}

extension TokenBatch {
  /// Refuses arrays of another rank: choices go to the classes that are made for them.
  func require(rank: Int, in name: String) throws(CheckpointError) {
    guard dimensions.count == rank else {
      throw inputFailure(
        .mismatch, "input_ids",
        "\(name) takes \(rank == 3 ? "[batch, choices, sequence]" : "[batch, sequence]"), "
          + "found extents \(dimensions)")
    }
  }
}

extension ExactName {
  /// What stands before the last dot: of a parameter its layer's name.
  fileprivate var layer: ExactName {
    let bytes = string.utf8
    return ExactName(
      String(Substring(bytes[..<(bytes.lastIndex(of: UInt8(ascii: ".")) ?? bytes.startIndex)])))
  }
}
