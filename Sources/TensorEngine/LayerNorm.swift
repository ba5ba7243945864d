internal import CKernels
public import CheckpointBytes

/// The weight, the bias and the epsilon of a layer norm over rows.
public struct LayerNormWeights: Sendable {
  private enum Source {
    case rows(weight: Tensor, bias: Tensor)
    case parameters(weight: ParameterRow, bias: ParameterRow)
  }

  /// The length of a row.
  public let columns: Int
  /// What is added to the variance; from the model's configuration.
  public let epsilon: Float
  private let source: Source

  /// Puts the parts together. Throws a mismatch unless both are one row of the same length.
  public init(weight: Tensor, bias: Tensor, epsilon: Float) throws(CheckpointError) {
    try expect(weight.rows, equals: 1, "LayerNormWeights", "weight", "row")
    try expect(bias.rows, equals: 1, "LayerNormWeights", "bias", "row")
    try expect(bias.columns, equals: weight.columns, "LayerNormWeights", "bias", "columns")
    try weight.refuseGradient("LayerNormWeights", "weight")
    try bias.refuseGradient("LayerNormWeights", "bias")
    columns = weight.columns
    self.epsilon = epsilon
    source = .rows(weight: weight, bias: bias)
  }

  /// The same of parameters, whose values are those at the time of use. Throws a mismatch unless both are one row of the same
  /// length.
  public init(weight: Parameter, bias: Parameter, epsilon: Float) throws(CheckpointError) {
    try expect(weight.rows, equals: 1, "LayerNormWeights", weight.name, "row")
    try expect(bias.rows, equals: 1, "LayerNormWeights", bias.name, "row")
    try expect(bias.columns, equals: weight.columns, "LayerNormWeights", bias.name, "columns")
    columns = weight.columns
    self.epsilon = epsilon
    source = .parameters(weight: ParameterRow([weight]), bias: ParameterRow([bias]))
  }

  /// The parameters that the rows are made from, the weight first; none if they were given as numbers.
  public var parameters: [Parameter] {
    switch source {
    case .rows: []
    case .parameters(let weight, let bias): weight.parameters + bias.parameters
    }
  }

  /// The rows as they are now.
  fileprivate func rows(
    in context: ExecutionContext
  ) throws(CheckpointError) -> (weight: Tensor, bias: Tensor) {
    switch source {
    case .rows(let weight, let bias): return (weight, bias)
    case .parameters(let weight, let bias):
      guard let weight = try weight.tensor(in: context), let bias = try bias.tensor(in: context)
      else { throw CheckpointError(.mismatch, "layerNorm", "weight", "there is none") }
      return (weight, bias)
    }
  }
}

/// (x - mean) / √(variance + epsilon) · weight + bias for each row, the variance being that of the whole row
/// (`torch.nn.LayerNorm`, 2.13).
///
/// Mean and variance are taken in two passes over the row, so that a large mean costs no digits. Throws a mismatch if the
/// rows have another length than the weight.
public func layerNorm(
  _ input: Tensor, _ weights: LayerNormWeights, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try expect(input.columns, equals: weights.columns, "layerNorm", "input", "columns")
  let (weight, bias) = try weights.rows(in: context)
  let result = try normed(input, weight, bias, weights.epsilon, in: context)
  return weights.recorded(result, of: input, weight, bias, in: context)
}

/// What ``layerNorm(_:_:in:)`` computes. The shapes fit.
func normed(
  _ input: Tensor, _ weight: Tensor, _ bias: Tensor, _ epsilon: Float, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(input.rows, input.columns, "layerNorm")
  context.forEachRows(input.rows, columns: input.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.layer_norm(
        input.pointer(row: row), result.pointer(row: row), input.columns, weight.base, bias.base,
        epsilon)
    }
  }
  extendLifetime((input, weight, bias))
  return result
}
