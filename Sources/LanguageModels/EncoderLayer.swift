internal import CheckpointBytes
internal import TensorEngine

/// One layer of BERT or RoBERTa: `BertLayer` with its `BertAttention`, `BertIntermediate` and `BertOutput`
/// (`modeling_bert.py`, Transformers 5.23; `modeling_roberta.py` has the same).
struct EncoderLayer: Sendable {
  /// `attention.self.query`, `key` and `value` as one product.
  private let qkv: LinearWeights
  private let attentionDense: LinearWeights
  private let attentionNorm: LayerNormWeights
  private let intermediate: LinearWeights
  private let activation: Activation
  private let outputDense: LinearWeights
  private let outputNorm: LayerNormWeights
  private let heads: Int
  private let scale: Float

  init<Family>(
    _ layer: ParameterScope, _ configuration: EncoderConfig<Family>
  ) throws(CheckpointError) {
    let epsilon = configuration.layerNormEpsilon
    qkv = try layer["attention.self"].linear(joining: ["query", "key", "value"])
    attentionDense = try layer["attention.output.dense"].linear()
    attentionNorm = try layer["attention.output.LayerNorm"].norm(epsilon: epsilon)
    intermediate = try layer["intermediate.dense"].linear()
    activation = try SettingsReader.activation(configuration.activation, key: "hidden_act")
    outputDense = try layer["output.dense"].linear()
    outputNorm = try layer["output.LayerNorm"].norm(epsilon: epsilon)
    heads = configuration.headCount
    scale = Float(1 / Double(configuration.hiddenSize / configuration.headCount).squareRoot())
  }

  /// What the layer makes of its input, `[tokens, hidden]`.
  func callAsFunction(
    _ hidden: Tensor, number: Int, _ pass: ForwardPass
  ) throws(EngineError) -> Tensor {
    let context = pass.context
    let seen = try pass.attend(
      try linear(hidden, qkv, in: context), heads: heads, scale: scale, layer: number)
    let attended = try layerNorm(
      try linear(seen, attentionDense, adding: hidden, in: context), attentionNorm, in: context)
    let inner = try linear(attended, intermediate, activation: activation, in: context)
    return try layerNorm(
      try linear(inner, outputDense, adding: attended, in: context), outputNorm, in: context)
  }
}
