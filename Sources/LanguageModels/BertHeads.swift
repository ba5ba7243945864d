public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// BERT with both heads of its training (`modeling_bert.py`, Transformers 5.23). Gives `prediction_logits`
/// `[batch, sequence, vocabulary]` and `seq_relationship_logits` `[batch, 2]`: follows, follows not.
public struct BertForPreTraining: LanguageModel {
  /// Scores of tokens, and of the second text following the first.
  public static var head: ModelHead { .preTraining }
  /// What was loaded.
  public let info: ModelInfo<BertConfig>
  private let bert: EncoderBody<Bert>
  private let predictions: LanguageModelHead
  private let seqRelationship: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<BertConfig>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    predictions = try LanguageModelHead(parameters)
    bert = try EncoderBody(parameters, head: predictions)
    seqRelationship = try parameters["cls.seq_relationship"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try bert.run(inputs, options, rank: 2, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      let scores = try predictions(result.hidden, in: bert.context)
      try result.append("prediction_logits", scores, to: &outputs)
      if let pooled = try bert.pooled(result) {
        let relationship = try linear(pooled, seqRelationship, in: bert.context)
        outputs.append(
          "seq_relationship_logits", [relationship.rows, relationship.columns], [relationship])
      }
    }
  }
}

/// BERT that says whether one text follows another (`modeling_bert.py`, Transformers 5.23). Gives `logits` `[batch, 2]`:
/// follows, follows not.
public struct BertForNextSentencePrediction: LanguageModel {
  /// A linear map of the pooled first token.
  public static var head: ModelHead { .nextSentence }
  /// What was loaded.
  public let info: ModelInfo<BertConfig>
  private let model: PooledClassifier<Bert>

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<BertConfig>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    model = try PooledClassifier(parameters, "cls.seq_relationship")
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    try model.run(inputs, options, name: Self.className)
  }
}

/// BERT that labels texts (`modeling_bert.py`, Transformers 5.23). Gives `logits` `[batch, labels]`.
public struct BertForSequenceClassification: LanguageModel {
  /// A linear map of the pooled first token.
  public static var head: ModelHead { .sequenceClassification }
  /// What was loaded.
  public let info: ModelInfo<BertConfig>
  private let model: PooledClassifier<Bert>

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<BertConfig>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    model = try PooledClassifier(parameters, "classifier")
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    try model.run(inputs, options, name: Self.className)
  }
}

/// A linear map of the pooled first token: `logits` `[batch, rows of the map]`.
private struct PooledClassifier<Family: EncoderFamily>: Sendable {
  private let body: EncoderBody<Family>
  private let classifier: LinearWeights

  init(
    _ parameters: ModelParameters<EncoderConfig<Family>>, _ name: String
  ) throws(CheckpointError) {
    body = try EncoderBody(parameters)
    classifier = try parameters[name].linear()
  }

  func run(
    _ inputs: ModelInputs, _ options: RunOptions, name: String
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 2, in: name)
    return try result.outputs { (outputs) throws(EngineError) in
      if let pooled = try body.pooled(result) {
        let logits = try linear(pooled, classifier, in: body.context)
        outputs.append("logits", [logits.rows, logits.columns], [logits])
      }
    }
  }
}
