public import CheckpointBytes
internal import Checkpoints
internal import Conversion
public import LanguageModels
internal import LayoutRules
internal import ModelDirectories
internal import OrderedCollections
internal import TensorEngine
internal import TensorValues
public import Training
internal import WeightGraph

/// A model that is to be trained, and what was made up for it.
public struct TrainableModel: Sendable {
  /// The model; all of its parameters learn.
  public let model: any LanguageModel
  /// The parameters that no checkpoint had: their numbers were drawn.
  public let newParameters: [String]
}

extension ModelSource {
  /// The labels that the settings name, in the order of their classes; nil if they name none.
  public var labels: LabelSet? {
    guard configuration["id2label"]?.members != nil,
      let labels = try? ClassLabels(configuration, file: configurationFile), labels.count > 0
    else { return nil }
    return LabelSet((0..<labels.count).map(labels.name))
  }

  /// Loads a model with the head that a task takes, its parameters in float32 and ready to learn.
  ///
  /// Of a checkpoint with another head the body is taken. What the head has beside it is drawn as Transformers draws it
  /// (`_init_weights`, 5.23): weights normally distributed with `initializer_range`, biases 0, norms 1. So is a head for another
  /// number of labels.
  /// - Parameters:
  ///   - task: What the model is to learn.
  ///   - seed: Of the numbers that are drawn.
  ///   - options: How the weights are taken; they learn in any case.
  /// - Throws: `unsupported` if the family has no such head; what ``load(_:options:)`` throws.
  public func trainable(
    for task: TrainingTask, seed: UInt64, options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) -> TrainableModel {
    let family = settings.family
    guard let head = task.head(in: family), let name = head.className(in: family),
      let modelClass = ModelClass(named: name)
    else {
      throw CheckpointError(
        .unsupported, file: configurationFile, field: "model_type",
        "\(family) has no model for \(task.kind.rawValue)")
    }
    let found = try recognition.get().model(configuration: settings)
    let bound = try BoundModel(
      checkpoint.graph, as: found, fill: .zeros(for: options.fill + fill))
    var document = configuration.setting("architectures", to: .array([.string(name)]))
    var sizes = found.architecture.sizes
    if task.labels.count > 0 {
      sizes.labels = task.labels.count
      document = document.labelled(task)
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
    var graph = WeightGraph()
    var new: [String] = []
    for parameter in architecture.parameters {
      if let weight = stored.weights[parameter.name],
        weight.shape == parameter.shape || body.contains(parameter.name)
      {
        try graph.insert(weight, as: parameter.name)
      } else if parameter.tiedTo == nil, !body.contains(parameter.name) {
        try graph.insert(parameter.drawn(seed: seed, range: range), as: parameter.name)
        new.append(parameter.name.string)
      }
    }
    var options = options
    options.learns = true
    options.fill += fill
    options.origin = ModelOrigin(
      path: path, weightFiles: checkpoint.files, isPreset: settings.convention == .kerasHub)
    do throws(CheckpointError) {
      return TrainableModel(
        model: try modelClass.load(
          weights: graph, configuration: document, file: configurationFile, options: options),
        newParameters: new)
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }
}

extension TrainingTask {
  /// The head of a family: a causal language model is what goes on with texts, where the family has one.
  func head(in family: ModelFamily) -> ModelHead? { family.heads.contains(head) ? head : nil }
}

extension FamilyDescription {
  /// True if the end of a text is found by its padding.
  func needsPadding(_ head: ModelHead) -> Bool {
    heads[head]?.outputs.contains { $0.source == .lastToken } ?? false
  }
}

extension JSONValue {
  /// Settings with the labels of a task.
  fileprivate func labelled(_ task: TrainingTask) -> JSONValue {
    let names = task.labels.names.map { Int($0) == nil ? $0 : "LABEL_\($0)" }
    let byClass = names.enumerated().map { JSONValue.Member(ExactName(String($0)), .string($1)) }
    let byName = names.enumerated().map { JSONValue.Member(ExactName($1), .integer($0)) }
    var document = setting("id2label", to: .object(byClass))
      .setting("label2id", to: .object(byName)).setting("num_labels", to: nil)
    if task.kind == .classification {
      document = document.setting("problem_type", to: .string(task.problem.rawValue))
    }
    return document
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
      let number = name.string.utf8.reduce(2_166_136_261 as UInt32) {
        ($0 ^ UInt32($1)) &* 16_777_619
      }
      var generator = CounterGenerator(seed: seed, .parameters, number: number)
      values = (0..<count).map { _ in Float(generator.normal() * range) }
    }
    return try Weight(values, shape: shape.dimensions)
  }
}
