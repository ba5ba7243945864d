/// A position in a buffer. Reads move it, are checked against the end, and say what they were reading.
///
/// Offsets in failures count from the start of the buffer plus ``base``, so that a cursor over part of a file can report
/// places in the file.
package struct ByteCursor: Sendable {
  /// The whole buffer.
  package let bytes: [UInt8]
  /// The index of the next byte to read.
  package private(set) var position: Int
  /// The index after the last byte that may be read.
  package let end: Int
  /// Added to positions in failures.
  package let base: Int

  /// A cursor over a buffer.
  package init(_ bytes: [UInt8], base: Int = 0) {
    self.init(bytes, position: 0, end: bytes.count, base: base)
  }

  private init(_ bytes: [UInt8], position: Int, end: Int, base: Int) {
    self.bytes = bytes
    self.position = position
    self.end = end
    self.base = base
  }

  /// The number of bytes left.
  package var remaining: Int { end - position }
  /// True if nothing is left.
  package var isAtEnd: Bool { position == end }
  /// The position as failures give it.
  package var offset: Int { base + position }

  private func truncated(_ field: String, _ needed: UInt64) -> ParseFailure {
    ParseFailure(.truncated, at: offset, field, "expected \(needed) bytes, found \(remaining)")
  }

  private mutating func take(_ count: Int, _ field: String) throws(ParseFailure) -> Range<Int> {
    guard count >= 0, count <= remaining else { throw truncated(field, UInt64(max(0, count))) }
    defer { position += count }
    return position..<(position + count)
  }

  /// Reads an integer of fixed width.
  package mutating func read<Number: FixedWidthInteger & Sendable>(
    _ type: Number.Type, _ order: ByteOrder, _ field: String
  ) throws(ParseFailure) -> Number {
    // Other modules do not specialise what is not public, so that all but the conversion is outside of the generic.
    Number(truncatingIfNeeded: try readBits(Number.bitWidth / 8, order, field))
  }

  /// Reads the bits of an integer of 1 to 8 bytes; of more, the first 8 count.
  package mutating func readBits(
    _ byteCount: Int, _ order: ByteOrder, _ field: String
  ) throws(ParseFailure) -> UInt64 {
    let range = try take(byteCount, field).prefix(8)
    let unused = UInt64(64 - 8 * range.count)
    var value: UInt64 = 0
    // Offsets in files are not aligned, so that bytes are copied; `take` has checked that they are there.
    unsafe bytes.withUnsafeBytes { bytes in
      if bytes.count - range.lowerBound >= 8 {
        // One load of eight, of which those behind the number are taken off again.
        let eight = unsafe bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self)
        value = (UInt64(littleEndian: eight) << unused) >> unused
        return
      }
      unsafe withUnsafeMutableBytes(of: &value) {
        unsafe $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
      }
      value = UInt64(littleEndian: value)
    }
    return order == .little ? value : value.byteSwapped >> unused
  }

  /// Reads one byte.
  package mutating func readByte(_ field: String) throws(ParseFailure) -> UInt8 {
    bytes[try take(1, field).lowerBound]
  }

  /// The next byte, without moving; nil at the end.
  package func peekByte() -> UInt8? {
    position < end ? bytes[position] : nil
  }

  /// Reads `count` bytes.
  package mutating func readBytes(_ count: Int, _ field: String) throws(ParseFailure) -> ArraySlice<
    UInt8
  > {
    bytes[try take(count, field)]
  }

  /// Reads as many bytes as a length field of the file says. The length is compared with what is left, never trusted.
  package mutating func readBytes(
    counted count: UInt64, _ field: String
  ) throws(ParseFailure) -> ArraySlice<UInt8> {
    guard count <= UInt64(remaining) else { throw truncated(field, count) }
    return bytes[try take(Int(count), field)]
  }

  /// Reads UTF-8 text of `count` bytes; anything that is not UTF-8 is malformed.
  package mutating func readText(_ count: UInt64, _ field: String) throws(ParseFailure) -> String {
    let start = offset
    let slice = try readBytes(counted: count, field)
    guard let text = String(utf8: slice) else {
      throw ParseFailure(.malformed, at: start, field, "the text is not valid UTF-8")
    }
    return text
  }

  /// Reads up to the next `\n` and moves past it; the line is returned without it.
  package mutating func readLine(_ field: String) throws(ParseFailure) -> ArraySlice<UInt8> {
    guard let newline = newline(before: end) else {
      throw ParseFailure(.truncated, at: offset, field, "expected a line, found no newline")
    }
    defer { position = newline + 1 }
    return bytes[position..<newline]
  }

  /// The index of the next `\n` that lies before an index, which may be ``end`` at most; nil if there is none.
  package func newline(before bound: Int) -> Int? {
    let bound = min(bound, end)
    guard position < bound else { return nil }
    // A search for pickles asks at each byte that could begin one.
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<bound])
        .firstIndex(ofByte: 0x0A)
    }.map { position + $0 }
  }

  /// Moves past `count` bytes.
  package mutating func skip(_ count: Int, _ field: String) throws(ParseFailure) {
    _ = try take(count, field)
  }

  /// Moves to a position of the buffer.
  package mutating func seek(to newPosition: Int, _ field: String) throws(ParseFailure) {
    guard newPosition >= 0, newPosition <= end else {
      throw ParseFailure(
        .truncated, at: offset, field,
        "the position \(newPosition) lies outside the \(end) bytes that are there")
    }
    position = newPosition
  }

  /// A cursor over the next `count` bytes only; this one moves past them.
  package mutating func slice(_ count: Int, _ field: String) throws(ParseFailure) -> ByteCursor {
    let range = try take(count, field)
    return ByteCursor(bytes, position: range.lowerBound, end: range.upperBound, base: base)
  }
}
