/// A file being written beside its destination, which it replaces in one step when it is complete.
///
/// The temporary file lies in the destination's directory; it is written, flushed to disk, renamed over the destination,
/// and the directory is flushed. Until the rename the old destination stands untouched; if anything fails, or the object
/// goes away without ``commit()``, the temporary file is removed.
package final class OutputFile: Sendable {
  /// The path that the file will have.
  package let path: String
  /// The path that it has until then.
  package let temporaryPath: String

  let descriptor: CInt
  private let state = SharedState()

  /// Creates the temporary file.
  ///
  /// - Parameter clearing: Whether to remove what ended runs left beside this destination.
  /// - Throws: `inputOutput` if the directory cannot be written, the disk is full, or `path` is a directory.
  package init(
    path: String, reserving size: Int = 0, clearing: Bool = true
  ) throws(CheckpointError) {
    self.path = path
    // The destination itself is replaced, not what a link leads to.
    temporaryPath = TemporaryFiles.path(beside: path)
    let kind = try PathKind(path: path)
    guard kind == .file || kind == .nothing else {
      throw CheckpointError(.inputOutput, file: path, "is not a regular file and is not replaced")
    }
    do {
      // A new file gets what the process's mask leaves, by the kernel; one that replaces another shows nothing that the other
      // may hide until it has its permissions.
      descriptor = try TemporaryFiles.shared.create(
        temporaryPath, kind == .nothing ? 0o666 : 0o600)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be written: \(error.reason)")
    }
    // Held for as long as it is written, so that another run sees that it is not abandoned.
    _ = SystemCalls.lock(descriptor)
    if clearing { TemporaryFiles.removeAbandoned(of: [path]) }
    try reserve(size)
  }

  deinit {
    SystemCalls.close(descriptor)
    if !state.isCommitted {
      SystemCalls.remove(temporaryPath)
      TemporaryFiles.shared.remove(temporaryPath)
    }
  }

  private func failure(_ error: SystemFailure, _ action: String) -> CheckpointError {
    CheckpointError(.inputOutput, file: path, "\(action): \(error.reason)")
  }

  /// Writes bytes at an offset.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
    guard let start = bytes.baseAddress else { return }
    do {
      try unsafe SystemCalls.write(descriptor, at: offset, from: start, count: bytes.count)
    } catch {
      throw failure(error, "cannot be written")
    }
  }

  /// Writes bytes at an offset.
  package func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
    var thrown: CheckpointError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(CheckpointError) {
        try unsafe write(buffer, at: offset)
      } catch {
        thrown = error
      }
    }
    if let thrown { throw thrown }
  }

  /// Reserves the space up to a size, so that a full disk is found before the work; it also makes writing faster.
  package func reserve(_ size: Int) throws(CheckpointError) {
    do {
      try SystemCalls.reserve(descriptor, size)
    } catch {
      throw failure(error, "cannot be written")
    }
  }

  /// Asks the kernel to begin writing a range to disk.
  package func startWriteback(at offset: Int, count: Int) {
    SystemCalls.startWriteback(descriptor, at: offset, count: count)
  }

  /// Sets the size of the file, which cuts off what was reserved too much.
  package func setSize(_ size: Int) throws(CheckpointError) {
    do {
      try SystemCalls.setSize(descriptor, size)
    } catch {
      throw failure(error, "cannot be written")
    }
  }

  /// Opens the temporary file for reading, so that it can be checked before it replaces anything.
  package func reopen() throws(CheckpointError) -> SourceFile {
    try SourceFile(path: temporaryPath, shownAs: path)
  }

  /// Flushes the file to disk and puts it in the place of the destination.
  ///
  /// The new file has the permissions of the one it replaces, or the usual ones of a new file.
  package func commit() throws(CheckpointError) {
    do {
      if let old = try SystemCalls.status(path: path) {
        try SystemCalls.setPermissions(descriptor, old.permissions)
      }
      try SystemCalls.flush(descriptor)
      try SystemCalls.rename(temporaryPath, to: path)
    } catch {
      throw failure(error, "cannot be put in place")
    }
    state.markCommitted()
    TemporaryFiles.shared.remove(temporaryPath)
    do {
      let directory = splitPath(path).directory
      let descriptor = try SystemCalls.openDirectory(directory.isEmpty ? "." : directory)
      defer { SystemCalls.close(descriptor) }
      try SystemCalls.flush(descriptor)
    } catch {
      throw failure(error, "the directory cannot be flushed")
    }
  }
}

/// A path cut before its last component: the directory with its slash (empty if there is none), and the name.
package func splitPath(_ path: String) -> (directory: String, name: String) {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
  let next = path.utf8.index(after: slash)
  return (String(path[..<next]), String(path[next...]))
}
