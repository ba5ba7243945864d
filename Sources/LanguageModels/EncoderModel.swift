public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// BERT without a head (`modeling_bert.py`, Transformers 5.23).
public typealias BertModel = EncoderModel<Bert>
/// RoBERTa without a head (`modeling_roberta.py`, Transformers 5.23).
public typealias RobertaModel = EncoderModel<Roberta>

/// `BertModel` and `RobertaModel`. Gives `last_hidden_state` `[batch, sequence, hidden]` and `pooler_output`
/// `[batch, hidden]`; the latter only if the checkpoint has a pooler.
public struct EncoderModel<Family: EncoderFamily>: LanguageModel {
  /// The body alone.
  public static var head: ModelHead { .base }
  /// What was loaded.
  public let info: ModelInfo<EncoderConfig<Family>>
  private let body: EncoderBody<Family>

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<EncoderConfig<Family>>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    body = try EncoderBody(parameters)
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try body.run(inputs, options, rank: 2, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      try result.append("last_hidden_state", result.hidden, to: &outputs)
      if let pooled = try body.pooled(result) {
        outputs.append("pooler_output", [pooled.rows, pooled.columns], [pooled])
      }
    }
  }
}
