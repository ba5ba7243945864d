internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// One layer of an encoder: `BertLayer` with its `BertAttention`, `BertIntermediate` and `BertOutput` (`modeling_bert.py`,
/// Transformers 5.23).
struct EncoderLayer: Sendable {
  /// Query, key and value as one product.
  private let qkv: LinearWeights
  private let attentionDense: LinearWeights
  private let attentionNorm: LayerNormWeights
  private let intermediate: LinearWeights
  private let activation: Activation
  private let output: LinearWeights
  private let outputNorm: LayerNormWeights
  private let heads: Int
  private let scale: Float
  private let attentionDropout: Float
  private let attentionOutputDropout: Float
  private let outputDropout: Float

  init<Family>(
    _ layer: ParameterScope, _ names: EncoderDescription,
    _ configuration: PretrainedConfig<Family>
  ) throws(CheckpointError) {
    let epsilon = configuration.layerNormEpsilon
    qkv = try layer.linear(joining: [names.query, names.key, names.value])
    attentionDense = try layer[names.attentionDense].linear()
    attentionNorm = try layer[names.attentionNorm].norm(epsilon: epsilon)
    intermediate = try layer[names.intermediate].linear()
    activation = try configuration.bodyActivation()
    output = try layer[names.output].linear()
    outputNorm = try layer[names.outputNorm].norm(epsilon: epsilon)
    heads = configuration.headCount
    scale = Float(1 / Double(configuration.hiddenSize / configuration.headCount).squareRoot())
    attentionDropout = try configuration.rate(of: names.attentionDropout)
    attentionOutputDropout =
      try names.attentionOutputDropout.map {
        (setting) throws(CheckpointError) in try configuration.rate(of: setting)
      } ?? 0
    outputDropout = try configuration.rate(of: names.outputDropout)
  }

  /// What the layer makes of its input, `[tokens, hidden]`.
  ///
  /// - Parameter rows: The tokens that it goes on with when all have looked at each other; nil for all of them.
  func callAsFunction(
    _ hidden: Tensor, number: Int, _ pass: ForwardPass, rows: [Int]?
  ) throws(CheckpointError) -> Tensor {
    let context = pass.context
    let seen = try pass.attend(
      try pass.linear(hidden, qkv), of: qkv, heads: heads, scale: scale,
      dropout: attentionDropout, layer: number)
    let attended = try layerNorm(
      try pass.linear(
        try pass.rows(rows, of: seen), attentionDense, dropout: attentionOutputDropout,
        adding: try pass.rows(rows, of: hidden)),
      attentionNorm, in: context)
    let inner = try pass.linear(attended, intermediate, activation: activation)
    return try layerNorm(
      try pass.linear(inner, output, dropout: outputDropout, adding: attended), outputNorm,
      in: context)
  }
}
