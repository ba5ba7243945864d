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
  /// Removes temporary files that runs left which were ended before they could (`kill -9`, a power cut): those of some
  /// destinations whose process is gone, and that no process holds, in whatever container it runs. Each directory is listed once.
  package static func removeAbandoned(of destinations: [String]) {
    var fronts: [String: Set<String>] = [:]
    for destination in destinations {
      let (directory, name) = splitPath(destination)
      fronts[directory, default: []].insert(front(ofName: name))
    }
    for (directory, fronts) in fronts {
      let names = try? SystemCalls.names(inDirectory: directory.isEmpty ? "." : directory)
      for name in names ?? [] where name.utf8.first == UInt8(ascii: ".") {
        guard let (front, process) = parts(ofName: name), fronts.contains(front),
          !SystemCalls.isRunning(process),
          let descriptor = try? SystemCalls.openForReading(directory + name)
        else { continue }
        if SystemCalls.lock(descriptor) { SystemCalls.remove(directory + name) }
        SystemCalls.close(descriptor)
      }
    }
  }

  /// What stands in the name of a temporary file before the number of the process.
  private static func front(ofName name: String) -> String {
    // A name may take 255 bytes; a character cut in the middle does no harm here.
    "." + String(decoding: name.utf8.prefix(200), as: UTF8.self) + "."
  }

  /// A name for a temporary file beside a destination.
  static func path(beside destination: String) -> String {
    let (directory, name) = splitPath(destination)
    return directory + front(ofName: name)
      + "\(SystemCalls.processIdentifier())-\(UInt32.random(in: 0...UInt32.max)).part"
  }

  /// What such a name was made of; nil for another.
  private static func parts(ofName name: String) -> (front: String, process: CInt)? {
    let end = ".part"
    guard name.utf8.reversed().starts(with: end.utf8.reversed()) else { return nil }
    let start = name.utf8.dropLast(end.utf8.count)
    guard let point = start.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    let numbers = start[start.index(after: point)...].split(
      separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard numbers.count == 2, let process = CInt(Substring(numbers[0])), process > 0,
      UInt32(Substring(numbers[1])) != nil
    else { return nil }
    return (String(name[...point]), process)
  }
}

/// A flag that goes up once.
final class SharedState: Sendable {
  private let flag = Atomic<Bool>(false)

  var isCommitted: Bool { flag.load(ordering: .acquiring) }

  func markCommitted() { flag.store(true, ordering: .releasing) }
}
