internal import CKernels
public import CheckpointBytes

/// The sum of two tensors of the same shape. Throws a mismatch for others.
public func add(
  _ left: Tensor, _ right: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try expect(right.rows, equals: left.rows, "add", "right", "rows")
  try expect(right.columns, equals: left.columns, "add", "right", "columns")
  let result = try context.tensor(left.rows, left.columns, "add")
  context.forEachRows(left.rows, columns: left.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.add(
        left.pointer(row: row), right.pointer(row: row), result.pointer(row: row), left.columns)
    }
  }
  extendLifetime((left, right))
  return result.recorded("add", from: left, and: right, SumDerivative(), in: context)
}

/// Each number times a factor.
public func scale(
  _ input: Tensor, by factor: Float, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(input.rows, input.columns, "scale")
  context.forEachRows(input.rows, columns: input.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.scale(
        input.pointer(row: row), factor, result.pointer(row: row), input.columns)
    }
  }
  extendLifetime(input)
  return result.recorded("scale", from: input, ScaleDerivative(factor: factor), in: context)
}
