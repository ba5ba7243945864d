internal import CKernels

/// y = activation(x · W + b) + residual, for each row of `input`.
///
/// `input` is `[rows, inputs]`, the result and `residual` are `[rows, outputs]`. Rows do not influence each other: a row's
/// result has the same bits whatever stands beside it, and however many threads there are. Each sum runs over the inputs in
/// order, in chains of 64 that are added up, in float32 with fused multiply-add where the instruction set has it
/// (docs/engine.md, Numbers).
///
/// Where the input, the residual or a parameter of the weights needs a gradient, the result remembers what its derivative takes
/// (`Linear+Gradient.swift`), and has the same bits.
///
/// Throws a mismatch if the shapes do not fit.
public func linear(
  _ input: Tensor, _ weights: LinearWeights, activation: Activation = .identity,
  adding residual: Tensor? = nil, in context: ExecutionContext
) throws(EngineError) -> Tensor {
  try expect(input.columns, equals: weights.inputs, "linear", "input", "columns")
  if let residual {
    try expect(residual.rows, equals: input.rows, "linear", "residual", "rows")
    try expect(residual.columns, equals: weights.outputs, "linear", "residual", "columns")
  }
  let packed = try weights.packed(in: context)
  let parameters = weights.recorded
  guard parameters == nil, input.node == nil, residual?.node == nil else {
    return try recordedLinear(
      input, packed, of: parameters, activation: activation, adding: residual, in: context)
  }
  return try product(input, packed, activation: activation, adding: residual, in: context)
}

/// What ``linear(_:_:activation:adding:in:)`` computes, from weights as they are packed. The shapes fit.
func product(
  _ input: Tensor, _ weights: PackedWeights, activation: Activation, adding residual: Tensor?,
  in context: ExecutionContext
) throws(EngineError) -> Tensor {
  guard weights.matrix.packing == Packing(weights.matrix.element, for: context.kernels) else {
    throw EngineError(
      .mismatch, "linear", "weights", "the context's kernels read another packing")
  }
  let result = try context.tensor(input.rows, weights.matrix.outputs, "linear")
  let product = Product(
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

  private static let depth = Int(WEIGHBRIDGE_BLOCK_DEPTH)
  private static let blockStride = Int(WEIGHBRIDGE_BLOCK_STRIDE)
  private var width: Int { weights.matrix.packing.panelColumns }

  func run() {
    let rowBlocks = Split(input.rows, atMost: ThreadPool.blockRows)
    let panels = weights.matrix.panels
    // Enough tasks that no thread waits long for another, and not so many that packing the rows for each becomes work.
    let perTask = max(1, min(8, rowBlocks.count * panels / (context.pool.threads * 4)))
    let groups = (panels + perTask - 1) / perTask
    context.pool.run(rowBlocks.count * groups) { index, thread in
      let group = index / rowBlocks.count
      multiply(
        rowBlocks[index % rowBlocks.count],
        panels: group * perTask..<min(panels, (group + 1) * perTask), thread)
    }
  }

  private func multiply(_ rows: Range<Int>, panels: Range<Int>, _ thread: Int) {
    let matrix = weights.matrix
    let block = unsafe context.pool.scratch(thread)
    let tiles = unsafe Split(rows.count, atMost: Int(context.kernels.table.pointee.tile_rows))
    let loops = unsafe context.kernels.weights(matrix.element)
    let widened = unsafe loops.pointee.widens_first != 0 && tiles.count > 1
    let product = unsafe widened ? context.kernels.table.pointee.product : loops.pointee.product
    // A matrix without inputs still has a block, an empty one: the results are the biases.
    for start in stride(from: 0, to: max(1, matrix.inputs), by: Self.depth) {
      let depth = min(Self.depth, matrix.inputs - start)
      unsafe weighbridge_pack_block(
        input.pointer(row: rows.lowerBound) + start, input.stride, rows.count, depth, block)
      let isLast = start + Self.depth >= matrix.inputs
      for panel in panels {
        var right = unsafe UnsafeRawPointer(
          matrix.panel(panel) + start * width * matrix.packing.width)
        if widened {
          let numbers = unsafe block + ThreadPool.blockCapacity
          unsafe loops.pointee.widen(right, numbers, depth * width)
          unsafe right = UnsafeRawPointer(numbers)
        }
        let columns = min(width, matrix.outputs - panel * width)
        for tile in 0..<tiles.count {
          let part = tiles[tile]
          let row = rows.lowerBound + part.lowerBound
          let to = unsafe result.pointer(row: row) + panel * width
          unsafe product(
            block + part.lowerBound * Self.blockStride, right, depth, to, result.stride, part.count,
            columns, start > 0 ? 1 : 0)
          if isLast { finish(row, part.count, panel, columns) }
        }
      }
    }
  }

  /// Bias, activation and residual of a tile that lies in the first-level cache.
  private func finish(_ row: Int, _ rows: Int, _ panel: Int, _ columns: Int) {
    if weights.bias == nil, residual == nil, activation == .identity { return }
    let column = panel * width
    unsafe context.kernels.table.pointee.finish(
      result.pointer(row: row) + column, result.stride, rows, columns,
      weights.bias.map { unsafe UnsafePointer($0.base + column) },
      residual.map { unsafe UnsafePointer($0.pointer(row: row) + column) }, residual?.stride ?? 0,
      CInt(activation.code.rawValue))
  }
}

/// A number of rows, cut into as few parts of at most a given size as possible, all about equally large.
struct Split {
  let total: Int
  let count: Int

  init(_ total: Int, atMost most: Int) {
    self.total = total
    count = (total + most - 1) / most
  }

  subscript(index: Int) -> Range<Int> {
    let (each, more) = total.quotientAndRemainder(dividingBy: count)
    let start = index * each + min(index, more)
    return start..<start + each + (index < more ? 1 : 0)
  }
}
