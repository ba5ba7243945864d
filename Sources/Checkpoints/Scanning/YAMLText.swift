internal import CheckpointBytes

/// A text as YAML reads it, as far as it hides the names that a scan looks for: escapes in double quotes (`"_t\x61rget_"`),
/// lines joined by a backslash, and percent signs in tags (`!!pyth%6Fn/…`; YAML 1.1, 5.6 and 7.7.1).
enum YAMLText {
  /// The text without such spellings; nil if it has none.
  static func plain(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "%") }) else {
      return nil
    }
    var plain: [UInt8] = []
    plain.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let (byte, next) = (bytes[index], index + 1 < bytes.count ? bytes[index + 1] : 0)
      let digitCount: Int? =
        switch (byte, next) {
        case (UInt8(ascii: "%"), _): 2
        case (UInt8(ascii: "\\"), UInt8(ascii: "x")): 2
        case (UInt8(ascii: "\\"), UInt8(ascii: "u")): 4
        case (UInt8(ascii: "\\"), UInt8(ascii: "U")): 8
        default: nil
        }
      let start = index + (byte == UInt8(ascii: "%") ? 1 : 2)
      if let digitCount, start + digitCount <= bytes.count,
        let value = Hexadecimal.number(bytes[start..<(start + digitCount)]),
        let scalar = Unicode.Scalar(value)
      {
        plain += Array(String(Character(scalar)).utf8)
        index = start + digitCount
      } else if byte == UInt8(ascii: "\\"), next == 0x0A || next == 0x0D {
        index += 1
        while index < bytes.count, [0x0A, 0x0D, 0x20, 0x09].contains(bytes[index]) { index += 1 }
      } else {
        plain.append(byte)
        index += 1
      }
    }
    return plain == bytes ? nil : plain
  }

  /// The lines that hold one of some words, in order. A line ends where Swift's `isNewline` says so, of which Python's readers know fewer.
  static func lines(of bytes: [UInt8], holding words: [[UInt8]]) -> [Range<Int>] {
    var ends: [Int: Int] = [:]
    for word in words {
      var position = 0
      while let found = bytes.index(of: word, from: position) {
        // No line that was looked at before is looked at again.
        var start = found
        while start > position, newline(in: bytes, before: start) == 0 { start -= 1 }
        var end = found + word.count
        while end < bytes.count, newline(in: bytes, at: end) == 0 { end += 1 }
        ends[start] = end
        position = end
      }
    }
    return ends.sorted { $0.key < $1.key }.map { $0.key..<$0.value }
  }

  /// How many bytes the newline has that begins at a place; none if there is no newline.
  private static func newline(in bytes: [UInt8], at place: Int) -> Int {
    switch bytes[place] {
    case 0x0A...0x0D: 1
    case 0xC2: place + 1 < bytes.count && bytes[place + 1] == 0x85 ? 2 : 0
    case 0xE2:
      place + 2 < bytes.count && bytes[place + 1] == 0x80 && bytes[place + 2] | 1 == 0xA9 ? 3 : 0
    default: 0
    }
  }

  /// The same of the newline that ends in front of a place.
  private static func newline(in bytes: [UInt8], before place: Int) -> Int {
    for count in 1...min(3, place) where newline(in: bytes, at: place - count) == count {
      return count
    }
    return 0
  }

  /// What a key has for values in a line, as plain or quoted text; nil for a value that stands in another line, or under an
  /// anchor.
  static func values(of key: String, in line: Substring) -> [String?] {
    var values: [String?] = []
    var rest = line
    while let range = rest.firstRange(of: key) {
      var before = line[..<range.lowerBound]
      // A short key is a part of many words.
      let isWhole = key.count > 6 || before.last.map { " \t\"'{,-?[&!".contains($0) } ?? true
      while let last = before.last, " \t\"'".contains(last) { before.removeLast() }
      let behind = rest[range.upperBound...].drop { " \t\"'".contains($0) }
      rest = rest[range.upperBound...]
      let isAnchor = before.split { " \t,{[:-?".contains($0) }.last?.hasPrefix("&") == true
      let isComplex = before.hasSuffix("?")
      guard isWhole, behind.hasPrefix(":") || isAnchor || isComplex else { continue }
      let value = String(
        behind.drop { ": \t\"'".contains($0) }.prefix { !" \t,}#\"'".contains($0) })
      let isElsewhere =
        !behind.hasPrefix(":") || value.isEmpty || "*&!|>".contains(value.first ?? " ")
      values.append(isElsewhere ? nil : value)
    }
    return values
  }
}
