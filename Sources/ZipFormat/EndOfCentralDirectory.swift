internal import CheckpointBytes

/// Where the central directory lies: the end of central directory record (APPNOTE 4.3.16), and the zip64 records before
/// it (4.3.14, 4.3.15) where there are any.
///
/// ```
/// … central directory │ zip64 end record │ zip64 locator │ end record, comment │ end of file
/// ```
///
/// Every part must end where the next begins and the comment at the end of the file, so that no two readers can see two
/// archives in one file.
struct EndOfCentralDirectory {
  /// Where the central directory begins.
  let directoryOffset: Int
  /// Its size in bytes.
  let directorySize: Int
  /// The number of members.
  let memberCount: Int

  static let size = 22
  static let locatorSize = 20
  static let longestComment = 0xFFFF

  /// Finds and reads the records.
  init(_ file: SourceFile) throws(CheckpointError) {
    let tailSize = min(file.size, Self.size + Self.longestComment + Self.locatorSize)
    let base = file.size - tailSize
    let tail = try file.bytes(at: base, count: tailSize)
    let start = try locating(file: file.path) { () throws(ParseFailure) in
      try Self.position(in: tail, base: base)
    }
    let record = try locating(file: file.path) { () throws(ParseFailure) in
      try EndRecord(tail, at: start, base: base)
    }
    let position = base + start
    guard start >= Self.locatorSize,
      let locator = try locating(
        file: file.path,
        { () throws(ParseFailure) in
          try Zip64Locator(tail, at: start - Self.locatorSize, base: base)
        })
    else {
      try self.init(
        record, memberCount: UInt64(record.memberCount), size: UInt64(record.directorySize),
        offset: UInt64(record.directoryOffset), end: position, file: file)
      return
    }
    let zip64 = try Zip64EndRecord(locator, before: position - Self.locatorSize, in: file)
    try locating(file: file.path) { () throws(ParseFailure) in
      try record.check(zip64, at: position)
    }
    try self.init(
      record, memberCount: zip64.memberCount, size: zip64.directorySize,
      offset: zip64.directoryOffset, end: zip64.offset, file: file)
  }

  private init(
    _ record: EndRecord, memberCount: UInt64, size: UInt64, offset: UInt64, end: Int,
    file: SourceFile
  ) throws(CheckpointError) {
    guard offset <= UInt64(end), size == UInt64(end) - offset else {
      let isMoved = size <= UInt64(end) && offset < UInt64(end) - size
      throw CheckpointError(
        .malformed, file: file.path, offset: end, field: "end of central directory",
        "expected the central directory to end here, found it at byte \(offset) with \(size) bytes"
          + (isMoved
            ? ": \(UInt64(end) - size - offset) bytes lie before the archive, which may be another file"
            : ""))
    }
    guard memberCount <= size / UInt64(CentralDirectory.entrySize) else {
      throw CheckpointError(
        .malformed, file: file.path, offset: end, field: "end of central directory",
        "\(memberCount) members cannot lie in a central directory of \(size) bytes")
    }
    directoryOffset = Int(offset)
    directorySize = Int(size)
    self.memberCount = Int(memberCount)
  }

  /// The index in `tail` of the one end record whose comment ends with the file. It must be the last one: readers that do not
  /// look at the length of its comment take what stands in the comment for the record.
  private static func position(in tail: [UInt8], base: Int) throws(ParseFailure) -> Int {
    var found: Int?
    // Of the last record, which is the one that a lenient reader takes.
    var bytesBehind: Int?
    var index = tail.count - size
    while index >= 0 {
      if tail[index] == 0x50, tail[index + 1] == 0x4B, tail[index + 2] == 5, tail[index + 3] == 6 {
        let comment = Int(tail[index + 20]) | Int(tail[index + 21]) << 8
        bytesBehind = bytesBehind ?? (tail.count - size - index - comment)
        if comment == tail.count - size - index {
          guard found == nil, bytesBehind == 0 else {
            throw ParseFailure(
              .malformed, at: base + index, "end of central directory",
              "another record follows in its comment, the archive is ambiguous")
          }
          found = index
        }
      }
      index -= 1
    }
    if let found { return found }
    guard let bytesBehind else {
      throw ParseFailure(
        .truncated, at: base + tail.count, "end of central directory", "no such record in the file")
    }
    guard bytesBehind > 0 else {
      throw ParseFailure(
        .malformed, at: base + tail.count, "end of central directory",
        "its comment is cut off: \(-bytesBehind) bytes of it are missing")
    }
    let end = base + tail.count - bytesBehind
    throw ParseFailure(
      .malformed, at: end, "end of central directory",
      "\(bytesBehind) bytes lie behind the end of the archive, which may be of another file",
      remedy: "the first \(end) bytes are the archive: head -c \(end)")
  }
}

/// The end of central directory record (APPNOTE 4.3.16).
private struct EndRecord {
  let memberCount: UInt16
  let directorySize: UInt32
  let directoryOffset: UInt32

  init(_ bytes: [UInt8], at start: Int, base: Int) throws(ParseFailure) {
    let field = "end of central directory"
    var cursor = ByteCursor(bytes, base: base)
    try cursor.seek(to: start + 4, field)
    let disk = try cursor.read(UInt16.self, .little, field)
    let directoryDisk = try cursor.read(UInt16.self, .little, field)
    let membersHere = try cursor.read(UInt16.self, .little, field)
    memberCount = try cursor.read(UInt16.self, .little, field)
    directorySize = try cursor.read(UInt32.self, .little, field)
    directoryOffset = try cursor.read(UInt32.self, .little, field)
    guard disk == directoryDisk, disk == 0 || disk == 0xFFFF, membersHere == memberCount else {
      throw ParseFailure(
        .unsupported, at: base + start, field, "the archive is split over several disks")
    }
  }

  /// What the 32-bit record says must be what the 64-bit record says, or "see there".
  func check(_ zip64: Zip64EndRecord, at offset: Int) throws(ParseFailure) {
    guard memberCount == 0xFFFF || UInt64(memberCount) == zip64.memberCount,
      directorySize == 0xFFFF_FFFF || UInt64(directorySize) == zip64.directorySize,
      directoryOffset == 0xFFFF_FFFF || UInt64(directoryOffset) == zip64.directoryOffset
    else {
      throw ParseFailure(
        .malformed, at: offset, "end of central directory",
        "contradicts the zip64 end of central directory")
    }
  }
}

/// The zip64 end of central directory locator (APPNOTE 4.3.15).
private struct Zip64Locator {
  let recordOffset: UInt64

  /// Nil if the bytes are no locator: then the archive is no zip64 archive.
  init?(_ bytes: [UInt8], at start: Int, base: Int) throws(ParseFailure) {
    let field = "zip64 end of central directory locator"
    var cursor = ByteCursor(bytes, base: base)
    try cursor.seek(to: start, field)
    guard try cursor.read(UInt32.self, .little, field) == 0x0706_4B50 else { return nil }
    let disk = try cursor.read(UInt32.self, .little, field)
    recordOffset = try cursor.read(UInt64.self, .little, field)
    let diskCount = try cursor.read(UInt32.self, .little, field)
    guard disk == 0, diskCount == 1 else {
      throw ParseFailure(
        .unsupported, at: base + start, field, "the archive is split over several disks")
    }
  }
}

/// The zip64 end of central directory record (APPNOTE 4.3.14).
private struct Zip64EndRecord {
  let offset: Int
  let memberCount: UInt64
  let directorySize: UInt64
  let directoryOffset: UInt64

  static let size = 56

  /// Reads the record, which must end at `end`.
  init(_ locator: Zip64Locator, before end: Int, in file: SourceFile) throws(CheckpointError) {
    let field = "zip64 end of central directory"
    guard end >= Self.size, locator.recordOffset <= UInt64(end - Self.size) else {
      throw CheckpointError(
        .malformed, file: file.path, offset: end, field: field,
        "expected it before here, the locator says byte \(locator.recordOffset)")
    }
    let start = Int(locator.recordOffset)
    let moved = end - Self.size - start
    if moved > 0, try file.bytes(at: end - Self.size, count: 4) == [0x50, 0x4B, 6, 6] {
      throw CheckpointError(
        .malformed, file: file.path, offset: end - Self.size, field: field,
        "\(moved) bytes lie before the archive, which may be another file")
    }
    let bytes = try file.bytes(at: start, count: Self.size)
    var cursor = ByteCursor(bytes, base: start)
    let parsed = try locating(file: file.path) { () throws(ParseFailure) in
      guard try cursor.read(UInt32.self, .little, field) == 0x0606_4B50,
        try cursor.read(UInt64.self, .little, field) == UInt64(end - start - 12)
      else {
        throw ParseFailure(
          .malformed, at: start, field, "expected a record that ends at byte \(end)")
      }
      try cursor.skip(4, field)
      let disk = try cursor.read(UInt32.self, .little, field)
      let directoryDisk = try cursor.read(UInt32.self, .little, field)
      let membersHere = try cursor.read(UInt64.self, .little, field)
      let members = try cursor.read(UInt64.self, .little, field)
      guard disk == 0, directoryDisk == 0, membersHere == members else {
        throw ParseFailure(
          .unsupported, at: start, field, "the archive is split over several disks")
      }
      return (
        members, try cursor.read(UInt64.self, .little, field),
        try cursor.read(UInt64.self, .little, field)
      )
    }
    offset = start
    (memberCount, directorySize, directoryOffset) = parsed
  }
}
