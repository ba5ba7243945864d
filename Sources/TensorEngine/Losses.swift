internal import CKernels
public import CheckpointBytes

/// The label of rows that ``crossEntropy(_:_:weights:smoothing:ignoring:dividingBy:in:)`` takes no notice of.
public let ignoredLabel = -100

/// The cross-entropy of rows of logits with labels, `[1, 1]` (`torch.nn.functional.cross_entropy`, 2.13):
/// −Σ over rows of w[y] ln softmax(x)[y], divided by Σ w[y].
///
/// - Parameters:
///   - logits: `[rows, classes]`.
///   - labels: A class for each row, or the one that is ignored.
///   - weights: One for each class; all 1 if nil.
///   - smoothing: The share of each label that is spread over all classes, 0 to 1.
///   - ignored: The label of rows that do not count.
///   - divisor: What the sum is divided by instead; the loss of a part of a batch is a part of the whole's.
///   - context: What computes.
/// - Returns: The loss; no number if no row counts, as there.
/// - Throws: A mismatch for other counts, `inconsistent` for a label that is no class.
public func crossEntropy(
  _ logits: Tensor, _ labels: [Int], weights: [Float]? = nil, smoothing: Float = 0,
  ignoring ignored: Int = ignoredLabel, dividingBy divisor: Double? = nil,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "crossEntropy"
  try expect(labels.count, equals: logits.rows, name, "labels", "labels")
  if let weights { try expect(weights.count, equals: logits.columns, name, "weights", "weights") }
  guard smoothing >= 0, smoothing <= 1 else {
    throw CheckpointError(
      .inconsistent, name, "smoothing", "expected within 0 and 1, found \(smoothing)")
  }
  if let place = labels.firstIndex(where: {
    $0 != ignored && !(0..<logits.columns).contains($0)
  }) {
    throw CheckpointError(
      .inconsistent, name, "labels",
      "expected classes below \(logits.columns), found \(labels[place]) at row \(place)")
  }
  let rows = labels.indices.filter { labels[$0] != ignored }
  let total = rows.reduce(0.0) { $0 + Double(weights?[labels[$1]] ?? 1) }
  let derivative = CrossEntropyDerivative(
    logits: logits.detached, labels: labels, weights: weights, smoothing: smoothing,
    ignored: ignored, divisor: divisor ?? total)
  let losses = try derivative.losses(rows, in: context)
  let sum = losses.reduce(0, +)
  return try Tensor(rows: 1, columns: 1, [Float(sum / derivative.divisor)])
    .recorded(name, from: logits, derivative, in: context)
}

/// The mean of the squares of the differences, `[1, 1]` (`torch.nn.functional.mse_loss`, 2.13). Throws a mismatch for other shapes.
public func meanSquaredError(
  _ input: Tensor, _ target: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "meanSquaredError"
  try expect(target.rows, equals: input.rows, name, "target", "rows")
  try expect(target.columns, equals: input.columns, name, "target", "columns")
  let derivative = SquareDerivative(input: input.detached, target: target.detached)
  let sum = pairs(input, target) { difference, other in
    (Double(difference) - Double(other)) * (Double(difference) - Double(other))
  }
  return try Tensor(rows: 1, columns: 1, [Float(sum / derivative.count)])
    .recorded(name, from: input, and: target, derivative, in: context)
}

/// The mean binary cross-entropy of sigmoid(logits) with targets within 0 and 1, `[1, 1]`
/// (`torch.nn.functional.binary_cross_entropy_with_logits`, 2.13). Throws a mismatch for other shapes, `unsupported` for targets that
/// need a gradient.
///
/// - Parameters:
///   - logits: The scores, a row for each example.
///   - target: What they should be, of the same shape.
///   - positiveWeights: For each column what its targets of 1 count; all 1 if nil.
///   - context: What computes.
public func binaryCrossEntropy(
  logits: Tensor, _ target: Tensor, positiveWeights: [Float]? = nil, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let name = "binaryCrossEntropy"
  try expect(target.rows, equals: logits.rows, name, "target", "rows")
  try expect(target.columns, equals: logits.columns, name, "target", "columns")
  try target.refuseGradient(name, "target")
  if let positiveWeights {
    try expect(positiveWeights.count, equals: logits.columns, name, "positiveWeights", "weights")
  }
  let derivative = BinaryDerivative(
    logits: logits.detached, target: target.detached, positiveWeights: positiveWeights)
  return try Tensor(rows: 1, columns: 1, [Float(derivative.sum / derivative.count)])
    .recorded(name, from: logits, derivative, in: context)
}

/// The sum over all places, rows in order, of what a closure makes of both numbers.
private func pairs(
  _ left: Tensor, _ right: Tensor, _ term: (Float, Float) -> Double
) -> Double {
  var sum = 0.0
  for row in 0..<(left.columns == 0 ? 0 : left.rows) {
    let (x, y) = unsafe (left.pointer(row: row), right.pointer(row: row))
    for column in 0..<left.columns { sum += unsafe term(x[column], y[column]) }
  }
  extendLifetime((left, right))
  return sum
}

/// With p = softmax(x): (p_c Σ_k t_k − t_c) / divisor, t being what each class counts: the label's weight, less what is smoothed.
private struct CrossEntropyDerivative: Derivative {
  let logits: Tensor
  let labels: [Int]
  let weights: [Float]?
  let smoothing: Float
  let ignored: Int
  let divisor: Double

  /// What every class of a row counts beside its label.
  private func spread(_ column: Int) -> Float {
    smoothing / Float(logits.columns) * (weights?[column] ?? 1)
  }

  private func share(_ label: Int) -> Float { (1 - smoothing) * (weights?[label] ?? 1) }

  /// The loss of each of some rows.
  func losses(_ rows: [Int], in context: ExecutionContext) throws(CheckpointError) -> [Double] {
    let columns = logits.columns
    let memory = try context.tensor(rows.count, columns, "crossEntropy")
    let results = try context.tensor(1, rows.count, "crossEntropy")
    context.forEachRows(rows.count, columns: columns) { range in
      for number in range {
        let row = rows[number]
        let logarithms = unsafe memory.pointer(row: number)
        unsafe context.kernels.table.pointee.softmax(
          logits.pointer(row: row), logarithms, columns, 1)
        var loss = unsafe -Double(share(labels[row])) * Double(logarithms[labels[row]])
        if smoothing > 0 {
          for column in 0..<columns {
            loss -= unsafe Double(spread(column)) * Double(logarithms[column])
          }
        }
        unsafe results.base[number] = Float(loss)
      }
    }
    extendLifetime((logits, memory))
    return results.values.map(Double.init)
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let columns = logits.columns
    let result = try context.tensor(logits.rows, columns, "crossEntropy")
    let factor = Float(Double(gradient[0, 0] ?? 0) / divisor)
    let kernels = unsafe context.kernels.table.pointee
    let spreads = smoothing > 0 ? (0..<columns).map(spread) : []
    let all = spreads.reduce(0, +)
    context.forEachRows(logits.rows, columns: columns) { rows in
      for row in rows {
        let slopes = unsafe result.pointer(row: row)
        let label = labels[row]
        guard label != ignored else {
          unsafe weighbridge_fill(slopes, columns, 0)
          continue
        }
        unsafe kernels.softmax(logits.pointer(row: row), slopes, columns, 0)
        let share = share(label)
        if smoothing == 0 {
          unsafe slopes[label] -= 1
          unsafe kernels.scale(slopes, share * factor, slopes, columns)
        } else {
          for column in 0..<columns {
            let counted = spreads[column] + (column == label ? share : 0)
            unsafe slopes[column] = unsafe (slopes[column] * (share + all) - counted) * factor
          }
        }
      }
    }
    extendLifetime(logits)
    return [result]
  }
}

private struct SquareDerivative: Derivative {
  let input: Tensor
  let target: Tensor

  var count: Double { Double(input.rows * input.columns) }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let factor = Float(2 * Double(gradient[0, 0] ?? 0) / count)
    let difference = try add(input, try scale(target, by: -1, in: context), in: context)
    return [
      try scale(difference, by: factor, in: context),
      try scale(difference, by: -factor, in: context),
    ]
  }
}

private struct BinaryDerivative: Derivative {
  let logits: Tensor
  let target: Tensor
  let positiveWeights: [Float]?

  var count: Double { Double(logits.rows * logits.columns) }

  /// (1 − y) x + (1 + (w − 1) y) ln(1 + exp(−x)) at each place.
  var sum: Double {
    var sum = 0.0
    forEach { _, column, x, y in
      let weight = 1 + (Double(positiveWeights?[column] ?? 1) - 1) * y
      let tail = max(-x, 0) + logarithmOfOnePlus(exponential(-abs(x)))
      sum += (1 - y) * x + weight * tail
    }
    return sum
  }

  private func forEach(_ body: (Int, Int, Double, Double) -> Void) {
    for row in 0..<(logits.columns == 0 ? 0 : logits.rows) {
      let (x, y) = unsafe (logits.pointer(row: row), target.pointer(row: row))
      for column in 0..<logits.columns {
        unsafe body(row, column, Double(x[column]), Double(y[column]))
      }
    }
    extendLifetime((logits, target))
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let result = try context.tensor(logits.rows, logits.columns, "binaryCrossEntropy")
    let factor = Double(gradient[0, 0] ?? 0) / count
    forEach { row, column, x, y in
      let weight = 1 + (Double(positiveWeights?[column] ?? 1) - 1) * y
      let slope = (1 - y) - weight / (1 + exponential(x))
      unsafe result.pointer(row: row)[column] = Float(slope * factor)
    }
    return [result]
  }
}
