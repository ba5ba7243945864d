internal import CKernels
public import CheckpointBytes

/// Which numbers of an operator are left out, and how the others make up for it.
///
/// The choice is a function of seed, step, stream, row and column (Philox4x32-10), so that it does not depend on threads, on the
/// instruction set or on what was computed before, and the way back makes it again instead of keeping it.
public struct Dropout: Sendable, Hashable {
  /// The share of the numbers that become 0, 0 to 1.
  public let rate: Float
  /// The seed of a run.
  public let seed: UInt64
  /// The number of the step.
  public let step: UInt32
  /// Tells operators of a step apart.
  public let stream: UInt32

  /// Makes a choice. Throws `inconsistent` for a rate that is not within 0 and 1.
  public init(
    rate: Float, seed: UInt64, step: UInt32 = 0, stream: UInt32 = 0
  ) throws(CheckpointError) {
    guard rate >= 0, rate <= 1 else {
      throw CheckpointError(
        .inconsistent, "Dropout", "rate", "expected within 0 and 1, found \(rate)")
    }
    self.rate = rate
    self.seed = seed
    self.step = step
    self.stream = stream
  }

  var code: weighbridge_dropout {
    weighbridge_dropout(
      seed: seed, stream: stream, step: step,
      threshold: UInt32(min(Double(rate) * 0x1p32, Double(UInt32.max))),
      factor: rate < 1 ? 1 / (1 - rate) : 0)
  }
}

/// The input with some numbers replaced by 0 and the others divided by 1 − rate (`torch.nn.functional.dropout`, with random numbers of
/// its own), plus a residual. Throws a mismatch if the residual has another shape.
public func dropout(
  _ input: Tensor, _ dropout: Dropout, adding residual: Tensor? = nil,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  if let residual {
    try expect(residual.rows, equals: input.rows, "dropout", "residual", "rows")
    try expect(residual.columns, equals: input.columns, "dropout", "residual", "columns")
  }
  let result = try context.tensor(input.rows, input.columns, "dropout")
  let code = dropout.code
  context.forEachRows(input.rows, columns: input.columns) { rows in
    unsafe withUnsafePointer(to: code) { code in
      for row in rows {
        let to = unsafe result.pointer(row: row)
        unsafe context.kernels.training.drop(
          input.pointer(row: row), to, input.columns, UInt64(row), code)
        if let residual {
          unsafe context.kernels.table.pointee.add(
            to, residual.pointer(row: row), to, input.columns)
        }
      }
    }
  }
  extendLifetime((input, residual))
  return result.recorded(
    "dropout", from: input, and: residual,
    DropoutDerivative(dropout: dropout, addsResidual: residual != nil), in: context)
}

/// The same choice of the gradient's numbers; the residual gets the gradient itself.
private struct DropoutDerivative: Derivative {
  let dropout: Dropout
  let addsResidual: Bool

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let input = try TensorEngine.dropout(gradient, dropout, in: context)
    return addsResidual ? [input, gradient] : [input]
  }
}
