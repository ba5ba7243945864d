internal import CheckpointBytes

/// Where everything begins (HDF5 specification II.A).
///
/// ```
/// 0 and 1: signature │ versions │ sizes of addresses and lengths │ ranks │ flags │ base, free space, end, driver │ root entry
/// 2 and 3: signature │ version │ sizes of addresses and lengths │ flags │ base, extension, end, root header │ checksum
/// ```
///
/// It lies at the start of the file or behind a user block of 512 bytes, 1,024, 2,048…
struct Superblock {
  /// The address of the root group's object header.
  let rootAddress: UInt64
  /// The address of an object header with messages about the whole file.
  let extensionAddress: UInt64?

  static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Looks for the superblock, reads it, and tells `bytes` how this file writes addresses.
  init(in bytes: StructureBytes) throws(ParseFailure) {
    let start = try Self.find(in: bytes)
    var cursor = try bytes.block(at: UInt64(start), atMost: 512, "superblock")
    try cursor.skip(Self.signature.count, "superblock")
    // Changed here and told once: of what `bytes` is asked for with every number nothing may be under way.
    var form = AddressForm(base: start)
    let version = try cursor.readVersion(0...3, "superblock")
    let base: UInt64
    let end: UInt64?
    if version < 2 {
      bytes.ranks = try Self.readRanks(&cursor, version, &form)
      bytes.form = form
      base = try cursor.readDefinedAddress(form, "base address")
      guard try cursor.readAddress(form, "free space information") == nil else {
        throw ParseFailure(
          .malformed, at: start, "free space information", "has an address, which none has")
      }
      end = try cursor.readAddress(form, "end of file address")
      let driver = try cursor.readAddress(form, "driver information address")
      let entry = try SymbolTableEntry(&cursor, form)
      guard let root = entry.headerAddress else {
        throw ParseFailure(.malformed, at: start, "superblock", "the root group has no address")
      }
      rootAddress = root
      extensionAddress = nil
      if let driver {
        var block = try bytes.block(at: driver, count: 16, "driver information")
        try block.readVersion(0...0, "driver information")
        try block.skip(7, "driver information")
        try Self.checkDriver(&block)
      }
    } else {
      let checked = cursor.position - 9
      try Self.readSizes(&cursor, &form)
      bytes.form = form
      let flags = try cursor.readByte("file consistency flags")
      try Self.checkFlags(UInt32(flags), at: start)
      guard version < 3 || flags & 0b101 == 0 else {
        throw ParseFailure(
          .inconsistent, at: start, "file consistency flags",
          "a writer has this file open, or did not close it")
      }
      base = try cursor.readDefinedAddress(form, "base address")
      extensionAddress = try cursor.readAddress(form, "superblock extension address")
      end = try cursor.readAddress(form, "end of file address")
      let root = try cursor.readAddress(form, "root group object header address")
      try cursor.checkSum(from: checked, "superblock")
      guard let root else {
        throw ParseFailure(.malformed, at: start, "superblock", "the root group has no address")
      }
      rootAddress = root
    }
    try Self.checkEnd(end, base, start, in: bytes)
  }

  /// Looks whether the file is as long as it says, and tells `bytes` where it ends.
  ///
  /// Alone among the addresses this one counts from the start of the file, and from where it was when it was written: a
  /// user block may have come or gone since. The others count from the superblock, wherever it is.
  private static func checkEnd(
    _ end: UInt64?, _ base: UInt64, _ start: Int, in bytes: StructureBytes
  ) throws(ParseFailure) {
    guard let end, end >= base, end - base <= UInt64(bytes.file.size - start) else {
      throw ParseFailure(
        .truncated, at: start, "end of file address",
        "the file should end at \(end.map(String.init) ?? "a place that is undefined"), and has "
          + "\(bytes.file.size) bytes")
    }
    bytes.end = start + Int(end - base)
  }

  /// There are three: written to, closed, read meanwhile.
  private static func checkFlags(_ flags: UInt32, at start: Int) throws(ParseFailure) {
    guard flags <= 0b111 else {
      throw ParseFailure(
        .malformed, at: start, "file consistency flags", "unknown flags \(flags)")
    }
  }

  /// Refuses a file that is one of several: the name of the driver that made it says so.
  static func checkDriver(_ cursor: inout ByteCursor) throws(ParseFailure) {
    let start = cursor.offset
    let name = try cursor.readBytes(8, "driver information")
    guard !["NCSAfami", "NCSAmult"].contains(where: { name.elementsEqual($0.utf8) }) else {
      throw ParseFailure(
        .unsupported, at: start, "driver information",
        "is one of several files that HDF5's family or multi driver made")
    }
  }

  private static func find(in bytes: StructureBytes) throws(ParseFailure) -> Int {
    var place = 0
    while place <= bytes.file.size - signature.count {
      var cursor = try bytes.block(
        at: UInt64(place), count: UInt64(signature.count), "superblock")
      if try cursor.readBytes(signature.count, "superblock").elementsEqual(signature) {
        return place
      }
      place = place == 0 ? 512 : place * 2
    }
    throw ParseFailure(.malformed, at: 0, "superblock", "is no HDF5 file: it has no superblock")
  }

  private static func readSizes(
    _ cursor: inout ByteCursor, _ form: inout AddressForm
  ) throws(ParseFailure) {
    let start = cursor.offset
    form.addressByteCount = Int(try cursor.readByte("size of offsets"))
    form.lengthByteCount = Int(try cursor.readByte("size of lengths"))
    let known = [2, 4, 8, 16, 32]
    guard known.contains(form.addressByteCount), known.contains(form.lengthByteCount) else {
      throw ParseFailure(
        .malformed, at: start, "size of offsets",
        "addresses of \(form.addressByteCount) and lengths of \(form.lengthByteCount) bytes")
    }
  }

  /// What only the older superblocks have before their addresses.
  private static func readRanks(
    _ cursor: inout ByteCursor, _ version: UInt8, _ form: inout AddressForm
  ) throws(ParseFailure) -> NodeRanks {
    try cursor.readVersion(0...0, "free space storage")
    try cursor.readVersion(0...0, "root group symbol table entry")
    try cursor.skip(1, "superblock")
    try cursor.readVersion(0...0, "shared header message format")
    try readSizes(&cursor, &form)
    try cursor.skip(1, "superblock")
    let start = cursor.offset
    let leafRank = try cursor.read(UInt16.self, .little, "group leaf node K")
    let internalRank = try cursor.read(UInt16.self, .little, "group internal node K")
    guard leafRank > 0, internalRank > 0 else {
      throw ParseFailure(.malformed, at: start, "group leaf node K", "nodes of no entries")
    }
    try checkFlags(try cursor.read(UInt32.self, .little, "file consistency flags"), at: start)
    var ranks = NodeRanks(groupLeaf: Int(leafRank), groupInternal: Int(internalRank))
    if version == 1 {
      let rank = try cursor.read(UInt16.self, .little, "indexed storage internal node K")
      guard rank > 0 else {
        throw ParseFailure(
          .malformed, at: start, "indexed storage internal node K", "nodes of no entries")
      }
      ranks.chunks = Int(rank)
      try cursor.skip(2, "superblock")
    }
    return ranks
  }
}
