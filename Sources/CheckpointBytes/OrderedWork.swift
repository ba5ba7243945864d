internal import Dispatch
internal import Synchronization

/// Does parts of a long work at the same time, and hands over the results in the order of the parts.
///
/// `next` gives parts until it gives nil, `work` makes a result of each, on any thread, and `finish` takes one result after
/// the other; neither `next` nor `finish` is called from two threads at once. No more parts and results are in memory than
/// twice the number of threads: what is ready waits for what comes before it.
///
/// - Parameter threadCount: How many threads; nil for one a granted processor, at most 16, so that memory stays bounded on machines
///   with many.
/// - Throws: the error of the first part that has one, after all results before it are handed over. No part after it is begun
///   then, and the result of none is handed over.
package func inOrder<Part: Sendable, Value: Sendable>(
  threadCount: Int? = nil,
  next: @escaping @Sendable () throws(CheckpointError) -> Part?,
  work: @escaping @Sendable (Part) throws(CheckpointError) -> Value,
  finish: @escaping @Sendable (Value) throws(CheckpointError) -> Void
) throws(CheckpointError) {
  let threadCount = max(1, threadCount ?? min(16, Processors.granted))
  let line = Assembly<Part, Value>(slotCount: threadCount * 2, next, finish)
  DispatchQueue.concurrentPerform(iterations: threadCount) { _ in
    while let (number, part) = line.take() {
      line.put(
        Result { () throws(CheckpointError) in try work(try part.get()) }, number)
    }
  }
  if let error = line.error { throw error }
}

/// Where the threads of ``inOrder(threadCount:next:work:finish:)`` meet.
private final class Assembly<Part: Sendable, Value: Sendable>: Sendable {
  private struct Intake {
    /// How many parts were taken.
    var count = 0
    var isAtEnd = false
  }

  private struct Outlet {
    /// Results that wait for one before them.
    var waiting: [Int: Result<Value, CheckpointError>] = [:]
    /// The number of the part whose result comes next.
    var next = 0
    /// True while a thread hands over.
    var isBusy = false
    var error: CheckpointError?
  }

  private let intake = Mutex(Intake())
  private let outlet = Mutex(Outlet())
  /// One for each part that may be begun and not handed over.
  private let slots: DispatchSemaphore
  private let next: @Sendable () throws(CheckpointError) -> Part?
  private let finish: @Sendable (Value) throws(CheckpointError) -> Void

  init(
    slotCount: Int, _ next: @escaping @Sendable () throws(CheckpointError) -> Part?,
    _ finish: @escaping @Sendable (Value) throws(CheckpointError) -> Void
  ) {
    // A semaphore must not go away with less than it began with, and an error leaves slots taken.
    slots = DispatchSemaphore(value: 0)
    for _ in 0..<slotCount { slots.signal() }
    self.next = next
    self.finish = finish
  }

  /// What stopped the work.
  var error: CheckpointError? { outlet.withLock { $0.error } }

  /// The next part and its number; nil at the end. An error in reading it is its result.
  func take() -> (Int, Result<Part, CheckpointError>)? {
    slots.wait()
    let hasFailed = error != nil
    let taken = intake.withLock { intake -> (Int, Result<Part, CheckpointError>)? in
      guard !intake.isAtEnd, !hasFailed else { return nil }
      let part = Result { () throws(CheckpointError) in try next() }
      switch part {
      case .success(nil):
        intake.isAtEnd = true
        return nil
      case .success(let part?):
        intake.count += 1
        return (intake.count - 1, .success(part))
      case .failure(let error):
        intake.isAtEnd = true
        intake.count += 1
        return (intake.count - 1, .failure(error))
      }
    }
    if taken == nil { slots.signal() }
    return taken
  }

  /// Puts a result in its place, and hands over what is ready, unless another thread is at it.
  func put(_ result: Result<Value, CheckpointError>, _ number: Int) {
    outlet.withLock { $0.waiting[number] = result }
    while let ready = takeReady() {
      do throws(CheckpointError) {
        try finish(try ready.get())
        release(nil)
      } catch {
        release(error)
      }
    }
  }

  private func takeReady() -> Result<Value, CheckpointError>? {
    outlet.withLock { outlet in
      guard !outlet.isBusy, outlet.error == nil,
        let ready = outlet.waiting.removeValue(forKey: outlet.next)
      else {
        return nil
      }
      outlet.next += 1
      outlet.isBusy = true
      return ready
    }
  }

  /// Ends a handing over. Whoever waits for the slot finds the end after an error, and passes it on.
  private func release(_ error: CheckpointError?) {
    outlet.withLock {
      $0.isBusy = false
      if let error { $0.error = error }
    }
    slots.signal()
  }
}
