import CheckpointBytes
import TestSupport
import Testing
import Weighbridge

@Suite("Arrow's streams")
struct ArrowReaderTests {
  /// All rows of a stream or file.
  private func rows(of bytes: [UInt8]) throws -> [Result<TaskRow, UnreadableRow>] {
    let input = ByteInput(bytes, name: "stream")
    var beginning: [UInt8] = []
    while ArrowReader.recognizes(beginning) == nil {
      let next = try input.bytes(at: beginning.count, atMost: 1)
      if next.isEmpty { break }
      beginning += next
    }
    try #require(ArrowReader.recognizes(beginning) == true)
    var reader = ArrowReader(input, beginning: beginning)
    var rows: [Result<TaskRow, UnreadableRow>] = []
    while let next = try reader.next() {
      #expect(!next.isEmpty)
      rows += next
    }
    #expect(try reader.next() == nil)
    return rows
  }

  /// What is wrong with bytes; nil if they can be read.
  private func error(of bytes: [UInt8]) throws -> CheckpointError? {
    do {
      _ = try rows(of: bytes)
      return nil
    } catch let error as CheckpointError {
      return error
    }
  }

  @Test(
    "Rows are what pyarrow reads",
    arguments: [
      "rows.arrows", "version-4.arrows", "rows.arrow", "large.arrows", "empty.arrows",
      "empty.arrow", "views.arrows",
    ])
  func read(_ name: String) throws {
    let text = try Fixture("arrow/expected.json").bytes()
    let all = try JSONValue(parsing: text, context: "expected")
    let expected = try #require(all[ExactName(name)]?.elements)
    let found = try rows(of: try Fixture("arrow/\(name)").bytes()).map { try $0.get() }
    #expect(found.count == expected.count)
    for (row, other) in zip(found, expected) {
      let members = try #require(other.members)
      for member in members {
        #expect(row[member.key] == (member.value == .null ? nil : member.value), "\(member.key)")
      }
      #expect(row.members.count == members.count { $0.value != .null })
    }
  }

  @Test(
    "What no row has is refused, and named",
    arguments: [
      ("dictionary", FailureKind.unsupported, "column 'text'", "dictionary"),
      ("binary", .unsupported, "column 'text'", "found binary"),
      ("timestamp", .unsupported, "column 'text'", "found timestamp"),
      ("struct", .unsupported, "column 'text'", "found struct"),
      ("nulls", .unsupported, "column 'text'", "found a list of null"),
      ("half", .unsupported, "column 'text'", "found float16"),
      ("compressed", .unsupported, "compression", "Zstandard"),
      ("twice", .malformed, "column 'text'", "two"),
      ("only-nulls", .unsupported, "fields", "no column"),
      ("shared", .malformed, "buffers", "more than the body's"),
      ("long-names", .malformed, "fields", "longer than the message"),
    ])
  func refused(_ name: String, _ kind: FailureKind, _ field: String, _ word: String) throws {
    let error = try #require(try error(of: try Fixture("arrow/\(name).arrows").bytes()))
    #expect(error.kind == kind && error.site.field == field, "\(error)")
    #expect(error.problem.contains(word) && error.site.offset != nil, "\(error)")
  }

  @Test(
    "A stream that ends early is truncated, unless it ends behind a message", .serialized,
    arguments: ["rows.arrows", "rows.arrow"])
  func prefixes(_ name: String) throws {
    let bytes = try Fixture("arrow/\(name)").bytes()
    let isFile = name.hasSuffix(".arrow")
    var whole = 0
    for count in (isFile ? 6 : 4)..<bytes.count {
      guard let error = try error(of: Array(bytes.prefix(count))) else {
        whole += 1
        continue
      }
      #expect(error.kind == .truncated, "\(count) bytes: \(error)")
      #expect((error.site.offset ?? .max) <= count)
    }
    // The schema, three batches, and the end in parts; a file ends with its footer.
    #expect(whole == (isFile ? 0 : 4), "\(whole)")
  }

  @Test("Streams behind one another are all read, and nothing else may follow one")
  func streamsInARow() throws {
    let (rows, large) = (
      try Fixture("arrow/rows.arrows").bytes(), try Fixture("arrow/large.arrows").bytes()
    )
    let found = try self.rows(of: rows + large + rows).map { try $0.get() }
    #expect(found.count == 11 + 3 + 11)
    #expect(found[12]["text"] == .string("two"))
    for rest in ["{\"text\": \"a\"}\n", "abc", "\0\0\0\0"] {
      let error = try #require(try error(of: rows + rest.utf8))
      #expect([.malformed, .truncated].contains(error.kind), "\(error)")
      #expect(error.site.offset == rows.count)
    }
  }

  @Test("A file is read by its footer, whatever lies where a stream begins")
  func footer() throws {
    let bytes = try Fixture("arrow/rows.arrow").bytes()
    let expected = try rows(of: bytes).map { try $0.get().members }
    #expect(expected.count == 11)
    // Polars puts a bare schema there, without a message around it.
    var changed = bytes
    for place in 8..<24 { changed[place] = 0x41 }
    #expect(try rows(of: changed).map { try $0.get().members } == expected)
    // A batch told of twice would be as many rows as a short file likes.
    let size = (0..<4).reduce(0) { $0 | Int(bytes[bytes.count - 10 + $1]) << (8 * $1) }
    let footer = bytes.count - 10 - size
    var blocks = 0
    for place in stride(from: footer, to: bytes.count - 58, by: 4) {
      var twice = bytes
      twice.replaceSubrange((place + 24)..<(place + 48), with: bytes[place..<place + 24])
      if let error = try error(of: twice), error.problem.hasPrefix("a record batch at ") {
        blocks += 1
      }
    }
    #expect(blocks > 0)
    // Where the footer says a batch is, there is one, and no end: the others would be lost.
    let batches = bytes.indices.dropLast(8).filter {
      $0 % 8 == 0 && bytes[$0..<$0 + 4].allSatisfy { $0 == 0xFF } && bytes[$0 + 4] != 0
    }
    var ended = bytes
    for place in try #require(batches.dropFirst().first) + 4..<batches[1] + 8 { ended[place] = 0 }
    let error = try #require(try error(of: ended))
    #expect(error.kind == .malformed && error.problem.contains("as the footer says"), "\(error)")
  }

  @Test("Of files behind one another no row is lost: they are refused")
  func filesInARow() throws {
    let (rows, empty) = (
      try Fixture("arrow/rows.arrow").bytes(), try Fixture("arrow/empty.arrow").bytes()
    )
    #expect(try self.rows(of: empty).isEmpty)
    // The last footer's places are told from its own file's beginning: they lead to the first file's batches, or to none.
    for several in [rows + rows, rows + empty, empty + empty, rows + empty + empty] {
      let error = try #require(try error(of: several))
      #expect(error.kind == .unsupported && error.site.field == "footer", "\(error)")
    }
  }

  @Test(
    "Whatever a byte is, a stream or file gives rows or one error",
    arguments: ["rows.arrows", "rows.arrow", "views.arrows"])
  func changedBytes(_ name: String) throws {
    let bytes = try Fixture("arrow/\(name)").bytes()
    var kinds: [FailureKind: Int] = [:]
    for place in (name.hasSuffix("s") ? 4 : 6)..<bytes.count {
      for value in [0, 1, 0x7F, 0x80, 0xFF, bytes[place] &+ 1, bytes[place] ^ 0x10] {
        var changed = bytes
        changed[place] = value
        if let error = try error(of: changed) {
          kinds[error.kind, default: 0] += 1
          #expect(error.kind != .inputOutput && error.site.file != nil, "\(place): \(error)")
        }
      }
    }
    for kind in [FailureKind.malformed, .truncated, .unsupported, .limitExceeded] {
      #expect(kinds[kind] ?? 0 > 0, "\(kind)")
    }
  }

  @Test("Numbers of 64 bits that nothing can have are errors, wherever they stand")
  func greatNumbers() throws {
    let bytes = try Fixture("arrow/rows.arrows").bytes()
    for place in stride(from: 4, to: bytes.count - 8, by: 4) {
      for value in [UInt64.max, UInt64(Int64.max), 1 << 63, 1 << 31, 1 << 32, 0x7FFF_FFFF] {
        var changed = bytes
        for byte in 0..<8 {
          changed[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
        }
        if let error = try error(of: changed) { #expect(error.site.file != nil, "\(place)") }
      }
    }
  }

  @Test("A message of fewer bytes than none is an error, and no end")
  func negativeSize() throws {
    let bytes = try Fixture("arrow/rows.arrows").bytes()
    let ending = Array(bytes.dropLast(4))
    #expect(try rows(of: ending + [0, 0, 0, 0]).count == 11)
    let error = try #require(try error(of: ending + [0xFF, 0xFF, 0xFF, 0xFF]))
    #expect(error.kind == .malformed && error.site.offset == bytes.count - 8, "\(error)")
  }

  @Test("A number that no JSON has is no member")
  func notFinite() throws {
    // 1/8, 1/4 and 3/8 of the first batch.
    let numbers = [0.125, 0.25, 0.375].flatMap(\.bitPattern.littleEndianBytes)
    let instead = [Double.nan, .infinity, -.infinity].flatMap(\.bitPattern.littleEndianBytes)
    var bytes = try Fixture("arrow/rows.arrows").bytes()
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: numbers) })
    bytes.replaceSubrange(place..<place + numbers.count, with: instead)
    let found = try rows(of: bytes).map { try $0.get() }
    #expect(found.prefix(5).map { $0["weight"] != nil } == [true, false, false, false, true])
    #expect(!found.contains { $0.members.contains { $0.value == .null } })
  }

  @Test("A text that is not UTF-8 is its row's own error, and the row keeps its id")
  func badText() throws {
    var bytes = try Fixture("arrow/large.arrows").bytes()
    let place = try #require(
      bytes.indices.first { bytes[$0...].starts(with: Array("onetwothree".utf8)) })
    bytes[place + 3] = 0xFF
    let found = try rows(of: bytes)
    #expect(found.count == 3)
    #expect(try found[0].get()["text"] == .string("one"))
    let unreadable = #expect(throws: UnreadableRow.self) { try found[1].get() }
    #expect(unreadable?.error.kind == .malformed)
    #expect(unreadable?.error.site.field == "column 'text'")
    #expect(unreadable?.id == .string("b"))
    // An id that cannot be read is none; the others are theirs.
    let id = try #require(
      bytes.indices.first { bytes[$0...].starts(with: Array("row éb".utf8)) })
    bytes[id + 6] = 0xFF
    let both = try rows(of: bytes)
    let nobodys = #expect(throws: UnreadableRow.self) { try both[1].get() }
    #expect(nobodys?.id == nil && nobodys?.error.kind == .malformed)
    #expect(try both[0].get()["id"] == .string("row é"))
    #expect(try found[2].get()["text"] == .string("three"))
  }

  @Test("Only what begins as Arrow's does is taken for it")
  func recognition() {
    #expect(ArrowReader.recognizes([]) == nil && ArrowReader.recognizes([0xFF, 0xFF]) == nil)
    #expect(ArrowReader.recognizes(Array("ARR".utf8)) == nil)
    #expect(ArrowReader.recognizes(Array("ARROW1".utf8)) == true)
    #expect(ArrowReader.recognizes(Array("A text".utf8)) == false)
    #expect(ArrowReader.recognizes(Array("{".utf8)) == false)
    #expect(ArrowReader.recognizes([0xFF, 0xFE]) == false)
  }
}
