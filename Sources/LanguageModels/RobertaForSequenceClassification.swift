public import CheckpointBytes
public import LayoutRules
internal import TensorEngine

/// RoBERTa that labels texts (`RobertaClassificationHead` of `modeling_roberta.py`, Transformers 5.23): the first token, a
/// linear map with tanh, and a linear map. Gives `logits` `[batch, labels]`.
public struct RobertaForSequenceClassification: LanguageModel {
  /// Two linear maps of the first token; there is no pooler.
  public static var head: ModelHead { .sequenceClassification }
  /// What was loaded.
  public let info: ModelInfo<RobertaConfig>
  private let roberta: EncoderBody<Roberta>
  private let dense: LinearWeights
  private let outProj: LinearWeights

  /// See ``LanguageModel``.
  public init(_ parameters: ModelParameters<RobertaConfig>) throws(CheckpointError) {
    info = ModelInfo(parameters)
    roberta = try EncoderBody(parameters)
    dense = try parameters["classifier.dense"].linear()
    outProj = try parameters["classifier.out_proj"].linear()
  }

  /// See ``LanguageModel``.
  public func run(
    _ inputs: ModelInputs, _ options: RunOptions
  ) throws(CheckpointError) -> ModelOutputs {
    let result = try roberta.run(inputs, options, rank: 2, in: Self.className)
    return try result.outputs { (outputs) throws(EngineError) in
      let context = roberta.context
      let features = try linear(try result.firstTokens(), dense, activation: .tanh, in: context)
      let logits = try linear(features, outProj, in: context)
      outputs.append("logits", [logits.rows, logits.columns], [logits])
    }
  }
}
