public import CheckpointBytes
internal import LanguageModels
internal import LayoutRules
internal import Tokenizers

extension Trainer {
  /// Examples as tokens, as many of each as model, tokenizer and settings allow.
  ///
  /// - Throws: What ``TrainingTask/prepared(_:_:length:takesTypes:seed:)`` throws.
  public func examples(_ data: TrainingData) throws(CheckpointError) -> [TrainingExample] {
    try prepared(data).all()
  }

  /// The same for a run, which has the examples of a step encoded while it computes the one before.
  public func prepared(_ data: TrainingData) throws(CheckpointError) -> TrainingExamples {
    let most = model.mostTokens
    return try task.prepared(
      data, tokenizer,
      length: min(settings.maximumLength ?? most, most, tokenizer.maximumLength ?? most),
      takesTypes: model.takesTokenTypes(given: tokenizer.givesTokenTypes), seed: settings.seed)
  }

  /// Makes all steps that are left with the rows of files; see ``run(training:evaluation:output:progress:isInterrupted:)``.
  ///
  ///     let result = try trainer.run(training: .textFolder("aclImdb/train"), evaluation: .textFolder("aclImdb/test"))
  @discardableResult
  public func run(
    training: TrainingData, evaluation: TrainingData? = nil, output: TrainingOutput? = nil,
    progress: (Progress) -> Void = { _ in }, isInterrupted: () -> Bool = { false }
  ) throws(CheckpointError) -> TrainingResult {
    try run(
      training: prepared(training),
      evaluation: evaluation.map { data throws(CheckpointError) in try examples(data) },
      output: output, progress: progress, isInterrupted: isInterrupted)
  }

  /// Makes all steps that are left with examples that are tokens already; see
  /// ``run(training:evaluation:output:progress:isInterrupted:)``.
  @discardableResult
  public func run(
    training: [TrainingExample], evaluation: [TrainingExample]? = nil,
    output: TrainingOutput? = nil, progress: (Progress) -> Void = { _ in },
    isInterrupted: () -> Bool = { false }
  ) throws(CheckpointError) -> TrainingResult {
    try run(
      training: TrainingExamples(training), evaluation: evaluation, output: output,
      progress: progress, isInterrupted: isInterrupted)
  }
}

extension LanguageModel {
  /// The token that fills up.
  var paddingToken: Int? { configuration.padTokenID }

  /// The tokens that positions reach: RoBERTa counts them from its padding token.
  fileprivate var mostTokens: Int {
    guard Configuration.family.definition.body.positionRule == .afterPadding else {
      return configuration.positionCount
    }
    return configuration.positionCount - (configuration.padTokenID ?? 0) - 1
  }
}
