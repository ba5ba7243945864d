/// Stored bytes that can be read in pieces: a range of a file, an inflated archive member, an assembled data set, or
/// bytes in memory. Two weights with the same source object share storage.
public protocol ByteSource: AnyObject, Sendable {
  /// The number of bytes.
  var byteCount: Int { get }

  /// Where the bytes lie in a file as they are, if they do.
  var fileRange: FileRange? { get }

  /// Where the bytes come from, for people: `model.bin: archive/data/3 @ 18432`.
  var origin: String { get }

  /// Fills `destination` with the bytes from `offset` on. Reading forward is cheap; jumping back may mean decoding again.
  ///
  /// `offset + destination.count` must not exceed ``byteCount``.
  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError)

  /// Checks what the file says of all the bytes (a checksum), where that is not done on every read.
  func verifyIntegrity() throws(CheckpointError)
}

extension ByteSource {
  /// Nothing to check beyond what every read checks.
  public func verifyIntegrity() throws(CheckpointError) {}

  /// The bytes of a range, in memory.
  public func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw CheckpointError(
        .truncated, CheckpointError.Site(member: origin, offset: offset),
        "expected \(count) bytes, there are \(byteCount)")
    }
    return try unsafe withNewBytes(count: count) { (buffer) throws(CheckpointError) in
      try unsafe read(at: offset, into: buffer)
    }
  }
}

/// A contiguous part of a file.
public struct FileRange: Sendable {
  /// The file.
  package let file: SourceFile
  /// The first byte.
  public let offset: Int
  /// The number of bytes.
  public let count: Int

  init(file: SourceFile, offset: Int, count: Int) {
    self.file = file
    self.offset = offset
    self.count = count
  }

  /// Asks the system to bring a part nearer, which is going to be read: the part is within the range.
  package func willRead(at start: Int, count: Int) {
    file.willRead(at: offset + start, count: count)
  }

  /// A part of a range, cut to what the range holds.
  package init(_ whole: FileRange, from start: Int, count: Int) {
    file = whole.file
    offset = whole.offset + min(max(0, start), whole.count)
    self.count = min(max(0, count), whole.count - min(max(0, start), whole.count))
  }
}

/// A contiguous part of a file as a byte source.
package final class FileBytes: ByteSource {
  private let range: FileRange
  private let member: String?

  /// Takes a range of a file.
  ///
  /// - Throws: `truncated` if the file does not hold the range.
  package init(
    _ file: SourceFile, at offset: Int, count: Int, member: String? = nil
  ) throws(CheckpointError) {
    guard offset >= 0, count >= 0, offset <= file.size, count <= file.size - offset else {
      throw CheckpointError(
        .truncated, file: file.path, member: member, offset: offset,
        "expected \(count) bytes, the file has \(max(0, file.size - max(0, offset))) here")
    }
    self.range = FileRange(file: file, offset: offset, count: count)
    self.member = member
  }

  /// The number of bytes.
  package var byteCount: Int { range.count }
  /// The range itself.
  package var fileRange: FileRange? { range }
  /// File, member and offset.
  package var origin: String {
    (member.map { "\(range.file.path): \($0)" } ?? range.file.path) + " @ \(range.offset)"
  }

  /// Reads from the file; what lies in it beside the range is out of reach.
  package func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset >= 0, offset <= range.count, destination.count <= range.count - offset else {
      throw CheckpointError(
        .truncated, file: range.file.path, member: member, offset: range.offset,
        "expected \(destination.count) bytes at \(offset), there are \(range.count)")
    }
    try unsafe range.file.read(at: range.offset + offset, into: destination)
  }

  /// Makes sure that the file has not changed since it was opened.
  package func verifyIntegrity() throws(CheckpointError) { try range.file.checkUnchanged() }
}

/// Bytes in memory as a byte source.
public final class MemoryBytes: ByteSource {
  private let bytes: [UInt8]
  /// Where the bytes came from.
  public let origin: String

  /// Takes bytes and the place they came from.
  public init(_ bytes: [UInt8], origin: String) {
    self.bytes = bytes
    self.origin = origin
  }

  /// The number of bytes.
  public var byteCount: Int { bytes.count }
  /// Bytes in memory lie in no file.
  public var fileRange: FileRange? { nil }

  /// Copies from memory.
  public func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard offset >= 0, offset <= bytes.count, destination.count <= bytes.count - offset else {
      throw CheckpointError(
        .truncated, CheckpointError.Site(member: origin, offset: offset),
        "expected \(destination.count) bytes, there are \(bytes.count)")
    }
    unsafe bytes.withUnsafeBytes { source in
      unsafe destination.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: source[offset..<(offset + destination.count)]))
    }
  }
}
