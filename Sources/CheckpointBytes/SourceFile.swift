/// A regular file open for reading, its size taken once.
///
/// Bytes are read with `pread`, never mapped: a mapped file that another process truncates kills the reader with
/// `SIGBUS`, a `pread` comes back short and becomes an error. Symbolic links are followed (the Hugging Face cache is
/// made of them), but what they lead to must be a regular file; a FIFO or a device is refused without waiting for it.
package final class SourceFile: Sendable {
  /// The path as it was given, or what errors call the file.
  package let path: String
  /// The path that leads to the file.
  package let location: String
  /// The size in bytes when the file was opened.
  package let size: Int
  /// Tells files apart, whatever paths lead to them.
  package let identity: FileIdentity

  let descriptor: CInt
  /// When the content was last changed before the file was opened.
  private let modified: ModificationTime
  /// Where this file begins in the one that it is a part of.
  private let base: Int
  /// The file that this one is a part of, which owns the descriptor.
  private let whole: SourceFile?

  /// Opens a file. A file that stands for another (a temporary one) can be shown under that one's path.
  ///
  /// - Throws: `inputOutput` if nothing is there, the system refuses, or it is no regular file; `inconsistent` if it is one of the
  ///   process's ``ReplacedFiles``.
  package init(path location: String, shownAs shown: String? = nil) throws(CheckpointError) {
    let path = shown ?? location
    let descriptor: CInt
    let status: FileStatus
    guard !location.isEmpty else {
      throw CheckpointError(.inputOutput, file: path, "the path is empty")
    }
    guard !location.utf8.contains(0) else {
      throw CheckpointError(.inputOutput, file: path, "a path cannot contain NUL")
    }
    do {
      descriptor = try SystemCalls.openForReading(location)
    } catch {
      // The Hub's cache is made of links, and what they lead to may have been cleared away.
      throw CheckpointError(
        .inputOutput, file: path,
        error.isAbsence && SystemCalls.isLink(location)
          ? "is a link, and what it leads to is not there" : "cannot be opened: \(error.reason)")
    }
    do {
      status = try SystemCalls.status(descriptor)
    } catch {
      SystemCalls.close(descriptor)
      throw CheckpointError(.inputOutput, file: path, "cannot be examined: \(error.reason)")
    }
    guard status.isRegular else {
      SystemCalls.close(descriptor)
      throw CheckpointError(
        .inputOutput, file: path,
        status.isDirectory ? "is a directory, expected a file" : "is not a regular file",
        remedy: status.isDirectory ? nil : "write what comes out of it to a file first")
    }
    let identity = FileIdentity(device: status.device, inode: status.inode)
    guard !ReplacedFiles.shared.holds(identity) else {
      SystemCalls.close(descriptor)
      throw CheckpointError(
        .inconsistent, file: path, "is read, and would be replaced by what is written",
        remedy: "write to another file")
    }
    self.path = path
    self.location = location
    self.size = status.size
    self.identity = identity
    self.descriptor = descriptor
    modified = status.modified
    base = 0
    whole = nil
  }

  /// A part of a file as a file of its own: an archive inside another. Its ``location`` leads to the whole file.
  ///
  /// - Throws: `truncated` if the file does not hold the range.
  package init(
    part range: Range<Int>, of whole: SourceFile, shownAs path: String
  ) throws(CheckpointError) {
    guard range.lowerBound >= 0, range.upperBound <= whole.size else {
      throw CheckpointError(
        .truncated, file: path, offset: range.lowerBound,
        "expected \(range.count) bytes, the file has \(max(0, whole.size - range.lowerBound))")
    }
    self.path = path
    location = whole.location
    size = range.count
    identity = whole.identity
    descriptor = whole.descriptor
    modified = whole.modified
    base = whole.base + range.lowerBound
    self.whole = whole
  }

  deinit {
    if whole == nil { SystemCalls.close(descriptor) }
  }

  /// Makes sure that nobody has written to the file since it was opened: what was read before is then of one piece. A file that
  /// has been replaced by another under its name is read on, as it was.
  ///
  /// - Throws: `inconsistent` if it has changed, `inputOutput` if the system refuses.
  package func checkUnchanged() throws(CheckpointError) {
    if let whole { return try whole.checkUnchanged() }
    let status: FileStatus
    do {
      status = try SystemCalls.status(descriptor)
    } catch {
      throw CheckpointError(.inputOutput, file: path, "cannot be examined: \(error.reason)")
    }
    guard status.size == size, status.modified == modified else {
      throw CheckpointError(
        .inconsistent, file: path, "was changed by another program while it was read")
    }
  }

  /// Fills a buffer with the bytes at `offset`.
  ///
  /// - Throws: `truncated` if the file ends before, `inputOutput` if the system refuses.
  package func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard var next = destination.baseAddress else { return }
    // The system knows where a whole file ends, which may have become shorter; a part ends where it was cut.
    guard whole == nil || (offset <= size && destination.count <= size - offset) else {
      throw CheckpointError(
        .truncated, file: path, offset: offset,
        "the file ends here, expected \(destination.count - max(0, size - offset)) more bytes")
    }
    var position = offset
    var left = destination.count
    while left > 0 {
      let got: Int
      do {
        got = try unsafe SystemCalls.read(descriptor, at: base + position, into: next, count: left)
      } catch {
        throw CheckpointError(
          .inputOutput, file: path, offset: position, "cannot be read: \(error.reason)")
      }
      guard got > 0 else {
        throw CheckpointError(
          .truncated, file: path, offset: position,
          "the file ends here, expected \(left) more bytes")
      }
      position += got
      left -= got
      unsafe next += got
    }
  }

  /// Asks the system to bring a range nearer, which is going to be read.
  package func willRead(at offset: Int, count: Int) {
    SystemCalls.startReading(descriptor, at: base + offset, count: count)
  }

  /// The bytes at `offset`, in memory.
  ///
  /// The range is compared with the size of the file before anything is allocated.
  /// - Throws: `truncated` if the file is shorter, `inputOutput` if the system refuses.
  package func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw CheckpointError(
        .truncated, file: path, offset: offset,
        "expected \(count) bytes, the file has \(max(0, size - max(0, offset))) here")
    }
    return try unsafe withNewBytes(count: count) { (buffer) throws(CheckpointError) in
      try unsafe read(at: offset, into: buffer)
    }
  }
}

/// What makes two paths one file: device and inode.
package struct FileIdentity: Sendable, Hashable {
  let device: UInt64
  let inode: UInt64
}

/// An array of `count` bytes that `fill` initialises whole.
///
/// - Throws: `limitExceeded` if there is no memory for them, what `fill` throws.
package func withNewBytes(
  count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(CheckpointError) -> Void
) throws(CheckpointError) -> [UInt8] {
  // An array that finds no memory ends the process.
  guard SystemCalls.hasMemory(for: count) else {
    throw CheckpointError(.limitExceeded, "no memory for \(count) bytes")
  }
  var failure: CheckpointError?
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
    do throws(CheckpointError) {
      try unsafe fill(
        UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
      initialized = count
    } catch {
      failure = error
      initialized = 0
    }
  }
  if let failure { throw failure }
  return bytes
}
