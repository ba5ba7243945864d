internal import CheckpointBytes

/// The local file header (APPNOTE 4.3.7) in front of a member's data: it must agree with the central directory, and tells
/// where the data begins.
struct LocalHeader {
  /// The size with name and extra field: the data begins behind it.
  let length: Int

  /// The size without the name and the extra field.
  static let size = 30

  /// Reads the header of a member and holds it against the central directory's entry.
  init(_ member: ZipMember, in file: SourceFile) throws(CheckpointError) {
    let start = member.headerOffset
    // The extra field is at most 64 KiB; names and padding fit 512 bytes nearly always.
    let room = min(member.limit, file.size) - start
    var bytes = try file.bytes(at: start, count: min(room, 512))
    length = try locating(file: file.path) { () throws(ParseFailure) in
      let lengths = try Self.lengths(bytes, base: start)
      let whole = Self.size + lengths.name + lengths.extra
      guard whole <= room else {
        throw ParseFailure(
          .malformed, at: start, Self.field,
          "the header of member \(quoted(member.name.string)) reaches into what follows it")
      }
      return whole
    }
    if length > bytes.count { bytes = try file.bytes(at: start, count: length) }
    let end = length
    try locating(file: file.path) { () throws(ParseFailure) in
      try Self.check(bytes, member)
      guard member.compressedByteCount <= room - end else {
        throw ParseFailure(
          .malformed, at: start, Self.field,
          "the data of member \(quoted(member.name.string)) reaches into what follows it")
      }
    }
  }

  private static let field = "local file header"

  private static func lengths(
    _ bytes: [UInt8], base: Int
  ) throws(ParseFailure) -> (name: Int, extra: Int) {
    var cursor = ByteCursor(bytes, base: base)
    try cursor.skip(26, field)
    let name = try cursor.read(UInt16.self, .little, field)
    let extra = try cursor.read(UInt16.self, .little, field)
    return (Int(name), Int(extra))
  }

  private static func check(_ bytes: [UInt8], _ member: ZipMember) throws(ParseFailure) {
    func contradicts(_ what: String) -> ParseFailure {
      ParseFailure(
        .malformed, at: member.headerOffset, field,
        "contradicts the central directory about the \(what) of member \(quoted(member.name.string))"
      )
    }
    var cursor = ByteCursor(bytes, base: member.headerOffset)
    guard try cursor.read(UInt32.self, .little, field) == 0x0403_4B50 else {
      throw ParseFailure(.malformed, at: member.headerOffset, field, "the signature is missing")
    }
    try cursor.skip(2, field)
    let flags = ZipFlags(rawValue: try cursor.read(UInt16.self, .little, field))
    guard flags.isDisjoint(with: .refused) else { throw contradicts("encryption") }
    guard try cursor.read(UInt16.self, .little, field) == member.method.rawValue else {
      throw contradicts("method")
    }
    try cursor.skip(4, field)
    let checksum = try cursor.read(UInt32.self, .little, field)
    let compressed = try cursor.read(UInt32.self, .little, field)
    let uncompressed = try cursor.read(UInt32.self, .little, field)
    let nameLength = try cursor.read(UInt16.self, .little, field)
    let extraLength = try cursor.read(UInt16.self, .little, field)
    let name = try cursor.readBytes(Int(nameLength), field)
    guard name.elementsEqual(member.name.string.utf8) else { throw contradicts("name") }
    let sizes = try Zip64Extra(
      &cursor, length: Int(extraLength), uncompressed: uncompressed, compressed: compressed,
      offset: 0, disk: 0)

    // Zeros mean "not known yet": PyTorch writes them everywhere, with the flag that says so.
    guard checksum == 0 || checksum == member.crc32 else { throw contradicts("checksum") }
    if sizes.compressed == 0, sizes.uncompressed == 0 { return }
    let isDeferred = flags.contains(.dataDescriptor)
    func agrees(_ found: UInt64, _ expected: Int) -> Bool {
      found == UInt64(expected)
        || isDeferred && (found == 0 || found == 0xFFFF_FFFF && !sizes.isPresent)
    }
    guard agrees(sizes.compressed, member.compressedByteCount),
      agrees(sizes.uncompressed, member.byteCount)
    else { throw contradicts("sizes") }
  }
}
