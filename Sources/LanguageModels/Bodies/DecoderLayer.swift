internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// One layer of a decoder: `GPT2Block` with its `GPT2Attention` and `GPT2MLP` (`modeling_gpt2.py`, Transformers 5.23).
struct DecoderLayer: Sendable {
  private let attentionNorm: LayerNormWeights
  /// Query, key and value as one product.
  private let qkv: LinearWeights
  private let attentionDense: LinearWeights
  private let outputNorm: LayerNormWeights
  private let intermediate: LinearWeights
  private let activation: Activation
  private let output: LinearWeights
  private let heads: Int
  private let scale: Float
  private let attentionDropout: Float
  private let outputDropout: Float

  init<Family>(
    _ layer: ParameterScope, _ names: DecoderDescription,
    _ configuration: PretrainedConfig<Family>, number: Int
  ) throws(CheckpointError) {
    let epsilon = configuration.layerNormEpsilon
    attentionNorm = try layer[names.attentionNorm].norm(epsilon: epsilon)
    qkv = try layer[names.queryKeyValue].convolution()
    attentionDense = try layer[names.attentionDense].convolution()
    outputNorm = try layer[names.outputNorm].norm(epsilon: epsilon)
    intermediate = try layer[names.intermediate].convolution()
    activation = try configuration.bodyActivation()
    output = try layer[names.output].convolution()
    heads = configuration.headCount
    var scale = 1.0
    if configuration.scalesAttention {
      scale /= Double(configuration.hiddenSize / configuration.headCount).squareRoot()
    }
    if configuration.scalesAttentionByLayer { scale /= Double(number + 1) }
    self.scale = Float(scale)
    attentionDropout = try configuration.rate(of: names.attentionDropout)
    outputDropout = try configuration.rate(of: names.outputDropout)
  }

  /// What the layer makes of its input, `[tokens, hidden]`.
  ///
  /// - Parameter rows: The tokens that it goes on with when all have looked at each other; nil for all of them.
  func callAsFunction(
    _ hidden: Tensor, number: Int, _ pass: ForwardPass, rows: [Int]?
  ) throws(CheckpointError) -> Tensor {
    let context = pass.context
    let attending = try pass.linear(
      try layerNorm(hidden, attentionNorm, in: context), qkv)
    let seen = try pass.attend(
      attending, of: qkv, heads: heads, scale: scale, dropout: attentionDropout, layer: number)
    let attended = try pass.linear(
      try pass.rows(rows, of: seen), attentionDense, dropout: outputDropout,
      adding: try pass.rows(rows, of: hidden))
    let normed = try layerNorm(attended, outputNorm, in: context)
    let inner = try pass.linear(normed, intermediate, activation: activation)
    return try pass.linear(inner, output, dropout: outputDropout, adding: attended)
  }
}
