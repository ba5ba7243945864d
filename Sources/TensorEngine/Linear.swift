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
  guard weights.lowRanks.isEmpty else {
    return try adaptedLinear(
      input, weights, activation: activation, adding: residual, in: context)
  }
  let parameters = weights.recorded
  guard parameters == nil, !input.isLearning, !(residual?.isLearning ?? false) else {
    return try recordedLinear(
      input, weights.packed(in: context), of: parameters, activation: activation, adding: residual,
      in: context)
  }
  if let distant = weights.distant {
    return try product(
      input, .distant(distant.matrix), bias: distant.bias.tensor(in: context),
      activation: activation, adding: residual, in: context)
  }
  return try product(
    input, weights.packed(in: context), activation: activation, adding: residual, in: context)
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
  return try product(
    input, .packed(weights.matrix), bias: weights.bias, activation: activation, adding: residual,
    in: context)
}

/// The product of the columns of a tensor, in place of its rows, with a matrix of float32.
func productOfColumns(
  _ input: Tensor, _ matrix: PackedMatrix, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let packsColumns = unsafe context.kernels.weights(matrix.element).pointee.pack_columns != nil
  return try product(
    packsColumns ? input : try transposed(input, in: context), ofColumns: packsColumns,
    .packed(matrix), bias: nil, activation: .identity, adding: nil, in: context)
}

private func product(
  _ input: Tensor, ofColumns: Bool = false, _ matrix: ProductMatrix, bias: Tensor?,
  activation: Activation, adding residual: Tensor?, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(
    ofColumns ? input.columns : input.rows, matrix.outputs, "linear")
  let product = try Product(
    input: input, isOfColumns: ofColumns, matrix: matrix, bias: bias, activation: activation,
    residual: residual, result: result, context: context)
  try product.run()
  extendLifetime((input, matrix, bias, residual))
  return result
}

/// The weights of a product: packed, or where they are stored.
private enum ProductMatrix {
  case packed(PackedMatrix)
  case distant(DistantWeights)

  var inputs: Int {
    switch self {
    case .packed(let matrix): matrix.inputs
    case .distant(let weights): weights.inputs
    }
  }

  var outputs: Int {
    switch self {
    case .packed(let matrix): matrix.outputs
    case .distant(let weights): weights.outputs
    }
  }

  var element: StoredElement {
    switch self {
    case .packed(let matrix): matrix.element
    case .distant(let weights): weights.element
    }
  }
}

/// One product, cut into tasks: a block of rows times a few panels each.
private struct Product {
  let input: Tensor
  /// Whether it is the input's columns that are multiplied, each as a row.
  let isOfColumns: Bool
  let matrix: ProductMatrix
  let bias: Tensor?
  let activation: Activation
  let residual: Tensor?
  let result: Tensor
  let context: ExecutionContext
  private let packing: Packing
  private let rowBlocks: Split
  /// Panels of a task, at most.
  private let mostPanels: Int
  private let sizes: (block: Int, sums: Int)
  private let blocks: TensorStorage
  private let sums: TensorStorage

  /// Rows of a block that are packed by one task, as many as loops may take together.
  private static let packedRows = 16
  /// The same of columns: some lines of each row of the input are read then, which are far from each other.
  private static let packedColumns = 64
  /// The bytes of weights that a task reads and packs for itself, at most: they and what is read are in the cache then, when
  /// they are multiplied.
  private static let mostBytes = 1 << 19

  init(
    input: Tensor, isOfColumns: Bool, matrix: ProductMatrix, bias: Tensor?,
    activation: Activation, residual: Tensor?, result: Tensor, context: ExecutionContext
  ) throws(CheckpointError) {
    self.input = input
    self.isOfColumns = isOfColumns
    self.matrix = matrix
    self.bias = bias
    self.activation = activation
    self.residual = residual
    self.result = result
    self.context = context
    packing = Packing(matrix.element, for: context.kernels)
    let loops = unsafe context.kernels.weights(matrix.element).pointee
    mostPanels = unsafe loops.most_panels
    rowBlocks = unsafe Split(
      result.rows, atMost: loops.block_rows(matrix.inputs), multiple: Self.packedRows)
    let rows = rowBlocks.largest
    let bytes = unsafe loops.block_size(rows, matrix.inputs)
    let rounded = (rows + Self.packedRows - 1) / Self.packedRows * Self.packedRows
    sizes = (bytes / MemoryLayout<Float>.size, rounded * packing.panelColumns * mostPanels)
    blocks = try context.workspace.take(
      TensorStorage.count(rowBlocks.count, sizes.block, "linear"), "linear")
    sums = try context.workspace.take(context.pool.threads * sizes.sums, "linear")
  }

  func run() throws(CheckpointError) {
    pack()
    let panels = (matrix.outputs + packing.panelColumns - 1) / packing.panelColumns
    switch matrix {
    case .packed(let matrix): multiply(matrix, panels)
    case .distant(let weights): try multiply(weights, panels)
    }
    extendLifetime((blocks, sums))
  }

  private func multiply(_ matrix: PackedMatrix, _ panels: Int) {
    // Enough tasks that no thread waits long for another, and not so many that a block of rows is fetched again for each.
    let fewest = rowBlocks.count * panels / (context.pool.threads * 4)
    let groups = Split(panels, each: min(mostPanels, fewest))
    context.pool.run(rowBlocks.count * groups.count) { index, thread in
      let group = groups[index / rowBlocks.count]
      multiply(
        index % rowBlocks.count, matrix, group, from: group.lowerBound * packing.panelColumns,
        thread)
    }
  }

  /// Each task reads the weights of some panels, packs them, and multiplies all rows with them.
  private func multiply(_ weights: DistantWeights, _ panels: Int) throws(CheckpointError) {
    let fitting = Self.mostBytes / max(1, packing.panelSize(matrix.inputs))
    let fewest = panels / (context.pool.threads * 4)
    let groups = Split(panels, each: min(mostPanels, fewest, fitting))
    guard rowBlocks.count > 0 else { return }
    try context.pool.run(groups.count) { (group, thread) throws(CheckpointError) in
      let first = groups[group].lowerBound * packing.panelColumns
      let outputs =
        first..<min(
          weights.outputs, groups[group].upperBound * packing.panelColumns)
      let part = try weights.matrix(of: outputs, in: context)
      for block in 0..<rowBlocks.count {
        multiply(block, part, 0..<part.panels, from: first, thread)
      }
      extendLifetime(part)
    }
  }

  /// Packs the rows, once for all panels.
  private func pack() {
    let loops = unsafe context.kernels.weights(matrix.element).pointee
    let pack = unsafe isOfColumns ? loops.pack_columns ?? loops.pack_rows : loops.pack_rows
    let step = isOfColumns ? Self.packedColumns : Self.packedRows
    let parts = (rowBlocks.largest + step - 1) / step
    context.pool.run(rowBlocks.count * parts) { index, _ in
      let (block, part) = index.quotientAndRemainder(dividingBy: parts)
      let rows = rowBlocks[block]
      let first = part * step
      let count = min(step, rows.count - first)
      guard count > 0 else { return }
      let row = rows.lowerBound + first
      unsafe pack(
        isOfColumns ? input.base + row : input.pointer(row: row), input.stride, first, count,
        rows.count, matrix.inputs, blocks.memory + block * sizes.block)
    }
  }

  /// Multiplies a block of rows with some panels of a matrix, whose first output is number `column` of the result.
  private func multiply(
    _ block: Int, _ matrix: PackedMatrix, _ panels: Range<Int>, from column: Int, _ thread: Int
  ) {
    let rows = rowBlocks[block]
    var target = unsafe weighbridge_target(
      destination: result.pointer(row: rows.lowerBound) + column, stride: result.stride,
      columns: min(panels.count * packing.panelColumns, result.columns - column),
      bias: bias.map { unsafe UnsafePointer($0.base + column) },
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

  /// - Parameter each: The size of all parts but the last one; less than 1 counts as 1.
  init(_ total: Int, each size: Int) {
    self.total = total
    largest = max(1, size)
    count = (total + largest - 1) / largest
  }

  subscript(index: Int) -> Range<Int> {
    // With one part it is the largest; with several all but the last are rounded, and so is the largest.
    let start = index * largest
    return start..<min(total, start + largest)
  }
}
