internal import CheckpointBytes
internal import Synchronization

/// The content of a stored member: a range of the file.
///
/// The member's local header, which says where the range begins, is read when the content is first asked for: listing an
/// archive of thousands of members touches its directory only.
final class StoredMember: ByteSource {
  private let member: ZipMember
  private let file: SourceFile
  private let content = Mutex<FileBytes?>(nil)

  /// Takes a member of an archive.
  init(_ member: ZipMember, in file: SourceFile) {
    self.member = member
    self.file = file
  }

  /// The range, once the local header was found to agree with the directory.
  private func bytes() throws(CheckpointError) -> FileBytes {
    let known = content.withLock { $0 }
    if let known { return known }
    let offset = member.headerOffset + (try LocalHeader(member, in: file).length)
    let found = try FileBytes(
      file, at: offset, count: member.byteCount, member: member.name.string)
    content.withLock { $0 = found }
    return found
  }

  var byteCount: Int { member.byteCount }
  var fileRange: FileRange? { (try? bytes())?.fileRange }
  var origin: String {
    (try? bytes())?.origin ?? "\(file.path): \(member.name) @ \(member.headerOffset)"
  }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    try unsafe bytes().read(at: offset, into: destination)
  }

  /// Sums the whole content and compares it with the recorded CRC-32; the file must not have changed since it was opened.
  func verifyIntegrity() throws(CheckpointError) {
    try file.checkUnchanged()
    guard member.crc32 != 0 else { return }
    let bytes = try bytes()
    var checksum = CRC32()
    let piece = 1 << 20
    var position = 0
    while position < byteCount {
      let part = try bytes.bytes(at: position, count: min(piece, byteCount - position))
      unsafe part.withUnsafeBytes { unsafe checksum.update($0) }
      position += part.count
    }
    try member.check(checksum.value, in: file)
  }
}
