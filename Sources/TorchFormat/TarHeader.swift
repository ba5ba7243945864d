internal import CheckpointBytes

/// One header block of a tar archive (POSIX.1-1988 ustar, with GNU's base-256 sizes).
///
/// ```
/// 0 name 100 │ 100 mode 8 │ 108 uid 8 │ 116 gid 8 │ 124 size 12 │ 136 mtime 12 │ 148 checksum 8
/// 156 type 1 │ 157 link 100 │ 257 magic 6 │ 263 version 2 │ … │ 345 prefix 155
/// ```
struct TarHeader {
  static let blockSize = 512

  let name: String
  /// Where a link leads.
  let link: String
  let size: Int
  let type: UInt8

  /// Reads a block that is not all zeros.
  init(_ block: [UInt8], at offset: Int) throws(ParseFailure) {
    guard block.count == TarHeader.blockSize else {
      throw ParseFailure(
        .truncated, at: offset, "tar header", "expected 512 bytes, found \(block.count)")
    }
    guard TarHeader.hasChecksum(block) else {
      throw ParseFailure(.malformed, at: offset, "tar header", "the checksum does not match")
    }
    guard let size = TarHeader.number(block[124..<136]) else {
      throw ParseFailure(.malformed, at: offset, "tar header", "the size is not a number")
    }
    let isUstar = block[257..<262].elementsEqual("ustar".utf8)
    let prefix = isUstar && block[262] == 0 ? TarHeader.text(block[345..<500]) : ""
    guard let name = TarHeader.text(block[0..<100]), let prefix else {
      throw ParseFailure(.malformed, at: offset, "tar header", "the name is not valid UTF-8")
    }
    link = TarHeader.text(block[157..<257]) ?? ""
    self.name = prefix.isEmpty ? name : prefix + "/" + name
    self.size = size
    type = block[156]
  }

  /// True if eleven octal digits cannot state a size and this header states none, or the largest that it can: another
  /// header has it.
  func hasNoRoom(for size: Int) -> Bool {
    size > TarHeader.largestSize && (self.size == 0 || self.size == TarHeader.largestSize)
  }

  private static let largestSize = 0o777_7777_7777

  /// True if a file may begin with such a block.
  static func isPlausible(_ prefix: [UInt8]) -> Bool {
    guard prefix.count >= blockSize else { return false }
    let block = Array(prefix[..<blockSize])
    return block[257..<262].elementsEqual("ustar".utf8)
      || (block[0] != 0 && hasChecksum(block))
  }

  /// True if the checksum is the sum of the bytes, those of the checksum itself taken as spaces. Some writers took bytes for
  /// signed ones, and readers take either; Python's takes the number in any of its spellings.
  private static func hasChecksum(_ block: [UInt8]) -> Bool {
    var (unsigned, signed) = (0, 0)
    for (place, byte) in block.enumerated() {
      let byte = (148..<156).contains(place) ? 0x20 : byte
      unsigned += Int(byte)
      signed += Int(Int8(bitPattern: byte))
    }
    let stated = String(decoding: block[148..<156].prefix { $0 != 0 }, as: UTF8.self)
      .filter { $0 != "_" && $0 != " " }
    let digits =
      ["0o", "0O", "+0o", "+0O"].first(where: stated.hasPrefix)
      .map { stated.dropFirst($0.count) } ?? stated[...]
    guard let sum = Int(digits, radix: 8) else { return false }
    return sum == unsigned || sum == signed
  }

  private static func text(_ field: ArraySlice<UInt8>) -> String? {
    String(validating: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Octal digits between spaces and a NUL.
  private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
    let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// A size: octal, or base 256 where the first bit is set. Nil if it is negative or too large.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first, first >= 0x80 else { return octal(field) }
    guard first == 0x80 else { return nil }
    var value = 0
    for byte in field.dropFirst() {
      guard value <= Int.max >> 8 else { return nil }
      value = value << 8 | Int(byte)
    }
    return value
  }
}
