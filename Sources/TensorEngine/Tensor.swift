internal import CKernels
public import CheckpointBytes

/// A matrix of float32 numbers, row-major: what all operators take and give.
///
/// Passing one costs a reference; the numbers never change once an operator has returned them. A tensor may be a view of a part
/// of another's numbers (``rows(_:)``, ``columns(_:)``), which costs nothing either. Higher ranks are a matter of whoever
/// interprets the rows: `[batch, sequence, hidden]` is a matrix of `batch · sequence` rows.
///
/// The memory belongs to the ``ExecutionContext`` that made it and is used again as soon as the last tensor that refers to it
/// is gone: hold on to what you want to keep, drop what you do not.
public struct Tensor: Sendable {
  /// The number of rows; may be 0.
  public let rows: Int
  /// The number of columns; may be 0.
  public let columns: Int
  /// The distance from one row to the next, in floats.
  let stride: Int
  let storage: TensorStorage
  let offset: Int
  /// What the tensor remembers of how it was made; nil if no gradient is asked for.
  let node: GradientNode?

  init(
    _ storage: TensorStorage, offset: Int, rows: Int, columns: Int, stride: Int,
    node: GradientNode? = nil
  ) {
    self.storage = storage
    self.node = node
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The first number. Valid while `storage` lives: whoever uses it extends the tensor's lifetime to the end of the use.
  @unsafe var base: UnsafeMutablePointer<Float> { unsafe storage.memory + offset }

  /// The first number of a row, under the same condition.
  @unsafe func pointer(row: Int) -> UnsafeMutablePointer<Float> {
    unsafe base + row * stride
  }
}

extension Tensor {
  /// A tensor with numbers of its own, copied from an array in row-major order.
  ///
  /// Throws a mismatch unless there are `rows · columns` of them.
  public init(rows: Int, columns: Int, _ values: [Float]) throws(CheckpointError) {
    let count = try TensorStorage.count(rows, columns, "Tensor")
    try expect(values.count, equals: count, "Tensor", "values", "numbers")
    let storage = try TensorStorage(capacity: count, "Tensor")
    for index in values.indices { unsafe storage.memory[index] = values[index] }
    self.init(storage, offset: 0, rows: rows, columns: columns, stride: columns)
  }

  /// A tensor with numbers of its own, which a closure writes in place: `rows · columns` of them, zeros before.
  ///
  /// Throws `CheckpointError` for an impossible shape, and whatever the closure throws.
  public init(
    rows: Int, columns: Int,
    initializingWith body: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    let count = try TensorStorage.count(rows, columns, "Tensor")
    let storage = try TensorStorage(capacity: count, "Tensor")
    unsafe weighbridge_fill(storage.memory, count, 0)
    try unsafe body(UnsafeMutableBufferPointer(start: storage.memory, count: count))
    self.init(storage, offset: 0, rows: rows, columns: columns, stride: columns)
  }

  /// The numbers in row-major order, as a copy.
  public var values: [Float] {
    var values: [Float] = []
    guard columns > 0 else { return values }
    values.reserveCapacity(rows * columns)
    for row in 0..<rows {
      unsafe values.append(
        contentsOf: UnsafeBufferPointer(start: pointer(row: row), count: columns))
    }
    extendLifetime(self)
    return values
  }

  /// One number, or nil outside of the tensor.
  public subscript(row: Int, column: Int) -> Float? {
    guard row >= 0, row < rows, column >= 0, column < columns else { return nil }
    defer { extendLifetime(self) }
    return unsafe pointer(row: row)[column]
  }

  /// Calls a closure with the numbers of one row; nil outside of the tensor.
  public func withRow<Result, Failure: Error>(
    _ row: Int, _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard row >= 0, row < rows else { return nil }
    defer { extendLifetime(self) }
    return try unsafe body(UnsafeBufferPointer(start: pointer(row: row), count: columns))
  }
}

extension Tensor {
  /// A view of some rows. Throws if the tensor has not all of them.
  public func rows(_ range: Range<Int>) throws(CheckpointError) -> Tensor {
    guard range.lowerBound >= 0, range.upperBound <= rows else {
      throw CheckpointError(
        .inconsistent, "rows", "range", "expected within 0..<\(rows), found \(range)")
    }
    return viewed(
      Tensor(
        storage, offset: offset + range.lowerBound * stride, rows: range.count, columns: columns,
        stride: stride), rows: range, columns: 0..<columns)
  }

  /// A view of some columns. Throws if the tensor has not all of them.
  public func columns(_ range: Range<Int>) throws(CheckpointError) -> Tensor {
    guard range.lowerBound >= 0, range.upperBound <= columns else {
      throw CheckpointError(
        .inconsistent, "columns", "range", "expected within 0..<\(columns), found \(range)")
    }
    return viewed(
      Tensor(
        storage, offset: offset + range.lowerBound, rows: rows, columns: range.count,
        stride: stride), rows: 0..<rows, columns: range)
  }
}
