public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// GPT-2 without a head (`modeling_gpt2.py`, Transformers 5.23). Gives `last_hidden_state` `[batch, sequence, hidden]`.
public struct GPT2Model: LanguageModel {
  /// The body alone.
  public static var head: ModelHead { .base }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  private let body: GPT2Body

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    body = try GPT2Body(parameters)
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      try result.append("last_hidden_state", result.hidden, to: &outputs)
    }
  }
}

/// GPT-2 that goes on with a text (`modeling_gpt2.py`, Transformers 5.23). Gives `logits` `[batch, sequence, vocabulary]`.
public struct GPT2LMHeadModel: CausalLanguageModel {
  /// Scores of the next token.
  public static var head: ModelHead { .causalLM }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  /// The search for tokens.
  public let generator: TextGenerator
  private let transformer: GPT2Body
  private let lmHead: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    let head = try parameters["lm_head"].linear()
    let body = try GPT2Body(parameters, head: head)
    lmHead = head
    transformer = body
    generator = TextGenerator(info, typesWithout: nil) { (pass, rows) throws(EngineError) in
      try linear(try gatherRows(try body(pass), rows, in: pass.context), head, in: pass.context)
    }
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try transformer.run(inputs, options, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      let logits = try linear(result.hidden, lmHead, in: transformer.context)
      try result.append("logits", logits, to: &outputs)
    }
  }
}

/// GPT-2 that labels tokens (`modeling_gpt2.py`, Transformers 5.23). Gives `logits` `[batch, sequence, labels]`.
public struct GPT2ForTokenClassification: LanguageModel {
  /// A linear map of each token.
  public static var head: ModelHead { .tokenClassification }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  private let transformer: GPT2Body
  private let classifier: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    transformer = try GPT2Body(parameters)
    classifier = try parameters["classifier"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try transformer.run(inputs, options, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      let logits = try linear(result.hidden, classifier, in: transformer.context)
      try result.append("logits", logits, to: &outputs)
    }
  }
}

/// GPT-2 that finds answers (`modeling_gpt2.py`, Transformers 5.23). Gives `start_logits` and `end_logits`,
/// `[batch, sequence]`.
public struct GPT2ForQuestionAnswering: LanguageModel {
  /// A linear map of each token to two numbers.
  public static var head: ModelHead { .questionAnswering }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  private let transformer: GPT2Body
  private let qaOutputs: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    transformer = try GPT2Body(parameters)
    qaOutputs = try parameters["qa_outputs"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try transformer.run(inputs, options, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      try result.appendSpans(
        try linear(result.hidden, qaOutputs, in: transformer.context), to: &outputs)
    }
  }
}

/// GPT-2 that labels texts (`modeling_gpt2.py`, Transformers 5.23). Gives `logits` `[batch, labels]`: those of the last token
/// that is not `pad_token_id`, whatever the mask; without such an id those of the last, and then for one text only.
public struct GPT2ForSequenceClassification: LanguageModel {
  /// A linear map of one token.
  public static var head: ModelHead { .sequenceClassification }
  /// What was loaded.
  public let info: ModelInfo<GPT2Config>
  private let transformer: GPT2Body
  private let score: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<GPT2Config>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    transformer = try GPT2Body(parameters)
    score = try parameters["score"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let tokens = try transformer.tokens(inputs)
    try tokens.require(rank: 2, in: Self.className)
    let places = try places(in: tokens)
    let result = try transformer.run(tokens, options, needed: places)
    return try result.outputs { (outputs) throws(EngineError) in
      let chosen = try result.pass.rows(at: places, of: result.hidden)
      let logits = try linear(chosen, score, in: transformer.context)
      outputs.append("logits", [logits.rows, logits.columns], [logits])
    }
  }

  private func places(in tokens: TokenBatch) throws(CheckpointError) -> [Int] {
    guard let padding = configuration.padTokenID else {
      guard tokens.sequenceCount == 1 else {
        throw inputFailure(
          .unsupported, "pad_token_id",
          "null: where each of \(tokens.sequenceCount) texts ends is not known",
          remedy: "give one text at a time")
      }
      return tokens.lastPlaces
    }
    // A text of nothing but padding is taken at its first token.
    return tokens.firstPlaces.map { first in
      (first..<(first + tokens.length)).last { tokens.ids[$0] != padding } ?? first
    }
  }
}
