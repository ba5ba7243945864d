internal import CKernels
public import CheckpointBytes
internal import Synchronization

/// What operators run on: threads, inner loops, and memory that goes round.
///
/// Every operator takes one, and there is no other state. A context may be shared by any number of models; operators called at
/// the same time from several threads wait for each other, as they share its threads.
public final class ExecutionContext: Sendable {
  /// The threads.
  public let pool: ThreadPool
  /// The inner loops.
  public let kernels: KernelSet
  let workspace = Workspace()
  private let passes = Mutex<Void>(())

  /// A context with threads of its own (nil: one for each processor) and the best inner loops unless others are asked for.
  public convenience init(threads: Int? = nil, kernels: KernelSet = .best) throws(CheckpointError) {
    self.init(pool: try ThreadPool(threads: threads), kernels: kernels)
  }

  /// A context on threads that others use as well.
  public init(pool: ThreadPool, kernels: KernelSet = .best) {
    self.pool = pool
    self.kernels = kernels
  }

  /// Has the operators of one caller follow each other, where several threads have each a pass of a model to make: its numbers are in
  /// the caches from one operator to the next, and what the other threads do between their passes goes on beside it.
  ///
  /// - Parameter body: Must not ask for this itself.
  package func alone<Value>(
    _ body: () throws(CheckpointError) -> Value
  ) throws(CheckpointError) -> Value {
    try passes.withLock { (_) throws(CheckpointError) in try body() }
  }

  /// Gives memory that no tensor uses any more back to the system. It is otherwise kept for the next operator.
  public func releaseUnusedMemory() { workspace.releaseUnused() }

  /// The number of pieces of memory that the context keeps, in use or not: constant in the steady state.
  package var keptStorageCount: Int { workspace.storageCount }

  /// The floats that these have room for.
  package var keptNumberCount: Int { workspace.numberCount }

  /// A tensor to be written by an operator, contents unknown.
  func tensor(_ rows: Int, _ columns: Int, _ operation: String) throws(CheckpointError) -> Tensor {
    let count = try TensorStorage.count(rows, columns, operation)
    let storage = try workspace.take(count, operation)
    return Tensor(storage, offset: 0, rows: rows, columns: columns, stride: columns)
  }

  /// Runs a closure for ranges of `rows` rows of `columns` numbers, on all threads if there is enough to do.
  func forEachRows(_ rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
    // Rows without numbers may be more than anybody wants to count to.
    guard columns > 0 else { return }
    // About a thousand vectors each: less is not worth the way to another thread.
    let step = max(1, min(rows, 16_384 / max(1, columns)))
    let pieces = (rows + step - 1) / step
    pool.run(pieces) { piece, _ in body(piece * step..<min(rows, (piece + 1) * step)) }
  }
}
