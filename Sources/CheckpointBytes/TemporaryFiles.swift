internal import Synchronization

/// The temporary files that exist at the moment, so that a program that is told to stop can remove them.
package final class TemporaryFiles: Sendable {
  /// The process's temporary files.
  package static let shared = TemporaryFiles()

  private let paths = Mutex<Set<String>>([])
  /// True once the program is on its way out.
  private let isEnding = Atomic<Bool>(false)

  /// Creates a file and notes it in one step, so that whoever removes them all meets it.
  ///
  /// - Throws: the system's failure; `EINTR` once the program is on its way out.
  func create(_ path: String, _ permissions: UInt32) throws(SystemFailure) -> CInt {
    let result: Result<CInt, SystemFailure> = paths.withLock { paths in
      if isEnding.load(ordering: .relaxed) { return .failure(.ending) }
      do throws(SystemFailure) {
        let descriptor = try SystemCalls.create(path, permissions)
        paths.insert(path)
        return .success(descriptor)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  func remove(_ path: String) {
    _ = paths.withLock { $0.remove(path) }
  }

  /// Removes them all. For use on the way out: whoever is still writing will fail to commit.
  package func removeAll() {
    paths.withLock { paths in
      isEnding.store(true, ordering: .relaxed)
      for path in paths { SystemCalls.remove(path) }
      paths.removeAll()
    }
  }
}

extension TemporaryFiles {
  /// Removes temporary files that runs left which were ended before they could (`kill -9`, a power cut): those of one
  /// destination whose process is gone, and that no process holds, in whatever container it runs.
  ///
  /// - Parameters:
  ///   - directory: The directory with its slash; empty for the working directory.
  ///   - front: What stands in such a name before the number of the process.
  static func removeAbandoned(in directory: String, beginningWith front: String) {
    let names = try? SystemCalls.names(inDirectory: directory.isEmpty ? "." : directory)
    let end = ".part"
    for name in names ?? []
    where name.utf8.starts(with: front.utf8)
      && name.utf8.reversed().starts(with: end.utf8.reversed())
    {
      let middle = String(
        decoding: name.utf8.dropFirst(front.utf8.count).dropLast(end.utf8.count), as: UTF8.self)
      let numbers = middle.split(separator: "-", omittingEmptySubsequences: false)
      guard numbers.count == 2, let process = CInt(numbers[0]), process > 0,
        UInt32(numbers[1]) != nil, !SystemCalls.isRunning(process),
        let descriptor = try? SystemCalls.openForReading(directory + name)
      else { continue }
      if SystemCalls.lock(descriptor) { SystemCalls.remove(directory + name) }
      SystemCalls.close(descriptor)
    }
  }
}

/// A flag that goes up once.
final class SharedState: Sendable {
  private let flag = Atomic<Bool>(false)

  var isCommitted: Bool { flag.load(ordering: .acquiring) }

  func markCommitted() { flag.store(true, ordering: .releasing) }
}
