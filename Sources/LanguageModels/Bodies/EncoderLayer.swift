internal import CheckpointBytes
internal import LayoutRules
internal import TensorEngine

/// One layer of an encoder: `BertLayer` with its `BertAttention`, `BertIntermediate` and `BertOutput` (`modeling_bert.py`,
/// Transformers 5.23).
struct EncoderLayer: Sendable {
  /// What makes queries, keys and values.
  private enum Projections {
    /// All as one product.
    case joined(LinearWeights)
    /// Keys and values as one, and queries of some rows.
    case apart(query: LinearWeights, keyValue: LinearWeights)
  }

  private let projections: Projections
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

  /// - Parameter isLast: Whether what it makes of some rows may be all that is wanted.
  init<Family>(
    _ layer: ParameterScope, _ names: EncoderDescription,
    _ configuration: PretrainedConfig<Family>, isLast: Bool
  ) throws(CheckpointError) {
    let epsilon = configuration.layerNormEpsilon
    projections =
      isLast
      ? .apart(
        query: try layer[names.query].linear(),
        keyValue: try layer.linear(joining: [names.key, names.value]))
      : .joined(try layer.linear(joining: [names.query, names.key, names.value]))
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
    let attended = try layerNorm(
      try pass.linear(
        try seen(hidden, number: number, pass, rows: rows), attentionDense,
        dropout: attentionOutputDropout,
        adding: try pass.rows(rows, of: hidden)),
      attentionNorm, in: context)
    let inner = try pass.linear(attended, intermediate, activation: activation)
    return try layerNorm(
      try pass.linear(inner, output, dropout: outputDropout, adding: attended), outputNorm,
      in: context)
  }

  /// What some tokens see of all others; nil for all of them.
  private func seen(
    _ hidden: Tensor, number: Int, _ pass: ForwardPass, rows: [Int]?
  ) throws(CheckpointError) -> Tensor {
    switch projections {
    case .joined(let weights):
      let all = try pass.attend(
        try pass.linear(hidden, weights), of: weights, heads: heads, scale: scale,
        dropout: attentionDropout, layer: number)
      return try pass.rows(rows, of: all)
    case .apart(let query, let keyValue):
      let queries = rows == nil ? nil : pass.lastQueries
      let seen = try pass.attend(
        query: try pass.linear(try pass.rows(queries, of: hidden), query), of: queries,
        keyValue: try pass.linear(hidden, keyValue), from: query, heads: heads, scale: scale,
        dropout: attentionDropout, layer: number)
      return queries == nil ? try pass.rows(rows, of: seen) : seen
    }
  }
}
