public import CheckpointBytes
public import LanguageModels
internal import LayoutRules
internal import ModelDirectories
public import Tokenizers
public import Training

extension Trainer {
  /// A trainer of a model, with what its tokenizer says of padding and masks.
  ///
  /// - Throws: `inconsistent` for settings that make no training, or a model of another head than the task's; `notFound` for masked
  ///   language modelling without a mask token.
  public convenience init(
    _ model: any LanguageModel, tokenizer: Tokenizer, task: TrainingTask,
    settings: TrainingSettings = TrainingSettings()
  ) throws(CheckpointError) {
    try self.init(
      model, task, settings,
      padding: model.paddingToken ?? tokenizer.paddingTokenID ?? 0,
      mask: tokenizer.maskTokenID.map { ($0, tokenizer.vocabularyCount) })
  }

  /// Examples for the model, as many tokens long as model, tokenizer and settings allow.
  public func examples(
    _ data: TrainingData, _ tokenizer: Tokenizer
  ) throws(CheckpointError) -> [TrainingExample] {
    try task.examples(
      data, tokenizer, length: length(tokenizer), takesTypes: model.givesTypes(tokenizer),
      seed: settings.seed)
  }

  /// The same for a run, which has the examples of a step encoded while it computes the one before, unless their order asks for their
  /// lengths.
  public func prepared(
    _ data: TrainingData, _ tokenizer: Tokenizer
  ) throws(CheckpointError) -> TrainingExamples {
    if settings.order == .byLength { return TrainingExamples(try examples(data, tokenizer)) }
    return try task.prepared(
      data, tokenizer, length: length(tokenizer), takesTypes: model.givesTypes(tokenizer),
      seed: settings.seed)
  }

  private func length(_ tokenizer: Tokenizer) -> Int {
    let most = model.mostTokens
    return min(settings.maximumLength ?? most, most, tokenizer.maximumLength ?? most)
  }
}

extension LanguageModel {
  fileprivate var paddingToken: Int? { configuration.padTokenID }

  /// The tokens that positions reach: RoBERTa counts them from its padding token.
  fileprivate var mostTokens: Int {
    guard Configuration.family.definition.body.positionRule == .afterPadding else {
      return configuration.positionCount
    }
    return configuration.positionCount - (configuration.padTokenID ?? 0) - 1
  }

  fileprivate func givesTypes(_ tokenizer: Tokenizer) -> Bool {
    takesTokenTypes(given: tokenizer.givesTokenTypes)
  }
}

extension TrainingOutput {
  /// The files of a tokenizer, and what says how texts are generated.
  private static let companions = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model",
    "generation_config.json", "chat_template.jinja",
  ]

  /// An output that saves a model as a directory which Transformers loads, with the tokenizer that lay beside it.
  ///
  /// - Parameters:
  ///   - directory: Where a run is written.
  ///   - model: The model with its tokenizer.
  ///   - adapter: The adapter that is saved in place of the model; nil for the model.
  ///   - source: Where the tokenizer lies.
  public init(
    _ directory: String, of model: any LanguageModel, adapter: TrainedAdapter? = nil,
    tokenizerFrom source: ModelSource
  ) throws(CheckpointError) {
    let place = source.directory
    try self.init(directory) { path throws(CheckpointError) in
      if let adapter {
        try adapter.save(of: model, to: path, replacesExisting: true)
      } else {
        var options = ConversionOptions()
        options.replacesExisting = true
        try model.save(to: path, options: options, companions: .settings)
      }
      for name in Self.companions {
        let file = Directory.join(place, name)
        guard try PathKind(path: file) == .file else { continue }
        let bytes = try SourceFile(path: file)
        let copy = try OutputFile(path: Directory.join(path, name))
        try copy.write(bytes.bytes(at: 0, count: bytes.size), at: 0)
        try copy.commit()
      }
    }
  }
}
