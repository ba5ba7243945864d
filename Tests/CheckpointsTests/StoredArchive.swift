import TestSupport

/// A ZIP archive of stored members without checksums, in memory: local headers, central directory, end record.
func storedArchive(_ members: [(name: String, bytes: [UInt8])]) -> [UInt8] {
  func number(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  var archive: [UInt8] = []
  var directory: [UInt8] = []
  for member in members {
    let name = Array(member.name.utf8)
    // Version, flags, method, time, date, checksum, both sizes, length of the name, no extra field.
    let common =
      number(20, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(0, 4)
      + number(member.bytes.count, 4) + number(member.bytes.count, 4) + number(name.count, 2)
      + number(0, 2)
    directory += [0x50, 0x4B, 1, 2] + number(20, 2) + common + number(0, 10)
    directory += number(archive.count, 4) + name
    archive += [0x50, 0x4B, 3, 4] + common + name + member.bytes
  }
  let end =
    [0x50, 0x4B, 5, 6] + number(0, 4) + number(members.count, 2) + number(members.count, 2)
    + number(directory.count, 4) + number(archive.count, 4) + number(0, 2)
  return archive + directory + end
}
