internal import Synchronization

/// A file for the use of one process: it has no name any more as soon as it is made, and its space is freed when it is
/// closed.
package enum ScratchFile {
  /// True until what other processes left has been looked for: once in a process is enough.
  private static let isFirst = Atomic<Bool>(true)

  /// Copies bytes into a scratch file in `TMPDIR`, and hands it to `body` while it still has a name, for a library that
  /// takes nothing but paths. The file can be read for as long as the ``SourceFile`` lives.
  ///
  /// - Throws: `inputOutput` if there is no room; what reading the source throws; what `body` throws.
  package static func copy<Result>(
    of source: any ByteSource, shownAs name: String,
    _ body: (SourceFile) throws(CheckpointError) -> Result
  ) throws(CheckpointError) -> Result {
    let directory = SystemCalls.environment("TMPDIR") ?? "/tmp"
    // Never committed: it is removed when this function ends.
    let output = try OutputFile(
      path: Directory.join(directory, "weighbridge-scratch"), reserving: source.byteCount,
      clearing: isFirst.exchange(false, ordering: .relaxed))
    var offset = 0
    while offset < source.byteCount {
      let count = min(1 << 20, source.byteCount - offset)
      try output.write(try source.bytes(at: offset, count: count), at: offset)
      offset += count
    }
    let file = try SourceFile(path: output.temporaryPath, shownAs: name)
    return try withExtendedLifetime(output) { () throws(CheckpointError) in try body(file) }
  }
}
