internal import CKernels
public import CheckpointBytes

/// Rows of a table, chosen by indices: one term of an embedding.
public struct EmbeddingLookup: Sendable {
  /// Where the rows come from.
  public enum Table: Sendable {
    /// A tensor: one row for each index.
    case rows(Tensor)
    /// The same in the type that the table is stored in.
    case stored(StoredMatrix)
    /// A packed matrix whose outputs are the rows, as when an embedding is tied to the decoder: one copy in memory serves both.
    case outputs(PackedMatrix)
  }

  /// The table.
  public let table: Table
  /// One index for each row of the result.
  public let indices: [Int]
  /// The parameter that the table is, if it is one.
  private let parameter: Parameter?
  /// The row of a parameter that does not learn.
  let unlearned: Int?

  /// A lookup in a tensor.
  public init(_ table: Tensor, _ indices: [some BinaryInteger]) {
    self.init(.rows(table), indices)
  }

  /// A lookup in a stored matrix.
  public init(_ table: StoredMatrix, _ indices: [some BinaryInteger]) {
    self.init(.stored(table), indices)
  }

  /// A lookup of outputs of a packed matrix.
  public init(_ table: PackedMatrix, _ indices: [some BinaryInteger]) {
    self.init(.outputs(table), indices)
  }

  /// A lookup of rows of a parameter, with the values that it has now: where they lie packed as the weight of a linear layer, out
  /// of there; where they stay in a file, they are read. Throws `limitExceeded` if they are packed in another way, and have to be
  /// copied, and what reading throws.
  ///
  /// - Parameters:
  ///   - table: What rows are taken of.
  ///   - indices: The rows to take.
  ///   - unlearned: A row that gets no gradient from the lookup: `padding_idx` of `torch.nn.Embedding`.
  public init(
    _ table: Parameter, _ indices: [some BinaryInteger], unlearned: Int? = nil
  ) throws(CheckpointError) {
    switch table.contents {
    case .packed(let part) where part.isTable:
      self.init(.outputs(part.matrix), indices, of: table, unlearned: unlearned)
    case .distant(let values) where indices.allSatisfy({ $0 >= 0 && $0 < values.rows }):
      let rows = try values.values(of: indices.map { Int($0) })
      self.init(.stored(rows), 0..<indices.count, of: table, unlearned: unlearned)
    case let contents:
      self.init(.stored(try contents.values()), indices, of: table, unlearned: unlearned)
    }
  }

  private init(
    _ table: Table, _ indices: some Sequence<some BinaryInteger>, of parameter: Parameter? = nil,
    unlearned: Int? = nil
  ) {
    self.table = table
    self.indices = indices.map { Int(clamping: $0) }
    self.parameter = parameter
    self.unlearned = unlearned
  }

  /// Where the table's gradient goes to; nil if it needs none.
  var gradientInput: GradientInput? {
    if case .rows(let tensor) = table { return GradientInput(tensor) }
    return parameter?.gradientInput
  }

  /// True if the table is a parameter, and not a tensor that was made of some.
  var isParameter: Bool { if case .rows = table { false } else { parameter != nil } }

  var columns: Int {
    switch table {
    case .rows(let tensor): tensor.columns
    case .stored(let matrix): matrix.columns
    case .outputs(let matrix): matrix.inputs
    }
  }

  var count: Int {
    switch table {
    case .rows(let tensor): tensor.rows
    case .stored(let matrix): matrix.rows
    case .outputs(let matrix): matrix.outputs
    }
  }

  /// Copies one row as float32. Its index has been checked.
  func copyRow(
    _ position: Int, to destination: UnsafeMutablePointer<Float>, _ kernels: KernelSet
  ) {
    let index = indices[position]
    switch table {
    case .rows(let tensor):
      unsafe weighbridge_copy(tensor.pointer(row: index), destination, tensor.columns)
    case .stored(let matrix):
      unsafe kernels.weights(matrix.element).pointee.widen(
        matrix.pointer(row: index), destination, matrix.columns)
    case .outputs(let matrix):
      // The numbers as they are stored go to the end of the row, and are widened from there.
      let (panel, column) = index.quotientAndRemainder(dividingBy: matrix.packing.panelColumns)
      let unused = matrix.inputs * (MemoryLayout<Float>.size - matrix.packing.width)
      let numbers = unsafe UnsafeMutableRawPointer(destination) + unused
      unsafe matrix.packing.table.pointee.unpack(
        matrix.panel(panel), 0, matrix.inputs, column, numbers)
      if unused > 0 {
        unsafe kernels.weights(matrix.element).pointee.widen(numbers, destination, matrix.inputs)
      }
      if matrix.packing.hasScales {
        unsafe kernels.table.pointee.scale(
          destination, matrix.scale(index).pointee, destination, matrix.inputs)
      }
    }
  }
}

/// The sum of the rows that some lookups give: word, position and token type.
///
/// All lookups have as many indices, and tables of as many columns; the terms are added in their order. Throws a mismatch if
/// not, and `inconsistent` for an index outside of its table, whose argument is the number of the lookup (`lookups[0]`).
public func embeddingSum(
  _ lookups: [EmbeddingLookup], in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  guard let first = lookups.first else {
    throw CheckpointError(.mismatch, "embeddingSum", "lookups", "expected at least one, found none")
  }
  for (number, lookup) in lookups.enumerated() {
    let argument = "lookups[\(number)]"
    try expect(
      lookup.indices.count, equals: first.indices.count, "embeddingSum", argument, "indices")
    try expect(lookup.columns, equals: first.columns, "embeddingSum", argument, "columns")
    try check(lookup.indices, below: lookup.count, "embeddingSum", argument)
  }
  let result = try context.tensor(first.indices.count, first.columns, "embeddingSum")
  context.forEachRows(result.rows, columns: result.columns) { rows in
    // One row of one lookup after the other: a second one is added from scratch memory of its own.
    for row in rows { unsafe first.copyRow(row, to: result.pointer(row: row), context.kernels) }
  }
  for lookup in lookups.dropFirst() {
    let term = try context.tensor(result.rows, result.columns, "embeddingSum")
    context.forEachRows(result.rows, columns: result.columns) { rows in
      for row in rows {
        let sum = unsafe result.pointer(row: row)
        unsafe lookup.copyRow(row, to: term.pointer(row: row), context.kernels)
        unsafe context.kernels.table.pointee.add(sum, term.pointer(row: row), sum, result.columns)
      }
    }
    extendLifetime(term)
  }
  extendLifetime(lookups)
  return result.recorded("embeddingSum", of: lookups, in: context)
}

/// The rows of a tensor that some indices choose, in their order; an index may come several times.
public func gatherRows(
  _ input: Tensor, _ indices: [some BinaryInteger], in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let lookup = EmbeddingLookup(input, indices)
  try check(lookup.indices, below: input.rows, "gatherRows", "indices")
  let result = try context.tensor(indices.count, input.columns, "gatherRows")
  context.forEachRows(result.rows, columns: result.columns) { rows in
    for row in rows { unsafe lookup.copyRow(row, to: result.pointer(row: row), context.kernels) }
  }
  extendLifetime(lookup)
  return result.recorded("gatherRows", of: [lookup], in: context)
}

func check(
  _ indices: [Int], below count: Int, _ operation: String, _ argument: String
) throws(CheckpointError) {
  guard let position = indices.firstIndex(where: { $0 < 0 || $0 >= count }) else { return }
  throw CheckpointError(
    .inconsistent, operation, argument,
    "expected indices below \(count), found \(indices[position]) at position \(position)")
}
