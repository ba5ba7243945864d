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

  /// The longest name or tag that is looked at: more than any that is imported has.
  private static let nameLength = 1_000
  private static let blanks = Array(" \t\"'".utf8)

  private static func name(_ bytes: ArraySlice<UInt8>, endingBefore ends: String) -> String {
    let ends = Array(ends.utf8)
    let name = bytes.prefix(nameLength).prefix { !ends.contains($0) }
    return String(decoding: name, as: UTF8.self)
  }

  /// Goes through the tags of a line that begin with some bytes, without these, until somebody has seen enough.
  static func forEachTag(
    behind start: String, in line: [UInt8], _ goesOn: (String) -> Bool
  ) {
    let start = Array(start.utf8)
    var position = 0
    while let found = line.index(of: start, from: position) {
      position = found + start.count
      guard goesOn(name(line[position...], endingBefore: " \t,}]>\"'")) else { return }
    }
  }

  /// Goes through what a key has for values in a line, as plain or quoted text, until somebody has seen enough; nil is a value that
  /// stands in another line, or under an anchor. The time grows with the line, however often the key is in it.
  static func forEachValue(of key: String, in line: [UInt8], _ goesOn: (String?) -> Bool) {
    let key = Array(key.utf8)
    let (open, gaps) = (Array(" \t\"'{,-?[&!".utf8), Array(": \t\"'".utf8))
    var (position, words) = (0, LastWord(line))
    while let found = line.index(of: key, from: position) {
      position = found + key.count
      var end = found
      while end > 0, blanks.contains(line[end - 1]) { end -= 1 }
      let word = words.start(before: end)
      // A short key is a part of many words.
      guard key.count > 6 || found == 0 || open.contains(line[found - 1]) else { continue }
      let behind = line[position...].drop { blanks.contains($0) }
      let hasValue = behind.first == UInt8(ascii: ":")
      let isAnchor = word.map { line[$0] == UInt8(ascii: "&") } ?? false
      let isComplex = end > 0 && line[end - 1] == UInt8(ascii: "?")
      guard hasValue || isAnchor || isComplex else { continue }
      let value = name(behind.drop { gaps.contains($0) }, endingBefore: " \t,}#\"'")
      let isElsewhere =
        !hasValue || value.isEmpty || "*&!|>".utf8.contains(value.utf8.first ?? 0)
      guard goesOn(isElsewhere ? nil : value) else { return }
    }
  }
}

/// Where the last word before a place begins, for places that only move on.
private struct LastWord {
  private let line: [UInt8]
  private let separators = Array(" \t,{[:-?".utf8)
  private var place = 0
  private var start: Int?
  private var isInWord = false

  init(_ line: [UInt8]) { self.line = line }

  mutating func start(before end: Int) -> Int? {
    while place < end {
      let separates = separators.contains(line[place])
      if !separates, !isInWord { start = place }
      isInWord = !separates
      place += 1
    }
    return start
  }
}
