internal import CKernels
public import CheckpointBytes
internal import Synchronization

/// Threads that wait for the operators' work: briefly spinning, then asleep.
///
/// Results do not depend on how many there are: the threads share out tiles of the result, and what is inside a tile is summed
/// in an order that the shapes fix. One operator runs at a time; another one, from another thread, waits for it.
@safe public final class ThreadPool: @unchecked Sendable {
  private let pool: OpaquePointer
  /// The number of threads, the caller's own counted.
  public let threads: Int

  /// A pool of some threads; nil for as many as this process may use processors. Fewer than 1 count as 1, and the system may
  /// give fewer than asked for (``threads`` tells).
  public init(threads: Int? = nil) throws(CheckpointError) {
    let wanted = threads.map { max(1, $0) } ?? Processors.granted
    guard let pool = unsafe weighbridge_pool_create(wanted) else {
      throw CheckpointError(
        .limitExceeded, "ThreadPool", "threads", "no memory for \(wanted) threads")
    }
    unsafe self.pool = unsafe pool
    self.threads = unsafe Int(clamping: weighbridge_pool_threads(pool))
  }

  deinit {
    unsafe weighbridge_pool_destroy(pool)
  }

  /// Calls `body` for every index below `count`, on all threads, and returns when all calls have returned.
  ///
  /// The body gets the index and the number of the thread it runs on. It must not run anything in the pool itself, and calls
  /// for different indices must not write to the same place.
  package func run(_ count: Int, _ body: (_ index: Int, _ thread: Int) -> Void) {
    guard count > 0 else { return }
    withoutActuallyEscaping(body) { body in
      var call = Call(body: body)
      // The call outlives all uses of its address: the run ends before this does.
      unsafe withUnsafeMutablePointer(to: &call) { call in
        unsafe weighbridge_pool_run(
          pool, count,
          { context, index, thread in
            let call = unsafe context.assumingMemoryBound(to: Call.self)
            unsafe call.pointee.body(index, thread)
          }, call)
      }
    }
  }

  /// The same for a body that may fail. All calls are made; what is thrown is the failure of the lowest index.
  package func run<Failure: Error>(
    _ count: Int, _ body: (_ index: Int, _ thread: Int) throws(Failure) -> Void
  ) throws(Failure) {
    let first = Mutex<(index: Int, failure: Failure)?>(nil)
    run(count) { (index, thread) -> Void in
      do throws(Failure) {
        try body(index, thread)
      } catch {
        first.withLock { first in
          if first.map({ index < $0.index }) ?? true { first = (index, error) }
        }
      }
    }
    if let failure = first.withLock({ $0?.failure }) { throw failure }
  }

  private struct Call {
    let body: (Int, Int) -> Void
  }
}
