public import CheckpointBytes
public import LanguageModels
public import LayoutRules
internal import ModelDirectories
internal import WeightGraph

extension ModelSource {
  /// A class by its name, or the first that the settings name, as Transformers' `AutoModel…` take it; where they name none,
  /// that of the weights, if these leave no choice.
  ///
  /// - Throws: `unsupported` for a class that is not implemented, `notFound` if none is named.
  public func modelClass(named name: String? = nil) throws(CheckpointError) -> ModelClass {
    // `??` would lose the type of the error.
    var wanted = name ?? className
    if wanted == nil { wanted = try recognizedClass() }
    guard let name = wanted else {
      return try ModelClass(configuration: configuration, file: configurationFile)
    }
    guard let found = ModelClass(named: name) else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "architecture"),
        "there is no class \(quoted(name)) here",
        remedy: ModelClass.remedy(for: name, of: settings.family))
    }
    return found
  }

  /// The family's class with a head, whatever class the settings name: as Transformers' `AutoModelFor…` take it.
  ///
  /// - Throws: `unsupported` if the family has no such class.
  public func modelClass(of head: ModelHead) throws(CheckpointError) -> ModelClass {
    if let className {
      let found = try modelClass(named: className)
      guard found.type.head == head else {
        throw CheckpointError(
          .mismatch, CheckpointError.Site(field: "architecture"),
          "\(className) is no model of the kind \(head.rawValue)")
      }
      return found
    }
    guard let name = head.className(in: settings.family), let found = ModelClass(named: name)
    else {
      throw CheckpointError(
        .unsupported, file: configurationFile, field: "model_type",
        "\(settings.family) has no model of the kind \(head.rawValue)")
    }
    return found
  }

  /// The class that the weights show beyond doubt, where the settings name none.
  private func recognizedClass() throws(CheckpointError) -> String? {
    guard settings.convention == .transformers, settings.classNames.isEmpty else { return nil }
    let model = try recognition.get().model(family: settings.family)
    let head = model.architecture.head
    // Masked and causal language models of a family are the same weights, and compute the same: by `is_decoder`.
    let languageModels: [ModelHead] = [.maskedLM, .causalLM]
    let own = languageModels.filter(settings.family.heads.contains)
    if languageModels.contains(head), model.alternatives.allSatisfy(languageModels.contains) {
      let isDecoder = configuration["is_decoder"] == .boolean(true)
      let meant = own.count == 1 ? own[0] : isDecoder ? ModelHead.causalLM : .maskedLM
      return meant.className(in: settings.family)
    }
    // A language model without a parameter of its own; its names stand under one that the body's own file does not have.
    let prefix = settings.family.bodyPrefix
    if own == [head], model.alternatives == [.base],
      checkpoint.graph.weights.keys.allSatisfy({ $0.string.hasPrefix(prefix) })
    {
      return head.className(in: settings.family)
    }
    guard case .likely(let reason) = model.certainty else {
      return head.className(in: settings.family)
    }
    let name = model.architecture.head.className(in: settings.family) ?? "BertModel"
    throw CheckpointError(
      .notFound, file: configurationFile, field: "architectures",
      "the configuration names no class, and the weights leave a choice: \(reason)",
      remedy: "name the class, as with \(remedy: .modelClass(name))")
  }

  /// Loads a model of a class.
  ///
  /// With `LoadOptions.training(labels:problem:seed:)` a head that the checkpoint lacks is drawn.
  /// - Throws: What `LanguageModel/init(weights:document:file:options:)` throws, with the path; `inconsistent` if the
  ///   settings contradict the weights.
  public func load<Model: LanguageModel>(
    _ type: Model.Type, options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) -> Model {
    if let head = options.drawnHead { return try load(type, drawing: head, options) }
    var options = options
    options.fill += fill
    options.origin = ModelOrigin(
      path: path, weightFiles: checkpoint.files, isPreset: settings.convention == .kerasHub)
    if Model.self is any CausalLanguageModel.Type {
      options.generation = generation(Model.Configuration.self)
    }
    do throws(CheckpointError) {
      let config = try Model.Configuration(configuration, file: configurationFile)
      let model = try recognition.get().model(family: Model.family, head: Model.head)
      let bound = try BoundModel(checkpoint.graph, as: model, fill: .zeros(for: options.fill))
      // Of another class than the settings name, they do not know the head's sizes.
      let isNamed = settings.convention == .transformers && settings.heads.first == Model.head
      return try Model(
        try ModelParameters(
          bound, configuration: config, settings: isNamed ? settings : nil, options: options))
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
  }

  /// The settings of `generation_config.json`; where it is not there those of `config.json`, with the model's special
  /// tokens. What is wrong with them matters only to whoever generates text.
  private func generation<Configuration: ModelConfig>(
    _ type: Configuration.Type
  ) -> Result<GenerationSettings, CheckpointError> {
    let name = "generation_config.json"
    do throws(CheckpointError) {
      if let document = try document(name) {
        return .success(
          try GenerationSettings(document, file: Directory.join(directory, name)))
      }
      var settings = try GenerationSettings(configuration, file: configurationFile)
      settings.take(specialTokensOf: try Configuration(configuration, file: configurationFile))
      return .success(settings)
    } catch {
      return .failure(error)
    }
  }
}
