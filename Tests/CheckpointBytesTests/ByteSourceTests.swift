import CheckpointBytes
import TestSupport
import Testing

@Suite struct ByteSourceTests {
  private let directory: TemporaryDirectory
  private let file: SourceFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try SourceFile(path: directory.write(Array(0..<20), as: "numbers"))
  }

  @Test("A range of a file reads its own bytes")
  func fileBytes() throws {
    let source = try FileBytes(file, at: 5, count: 10, member: "data/0")
    #expect(source.byteCount == 10)
    #expect(try source.bytes(at: 0, count: 10) == Array(5..<15))
    #expect(try source.bytes(at: 8, count: 2) == [13, 14])
    #expect(try source.bytes(at: 10, count: 0) == [])
    #expect(source.origin == "\(file.path): data/0 @ 5")
    let range = try #require(source.fileRange)
    #expect(range.offset == 5)
    #expect(range.count == 10)
  }

  @Test(
    "A read beyond a source is truncated and never reaches what lies beside it",
    arguments: [(8, 3), (10, 1), (11, 0), (-1, 1), (0, 11), (Int.max, 1), (5, Int.max)])
  func outside(_ offset: Int, _ count: Int) throws {
    let sources: [any ByteSource] = [
      try FileBytes(file, at: 5, count: 10), MemoryBytes(Array(5..<15), origin: "memory"),
    ]
    for source in sources {
      let error = #expect(throws: CheckpointError.self) {
        try source.bytes(at: offset, count: count)
      }
      #expect(error?.kind == .truncated)
      guard (0...20).contains(count) else { continue }
      var destination = [UInt8](repeating: 0xAA, count: count)
      let direct = #expect(throws: CheckpointError.self) {
        try unsafe destination.withUnsafeMutableBytes {
          try unsafe source.read(at: offset, into: $0)
        }
      }
      #expect(direct?.kind == .truncated)
      #expect(destination.allSatisfy { $0 == 0xAA })
    }
  }

  @Test(
    "A range that the file does not hold is truncated",
    arguments: [(0, 21), (20, 1), (21, 0), (-1, 1), (0, -1), (Int.max, Int.max), (Int.min, 1)])
  func refusedRanges(_ offset: Int, _ count: Int) {
    let expected = CheckpointError(.truncated, file: file.path, member: "m", offset: offset, "")
    #expect(throws: expected) { try FileBytes(file, at: offset, count: count, member: "m") }
  }

  @Test("A part of a file range stays inside it")
  func parts() throws {
    let whole = try #require(try FileBytes(file, at: 5, count: 10).fileRange)
    for (start, count, expected) in [
      (0, 10, (5, 10)), (3, 4, (8, 4)), (3, 40, (8, 7)), (12, 1, (15, 0)), (-4, 2, (5, 2)),
      (4, -1, (9, 0)), (Int.max, Int.max, (15, 0)),
    ] {
      let part = FileRange(whole, from: start, count: count)
      #expect((part.offset, part.count) == expected)
    }
  }

  @Test("Memory lies in no file")
  func memory() throws {
    let source = MemoryBytes([1, 2, 3], origin: "made up")
    #expect(source.fileRange == nil)
    #expect(source.origin == "made up")
    #expect(try source.bytes(at: 1, count: 2) == [2, 3])
    try source.verifyIntegrity()
  }
}
