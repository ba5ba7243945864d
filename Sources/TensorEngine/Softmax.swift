internal import CKernels
public import CheckpointBytes

/// exp(x) / Σ exp(x) over each row.
public func softmax(
  _ input: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try softmax(input, logarithm: 0, "softmax", in: context)
}

/// x - ln Σ exp(x) over each row.
public func logSoftmax(
  _ input: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try softmax(input, logarithm: 1, "logSoftmax", in: context)
}

private func softmax(
  _ input: Tensor, logarithm: CInt, _ operation: String, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(input.rows, input.columns, operation)
  context.forEachRows(input.rows, columns: input.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.softmax(
        input.pointer(row: row), result.pointer(row: row), input.columns, logarithm)
    }
  }
  extendLifetime(input)
  return result.recorded(
    operation, from: input, SoftmaxDerivative(result: result, isLogarithm: logarithm != 0),
    in: context)
}
