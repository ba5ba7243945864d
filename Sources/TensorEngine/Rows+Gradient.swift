internal import CKernels
public import CheckpointBytes

/// The input with zeros in some rows. Throws `inconsistent` for a row that there is not.
public func zeroingRows(
  _ input: Tensor, _ rows: [Int], in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try check(rows, below: input.rows, "zeroingRows", "rows")
  let zeroed = Set(rows)
  let result = try context.tensor(input.rows, input.columns, "zeroingRows")
  context.forEachRows(input.rows, columns: input.columns) { range in
    for row in range {
      let to = unsafe result.pointer(row: row)
      if zeroed.contains(row) {
        unsafe weighbridge_fill(to, input.columns, 0)
      } else {
        unsafe weighbridge_copy(input.pointer(row: row), to, input.columns)
      }
    }
  }
  extendLifetime(input)
  return result.recorded("zeroingRows", from: input, ZeroDerivative(rows: rows), in: context)
}

private struct ZeroDerivative: Derivative {
  let rows: [Int]

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [try zeroingRows(gradient, rows, in: context)] }
}

/// The rows of the input at some places of a larger tensor, which has zeros elsewhere: the opposite of
/// ``gatherRows(_:_:in:)``. Throws a mismatch unless there is one place a row, `inconsistent` for a place beyond `count`.
public func spreadingRows(
  _ input: Tensor, to places: [Int], of count: Int, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "spreadingRows"
  try expect(places.count, equals: input.rows, name, "places", "places")
  try check(places, below: count, name, "places")
  let result = try context.tensor(count, input.columns, name)
  context.forEachRows(count, columns: input.columns) { range in
    for row in range { unsafe weighbridge_fill(result.pointer(row: row), input.columns, 0) }
  }
  for (row, place) in places.enumerated() {
    unsafe weighbridge_copy(input.pointer(row: row), result.pointer(row: place), input.columns)
  }
  extendLifetime(input)
  return result.recorded(name, from: input, SpreadRowsDerivative(places: places), in: context)
}

private struct SpreadRowsDerivative: Derivative {
  let places: [Int]

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [try gatherRows(gradient, places, in: context)] }
}

/// One column as rows: the numbers of each sequence of a batch become a row, filled up with −∞ to the length of the longest. So a score
/// for each token becomes a choice among the tokens of each text. Throws a mismatch unless there is one column with a number a token.
public func rowsOfSequences(
  _ column: Tensor, _ batch: RaggedBatch, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "rowsOfSequences"
  try expect(column.columns, equals: 1, name, "column", "column")
  try expect(column.rows, equals: batch.tokenCount, name, "column", "rows")
  let width = batch.lengths.max() ?? 0
  let result = try context.tensor(batch.count, width, name)
  for sequence in 0..<(width == 0 ? 0 : batch.count) {
    let to = unsafe result.pointer(row: sequence)
    for place in 0..<width {
      unsafe to[place] =
        unsafe place < batch.lengths[sequence]
        ? column.pointer(row: batch.starts[sequence] + place).pointee : -.infinity
    }
  }
  extendLifetime(column)
  return result.recorded(name, from: column, SequenceDerivative(batch: batch), in: context)
}

private struct SequenceDerivative: Derivative {
  let batch: RaggedBatch

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let result = try context.tensor(batch.tokenCount, 1, "rowsOfSequences")
    for sequence in 0..<batch.count {
      for place in 0..<batch.lengths[sequence] {
        unsafe result.base[batch.starts[sequence] + place] =
          unsafe gradient.pointer(row: sequence)[place]
      }
    }
    extendLifetime(gradient)
    return [result]
  }
}
