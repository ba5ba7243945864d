internal import CKernels
internal import CheckpointBytes

extension LayerNormWeights {
  /// The result of the norm, which remembers how it was made if its input, its weight or its bias needs a gradient.
  ///
  /// - Parameters:
  ///   - weight: The row that was taken.
  ///   - bias: The row that was taken.
  func recorded(
    _ result: Tensor, of input: Tensor, _ weight: Tensor, _ bias: Tensor,
    in context: ExecutionContext
  ) -> Tensor {
    let parameters = parameters
    guard input.isLearning || parameters.contains(where: { $0.gradientInput != nil }) else {
      return result
    }
    let inputs = [
      GradientInput(input), parameters.first?.gradientInput, parameters.last?.gradientInput,
    ]
    return result.recorded(
      "layerNorm", inputs,
      LayerNormDerivative(
        input: input.detached, weight: weight, bias: bias, epsilon: epsilon,
        needs: inputs.map { $0 != nil }),
      in: context)
  }
}

/// Mean and variance are computed again. Sums over rows are those of blocks of rows, added up in their order.
private struct LayerNormDerivative: RepeatableDerivative {
  let input: Tensor
  let weight: Tensor
  let bias: Tensor
  let epsilon: Float
  /// Of input, weight and bias.
  let needs: [Bool]

  /// Rows of a block.
  private static let blockRows = 32

  var isRepeatable: Bool { true }

  func result(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    try normed(input, weight, bias, epsilon, in: context)
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let columns = input.columns
    let result = needs[0] ? try context.tensor(input.rows, columns, "layerNorm") : nil
    let blocks = columns == 0 ? 0 : (input.rows + Self.blockRows - 1) / Self.blockRows
    let weights = needs[1] ? try context.tensor(blocks, columns, "layerNorm") : nil
    let biases = needs[2] ? try context.tensor(blocks, columns, "layerNorm") : nil
    context.pool.run(blocks) { block, _ in
      let weightSums = unsafe weights.map { unsafe $0.pointer(row: block) }
      let biasSums = unsafe biases.map { unsafe $0.pointer(row: block) }
      if let weightSums = unsafe weightSums { unsafe weighbridge_fill(weightSums, columns, 0) }
      if let biasSums = unsafe biasSums { unsafe weighbridge_fill(biasSums, columns, 0) }
      let end = min(input.rows, (block + 1) * Self.blockRows)
      for row in block * Self.blockRows..<end {
        unsafe context.kernels.training.layer_norm_gradient(
          input.pointer(row: row), gradient.pointer(row: row),
          result.map { unsafe $0.pointer(row: row) }, columns, weight.base, epsilon, weightSums,
          biasSums)
      }
    }
    extendLifetime((input, weight, gradient))
    return [
      result,
      try weights.map { (sums) throws(CheckpointError) in try columnSums(sums, in: context) },
      try biases.map { (sums) throws(CheckpointError) in try columnSums(sums, in: context) },
    ]
  }
}
