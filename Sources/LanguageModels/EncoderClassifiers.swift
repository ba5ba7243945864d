public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// BERT that labels tokens (`modeling_bert.py`, Transformers 5.23).
public typealias BertForTokenClassification = EncoderForTokenClassification<Bert>
/// RoBERTa that labels tokens (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaForTokenClassification = EncoderForTokenClassification<Roberta>
/// BERT that finds answers (`modeling_bert.py`, Transformers 5.23).
public typealias BertForQuestionAnswering = EncoderForQuestionAnswering<Bert>
/// RoBERTa that finds answers (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaForQuestionAnswering = EncoderForQuestionAnswering<Roberta>
/// BERT that chooses (`modeling_bert.py`, Transformers 5.23).
public typealias BertForMultipleChoice = EncoderForMultipleChoice<Bert>
/// RoBERTa that chooses (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaForMultipleChoice = EncoderForMultipleChoice<Roberta>

/// `BertForTokenClassification` and `RobertaForTokenClassification`. Gives `logits` `[batch, sequence, labels]`.
public struct EncoderForTokenClassification<Family: EncoderFamily>: LanguageModel {
  /// A linear map of each token.
  public static var head: ModelHead { .tokenClassification }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  private let body: EncoderBody<Family>
  private let classifier: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    body = try EncoderBody(parameters)
    classifier = try parameters["classifier"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 2, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      let logits = try linear(result.hidden, classifier, in: body.context)
      try result.append("logits", logits, to: &outputs)
    }
  }
}

/// `BertForQuestionAnswering` and `RobertaForQuestionAnswering`. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public struct EncoderForQuestionAnswering<Family: EncoderFamily>: LanguageModel {
  /// A linear map of each token to two numbers.
  public static var head: ModelHead { .questionAnswering }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  private let body: EncoderBody<Family>
  private let qaOutputs: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    body = try EncoderBody(parameters)
    qaOutputs = try parameters["qa_outputs"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 2, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      try result.appendSpans(
        try linear(result.hidden, qaOutputs, in: body.context), to: &outputs)
    }
  }
}

/// `BertForMultipleChoice` and `RobertaForMultipleChoice`. Takes `[batch, choices, sequence]`, gives `logits`
/// `[batch, choices]`.
public struct EncoderForMultipleChoice<Family: EncoderFamily>: LanguageModel {
  /// A linear map of the pooled first token to one number.
  public static var head: ModelHead { .multipleChoice }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  private let body: EncoderBody<Family>
  private let classifier: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    body = try EncoderBody(parameters)
    classifier = try parameters["classifier"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 3, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      if let pooled = try body.pooled(result) {
        let logits = try linear(pooled, classifier, in: body.context)
        outputs.append("logits", Array(result.tokens.dimensions.dropLast()), [logits])
      }
    }
  }
}
