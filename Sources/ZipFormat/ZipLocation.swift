package import CheckpointBytes

/// Where an archive lies in bytes that hold more than it: bytes in front of it shift all its offsets, and programs that
/// look for the end record from behind read it all the same (Python's `zipfile`, and PyTorch, which writes such files:
/// `.distcp` is one archive behind another).
package struct ZipLocation: Sendable {
  /// The archive, from its first local header to its end record and comment.
  package let range: Range<Int>

  private static let signature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
  private static let zip64Size = 56

  /// Finds the last archive of a source that ends before `end`; nil if there is none within the reach of a comment.
  ///
  /// - Throws: What reading the source throws.
  package init?(in source: any ByteSource, before end: Int) throws(CheckpointError) {
    let reach = EndOfCentralDirectory.size + EndOfCentralDirectory.longestComment
    // Nearly always the record ends the archive.
    for count in [min(end, 128), min(end, reach)] {
      let base = end - count
      let tail = try source.bytes(at: base, count: count)
      var index = count - EndOfCentralDirectory.size
      while index >= 0 {
        if tail[index...].starts(with: Self.signature),
          let range = try Self.range(tail, index, base: base, in: source)
        {
          self.range = range
          return
        }
        index -= 1
      }
    }
    return nil
  }

  /// The range of the archive whose end record lies at an index of the tail.
  private static func range(
    _ tail: [UInt8], _ index: Int, base: Int, in source: any ByteSource
  ) throws(CheckpointError) -> Range<Int>? {
    // Many readers do not mind a comment that the file has no room for.
    let comment = min(
      number(tail, index + 20, width: 2), tail.count - index - EndOfCentralDirectory.size)
    let end = base + index + EndOfCentralDirectory.size + comment
    var directoryEnd = base + index
    var size = number(tail, index + 12, width: 4)
    var offset = number(tail, index + 16, width: 4)
    // The zip64 record lies directly before its locator, whatever the locator says of its place.
    let before = directoryEnd - EndOfCentralDirectory.locatorSize - zip64Size
    if before >= 0 {
      let records = try source.bytes(at: before, count: directoryEnd - before)
      if records.starts(with: [0x50, 0x4B, 0x06, 0x06]),
        records[zip64Size...].starts(with: [0x50, 0x4B, 0x06, 0x07])
      {
        directoryEnd = before
        size = number(records, 40, width: 8)
        offset = number(records, 48, width: 8)
      }
    }
    guard size >= 0, offset >= 0, size <= directoryEnd, offset <= directoryEnd - size else {
      return nil
    }
    // Numbers that look like a record lead anywhere; nobody reads an archive whose directory does not begin as one: in front of the
    // record, or where it is said to be, as if nothing stood in front of the archive.
    let entry: [UInt8] = [0x50, 0x4B, 0x01, 0x02]
    if size >= CentralDirectory.entrySize,
      try source.bytes(at: directoryEnd - size, count: 4) != entry
    {
      return try source.bytes(at: offset, count: 4) == entry ? 0..<end : nil
    }
    return (directoryEnd - size - offset)..<end
  }

  private static func number(_ bytes: [UInt8], _ start: Int, width: Int) -> Int {
    Int(
      truncatingIfNeeded: bytes[start..<(start + width)].reversed().reduce(UInt64(0)) {
        $0 << 8 | UInt64($1)
      })
  }
}
