package import CheckpointBytes

/// One member of an archive, as the central directory describes it (APPNOTE 4.3.12).
///
/// The name is a name and never a path: nothing is ever written to where it points.
package struct ZipMember: Sendable {
  /// How the bytes are stored.
  package enum Method: UInt16, Sendable {
    /// As they are.
    case stored = 0
    /// Deflated (RFC 1951).
    case deflated = 8
  }

  /// The name, which no other member of the archive has.
  package let name: ExactName
  /// How the bytes are stored.
  package let method: Method
  /// The number of bytes of the member's content.
  package let byteCount: Int
  /// The number of bytes it takes in the archive; equal to ``byteCount`` if the member is stored.
  package let compressedByteCount: Int
  /// The CRC-32 of the content; 0 also where the writer did not compute one (`set_crc32_options(False)` of PyTorch).
  package let crc32: UInt32
  /// Where the local file header begins.
  package let headerOffset: Int

  /// True if the member is a symbolic link on the systems that know them; its content is where it leads.
  package let isLink: Bool

  /// The general purpose flags (APPNOTE 4.4.4).
  let flags: ZipFlags
  /// Where the next member or the central directory begins: nothing of this member lies there or behind.
  var limit = 0

  /// True if the content lies in the file as it is.
  package var isStored: Bool { method == .stored }
}

/// General purpose flags (APPNOTE 4.4.4).
struct ZipFlags: OptionSet, Sendable {
  let rawValue: UInt16

  static let encrypted = ZipFlags(rawValue: 1 << 0)
  /// Checksum and sizes follow the data; the local header may hold zeros.
  static let dataDescriptor = ZipFlags(rawValue: 1 << 3)
  static let patchData = ZipFlags(rawValue: 1 << 5)
  static let strongEncryption = ZipFlags(rawValue: 1 << 6)
  static let maskedHeaders = ZipFlags(rawValue: 1 << 13)

  /// What makes the stored bytes something else than the content.
  static let refused: ZipFlags = [.encrypted, .patchData, .strongEncryption, .maskedHeaders]
}
