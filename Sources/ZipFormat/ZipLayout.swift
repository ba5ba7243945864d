package import CheckpointBytes

/// The layout of an archive of stored members, known before any data is: sizes in, places out.
///
/// Every member's data is aligned by an extra field `FB`, as PyTorch aligns it (`caffe2/serialize/inline_container.cc`,
/// 2.13). There are no data descriptors, the date is the first of 1980, and zip64 records stand where 32 bits do not do
/// and nowhere else: the same members give the same bytes.
package struct ZipLayout: Sendable {
  struct Member: Sendable {
    let name: [UInt8]
    let byteCount: Int
    let headerOffset: Int
    let padding: Int
    let dataOffset: Int

    /// True if the sizes do not fit the 32-bit fields.
    var isLarge: Bool { byteCount >= 0xFFFF_FFFF }
  }

  let members: [Member]
  let directoryOffset: Int
  /// The size of the whole archive.
  package let byteCount: Int

  /// Lays out members in the order given.
  ///
  /// - Throws: `inconsistent` if a name occurs twice or `alignment` is no power of two up to 32,768; `limitExceeded` if
  ///   a name is longer than 65,535 bytes or the archive than 2^62.
  package init(
    members contents: [(name: ExactName, byteCount: Int)], alignment: Int = 64
  ) throws(CheckpointError) {
    guard (1...32_768).contains(alignment), alignment.nonzeroBitCount == 1 else {
      throw CheckpointError(
        .inconsistent, .init(field: "alignment"),
        "expected a power of two up to 32768, found \(alignment)")
    }
    var names: Set<ExactName> = []
    var members: [Member] = []
    var end = 0
    for (name, byteCount) in contents {
      guard names.insert(name).inserted else {
        throw CheckpointError(
          .inconsistent, .init(member: name.string), "two members would have this name")
      }
      guard name.byteCount <= 0xFFFF, byteCount >= 0, byteCount <= 1 << 62 else {
        throw CheckpointError(
          .limitExceeded, .init(member: name.string),
          "a member's name has at most 65535 bytes and its size lies between 0 and 2^62")
      }
      let member = Member(
        name: Array(name.string.utf8), byteCount: byteCount, at: end, alignment: alignment)
      end = member.dataOffset + byteCount
      guard end <= 1 << 62 else {
        throw CheckpointError(
          .limitExceeded, .init(member: name.string), "the archive would be larger than 2^62 bytes")
      }
      members.append(member)
    }
    self.members = members
    directoryOffset = end
    let directorySize = members.reduce(0) { $0 + ZipRecords.directoryEntry($1, crc32: 0).count }
    byteCount =
      end + directorySize
      + ZipRecords.end(
        memberCount: members.count, directoryOffset: end, directorySize: directorySize
      ).count
  }

  /// Where the data of a member has to be written.
  package func dataOffset(of index: Int) -> Int { members[index].dataOffset }

  /// Everything that is not data, with the place where it has to be written: the local headers, and the central
  /// directory with the end records.
  ///
  /// - Parameter crc32s: the checksum of each member's data.
  /// - Throws: `inconsistent` if there is not one checksum for each member.
  package func headers(
    crc32s: [UInt32]
  ) throws(CheckpointError) -> [(offset: Int, bytes: [UInt8])] {
    guard crc32s.count == members.count else {
      throw CheckpointError(
        .inconsistent, .init(field: "CRC-32"),
        "expected \(members.count) checksums, found \(crc32s.count)")
    }
    var headers: [(offset: Int, bytes: [UInt8])] = []
    var directory: [UInt8] = []
    for (member, crc32) in zip(members, crc32s) {
      headers.append((member.headerOffset, ZipRecords.localHeader(member, crc32: crc32)))
      directory += ZipRecords.directoryEntry(member, crc32: crc32)
    }
    directory += ZipRecords.end(
      memberCount: members.count, directoryOffset: directoryOffset, directorySize: directory.count)
    headers.append((directoryOffset, directory))
    return headers
  }
}

extension ZipLayout.Member {
  /// The place of a member whose local header begins at `offset`.
  init(name: [UInt8], byteCount: Int, at offset: Int, alignment: Int) {
    self.name = name
    self.byteCount = byteCount
    headerOffset = offset
    let large = byteCount >= 0xFFFF_FFFF
    // The padding block has at least its own four bytes.
    let start = offset + LocalHeader.size + name.count + (large ? Zip64Block.localSize : 0) + 4
    padding = (alignment - start % alignment) % alignment
    dataOffset = start + padding
  }
}

/// The zip64 extended information (APPNOTE 4.5.3).
private enum Zip64Block {
  /// The block in a local header: both sizes.
  static let localSize = 20
}

/// The records of an archive as bytes (APPNOTE 4.3).
private enum ZipRecords {
  /// The first of January 1980, midnight: a file's bytes do not depend on the day it was written.
  private static let time: UInt16 = 0
  private static let date: UInt16 = 0x0021
  /// Names are UTF-8 (APPNOTE appendix D).
  private static let flags: UInt16 = 0x0800

  static func localHeader(_ member: ZipLayout.Member, crc32: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(little: 0x0403_4B50 as UInt32)
    bytes.append(little: (member.isLarge ? 45 : 20) as UInt16)
    bytes.appendDescription(flags, time, date, crc32, member)
    let extra = (member.isLarge ? Zip64Block.localSize : 0) + 4 + member.padding
    bytes.append(little: UInt16(extra))
    bytes += member.name
    if member.isLarge {
      bytes.append(little: 1 as UInt16)
      bytes.append(little: 16 as UInt16)
      bytes.append(little: UInt64(member.byteCount))
      bytes.append(little: UInt64(member.byteCount))
    }
    bytes += [UInt8(ascii: "F"), UInt8(ascii: "B")]
    bytes.append(little: UInt16(member.padding))
    bytes += repeatElement(UInt8(ascii: "Z"), count: member.padding)
    return bytes
  }

  static func directoryEntry(_ member: ZipLayout.Member, crc32: UInt32) -> [UInt8] {
    var extra: [UInt8] = []
    let isFar = member.headerOffset >= 0xFFFF_FFFF
    if member.isLarge || isFar {
      extra.append(little: 1 as UInt16)
      extra.append(little: (member.isLarge ? 16 : 0) + (isFar ? 8 : 0) as UInt16)
      if member.isLarge {
        extra.append(little: UInt64(member.byteCount))
        extra.append(little: UInt64(member.byteCount))
      }
      if isFar { extra.append(little: UInt64(member.headerOffset)) }
    }
    let version: UInt16 = extra.isEmpty ? 20 : 45
    var bytes: [UInt8] = []
    bytes.append(little: 0x0201_4B50 as UInt32)
    bytes.append(little: version)
    bytes.append(little: version)
    bytes.appendDescription(flags, time, date, crc32, member)
    bytes.append(little: UInt16(extra.count))
    // Comment length, disk, internal and external attributes.
    bytes += repeatElement(0, count: 2 + 2 + 2 + 4)
    bytes.append(little: isFar ? 0xFFFF_FFFF : UInt32(member.headerOffset))
    return bytes + member.name + extra
  }

  static func end(memberCount: Int, directoryOffset: Int, directorySize: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let isLarge =
      memberCount >= 0xFFFF || directoryOffset >= 0xFFFF_FFFF || directorySize >= 0xFFFF_FFFF
    if isLarge {
      bytes.append(little: 0x0606_4B50 as UInt32)
      bytes.append(little: 44 as UInt64)
      bytes.append(little: 45 as UInt16)
      bytes.append(little: 45 as UInt16)
      bytes.append(little: 0 as UInt32)
      bytes.append(little: 0 as UInt32)
      bytes.append(little: UInt64(memberCount))
      bytes.append(little: UInt64(memberCount))
      bytes.append(little: UInt64(directorySize))
      bytes.append(little: UInt64(directoryOffset))
      bytes.append(little: 0x0706_4B50 as UInt32)
      bytes.append(little: 0 as UInt32)
      bytes.append(little: UInt64(directoryOffset) + UInt64(directorySize))
      bytes.append(little: 1 as UInt32)
    }
    bytes.append(little: 0x0605_4B50 as UInt32)
    bytes.append(little: 0 as UInt32)
    bytes.append(little: UInt16(min(memberCount, 0xFFFF)))
    bytes.append(little: UInt16(min(memberCount, 0xFFFF)))
    bytes.append(little: UInt32(min(directorySize, 0xFFFF_FFFF)))
    bytes.append(little: UInt32(min(directoryOffset, 0xFFFF_FFFF)))
    bytes.append(little: 0 as UInt16)
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func append(little value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// What local header and central directory say alike: flags to name length.
  fileprivate mutating func appendDescription(
    _ flags: UInt16, _ time: UInt16, _ date: UInt16, _ crc32: UInt32, _ member: ZipLayout.Member
  ) {
    append(little: flags)
    append(little: ZipMember.Method.stored.rawValue)
    append(little: time)
    append(little: date)
    append(little: crc32)
    let size = member.isLarge ? 0xFFFF_FFFF : UInt32(member.byteCount)
    append(little: size)
    append(little: size)
    append(little: UInt16(member.name.count))
  }
}
