internal import Synchronization

/// The temporary files that exist at the moment, so that a program that is told to stop can remove them.
package final class TemporaryFiles: Sendable {
  /// The process's temporary files.
  package static let shared = TemporaryFiles()

  private let paths = Mutex<Set<String>>([])

  func insert(_ path: String) {
    _ = paths.withLock { $0.insert(path) }
  }

  func remove(_ path: String) {
    _ = paths.withLock { $0.remove(path) }
  }

  /// Removes them all. For use on the way out: whoever is still writing will fail to commit.
  package func removeAll() {
    paths.withLock { paths in
      for path in paths { SystemCalls.remove(path) }
      paths.removeAll()
    }
  }
}

/// A flag that goes up once.
final class SharedState: Sendable {
  private let flag = Atomic<Bool>(false)

  var isCommitted: Bool { flag.load(ordering: .acquiring) }

  func markCommitted() { flag.store(true, ordering: .releasing) }
}
