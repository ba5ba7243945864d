internal import CKernels
internal import CheckpointBytes
internal import Synchronization

/// Memory that goes round: a storage that no tensor refers to any more is the next operator's.
///
/// In the steady state (the same shapes again and again) nothing is allocated. Nobody has to give anything back: whether a
/// storage is free is what its reference count says.
final class Workspace: Sendable {
  private struct Entry {
    var storage: TensorStorage
    var lastUse: Int
  }

  private struct State {
    var entries: [Entry] = []
    var uses = 0
  }

  private let state = Mutex(State())

  /// A storage that has not been taken for so many takes is given back to the system when memory is needed, or for four times as many
  /// takes as there are storages: a step of training takes some more than once, and comes back to each a step later.
  private static let patience = 512

  /// A storage for at least `count` numbers, contents unknown.
  func take(_ count: Int, _ operation: String) throws(CheckpointError) -> TensorStorage {
    let free = state.withLock { state in
      state.uses += 1
      guard let index = Self.bestFit(&state.entries, count) else { return nil as TensorStorage? }
      state.entries[index].lastUse = state.uses
      return state.entries[index].storage
    }
    if let free {
      // Whoever used it last may have been another thread, which let go of it just now.
      atomicMemoryFence(ordering: .acquiring)
      return free
    }
    let new = try TensorStorage(capacity: Self.rounded(count), operation)
    state.withLock { state in
      let oldest = state.uses - max(Self.patience, 4 * state.entries.count)
      for index in state.entries.indices.reversed() where state.entries[index].lastUse < oldest {
        if isKnownUniquelyReferenced(&state.entries[index].storage) {
          state.entries.remove(at: index)
        }
      }
      state.entries.append(Entry(storage: new, lastUse: state.uses))
    }
    return new
  }

  /// Gives all memory that no tensor refers to back to the system.
  func releaseUnused() {
    state.withLock { state in
      for index in state.entries.indices.reversed() {
        if isKnownUniquelyReferenced(&state.entries[index].storage) {
          state.entries.remove(at: index)
        }
      }
    }
  }

  /// The number of storages held, in use or not.
  var storageCount: Int { state.withLock { $0.entries.count } }

  /// The floats that they have room for.
  var numberCount: Int { state.withLock { $0.entries.reduce(0) { $0 + $1.storage.capacity } } }

  /// Under the address sanitizer storages are exactly as large as asked for.
  private static let isExact = weighbridge_memory_is_watched() != 0

  /// The smallest free storage that is large enough, unless it is more than twice too large.
  private static func bestFit(_ entries: inout [Entry], _ count: Int) -> Int? {
    let most = isExact ? count : count > Int.max / 4 ? Int.max : 2 * count + 4096
    var best: Int?
    for index in entries.indices {
      let capacity = entries[index].storage.capacity
      guard capacity >= count, capacity <= most else { continue }
      if let best, entries[best].storage.capacity <= capacity { continue }
      if isKnownUniquelyReferenced(&entries[index].storage) { best = index }
    }
    return best
  }

  /// A little more than asked for, so that batches of nearly the same size share memory.
  private static func rounded(_ count: Int) -> Int {
    let (sum, overflow) = count.addingReportingOverflow(count / 8 + 1024)
    return overflow || isExact ? count : sum
  }
}
