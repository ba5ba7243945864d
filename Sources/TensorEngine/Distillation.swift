internal import CKernels
public import CheckpointBytes

/// How far rows of logits are from a teacher's, `[1, 1]`: T² · the mean over rows of Σ p ln(p / q), with p = softmax(teacher ÷ T) and
/// q = softmax(logits ÷ T). The square keeps gradients of one size whatever the temperature (Hinton et al., 2015; `distiller.py` of
/// Transformers' example of distillation, whose reduction is `batchmean` too).
///
/// - Parameters:
///   - logits: `[rows, classes]`.
///   - teacher: The same shape; nothing is learned of them.
///   - temperature: Above 0; the higher, the more the classes that are not chosen count.
///   - context: What computes.
/// - Returns: The mean, no number without rows.
/// - Throws: A mismatch for other shapes, `inconsistent` for a temperature that is not above 0.
public func distillation(
  _ logits: Tensor, teacher: Tensor, temperature: Double, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "distillation"
  try expect(teacher.rows, equals: logits.rows, name, "teacher", "rows")
  try expect(teacher.columns, equals: logits.columns, name, "teacher", "columns")
  try checkTemperature(temperature)
  let derivative = DistillationDerivative(
    logits: logits.detached, teacher: teacher.detached, temperature: temperature)
  let sum = try derivative.sums(in: context).reduce(0, +)
  let loss = temperature * temperature * sum / Double(logits.rows)
  return try Tensor(rows: 1, columns: 1, [Float(loss)])
    .recorded(name, from: logits, derivative, in: context)
}

/// Throws `inconsistent` for a temperature of ``distillation(_:teacher:temperature:in:)`` that is none.
package func checkTemperature(_ temperature: Double) throws(CheckpointError) {
  guard temperature > 0, temperature.isFinite else {
    throw CheckpointError(
      .inconsistent, "distillation", "temperature",
      "expected a number above 0, found \(temperature)")
  }
}

/// T · (q − p) / rows.
private struct DistillationDerivative: Derivative {
  let logits: Tensor
  let teacher: Tensor
  let temperature: Double

  /// Probabilities at the temperature, or their logarithms, of one row.
  private func softmax(
    _ tensor: Tensor, _ row: Int, to result: UnsafeMutablePointer<Float>, isLogarithm: Bool,
    _ context: ExecutionContext
  ) {
    let columns = tensor.columns
    let kernels = unsafe context.kernels.table.pointee
    unsafe kernels.scale(tensor.pointer(row: row), Float(1 / temperature), result, columns)
    unsafe kernels.softmax(result, result, columns, isLogarithm ? 1 : 0)
  }

  /// Σ p ln(p / q) of each row.
  func sums(in context: ExecutionContext) throws(CheckpointError) -> [Double] {
    let columns = logits.columns
    let ours = try context.tensor(logits.rows, columns, "distillation")
    let theirs = try context.tensor(logits.rows, columns, "distillation")
    let results = try context.tensor(1, logits.rows, "distillation")
    context.forEachRows(logits.rows, columns: columns) { rows in
      for row in rows {
        let (q, p) = unsafe (ours.pointer(row: row), theirs.pointer(row: row))
        unsafe softmax(logits, row, to: q, isLogarithm: true, context)
        unsafe softmax(teacher, row, to: p, isLogarithm: true, context)
        var sum = 0.0
        for column in 0..<columns {
          let logarithm = unsafe Double(p[column])
          let share = exponential(logarithm)
          // What the teacher rules out counts nothing, however sure the pupil is.
          if share > 0 { sum += unsafe share * (logarithm - Double(q[column])) }
        }
        unsafe results.base[row] = Float(sum)
      }
    }
    extendLifetime((logits, teacher, ours, theirs))
    return results.values.map(Double.init)
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let columns = logits.columns
    let result = try context.tensor(logits.rows, columns, "distillation")
    let theirs = try context.tensor(logits.rows, columns, "distillation")
    let factor = Float(Double(gradient[0, 0] ?? 0) * temperature / Double(logits.rows))
    context.forEachRows(logits.rows, columns: columns) { rows in
      for row in rows {
        let (q, p) = unsafe (result.pointer(row: row), theirs.pointer(row: row))
        unsafe softmax(logits, row, to: q, isLogarithm: false, context)
        unsafe softmax(teacher, row, to: p, isLogarithm: false, context)
        for column in 0..<columns { unsafe q[column] = unsafe (q[column] - p[column]) * factor }
      }
    }
    extendLifetime((logits, teacher, theirs))
    return [result]
  }
}
