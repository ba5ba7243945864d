internal import CKernels

/// The weight, the bias and the epsilon of a layer norm over rows.
public struct LayerNormWeights: Sendable {
  /// One row.
  public let weight: Tensor
  /// One row, as long.
  public let bias: Tensor
  /// What is added to the variance; from the model's configuration.
  public let epsilon: Float

  /// Puts the parts together. Throws a mismatch unless both are one row of the same length.
  public init(weight: Tensor, bias: Tensor, epsilon: Float) throws(EngineError) {
    try expect(weight.rows, equals: 1, "LayerNormWeights", "weight", "row")
    try expect(bias.rows, equals: 1, "LayerNormWeights", "bias", "row")
    try expect(bias.columns, equals: weight.columns, "LayerNormWeights", "bias", "columns")
    try weight.refuseGradient("LayerNormWeights", "weight")
    try bias.refuseGradient("LayerNormWeights", "bias")
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }
}

/// (x - mean) / √(variance + epsilon) · weight + bias for each row, the variance being that of the whole row
/// (`torch.nn.LayerNorm`, 2.13).
///
/// Mean and variance are taken in two passes over the row, so that a large mean costs no digits. Throws a mismatch if the
/// rows have another length than the weight.
public func layerNorm(
  _ input: Tensor, _ weights: LayerNormWeights, in context: ExecutionContext
) throws(EngineError) -> Tensor {
  try expect(input.columns, equals: weights.weight.columns, "layerNorm", "input", "columns")
  try input.refuseGradient("layerNorm", "input")
  let result = try context.tensor(input.rows, input.columns, "layerNorm")
  context.forEachRows(input.rows, columns: input.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.layer_norm(
        input.pointer(row: row), result.pointer(row: row), input.columns, weights.weight.base,
        weights.bias.base, weights.epsilon)
    }
  }
  extendLifetime((input, weights))
  return result
}
