internal import CKernels
public import CheckpointBytes

/// Both get the gradient itself.
struct SumDerivative: Derivative {
  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [gradient, gradient] }
}

/// The gradient times the factor.
struct ScaleDerivative: Derivative {
  let factor: Float

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [try scale(gradient, by: factor, in: context)] }
}

/// Each number of a tensor times that of another of the same shape. Throws a mismatch for others.
public func multiply(
  _ left: Tensor, _ right: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try expect(right.rows, equals: left.rows, "multiply", "right", "rows")
  try expect(right.columns, equals: left.columns, "multiply", "right", "columns")
  let result = try context.tensor(left.rows, left.columns, "multiply")
  context.forEachRows(left.rows, columns: left.columns) { rows in
    for row in rows {
      unsafe context.kernels.training.multiply(
        left.pointer(row: row), right.pointer(row: row), result.pointer(row: row), left.columns)
    }
  }
  extendLifetime((left, right))
  return result.recorded(
    "multiply", from: left, and: right,
    ProductDerivative(
      left: right.node == nil ? nil : left.detached, right: left.node == nil ? nil : right.detached),
    in: context)
}

/// Each factor's gradient is the gradient times the other one.
private struct ProductDerivative: Derivative {
  /// If the right one needs a gradient.
  let left: Tensor?
  /// If the left one needs a gradient.
  let right: Tensor?

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    try [right, left].map { (other) throws(CheckpointError) in
      try other.map { (other) throws(CheckpointError) in
        try multiply(gradient, other, in: context)
      }
    }
  }
}

/// The sum of all numbers, `[1, 1]`: rows in order, each in float64.
public func sum(_ input: Tensor, in context: ExecutionContext) throws(CheckpointError) -> Tensor {
  var total = 0.0
  for row in 0..<(input.columns == 0 ? 0 : input.rows) {
    unsafe input.withRow(row) { values in
      for index in values.indices { total += unsafe Double(values[index]) }
    }
  }
  let result = try Tensor(rows: 1, columns: 1, [Float(total)])
  return result.recorded(
    "sum", from: input, SpreadDerivative(rows: input.rows, columns: input.columns), in: context)
}

/// The one number of the gradient everywhere.
private struct SpreadDerivative: Derivative {
  let rows: Int
  let columns: Int

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let result = try context.tensor(rows, columns, "sum")
    let value = gradient[0, 0] ?? 0
    context.forEachRows(rows, columns: columns) { range in
      for row in range { unsafe weighbridge_fill(result.pointer(row: row), columns, value) }
    }
    return [result]
  }
}

extension KernelSet {
  /// The loops of training.
  var training: weighbridge_training { unsafe table.pointee.training.pointee }
}
