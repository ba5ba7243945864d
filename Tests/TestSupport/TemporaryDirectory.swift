#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

internal import CheckpointBytes

/// A directory of its own for one test, removed with everything in it at the end.
public final class TemporaryDirectory: Sendable {
  /// The directory's path, without a final slash.
  public let path: String

  /// Makes the directory under `TMPDIR` or `/tmp`.
  public init() throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    path = Directory.join(parent, "weighbridge-test-\(UInt64.random(in: 0...UInt64.max))")
    try Directory.make(path)
  }

  deinit {
    removeTree(path)
  }

  /// Writes a file and returns its path.
  public func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = try OutputFile(path: Directory.join(path, name))
    try file.write(bytes, at: 0)
    try file.commit()
    return file.path
  }

  /// The path of a name in the directory.
  public func file(_ name: String) -> String { Directory.join(path, name) }
}

private func removeTree(_ path: String) {
  for name in (try? Directory.names(in: path)) ?? [] {
    let child = Directory.join(path, name)
    if unsafe unlink(child) != 0 { removeTree(child) }
  }
  Directory.removeIfEmpty(path)
}
