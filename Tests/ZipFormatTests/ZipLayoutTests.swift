import CheckpointBytes
import TestSupport
import Testing
import ZipFormat

@Suite struct ZipLayoutTests {
  @Test("What is laid out is read back, its data aligned", arguments: [1, 4, 64, 4096])
  func roundTrips(alignment: Int) throws {
    let members: [(ExactName, [UInt8])] = [
      ("archive/data.pkl", [1, 2, 3]), ("empty", []),
      ("naïve/data/0", [UInt8](repeating: 7, count: 1000)),
    ]
    let bytes = try archive(members, alignment: alignment)
    let found = try read(bytes)
    #expect(found.map(\.0) == members.map(\.0.string))
    #expect(found.map(\.1) == members.map(\.1))
    let layout = try ZipLayout(members: members.map { ($0.0, $0.1.count) }, alignment: alignment)
    for index in members.indices { #expect(layout.dataOffset(of: index) % alignment == 0) }
    #expect(try archive(members, alignment: alignment) == bytes)
  }

  @Test("Sizes and places beyond 32 bits are read back from a sparse file")
  func zip64() throws {
    let directory = try TemporaryDirectory()
    let sizes: [(ExactName, Int)] = [("small", 1), ("large", 0xFFFF_FFFF), ("far", 2)]
    let layout = try ZipLayout(members: sizes)
    let file = try OutputFile(path: directory.file("large.zip"))
    for header in try layout.headers(crc32s: [0, 0, 0]) {
      try file.write(header.bytes, at: header.offset)
    }
    try file.setSize(layout.byteCount)
    try file.commit()
    let archive = try ZipArchive(SourceFile(path: file.path))
    #expect(archive.members.map(\.byteCount) == sizes.map(\.1))
    for (index, member) in archive.members.enumerated() {
      #expect(try archive.dataOffset(of: member) == layout.dataOffset(of: index))
    }
    #expect(layout.dataOffset(of: 2) > 0xFFFF_FFFF)
  }

  @Test("More members than 16 bits count are read back")
  func manyMembers() throws {
    let members = (0..<66_000).map { (ExactName("m\($0)"), [UInt8]()) }
    #expect(try read(try archive(members, alignment: 1)).count == 66_000)
  }

  @Test("Layouts that cannot be are refused")
  func refusals() throws {
    func kind(_ members: [(name: ExactName, byteCount: Int)], alignment: Int = 64) -> FailureKind? {
      do throws(CheckpointError) {
        _ = try ZipLayout(members: members, alignment: alignment)
        return nil
      } catch {
        return error.kind
      }
    }
    #expect(kind([("a", 1), ("a", 2)]) == .inconsistent)
    #expect(kind([("a", -1)]) == .limitExceeded)
    #expect(kind([("a", Int.max)]) == .limitExceeded)
    #expect(kind([("a", 1 << 62), ("b", 1 << 62)]) == .limitExceeded)
    #expect(kind([("a", 1)], alignment: 48) == .inconsistent)
    #expect(kind([(ExactName(String(repeating: "a", count: 65_536)), 1)]) == .limitExceeded)
    #expect(throws: CheckpointError.self) {
      try ZipLayout(members: [("a", 1)]).headers(crc32s: [])
    }
  }

  @Test("Checksums of pieces combine to the checksum of the whole")
  func combinesChecksums() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let combined = CRC32.combine(
      first: CRC32.checksum(Array(bytes[..<300])), second: CRC32.checksum(Array(bytes[300...])),
      secondLength: 700)
    #expect(combined == CRC32.checksum(bytes))
    // The check value of CRC-32/ISO-HDLC.
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
  }
}
