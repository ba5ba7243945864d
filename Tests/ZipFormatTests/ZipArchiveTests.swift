import CheckpointBytes
import TestSupport
import Testing
import ZipFormat

@Suite struct ZipArchiveTests {
  /// Name, size and checksum as Python's `zipfile` prints them (`fixtures/zip-archives/make.py`).
  static let expected: [String: [(String, Int, UInt32)]] = [
    "torch.pt": [
      ("torch/data.pkl", 233, 0x7b49_c43b), ("torch/.format_version", 1, 0x83dc_efb7),
      ("torch/.storage_alignment", 2, 0xe971_773f), ("torch/byteorder", 6, 0x19e3_3d85),
      ("torch/data/0", 60, 0xe6f5_37f6), ("torch/data/1", 0, 0), ("torch/version", 2, 0x5567_9ed1),
      ("torch/.data/serialization_id", 40, 0xd239_bd53),
    ],
    "deflated.zip": [
      ("folder/", 0, 0), ("noise", 30000, 0x674b_7d43), ("café", 5000, 0x92c5_aad6),
      ("large fields", 25, 0x8ebd_f648),
    ],
    "streamed.zip": [
      ("folder/", 0, 0), ("noise", 30000, 0x674b_7d43), ("café", 5000, 0x92c5_aad6),
      ("large fields", 25, 0x8ebd_f648),
    ],
  ]

  @Test(
    "Archives of PyTorch and Python are read whole, in the order of their directory",
    arguments: ["torch.pt", "deflated.zip", "streamed.zip"])
  func readsOtherWriters(_ name: String) throws {
    let archive = try ZipArchive(SourceFile(path: fixture("zip-archives/\(name)")))
    let expected = try #require(Self.expected[name])
    #expect(archive.members.map(\.name.string) == expected.map(\.0))
    for (member, (memberName, size, crc32)) in zip(archive.members, expected) {
      #expect(archive[ExactName(memberName)]?.headerOffset == member.headerOffset)
      let bytes = try archive.bytes(of: member, limit: 1 << 20)
      #expect(bytes.count == size)
      #expect(CRC32.checksum(bytes) == crc32)
      let source = try archive.source(of: member)
      try source.verifyIntegrity()
      #expect(try source.bytes(at: 0, count: source.byteCount) == bytes)
      #expect((source.fileRange != nil) == member.isStored)
    }
    #expect(archive["no such member"] == nil)
  }

  @Test("A stored member of PyTorch is a range of the file, aligned to 64 bytes")
  func storedMembersAreRanges() throws {
    let archive = try ZipArchive(SourceFile(path: fixture("zip-archives/torch.pt")))
    let source = try archive.source(of: try #require(archive["torch/data/0"]))
    let range = try #require(source.fileRange)
    #expect(range.offset % 64 == 0)
    #expect(range.count == 60)
  }

  @Test("A deflated member can be read in any order")
  func inflatesAtAnyOffset() throws {
    let archive = try ZipArchive(SourceFile(path: fixture("zip-archives/deflated.zip")))
    let member = try #require(archive["noise"])
    let whole = try archive.bytes(of: member, limit: 1 << 20)
    let source = try archive.source(of: member)
    for (offset, count) in [(29_990, 10), (0, 1), (1, 70), (20_000, 10_000), (5, 0), (4, 29_996)] {
      #expect(try source.bytes(at: offset, count: count) == Array(whole[offset..<(offset + count)]))
    }
    #expect(throws: CheckpointError.self) { try source.bytes(at: 29_999, count: 2) }
  }

  @Test("A member beyond the caller's limit is refused before it is read")
  func limitsMembers() throws {
    let archive = try ZipArchive(SourceFile(path: fixture("zip-archives/deflated.zip")))
    let member = try #require(archive["noise"])
    let error = #expect(throws: CheckpointError.self) {
      try archive.bytes(of: member, limit: 29_999)
    }
    #expect(error?.kind == .limitExceeded)
    #expect(error?.site.member == "noise")
  }

  @Test("Every prefix of an archive is refused")
  func refusesPrefixes() throws {
    let whole = try archive([("a", [1, 2, 3]), ("b", [])])
    for count in 0..<whole.count {
      let error = try failure(Array(whole[..<count]))
      #expect(error?.kind == .truncated, "\(count) bytes")
    }
  }

  @Test(
    "An archive with any one byte changed is refused or reads names and bytes of the right sizes")
  func survivesMutations() throws {
    let whole = try archive([("a", [1, 2, 3]), ("b/c", [4])], alignment: 1)
    for index in whole.indices {
      for mask: UInt8 in [0x01, 0xFF] {
        var bytes = whole
        bytes[index] ^= mask
        if let members = try? read(bytes) {
          #expect(members.map(\.1) == [[1, 2, 3], [4]], "byte \(index)")
        }
      }
    }
  }
}

@Suite struct ZipRefusalTests {
  let whole: [UInt8]
  let end: Int
  let directory: Int

  init() throws {
    whole = try archive([("first", [1, 2, 3]), ("other", [4, 5, 6])])
    end = try #require(whole.last(0x0605_4B50))
    directory = Int(whole[end + 16]) | Int(whole[end + 17]) << 8
  }

  private func expect(
    _ bytes: [UInt8], _ kind: FailureKind, at offset: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let error = try failure(bytes)
    #expect(error?.kind == kind, sourceLocation: sourceLocation)
    if let offset { #expect(error?.site.offset == offset, sourceLocation: sourceLocation) }
  }

  @Test func `Bytes behind the end record are refused`() throws {
    try expect(whole + [0], .malformed, at: whole.count)
    let error = try failure(whole + [0, 0, 0])
    #expect(error?.problem.hasPrefix("3 bytes lie behind") == true)
  }

  @Test func `A comment is allowed`() throws {
    #expect(try failure(whole.patched(end + 20, 3 as UInt16) + Array("yes".utf8)) == nil)
  }

  @Test func `Two end records that both fit are refused`() throws {
    let inner = Array(whole[end...])
    try expect(whole.patched(end + 20, 22 as UInt16) + inner, .malformed, at: end)
  }

  @Test func `A record in the comment of another is refused, whatever its own comment`() throws {
    var record = Array(try archive([("a", [1])]).suffix(22))
    record[20] = 0xFF
    record[21] = 0xFF
    let whole = try archive([("a", [1])])
    let bytes = whole.patched(whole.count - 2, UInt16(record.count)) + record
    #expect(try failure(bytes)?.kind == .malformed)
  }

  @Test func `A second name in an extra field is refused`() throws {
    let bytes = try archive([("a/b", [1])])
    let entry = try #require(bytes.last(0x0201_4B50))
    let field =
      [0x75, 0x70, 8, 0, 1] + [UInt8](littleEndian: [CRC32.checksum(Array("a/b".utf8))])
      + Array("a/c".utf8)
    var changed = bytes.patched(entry + 30, UInt16(field.count))
    changed.insert(contentsOf: field, at: entry + 46 + 3)
    let end = try #require(changed.last(0x0605_4B50))
    changed = changed.patched(end + 12, UInt32(46 + 3 + field.count))
    #expect(try failure(changed)?.problem.contains("another name") == true)
    // The same name once more, and one that was made for another, are no second name.
    changed[entry + 46 + 3 + field.count - 1] = UInt8(ascii: "b")
    #expect(try failure(changed) == nil)
  }

  @Test func `An archive behind another one is refused`() throws {
    try expect(whole + whole, .malformed)
  }

  @Test func `Fewer members than the directory holds are refused`() throws {
    let fewer = whole.patched(end + 8, 1 as UInt16).patched(end + 10, 1 as UInt16)
    try expect(fewer, .malformed, at: directory + 51)
  }

  @Test func `More members than the directory can hold are refused`() throws {
    let more = whole.patched(end + 8, 3 as UInt16).patched(end + 10, 3 as UInt16)
    try expect(more, .malformed, at: end)
  }

  @Test func `A split archive is refused`() throws {
    try expect(whole.patched(end + 4, 1 as UInt16), .unsupported, at: end)
  }

  @Test func `An encrypted member is refused`() throws {
    try expect(whole.patched(directory + 8, 0x0801 as UInt16), .unsupported, at: directory)
  }

  /// `torch.load` 2.13 takes what is in memory for the numbers of such a member.
  @Test func `A member with content that is marked as a directory is refused`() throws {
    try expect(whole.patched(directory + 38, 0x10 as UInt32), .malformed, at: directory)
    #expect(try failure(whole.patched(directory + 38, 0x81A4_0020 as UInt32)) == nil)
  }

  @Test func `A compression method other than stored and deflated is refused`() throws {
    try expect(whole.patched(directory + 10, 12 as UInt16), .unsupported, at: directory)
  }

  @Test func `A stored member with two sizes is refused`() throws {
    try expect(whole.patched(directory + 20, 2 as UInt32), .malformed, at: directory)
  }

  @Test func `A deflated member that claims more than deflate can expand is refused`() throws {
    let bomb = whole.patched(directory + 10, 8 as UInt16).patched(directory + 24, 4_000 as UInt32)
    try expect(bomb, .limitExceeded, at: directory)
  }

  @Test func `A name that occurs twice is refused`() throws {
    var bytes = whole
    let second = directory + 51
    bytes.replaceSubrange((second + 46)..<(second + 51), with: Array("first".utf8))
    try expect(bytes, .malformed)
  }

  @Test func `Members that overlap are refused`() throws {
    let second = directory + 51
    try expect(whole.patched(second + 42, 0 as UInt32), .malformed, at: 0)
    try expect(whole.patched(second + 42, 10 as UInt32), .malformed, at: 0)
  }

  @Test func `A name that is not UTF-8 or holds NUL is refused`() throws {
    try expect(whole.patched(directory + 46, 0xFF as UInt8), .malformed, at: directory + 46)
    try expect(whole.patched(directory + 47, 0 as UInt8), .malformed, at: directory)
  }

  @Test func `A local header that contradicts the directory is refused`() throws {
    for (offset, value) in [(0, 0), (8, 8), (14, 7), (18, 2), (22, 9), (30, 0x41), (6, 1)] {
      try expect(whole.patched(offset, UInt8(value)), .malformed, at: 0)
    }
    try expect(whole.patched(28, 0xFFFF as UInt16), .malformed, at: 0)
  }

  @Test func `Local zeros are allowed, as PyTorch writes them`() throws {
    #expect(try failure(whole.patched(14, 0 as UInt32)) == nil)
    #expect(try failure(whole.patched(18, 0 as UInt64)) == nil)
  }

  @Test func `A wrong checksum is a mismatch, a recorded zero is none`() throws {
    let data = 64
    #expect(whole[data] == 1)
    let error = try failure(whole.patched(data, 9 as UInt8))
    #expect(error?.kind == .mismatch)
    #expect(error?.site.member == "first")
    let unchecked = whole.patched(data, 9 as UInt8)
      .patched(directory + 16, 0 as UInt32).patched(14, 0 as UInt32)
    #expect(try read(unchecked).first?.1 == [9, 2, 3])
  }

  @Test func `Names are names and never paths`() throws {
    let names: [ExactName] = ["/etc/passwd", "../../up", "C:\\x", "", "a//b", "."]
    let bytes = try archive(names.map { ($0, [7]) })
    #expect(try read(bytes).map(\.0) == names.map(\.string))
  }

  @Test func `Composed and decomposed names are two members`() throws {
    #expect(
      try read(try archive([("caf\u{e9}", [1]), ("cafe\u{301}", [2])])).map(\.1) == [[1], [2]])
  }

  @Test func `Deflated data that is short, long or damaged is refused`() throws {
    let archive = try SourceFile(path: fixture("zip-archives/deflated.zip"))
    let bytes = try archive.bytes(at: 0, count: archive.size)
    let members = try ZipArchive(archive).members
    let noise = try #require(members.first { $0.name == "noise" })
    let entry = try #require(
      bytes.indices.first { index in
        bytes[index...].starts(with: [0x50, 0x4B, 1, 2])
          && bytes[(index + 46)...].starts(with: Array("noise".utf8))
      })
    func claiming(_ size: UInt32) -> [UInt8] {
      bytes.patched(entry + 24, size).patched(noise.headerOffset + 22, size)
    }
    #expect(try failure(claiming(30_001))?.kind == .truncated)
    #expect(try failure(claiming(29_999))?.kind == .malformed)
    let damaged = try failure(bytes.patched(noise.headerOffset + 35, 0xFF as UInt8))
    #expect(damaged?.kind == .malformed)
    #expect(
      damaged?.site
        == .init(file: damaged?.site.file, member: "noise", offset: 0, field: "deflate stream"))
    #expect(try failure(bytes.patched(noise.headerOffset + 5_000, 0x55 as UInt8)) != nil)
  }
}
