import CheckpointBytes
import TestSupport
import Testing

@Suite struct ByteCursorTests {
  @Test("Integers are read in either byte order, and every read moves")
  func integers() throws {
    var cursor = ByteCursor([1, 2, 3, 4, 5, 6, 7, 8, 0xFF, 0x80, 0xFE, 0xFF])
    #expect(try cursor.read(UInt32.self, .little, "a") == 0x0403_0201)
    #expect(try cursor.read(UInt32.self, .big, "b") == 0x0506_0708)
    #expect(try cursor.read(Int8.self, .big, "c") == -1)
    #expect(try cursor.read(UInt8.self, .little, "d") == 0x80)
    #expect(try cursor.read(Int16.self, .little, "e") == -2)
    #expect(cursor.isAtEnd)
    #expect(cursor.position == 12)
  }

  @Test("The full width of 64 bits is read exactly")
  func wide() throws {
    let bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    var little = ByteCursor(bytes)
    #expect(try little.read(Int64.self, .little, "a") == .max)
    var big = ByteCursor(bytes)
    #expect(try big.read(UInt64.self, .big, "a") == 0xFFFF_FFFF_FFFF_FF7F)
  }

  @Test("A read past the end is truncated, with the place in the file, and does not move")
  func truncated() {
    var cursor = ByteCursor([1, 2, 3], base: 100)
    #expect(throws: Never.self) { try cursor.skip(1, "a") }
    let expected = ParseFailure(.truncated, at: 101, "field", "")
    #expect(throws: expected) { try cursor.read(UInt32.self, .little, "field") }
    #expect(throws: expected) { try cursor.readBytes(3, "field") }
    #expect(throws: expected) { try cursor.readBytes(-1, "field") }
    #expect(throws: expected) { try cursor.readBytes(counted: .max, "field") }
    #expect(throws: expected) { try cursor.readText(3, "field") }
    #expect(throws: expected) { try cursor.slice(3, "field") }
    #expect(throws: expected) { try cursor.skip(.max, "field") }
    #expect(throws: expected) { try cursor.readLine("field") }
    #expect(cursor.position == 1)
    #expect(cursor.remaining == 2)
  }

  @Test("The last byte can be peeked at and read, and then there is none")
  func lastByte() throws {
    var cursor = ByteCursor([7])
    #expect(cursor.peekByte() == 7)
    #expect(try cursor.readByte("a") == 7)
    #expect(cursor.peekByte() == nil)
    #expect(throws: ParseFailure(.truncated, at: 1, "a", "")) { try cursor.readByte("a") }
  }

  @Test(
    "Text must be UTF-8",
    arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]])
  func text(_ bytes: [UInt8]) throws {
    var cursor = ByteCursor([0x61] + bytes)
    #expect(try cursor.readText(1, "a") == "a")
    #expect(throws: ParseFailure(.malformed, at: 1, "name", "")) {
      try cursor.readText(UInt64(bytes.count), "name")
    }
  }

  @Test("A line ends at its newline, which is passed and not returned")
  func lines() throws {
    var cursor = ByteCursor([UInt8](text: "one\n\ntwo"))
    #expect(try cursor.readLine("a").elementsEqual("one".utf8))
    #expect(try cursor.readLine("a").isEmpty)
    #expect(throws: ParseFailure(.truncated, at: 5, "a", "")) { try cursor.readLine("a") }
  }

  @Test(
    "Seeking stays inside the buffer, whatever is asked for", arguments: [-1, 4, Int.max, .min])
  func seeking(_ position: Int) throws {
    var cursor = ByteCursor([1, 2, 3], base: 1000)
    try cursor.seek(to: 3, "a")
    #expect(cursor.isAtEnd)
    #expect(throws: ParseFailure(.truncated, at: 1003, "a", "")) {
      try cursor.seek(to: position, "a")
    }
    try cursor.seek(to: 0, "a")
    #expect(try cursor.readByte("a") == 1)
  }

  @Test("A slice ends where it was told to, and keeps the offsets of the whole")
  func slices() throws {
    var cursor = ByteCursor([1, 2, 3, 4, 5], base: 10)
    try cursor.skip(1, "a")
    var slice = try cursor.slice(2, "a")
    #expect(cursor.position == 3)
    #expect(slice.offset == 11)
    try slice.skip(2, "a")
    #expect(throws: ParseFailure(.truncated, at: 13, "b", "")) { try slice.readByte("b") }
    #expect(throws: ParseFailure(.truncated, at: 13, "b", "")) { try slice.seek(to: 4, "b") }
  }
}
