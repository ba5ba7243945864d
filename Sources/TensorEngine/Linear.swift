internal import CKernels
public import CheckpointBytes

/// y = activation(x · W + b) + residual, for each row of `input`.
///
/// `input` is `[rows, inputs]`, the result and `residual` are `[rows, outputs]`. Rows do not influence each other: a row's
/// result has the same bits whatever stands beside it, and however many threads there are. Each sum runs over the inputs in
/// order, in chains of 64 that are added up, in float32 with fused multiply-add where the instruction set has it
/// (docs/engine.md, Numbers); a less than full ``Precision``, and int8, have sums of their own.
///
/// Where the input, the residual or a parameter of the weights needs a gradient, the result remembers what its derivative takes
/// (`Linear+Gradient.swift`), and has the same bits.
///
/// Throws a mismatch if the shapes do not fit.
public func linear(
  _ input: Tensor, _ weights: LinearWeights, activation: Activation = .identity,
  adding residual: Tensor? = nil, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try expect(input.columns, equals: weights.inputs, "linear", "input", "columns")
  if let residual {
    try expect(residual.rows, equals: input.rows, "linear", "residual", "rows")
    try expect(residual.columns, equals: weights.outputs, "linear", "residual", "columns")
  }
  let packed = try weights.packed(in: context)
  let parameters = weights.recorded
  guard parameters == nil, !input.isLearning, !(residual?.isLearning ?? false) else {
    return try recordedLinear(
      input, packed, of: parameters, activation: activation, adding: residual, in: context)
  }
  return try product(input, packed, activation: activation, adding: residual, in: context)
}

/// What ``linear(_:_:activation:adding:in:)`` computes, from weights as they are packed. The shapes fit.
func product(
  _ input: Tensor, _ weights: PackedWeights, activation: Activation, adding residual: Tensor?,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  guard weights.matrix.packing == Packing(weights.matrix.element, for: context.kernels) else {
    throw CheckpointError(
      .mismatch, "linear", "weights", "the context's kernels read another packing")
  }
  let result = try context.tensor(input.rows, weights.matrix.outputs, "linear")
  let product = try Product(
    input: input, weights: weights, activation: activation, residual: residual, result: result,
    context: context)
  product.run()
  extendLifetime((input, weights.matrix, weights.bias, residual))
  return result
}

/// One product, cut into tasks: a block of rows times a few panels each.
private struct Product {
  let input: Tensor
  let weights: PackedWeights
  let activation: Activation
  let residual: Tensor?
  let result: Tensor
  let context: ExecutionContext
  private let rowBlocks: Split
  private let sizes: (block: Int, sums: Int)
  private let blocks: TensorStorage
  private let sums: TensorStorage

  /// Rows of a block that are packed by one task, as many as loops may take together.
  private static let packedRows = 16
  /// Panels of a task, at most.
  private static let mostPanels = Int(WEIGHBRIDGE_MOST_PANELS)

  init(
    input: Tensor, weights: PackedWeights, activation: Activation, residual: Tensor?,
    result: Tensor, context: ExecutionContext
  ) throws(CheckpointError) {
    self.input = input
    self.weights = weights
    self.activation = activation
    self.residual = residual
    self.result = result
    self.context = context
    let matrix = weights.matrix
    let loops = unsafe context.kernels.weights(matrix.element).pointee
    rowBlocks = unsafe Split(
      input.rows, atMost: loops.block_rows(matrix.inputs), multiple: Self.packedRows)
    let rows = rowBlocks.largest
    let bytes = unsafe loops.block_size(rows, matrix.inputs)
    let rounded = (rows + Self.packedRows - 1) / Self.packedRows * Self.packedRows
    sizes = (
      bytes / MemoryLayout<Float>.size, rounded * matrix.packing.panelColumns * Self.mostPanels
    )
    blocks = try context.workspace.take(
      TensorStorage.count(rowBlocks.count, sizes.block, "linear"), "linear")
    sums = try context.workspace.take(context.pool.threads * sizes.sums, "linear")
  }

  func run() {
    pack()
    let panels = weights.matrix.panels
    // Enough tasks that no thread waits long for another, and not so many that a block of rows is fetched again for each.
    let perTask = max(
      1, min(Self.mostPanels, rowBlocks.count * panels / (context.pool.threads * 4)))
    let groups = (panels + perTask - 1) / perTask
    context.pool.run(rowBlocks.count * groups) { index, thread in
      let group = index / rowBlocks.count
      multiply(
        index % rowBlocks.count, group * perTask..<min(panels, (group + 1) * perTask), thread)
    }
    extendLifetime((blocks, sums))
  }

  /// Packs the rows, once for all panels.
  private func pack() {
    let parts = (rowBlocks.largest + Self.packedRows - 1) / Self.packedRows
    context.pool.run(rowBlocks.count * parts) { index, _ in
      let (block, part) = index.quotientAndRemainder(dividingBy: parts)
      let rows = rowBlocks[block]
      let first = part * Self.packedRows
      let count = min(Self.packedRows, rows.count - first)
      guard count > 0 else { return }
      unsafe context.kernels.weights(weights.matrix.element).pointee.pack_rows(
        input.pointer(row: rows.lowerBound + first), input.stride, first, count, rows.count,
        weights.matrix.inputs, blocks.memory + block * sizes.block)
    }
  }

  private func multiply(_ block: Int, _ panels: Range<Int>, _ thread: Int) {
    let matrix = weights.matrix
    let rows = rowBlocks[block]
    let width = matrix.packing.panelColumns
    let column = panels.lowerBound * width
    var target = unsafe weighbridge_target(
      destination: result.pointer(row: rows.lowerBound) + column, stride: result.stride,
      columns: min(panels.count * width, matrix.outputs - column),
      bias: weights.bias.map { unsafe UnsafePointer($0.base + column) },
      residual: residual.map {
        unsafe UnsafePointer($0.pointer(row: rows.lowerBound) + column)
      },
      residual_stride: residual?.stride ?? 0, activation: CInt(activation.code.rawValue))
    unsafe context.kernels.weights(matrix.element).pointee.multiply(
      blocks.memory + block * sizes.block, rows.count, matrix.inputs,
      matrix.panel(panels.lowerBound), panels.count, sums.memory + thread * sizes.sums, &target)
  }
}

/// A number of rows, cut into as few parts of about a given size as possible, all but the last one equally large.
struct Split {
  let total: Int
  let count: Int
  /// The size of the largest part.
  let largest: Int

  /// - Parameter multiple: What the size of a part is rounded up to.
  init(_ total: Int, atMost most: Int, multiple: Int) {
    self.total = total
    let fewest = (total + most - 1) / most
    let even = fewest == 0 ? 0 : (total + fewest - 1) / fewest
    let rounded = (even + multiple - 1) / multiple * multiple
    count = rounded == 0 ? 0 : (total + rounded - 1) / rounded
    largest = min(total, rounded)
  }

  subscript(index: Int) -> Range<Int> {
    // With one part it is the largest; with several all but the last are rounded, and so is the largest.
    let start = index * largest
    return start..<min(total, start + largest)
  }
}
