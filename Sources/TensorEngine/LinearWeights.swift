/// The weight and the bias of a linear layer, ready for ``linear(_:_:activation:adding:in:)``.
public struct LinearWeights: Sendable {
  /// The packed weight.
  public let matrix: PackedMatrix
  /// One number for each output, as one row; nil for none.
  public let bias: Tensor?

  /// Puts a weight and a bias together. Throws a mismatch unless the bias has one row of `matrix.outputs` numbers.
  public init(_ matrix: PackedMatrix, bias: Tensor? = nil) throws(EngineError) {
    if let bias {
      try expect(bias.rows, equals: 1, "LinearWeights", "bias", "row")
      try expect(bias.columns, equals: matrix.outputs, "LinearWeights", "bias", "columns")
    }
    self.matrix = matrix
    self.bias = bias
  }
}
