internal import CKernels
public import CheckpointBytes

/// A matrix of numbers in the type that they are stored in, row-major: a table of embeddings, the values of a parameter.
///
/// Its numbers never change.
public struct StoredMatrix: Sendable {
  /// The number of rows; may be 0.
  public let rows: Int
  /// The number of columns; may be 0.
  public let columns: Int
  /// What the numbers are stored as.
  public let element: StoredElement
  var storage: TensorStorage

  /// The first number of a row. Valid while `storage` lives.
  @unsafe func pointer(row: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(storage.memory) + row * columns * element.width
  }

  /// A matrix whose numbers are unknown until they are read.
  package init(rows: Int, columns: Int, element: StoredElement) throws(CheckpointError) {
    guard element != .int8 else {
      throw CheckpointError(
        .mismatch, "StoredMatrix", "element", "int8 needs the scales of outputs")
    }
    let count = try TensorStorage.count(rows, columns, "StoredMatrix")
    storage = try TensorStorage(
      capacity: TensorStorage.floats(count, of: element.width, "StoredMatrix"), "StoredMatrix")
    self.rows = rows
    self.columns = columns
    self.element = element
  }

  /// A matrix of float32 numbers, copied from an array in row-major order. Throws a mismatch for another count.
  public init(rows: Int, columns: Int, _ values: [Float]) throws(CheckpointError) {
    try self.init(rows: rows, columns: columns, element: .float32)
    try expect(values.count, equals: rows * columns, "StoredMatrix", "values", "numbers")
    for index in values.indices { unsafe storage.memory[index] = values[index] }
  }

  /// Has a closure read the numbers, piece by piece and on all threads: `read(first, bytes)` fills `bytes` with the numbers from
  /// number `first` on. Every piece is asked for; what is thrown is the failure of the first one.
  package func fill<Failure: Error>(
    in context: ExecutionContext,
    reading read: (_ first: Int, _ bytes: UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    defer { extendLifetime(self) }
    let count = rows * columns
    let step = PieceBuffers.capacity
    try context.pool.run((count + step - 1) / step) { (piece, _) throws(Failure) in
      let first = piece * step
      let bytes = unsafe UnsafeMutableRawBufferPointer(
        start: pointer(row: 0) + first * element.width,
        count: min(step, count - first) * element.width)
      try unsafe read(first, bytes)
    }
  }

  /// The numbers as float32: the same memory if they are, otherwise a copy.
  public func tensor(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    guard element != .float32 else {
      return Tensor(storage, offset: 0, rows: rows, columns: columns, stride: columns)
    }
    let result = try context.tensor(rows, columns, "StoredMatrix")
    context.forEachRows(rows, columns: columns) { rows in
      for row in rows {
        unsafe context.kernels.weights(element).pointee.widen(
          pointer(row: row), result.pointer(row: row), columns)
      }
    }
    extendLifetime(self)
    return result
  }
}

extension StoredMatrix {
  /// Has a closure fill the numbers, all at once.
  package func withBytes<Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    defer { extendLifetime(self) }
    try unsafe body(
      UnsafeMutableRawBufferPointer(
        start: pointer(row: 0), count: rows * columns * element.width))
  }
}
