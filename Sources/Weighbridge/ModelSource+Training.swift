public import Adapters
public import CheckpointBytes
internal import Checkpoints
internal import Conversion
public import LanguageModels
internal import LayoutRules
internal import ModelDirectories
internal import OrderedCollections
public import TensorEngine
internal import TensorValues
public import Training
internal import WeightGraph

/// A model that is to be trained, and what was made up for it.
public struct TrainableModel: Sendable {
  /// The model; all of its parameters learn, or with an adapter the factors and what is stored whole beside them.
  public let model: any LanguageModel
  /// The parameters that no checkpoint had: their numbers were drawn.
  public let newParameters: [String]
  /// The adapter that is trained; nil where the model's own weights are.
  public let adapter: TrainedAdapter?

  /// Saves what was trained: the model as ``LanguageModels/LanguageModel/save(to:options:companions:)`` does, or the adapter as PEFT saves
  /// one (`adapter_config.json`, `adapter_model.safetensors`), with the model's `config.json`, which has the labels.
  ///
  /// - Throws: `inconsistent` for files that are there already, `inputOutput`.
  public func save(to directory: String) throws(CheckpointError) {
    guard let adapter else {
      try model.save(to: directory)
      return
    }
    try adapter.save(of: model, to: directory, replacesExisting: false)
  }

  /// Everything that learns or does not: the factors of the adapter, and the parameters of the model.
  public var parameters: [Parameter] { model.parametersWithFactors }

  /// Freezes the parameters whose names match, those of the adapter too; the names of its factors end in `lora_A.weight` and
  /// `lora_B.weight`.
  ///
  /// - Throws: `inconsistent` for a pattern that matches none of either.
  public func freeze(_ pattern: NamePattern) throws(CheckpointError) {
    let sets = [model.adapterParameters, model.parameters]
    let matching = sets.filter { $0.names.contains(where: pattern.matches) }
    for set in matching.isEmpty ? [model.parameters] : matching { try set.freeze(pattern) }
  }
}

extension ModelSource {
  /// The labels that the settings name, in the order of their classes; nil if they name none.
  public var labels: LabelSet? {
    guard configuration["id2label"]?.members != nil,
      let labels = try? ClassLabels(configuration, file: configurationFile), labels.count > 0
    else { return nil }
    return LabelSet((0..<labels.count).map(labels.name))
  }

  /// What the settings say a classifier is for (`problem_type`), where they do not a regression if there is one label alone; nil if they
  /// say nothing.
  public var problem: ProblemType? {
    configuration["problem_type"]?.string.flatMap(ProblemType.init)
      ?? (labels?.count == 1 ? .regression : nil)
  }

  /// Loads a model with the head that a task takes, its parameters in float32 and ready to learn.
  ///
  /// Of a checkpoint with another head the body is taken. What the head has beside it is drawn as Transformers draws it
  /// (`_init_weights`, 5.23): weights normally distributed with `initializer_range`, biases 0, norms 1. So is a head for another
  /// number of labels.
  ///
  /// With low-rank settings, and of a model that was opened with an adapter, the weights stay what they are: factors learn, and with them
  /// what was drawn, and the head for labels or answers or what the opened adapter has whole. Of new factors the first is drawn as PEFT
  /// draws it, evenly between ±1/√inputs, and the second is 0, so that the model computes at first what it computed.
  /// - Parameters:
  ///   - task: What the model is to learn.
  ///   - seed: Of the numbers that are drawn.
  ///   - options: How the weights are taken; they learn in any case.
  ///   - lowRank: The factors that learn in place of the weights; nil for the weights, or the adapter of the model.
  /// - Throws: `unsupported` if the family has no such head, and for adapters with parts that are not trained; `mismatch` if another class
  ///   was named; `inconsistent` for settings of factors that fit no layer, or beside an adapter; what ``load(_:options:)`` throws.
  public func trainable(
    for task: TrainingTask, seed: UInt64, options: LoadOptions = LoadOptions(),
    lowRank: LowRankSettings? = nil
  ) throws(CheckpointError) -> TrainableModel {
    guard lowRank == nil || adapter == nil else {
      throw CheckpointError(
        .inconsistent, file: adapter?.path,
        "the model has this adapter, and new factors are asked for",
        remedy: "train it further, or merge it first")
    }
    guard let name = task.head.className(in: settings.family),
      settings.family.heads.contains(task.head), let modelClass = ModelClass(named: name)
    else {
      throw CheckpointError(
        .unsupported, file: configurationFile, field: "model_type",
        "\(settings.family) has no model for \(task.kind.rawValue)")
    }
    if let className, className != name {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "architecture"),
        "\(className) is no model for \(task.kind.rawValue), which takes \(name)")
    }
    let head = DrawnHead(
      labels: task.labels.count > 0 ? task.labels.names : nil,
      problem: task.kind == .classification ? task.problem : nil, seed: seed)
    let made = try weights(for: task.head, named: name, drawing: head, lowRank, options)
    var options = made.options(options, of: self)
    options.adapterDropout = Float(lowRank?.dropout ?? adapter?.configuration.dropout ?? 0)
    do throws(CheckpointError) {
      let names = made.head.names.map { ExactName($0) }
      var learned: TrainedAdapter?
      if let lowRank {
        learned = try TrainedAdapter(
          lowRank, of: made.architecture, new: names,
          baseModel: HubCache.name(ofSnapshot: path) ?? path)
      } else if let adapter {
        learned = try TrainedAdapter(adapter, of: made.architecture, new: names)
      }
      let model = try modelClass.load(
        weights: made.graph, configuration: made.document, file: configurationFile,
        options: options)
      if let learned {
        try model.check(factors: adapter?.modules.count ?? made.factored)
        try model.parameters.freeze()
        for name in learned.learnedParameters {
          model.parameters[name]?.requiresGradient = true
        }
      }
      return TrainableModel(model: model, newParameters: made.head.names, adapter: learned)
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }

  /// Loads a model of a class whose head is drawn where the checkpoint has none; see ``LoadOptions/training(labels:problem:seed:)``.
  ///
  /// - Throws: `mismatch` for a model of another family; `unsupported` for one with an adapter; `inconsistent` for labels that are none or
  ///   stand twice.
  func load<Model: LanguageModel>(
    _ type: Model.Type, drawing head: DrawnHead, _ options: LoadOptions
  ) throws(CheckpointError) -> Model {
    if let adapter {
      throw CheckpointError(
        .unsupported, file: adapter.path,
        "the model has this adapter, which a task trains in place of the model's weights",
        remedy: "merge it first")
    }
    guard settings.family == Model.family else {
      throw CheckpointError(
        .mismatch, file: configurationFile, field: "model_type",
        "expected a model for \(Model.className), found one of \(settings.family)")
    }
    let made = try weights(for: Model.head, named: Model.className, drawing: head, nil, options)
    do throws(CheckpointError) {
      return try Model(
        weights: made.graph, document: made.document, file: configurationFile,
        options: made.options(options, of: self))
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }

  /// The weights of the model's body, and of a head what fits; what it has beside them is drawn.
  private func weights(
    for head: ModelHead, named className: String, drawing drawn: DrawnHead,
    _ lowRank: LowRankSettings?, _ options: LoadOptions
  ) throws(CheckpointError) -> DrawnWeights {
    let family = settings.family
    let found = try recognition.get().model(configuration: settings)
    // Where nothing of the checkpoint is to change, it agrees with its settings, or what is saved could not be loaded.
    if drawn.labels == nil, found.architecture.head == head {
      _ = try settings.check(against: found.architecture)
    }
    let bound = try BoundModel(
      checkpoint.graph, as: found, fill: .zeros(for: options.fill + fill))
    var document = configuration.setting("architectures", to: .array([.string(className)]))
    var sizes = found.architecture.sizes
    if let labels = drawn.labels {
      guard !labels.isEmpty, Set(labels.map { ExactName($0) }).count == labels.count else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "labels"),
          "expected different ones, found [\(LabelSet(labels).listed)]")
      }
      sizes.labels = labels.count
      document = document.labelled(labels)
    }
    if let problem = drawn.problem {
      document = document.setting("problem_type", to: .string(problem.rawValue))
    }
    if family.definition.needsPadding(head), document["pad_token_id"] ?? .null == .null,
      let end = document["eos_token_id"], end != .null
    {
      document = document.setting("pad_token_id", to: end)
    }
    let architecture = try ModelArchitecture(family: family, head: head, sizes: sizes)
    let range = try SettingsReader(configuration, file: configurationFile)
      .number("initializer_range", default: 0.02)
    let stored = try bound.comparableGraph()
    let body = Set(
      try ModelArchitecture(family: family, head: .base, sizes: sizes, hasPooler: false)
        .parameters.map { ExactName(family.bodyPrefix + $0.name.string) })
    let new = architecture.parameters.filter {
      $0.tiedTo == nil && !body.contains($0.name) && stored.weights[$0.name]?.shape != $0.shape
    }.map(\.name)
    let factored =
      try lowRank?.matrices(
        of: architecture, whole: architecture.learnedModules(new: new, withHead: true)) ?? [:]
    var made = DrawnWeights(
      document: document, architecture: architecture, head: drawn, factored: factored.count)
    made.head.names = new.map(\.string)
    for parameter in architecture.parameters {
      if new.contains(parameter.name) {
        try made.graph.insert(parameter.drawn(seed: drawn.seed, range: range), as: parameter.name)
      } else if let weight = stored.weights[parameter.name],
        weight.shape == parameter.shape || body.contains(parameter.name)
      {
        guard let lowRank, let axis = factored[parameter.name] else {
          try made.graph.insert(twin(of: parameter, in: made.graph) ?? weight, as: parameter.name)
          continue
        }
        let update = try lowRank.drawn(for: parameter, outputAxis: axis, seed: drawn.seed)
        do throws(CheckpointError) {
          try made.graph.insert(try weight.merging(update), as: parameter.name)
        } catch {
          throw error.about(parameter.name)
        }
      }
    }
    return made
  }

  /// The weight that a parameter is tied to in the copy of a module that the adapter stores whole.
  private func twin(of parameter: ModelParameter, in graph: WeightGraph) -> Weight? {
    guard let adapter, let target = parameter.tiedTo,
      adapter.configuration.copiesTogether(parameter.name, target)
    else { return nil }
    return graph[target]
  }
}

/// What a model that is to be trained is loaded from.
private struct DrawnWeights {
  /// The settings, with the labels of the head.
  let document: JSONValue
  let architecture: ModelArchitecture
  /// The head, with the names of what was drawn.
  var head: DrawnHead
  /// The number of matrices that factors stand beside.
  let factored: Int
  var graph = WeightGraph()

  /// The options to load them with.
  func options(_ options: LoadOptions, of source: ModelSource) -> LoadOptions {
    var options = options
    options.learns = true
    options.fill += source.fill
    options.drawnHead = head
    options.origin = ModelOrigin(
      path: source.path, weightFiles: source.checkpoint.files,
      isPreset: source.settings.convention == .kerasHub)
    return options
  }
}

extension LanguageModel {
  /// Refuses a model that lacks factors: those of another head, or of weights that are not read as they are stored.
  fileprivate func check(factors count: Int) throws(CheckpointError) {
    guard adapterParameters.count == 2 * count else {
      throw CheckpointError(
        .mismatch, CheckpointError.Site(field: "adapter"),
        "it has factors of \(count) modules, \(Self.className) has a place for \(adapterParameters.count / 2) of them"
      )
    }
  }
}

extension FamilyDescription {
  /// True if the end of a text is found by its padding.
  func needsPadding(_ head: ModelHead) -> Bool {
    heads[head]?.outputs.contains { $0.source == .lastToken } ?? false
  }
}

extension ModelParameter {
  /// Numbers as `_init_weights` draws them.
  fileprivate func drawn(seed: UInt64, range: Double) throws(CheckpointError) -> Weight {
    let count = shape.elementCount
    let values: [Float]
    if shape.rank < 2 {
      values = Array(repeating: name.string.hasSuffix("weight") ? 1 : 0, count: count)
    } else {
      var generator = CounterGenerator(seed: seed, parameter: name.string)
      values = (0..<count).map { _ in Float(generator.normal() * range) }
    }
    return try Weight(values, shape: shape.dimensions)
  }
}

extension LowRankSettings {
  /// New factors of a matrix, of which the second is 0 (`reset_lora_parameters` of PEFT 0.21: `kaiming_uniform_` with a = √5).
  fileprivate func drawn(
    for parameter: ModelParameter, outputAxis axis: Int, seed: UInt64
  ) throws(CheckpointError) -> LowRankUpdate {
    let (outputs, inputs) = (
      parameter.shape.dimensions[axis], parameter.shape.dimensions[1 - axis]
    )
    var generator = CounterGenerator(seed: seed, parameter: parameter.name.string + ".lora_A")
    let bound = 1 / Double(inputs).squareRoot()
    let down = (0..<rank * inputs).map { _ in
      Float(Double.random(in: -bound...bound, using: &generator))
    }
    return try LowRankUpdate(
      down: try Weight(down, shape: [rank, inputs]),
      up: try Weight([Float](repeating: 0, count: outputs * rank), shape: [outputs, rank]),
      scale: scale, isTransposed: axis == 1)
  }
}

extension CounterGenerator {
  /// The numbers of a parameter, by its name.
  fileprivate init(seed: UInt64, parameter name: String) {
    let number = name.utf8.reduce(2_166_136_261 as UInt32) {
      ($0 ^ UInt32($1)) &* 16_777_619
    }
    self.init(seed: seed, .parameters, number: number)
  }
}
