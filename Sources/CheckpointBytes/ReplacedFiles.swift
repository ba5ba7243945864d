internal import Synchronization

/// The files that a program's results are going to replace, so that it reads none of them: a model, or texts, would be lost.
///
/// It is the files that count and not their paths: links lead to the same one.
package final class ReplacedFiles: Sendable {
  /// Those of the process; none where no program says so, since a library's caller may replace what it has read.
  package static let shared = ReplacedFiles()

  private struct Entry {
    let path: String
    let identity: FileIdentity
    let run: UInt64
  }

  private let state = Mutex<(entries: [Entry], nextRun: UInt64)>(([], 0))

  /// Runs a closure, in which no file can be opened that is there at one of some paths before.
  package func whileReplacing<Result>(
    _ paths: [String], _ body: () throws -> Result
  ) rethrows -> Result {
    let files = paths.compactMap { path in
      Directory.identity(of: path).map { (path: path, identity: $0) }
    }
    if files.isEmpty { return try body() }
    let run = state.withLock { state in
      state.nextRun += 1
      for file in files {
        state.entries.append(
          Entry(path: file.path, identity: file.identity, run: state.nextRun))
      }
      return state.nextRun
    }
    defer { state.withLock { $0.entries.removeAll { $0.run == run } } }
    return try body()
  }

  /// True if a file is one of them. What has taken its place under its path is another, whatever number the system gives it.
  func holds(_ identity: FileIdentity) -> Bool {
    state.withLock { state in
      state.entries.contains {
        $0.identity == identity && Directory.identity(of: $0.path) == identity
      }
    }
  }
}
