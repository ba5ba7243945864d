import CheckpointBytes
import PickleFormat
import Testing

/// The bytes between the protocol and `STOP`, as Python's `pickle.dumps(value, protocol=2)` has them (CPython 3.11,
/// `pickletools.optimize`d where it would memoise).
@Suite("PickleWriter")
struct PickleWriterTests {
  private func written(
    _ body: (inout PickleWriter) throws(ParseFailure) -> Void
  ) throws(ParseFailure) -> [UInt8] {
    var writer = PickleWriter()
    try body(&writer)
    return Array(writer.bytes.dropFirst(2))
  }

  @Test("A pickle begins with protocol 2")
  func protocolTwo() {
    #expect(PickleWriter().bytes == [0x80, 2])
  }

  @Test(
    "Integers take the shortest form",
    arguments: [
      (0, [0x4B, 0]), (255, [0x4B, 255]), (256, [0x4D, 0, 1]), (65_535, [0x4D, 255, 255]),
      (65_536, [0x4A, 0, 0, 1, 0]), (-1, [0x4A, 255, 255, 255, 255]),
      (2_147_483_648, [0x8A, 5, 0, 0, 0, 0x80, 0]),
      (-2_147_483_649, [0x8A, 5, 255, 255, 255, 0x7F, 255]),
      (.max, [0x8A, 8, 255, 255, 255, 255, 255, 255, 255, 0x7F]),
      (.min, [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x80]),
    ] as [(Int64, [UInt8])])
  func integers(number: Int64, expected: [UInt8]) throws {
    #expect(try written { $0.write(integer: number) } == expected)
  }

  @Test(
    "Large integers lose the bytes that only repeat the sign",
    arguments: [
      ([0, 0, 0], []), ([255, 255], [255]), ([255, 0], [255, 0]), ([127, 0, 0], [127]),
      ([128, 255, 255], [128]), ([127, 255], [127, 255]),
    ] as [([UInt8], [UInt8])])
  func bigIntegers(digits: [UInt8], expected: [UInt8]) throws {
    #expect(
      try written { writer throws(ParseFailure) in try writer.write(bigInteger: digits) }
        == [0x8A, UInt8(expected.count)] + expected)
  }

  @Test("An integer of more than 255 bytes is refused")
  func hugeInteger() {
    #expect(throws: ParseFailure(.limitExceeded, at: 2, "LONG1", "")) {
      try written { writer throws(ParseFailure) in
        try writer.write(bigInteger: [UInt8](repeating: 1, count: 256))
      }
    }
  }

  @Test("Floats are written big-endian, bit for bit")
  func floats() throws {
    #expect(try written { $0.write(float: 1.5) } == [0x47, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0])
    let payload = Double(bitPattern: 0x7FF8_0000_0000_0001)
    #expect(try written { $0.write(float: payload) } == [0x47, 0x7F, 0xF8, 0, 0, 0, 0, 0, 1])
  }

  @Test("Shared text and globals are written once and then fetched")
  func memo() throws {
    let bytes = try written { writer throws(ParseFailure) in
      try writer.write(sharedText: "é")
      try writer.write(global: "Size", in: "torch")
      try writer.write(sharedText: "é")
      try writer.write(global: "Size", in: "torch")
      // Canonically equivalent and still another text.
      try writer.write(sharedText: "e\u{301}")
    }
    #expect(
      bytes == [0x58, 2, 0, 0, 0, 0xC3, 0xA9, 0x71, 0] + Array("ctorch\nSize\n".utf8) + [0x71, 1]
        + [0x68, 0, 0x68, 1] + [0x58, 3, 0, 0, 0, 0x65, 0xCC, 0x81, 0x71, 2])
  }

  @Test("The memo goes on in four bytes after 256 entries")
  func longMemo() throws {
    let bytes = try written { writer throws(ParseFailure) in
      for index in 0...256 { try writer.write(sharedText: String(index)) }
      try writer.write(sharedText: "256")
    }
    #expect(bytes.suffix(10) == [0x72, 0, 1, 0, 0, 0x6A, 0, 1, 0, 0])
  }

  @Test("A global's name cannot contain a line break")
  func lineBreak() {
    #expect(throws: ParseFailure(.malformed, at: 2, "GLOBAL", "")) {
      try written { writer throws(ParseFailure) in try writer.write(global: "a\nb", in: "torch") }
    }
  }

  @Test("Tuples of up to three values have opcodes of their own")
  func tuples() throws {
    #expect(try written { $0.writeTuple(integers: []) } == [0x29])
    #expect(try written { $0.writeTuple(integers: [1]) } == [0x4B, 1, 0x85])
    #expect(try written { $0.writeTuple(integers: [1, 2]) } == [0x4B, 1, 0x4B, 2, 0x86])
    #expect(
      try written { $0.writeTuple(integers: [1, 2, 3]) } == [0x4B, 1, 0x4B, 2, 0x4B, 3, 0x87])
    #expect(
      try written { $0.writeTuple(integers: [1, 2, 3, 4]) }
        == [0x28, 0x4B, 1, 0x4B, 2, 0x4B, 3, 0x4B, 4, 0x74])
  }
}
