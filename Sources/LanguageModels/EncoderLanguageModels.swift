public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// BERT that fills masks (`modeling_bert.py`, Transformers 5.23).
public typealias BertForMaskedLM = EncoderForMaskedLM<Bert>
/// RoBERTa that fills masks (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaForMaskedLM = EncoderForMaskedLM<Roberta>
/// BERT that goes on with a text (`modeling_bert.py`, Transformers 5.23).
public typealias BertLMHeadModel = EncoderForCausalLM<Bert>
/// RoBERTa that goes on with a text (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaForCausalLM = EncoderForCausalLM<Roberta>

/// `BertForMaskedLM` and `RobertaForMaskedLM`. Gives `logits` `[batch, sequence, vocabulary]`.
public struct EncoderForMaskedLM<Family: EncoderFamily>: LanguageModel {
  /// Scores of tokens.
  public static var head: ModelHead { .maskedLM }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  private let model: EncoderWithScores<Family>

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    model = try EncoderWithScores(parameters)
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    try model.run(inputs, options, name: Self.className)
  }
}

/// `BertLMHeadModel` and `RobertaForCausalLM`. Gives `logits` `[batch, sequence, vocabulary]`. A token sees what follows it
/// too unless the configuration says `is_decoder`: Transformers warns of that and does it.
public struct EncoderForCausalLM<Family: EncoderFamily>: CausalLanguageModel {
  /// Scores of the next token.
  public static var head: ModelHead { .causalLM }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  /// The search for tokens.
  public let generator: TextGenerator
  private let model: EncoderWithScores<Family>

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    let model = try EncoderWithScores(parameters)
    self.model = model
    generator = TextGenerator(info, typesWithout: 0) { (pass, rows) throws(EngineError) in
      try model.scores(pass, of: rows)
    }
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    try model.run(inputs, options, name: Self.className)
  }
}

/// A body with a language model's head: what both kinds of model compute.
private struct EncoderWithScores<Family: EncoderFamily>: Sendable {
  let body: EncoderBody<Family>
  let head: LanguageModelHead

  init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    head = try LanguageModelHead(parameters)
    body = try EncoderBody(parameters, head: head)
  }

  func run(
    _ inputs: ModelInputs, _ options: RunOptions, name: String
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 2, in: name)
    return try result.outputs { (outputs) throws(EngineError) in
      try result.append("logits", try head(result.hidden, in: body.context), to: &outputs)
    }
  }

  func scores(_ pass: ForwardPass, of rows: [Int]) throws(EngineError) -> Tensor {
    try head(try gatherRows(try body(pass), rows, in: body.context), in: body.context)
  }
}
