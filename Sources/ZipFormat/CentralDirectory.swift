internal import CheckpointBytes

/// The central directory (APPNOTE 4.3.12): one entry for each member, the only list of members that is believed.
struct CentralDirectory {
  /// The members in the order of the directory.
  private(set) var members: [ZipMember] = []

  /// The size of an entry without its name, extra field and comment.
  static let entrySize = 46
  /// A million members with names of 200 bytes take 250 MB.
  static let largestSize = 512 << 20

  /// Reads the directory and holds its entries against each other and the size of the file.
  init(_ end: EndOfCentralDirectory, in file: SourceFile, limits: ReadLimits)
    throws(CheckpointError)
  {
    guard end.memberCount - 1_024 <= limits.tensorCount, end.directorySize <= Self.largestSize
    else {
      throw CheckpointError(
        .limitExceeded, file: file.path, offset: end.directoryOffset, field: "central directory",
        "\(end.memberCount) members in \(end.directorySize) bytes")
    }
    let bytes = try file.bytes(at: end.directoryOffset, count: end.directorySize)
    try locating(file: file.path) { () throws(ParseFailure) in
      try read(bytes, end, limits)
      try checkPlaces(directoryOffset: end.directoryOffset)
    }
  }

  private mutating func read(
    _ bytes: [UInt8], _ end: EndOfCentralDirectory, _ limits: ReadLimits
  ) throws(ParseFailure) {
    var cursor = ByteCursor(bytes, base: end.directoryOffset)
    members.reserveCapacity(end.memberCount)
    for _ in 0..<end.memberCount {
      members.append(try ZipMember(&cursor, limits))
    }
    guard cursor.isAtEnd else {
      throw ParseFailure(
        .malformed, at: cursor.offset, "central directory",
        "expected the end after \(end.memberCount) members, found \(cursor.remaining) more bytes")
    }
  }

  /// No two members may share a byte. The local extra field is not known yet, so that this is a lower bound; whoever
  /// uses a member checks its real end against `limit`.
  private mutating func checkPlaces(directoryOffset: Int) throws(ParseFailure) {
    let order = members.indices.sorted { members[$0].headerOffset < members[$1].headerOffset }
    for (rank, index) in order.enumerated() {
      let limit = rank + 1 < order.count ? members[order[rank + 1]].headerOffset : directoryOffset
      let member = members[index]
      let least = LocalHeader.size + member.name.byteCount
      guard member.headerOffset <= limit, limit - member.headerOffset >= least,
        member.compressedByteCount <= limit - member.headerOffset - least
      else {
        throw ParseFailure(
          .malformed, at: member.headerOffset, "local file header",
          "member \(quoted(member.name.string)) of \(member.compressedByteCount) bytes does not fit before what follows it at byte \(limit)"
        )
      }
      members[index].limit = limit
    }
  }
}

extension ZipMember {
  /// Reads one entry of the central directory.
  init(_ cursor: inout ByteCursor, _ limits: ReadLimits) throws(ParseFailure) {
    let field = "central directory entry"
    let start = cursor.offset
    guard try cursor.read(UInt32.self, .little, field) == 0x0201_4B50 else {
      throw ParseFailure(.malformed, at: start, field, "the signature is missing")
    }
    try cursor.skip(1, field)
    let system = try cursor.readByte(field)
    try cursor.skip(2, field)
    let flags = ZipFlags(rawValue: try cursor.read(UInt16.self, .little, field))
    let method = try cursor.read(UInt16.self, .little, field)
    try cursor.skip(4, field)
    let checksum = try cursor.read(UInt32.self, .little, field)
    let compressed = try cursor.read(UInt32.self, .little, field)
    let uncompressed = try cursor.read(UInt32.self, .little, field)
    let nameLength = try cursor.read(UInt16.self, .little, field)
    let extraLength = try cursor.read(UInt16.self, .little, field)
    let commentLength = try cursor.read(UInt16.self, .little, field)
    let disk = try cursor.read(UInt16.self, .little, field)
    try cursor.skip(2, field)
    let attributes = try cursor.read(UInt32.self, .little, field)
    let offset = try cursor.read(UInt32.self, .little, field)
    let name = try cursor.readText(UInt64(nameLength), "member name")
    guard !name.utf8.contains(0) else {
      // Readers in C take it for the end of the name.
      throw ParseFailure(.malformed, at: start, "member name", "\(quoted(name)) contains NUL")
    }
    let extra = try Zip64Extra(
      &cursor, length: Int(extraLength), uncompressed: uncompressed, compressed: compressed,
      offset: offset, disk: disk)
    try cursor.skip(Int(commentLength), field)
    if let other = extra.unicodeName, other.checksum == CRC32.checksum(Array(name.utf8)),
      other.bytes != Array(name.utf8)
    {
      // Info-ZIP's, and Python's since 3.12. Others go by the first.
      throw ParseFailure(
        .malformed, at: start, "member name",
        "member \(quoted(name)) has another name, \(quoted(String(decoding: other.bytes, as: UTF8.self))), in its extra field"
      )
    }

    guard extra.disk == 0 else {
      throw ParseFailure(
        .unsupported, at: start, field, "member \(quoted(name)) lies on another disk")
    }
    guard flags.isDisjoint(with: .refused) else {
      throw ParseFailure(
        .unsupported, at: start, field, "member \(quoted(name)) is encrypted or a patch")
    }
    guard let method = Method(rawValue: method) else {
      throw ParseFailure(
        .unsupported, at: start, field,
        "member \(quoted(name)) has compression method \(method), expected 0 (stored) or 8 (deflated)"
      )
    }
    // Bit 4 of the attributes of DOS, whatever the system: PyTorch's reader goes by it, reads nothing of such a member, and takes what is in
    // memory for its numbers. Python's goes by the name.
    guard attributes & 0x10 == 0 || extra.uncompressed == 0 else {
      throw ParseFailure(
        .malformed, at: start, field,
        "member \(quoted(name)) is marked as a directory, and has content")
    }
    guard let byteCount = Int(exactly: extra.uncompressed),
      let compressedByteCount = Int(exactly: extra.compressed),
      let headerOffset = Int(exactly: extra.offset)
    else {
      throw ParseFailure(
        .malformed, at: start, field, "member \(quoted(name)) has a size or place beyond 2^63")
    }
    self.init(
      name: ExactName(name), method: method, byteCount: byteCount,
      compressedByteCount: compressedByteCount, crc32: checksum, headerOffset: headerOffset,
      // APPNOTE 4.4.2: 3 is UNIX, which has the mode of a file above the attributes of DOS.
      isLink: system == 3 && attributes >> 28 == 0o12, flags: flags)
    try checkSizes(at: start, limits)
  }

  private func checkSizes(at start: Int, _ limits: ReadLimits) throws(ParseFailure) {
    switch method {
    case .stored:
      guard byteCount == compressedByteCount else {
        throw ParseFailure(
          .malformed, at: start, "central directory entry",
          "member \(quoted(name.string)) is stored, but its sizes differ: \(byteCount) and \(compressedByteCount)"
        )
      }
    case .deflated:
      let (most, overflow) = compressedByteCount.multipliedReportingOverflow(
        by: limits.inflateRatio)
      guard overflow || byteCount <= most else {
        throw ParseFailure(
          .limitExceeded, at: start, "central directory entry",
          "member \(quoted(name.string)) claims \(byteCount) bytes out of \(compressedByteCount), more than deflate can expand"
        )
      }
    }
  }
}

/// The sizes and the place of a member, after the zip64 extended information (APPNOTE 4.5.3) has replaced what does not
/// fit 32 bits.
struct Zip64Extra {
  private(set) var uncompressed: UInt64
  private(set) var compressed: UInt64
  private(set) var offset: UInt64
  private(set) var disk: UInt32
  /// True if the extra field has such a block.
  private(set) var isPresent = false
  /// A name in place of the one in the header (APPNOTE 4.6.9), with the checksum of the one that it was made for.
  private(set) var unicodeName: (checksum: UInt32, bytes: [UInt8])?

  /// Walks the blocks of an extra field of `length` bytes; the cursor moves past it.
  init(
    _ cursor: inout ByteCursor, length: Int, uncompressed: UInt32, compressed: UInt32,
    offset: UInt32, disk: UInt16
  ) throws(ParseFailure) {
    self.uncompressed = UInt64(uncompressed)
    self.compressed = UInt64(compressed)
    self.offset = UInt64(offset)
    self.disk = UInt32(disk)
    var extra = try cursor.slice(length, "extra field")
    // Some writers pad with fewer bytes than a block header takes.
    while extra.remaining >= 4 {
      let identifier = try extra.read(UInt16.self, .little, "extra field")
      let size = try extra.read(UInt16.self, .little, "extra field")
      var block = try extra.slice(Int(size), "extra field")
      if identifier == 0x7075, block.remaining > 5, try block.readByte("extra field") == 1 {
        let checksum = try block.read(UInt32.self, .little, "extra field")
        unicodeName = (
          checksum, Array(try block.readBytes(block.remaining, "extra field"))
        )
      }
      guard identifier == 0x0001 else { continue }
      guard !isPresent else {
        throw ParseFailure(
          .malformed, at: block.offset, "zip64 extra field", "there are two of them")
      }
      isPresent = true
      if uncompressed == 0xFFFF_FFFF {
        self.uncompressed = try block.read(UInt64.self, .little, "zip64 extra field")
      }
      if compressed == 0xFFFF_FFFF {
        self.compressed = try block.read(UInt64.self, .little, "zip64 extra field")
      }
      if offset == 0xFFFF_FFFF {
        self.offset = try block.read(UInt64.self, .little, "zip64 extra field")
      }
      if disk == 0xFFFF {
        self.disk = try block.read(UInt32.self, .little, "zip64 extra field")
      }
    }
  }
}
