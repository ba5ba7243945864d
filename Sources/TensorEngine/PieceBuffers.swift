package import CheckpointBytes

/// A buffer for each thread, in which a matrix is read piece by piece while it is packed.
package struct PieceBuffers: Sendable {
  let context: ExecutionContext
  private let storage: TensorStorage

  /// The numbers of a piece: enough to be worth a read, and few enough that a thread has them still in its cache when it packs
  /// them.
  static let capacity = 1 << 17

  /// Takes the buffers from the context's memory. Throws `limitExceeded`.
  package init(in context: ExecutionContext) throws(CheckpointError) {
    self.context = context
    storage = try context.workspace.take(
      try TensorStorage.count(context.pool.threads, Self.capacity, "PieceBuffers"), "PieceBuffers")
  }

  /// Calls a closure for every piece on all threads, with a buffer of `width` bytes for each of its numbers. All pieces are
  /// called; what is thrown is the failure of the first one.
  func forEach<Failure: Error>(
    _ pieces: RowPieces, width: Int,
    _ body: (Range<Int>, Range<Int>, UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    defer { extendLifetime(storage) }
    try context.pool.run(pieces.count) { (index, thread) throws(Failure) in
      let (rows, columns) = pieces[index]
      let buffer = unsafe UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(storage.memory + thread * Self.capacity),
        count: rows.count * columns.count * width)
      try unsafe body(rows, columns, buffer)
    }
  }
}

/// A row-major matrix cut into pieces that follow each other in it: some whole rows, or a part of one long row.
struct RowPieces {
  let rows: Int
  let columns: Int
  private let step: (rows: Int, columns: Int)

  /// Pieces of at most ``PieceBuffers/capacity`` numbers, of a multiple of `multiple` rows and columns where they are cut.
  init(rows: Int, columns: Int, multiple: Int) {
    self.rows = rows
    self.columns = columns
    let fitting = PieceBuffers.capacity / max(1, columns)
    step =
      fitting > 0
      ? (fitting >= multiple ? fitting / multiple * multiple : fitting, max(1, columns))
      : (1, PieceBuffers.capacity / multiple * multiple)
  }

  private var piecesOfRow: Int { (columns + step.columns - 1) / step.columns }
  var count: Int { (rows + step.rows - 1) / step.rows * piecesOfRow }

  subscript(index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let (row, column) = index.quotientAndRemainder(dividingBy: max(1, piecesOfRow))
    return (
      row * step.rows..<min(rows, (row + 1) * step.rows),
      column * step.columns..<min(columns, (column + 1) * step.columns)
    )
  }
}
