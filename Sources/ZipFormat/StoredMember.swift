internal import CheckpointBytes

/// The content of a stored member: a range of the file.
final class StoredMember: ByteSource {
  private let member: ZipMember
  private let bytes: FileBytes

  /// Takes a member whose data was found to lie inside the file.
  init(_ member: ZipMember, dataOffset: Int, in file: SourceFile) throws(CheckpointError) {
    self.member = member
    bytes = try FileBytes(file, at: dataOffset, count: member.byteCount, member: member.name.string)
  }

  var byteCount: Int { member.byteCount }
  var fileRange: FileRange? { bytes.fileRange }
  var origin: String { bytes.origin }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    try unsafe bytes.read(at: offset, into: destination)
  }

  /// Sums the whole content and compares it with the recorded CRC-32.
  func verifyIntegrity() throws(CheckpointError) {
    guard member.crc32 != 0, let file = fileRange?.file else { return }
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
