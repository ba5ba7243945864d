internal import CKernels
internal import CheckpointBytes

/// From the result y: y ⊙ (G − G · y) of softmax, G − exp(y) Σ G of its logarithm, row by row.
struct SoftmaxDerivative: Derivative {
  let result: Tensor
  let isLogarithm: Bool

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let input = try context.tensor(result.rows, result.columns, "softmax")
    context.forEachRows(result.rows, columns: result.columns) { rows in
      for row in rows {
        let (y, g, x) = unsafe (
          result.pointer(row: row), gradient.pointer(row: row), input.pointer(row: row)
        )
        if isLogarithm {
          unsafe context.kernels.training.log_softmax_gradient(y, g, x, result.columns)
        } else {
          unsafe context.kernels.training.softmax_gradient(y, g, x, result.columns, 1)
        }
      }
    }
    extendLifetime((result, gradient))
    return [input]
  }
}
