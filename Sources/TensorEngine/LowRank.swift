internal import CKernels
public import CheckpointBytes

/// What low-rank adaptation adds to some outputs of a linear layer: scale · (x · downᵀ) · upᵀ.
///
/// The layer's own weights stay what they are. `LoraLayer` of PEFT 0.21 (`tuners/lora/layer.py`) computes the same.
public struct LowRank: Sendable {
  /// The outputs of the layer that it is added to.
  public let outputs: Range<Int>
  /// What the product is multiplied by.
  public let scale: Float
  /// The share of the inputs that training leaves out before they meet `down`.
  public let dropoutRate: Float
  /// Which ones; nil for none.
  package var dropout: Dropout?
  let down: LinearWeights
  let up: LinearWeights

  /// - Parameters:
  ///   - down: `[rank, inputs]`.
  ///   - up: `[outputs, rank]`.
  ///   - scale: What the product is multiplied by.
  ///   - start: The first output of the layer that it is added to.
  ///   - dropoutRate: The share of the inputs that training leaves out.
  /// - Throws: a mismatch if the factors have no product.
  public init(
    down: Parameter, up: Parameter, scale: Float, from start: Int = 0, dropoutRate: Float = 0
  ) throws(CheckpointError) {
    self.down = try LinearWeights([down])
    self.up = try LinearWeights([up])
    try expect(self.up.inputs, equals: self.down.outputs, "LowRank", "up", "columns")
    let (end, overflow) = start.addingReportingOverflow(self.up.outputs)
    guard start >= 0, !overflow else {
      throw CheckpointError(
        .inconsistent, "LowRank", "start", "expected a place of an output, found \(start)")
    }
    outputs = start..<end
    self.scale = scale
    self.dropoutRate = dropoutRate
  }

  /// The factors.
  public var parameters: [Parameter] { down.parameters + up.parameters }
}

/// A linear layer with what is added to it.
func adaptedLinear(
  _ input: Tensor, _ weights: LinearWeights, activation: Activation, adding residual: Tensor?,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let parts = try weights.lowRanks.map { (part) throws(CheckpointError) in
    var seen = input
    if let choice = part.dropout { seen = try dropout(input, choice, in: context) }
    return try linear(try linear(seen, part.down, in: context), part.up, in: context)
  }
  let update = try joinedColumns(
    parts, at: weights.lowRanks.map { ($0.outputs.lowerBound, $0.scale) }, of: weights.outputs,
    rows: input.rows, in: context)
  let sums = try linear(input, weights.alone, adding: update, in: context)
  let result = activation == .identity ? sums : try activate(sums, activation, in: context)
  guard let residual else { return result }
  return try add(result, residual, in: context)
}

/// Columns of several tensors, each times a factor, at places of a wider one that has zeros elsewhere. Parts may lie over each other.
private func joinedColumns(
  _ parts: [Tensor], at places: [(start: Int, factor: Float)], of columns: Int, rows: Int,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(rows, columns, "linear")
  context.forEachRows(rows, columns: columns) { range in
    for row in range {
      let to = unsafe result.pointer(row: row)
      unsafe weighbridge_fill(to, columns, 0)
      for (part, place) in zip(parts, places) {
        let from = unsafe part.pointer(row: row)
        for column in 0..<part.columns {
          unsafe to[place.start + column] += place.factor * from[column]
        }
      }
    }
  }
  extendLifetime(parts)
  guard GradientRecording.isOn, parts.contains(where: { $0.node != nil }) else { return result }
  return result.recorded(
    "linear", parts.map { GradientInput($0) },
    JoinedColumnsDerivative(
      places: zip(parts, places).map { ($1.start..<$1.start + $0.columns, $1.factor) }),
    in: context)
}

/// Each part gets its columns of the gradient, times its factor.
private struct JoinedColumnsDerivative: Derivative {
  let places: [(columns: Range<Int>, factor: Float)]

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    try places.map { (place) throws(CheckpointError) in
      try scale(try gradient.columns(place.columns), by: place.factor, in: context)
    }
  }
}
