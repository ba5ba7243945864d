package import CheckpointBytes
internal import Dispatch
internal import Synchronization

/// Runs independent pieces of work on a few threads.
package enum WorkQueue {
  /// How many threads: each holds buffers of its own, so that memory stays bounded on machines with many processors.
  package static let width = min(4, Processors.granted)

  /// Calls `body` for every index below `count`, in order of starting, with buffers that belong to the thread. The first
  /// error stops the start of further work and is thrown; so does the end of the caller's task, if that is cancelled.
  package static func forEach(
    _ count: Int, _ body: @Sendable (Int, WeightBuffers) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    // The other threads may be through before the caller's begins.
    try CheckpointError.throwIfCancelled()
    let next = Atomic<Int>(0)
    let failure = Mutex<CheckpointError?>(nil)
    let threads = min(width, count)
    @Sendable func work(_: Int) {
      let buffers = WeightBuffers()
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do throws(CheckpointError) {
          // The caller's thread is one of these, and the only one that knows its task.
          try CheckpointError.throwIfCancelled()
          try body(index, buffers)
        } catch {
          failure.withLock { $0 = $0 ?? error }
          next.store(count, ordering: .relaxed)
        }
      }
    }
    if threads <= 1 {
      work(0)
    } else {
      DispatchQueue.concurrentPerform(iterations: threads, execute: work)
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
