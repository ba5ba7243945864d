package import CheckpointBytes
internal import ZipFormat

extension TorchArchivePlan {
  /// Everything of the file that is not a storage: the small records, the archive's headers and its directory.
  ///
  /// - Parameter storageCRC32s: The checksum of each storage's bytes, by the index the caller gave it; 0 means that it
  ///   was not computed, as torch itself writes with `set_crc32_options(False)`.
  /// - Throws: `inconsistent` if there is not one checksum for each storage.
  package func pieces(storageCRC32s: [UInt32]) throws(CheckpointError) -> [Piece] {
    guard storageCRC32s.count == storageByteCounts.count else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "CRC-32"),
        "expected \(storageByteCounts.count) checksums, found \(storageCRC32s.count)")
    }
    var pieces: [Piece] = []
    var checksums: [UInt32] = []
    for (index, record) in records.enumerated() {
      if let bytes = record.bytes {
        checksums.append(CRC32.checksum(bytes))
        pieces.append(Piece(offset: layout.dataOffset(of: index), bytes: bytes))
      } else {
        checksums.append(storageCRC32s[storageOrder[index - TorchRecord.firstStorage]])
      }
    }
    for header in try layout.headers(crc32s: checksums) {
      pieces.append(Piece(offset: header.offset, bytes: header.bytes))
    }
    return pieces.sorted { $0.offset < $1.offset }
  }
}
