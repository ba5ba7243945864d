/// The members of an archive whose directory is refused, as local headers announce them, whatever flags and checksums
/// say: programs that repair archives read them so, and programs that trust one header of two.
package struct ZipSalvage: Sendable {
  /// One local header and where its data lies.
  package struct Member: Sendable {
    /// The name.
    package let name: String
    /// The method that the header states; only 0, stored, and 8, deflated, are known here.
    package let method: Int
    /// The data, up to the next record of the archive.
    package let range: Range<Int>
  }

  /// The members in the order of the bytes.
  package private(set) var members: [Member] = []

  /// The most members that are listed.
  private static let memberLimit = 100_000
  private static let headerSize = 30
  /// How many times the bytes may be looked at that members say are theirs behind the next record.
  private static let overlapRatio = 4

  /// Looks for local headers in bytes.
  package init(_ bytes: [UInt8]) {
    var headers: [(start: Int, data: Int, name: String, method: Int, size: Int)] = []
    var ends: [Int] = []
    var position = 0
    while headers.count < Self.memberLimit,
      let start = bytes[position...].firstIndex(of: 0x50)
    {
      position = start + 1
      guard bytes.count - start >= 4, bytes[start + 1] == 0x4B else { continue }
      switch (bytes[start + 2], bytes[start + 3]) {
      // A data descriptor, a directory entry, an end record.
      case (7, 8), (1, 2), (5, 6), (6, 6): ends.append(start)
      case (3, 4) where bytes.count - start >= Self.headerSize:
        ends.append(start)
        func number(_ offset: Int, _ width: Int) -> Int {
          bytes[(start + offset)..<(start + offset + width)].reversed().reduce(0) {
            $0 << 8 | Int($1)
          }
        }
        let data = start + Self.headerSize + number(26, 2) + number(28, 2)
        guard data < bytes.count else { continue }
        let name = bytes[(start + Self.headerSize)..<(start + Self.headerSize + number(26, 2))]
        headers.append(
          (start, data, String(decoding: name, as: UTF8.self), number(8, 2), number(18, 4)))
      default: continue
      }
    }
    var next = 0
    // Headers that all say that they go on to the end would make the square of the bytes to look at.
    var beyond = Self.overlapRatio * bytes.count
    for header in headers {
      while next < ends.count, ends[next] < header.data { next += 1 }
      // The data goes on to the next record, and beyond it if the header says so: it may itself be an archive.
      let end = next < ends.count ? ends[next] : bytes.count
      var stated = max(header.data + header.size, end)
      if stated > bytes.count || stated - end > beyond { stated = end }
      beyond -= stated - end
      members.append(
        Member(name: header.name, method: header.method, range: header.data..<stated))
    }
  }
}
