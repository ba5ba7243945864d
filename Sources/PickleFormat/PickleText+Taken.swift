internal import CheckpointBytes

/// What Python's unpicklers take for a number, a text or a place of the memo: more than its picklers write. A scan goes by
/// this, because what is taken goes on to the next operation (`Modules/_pickle.c` and `Lib/pickle.py`, CPython 3.11; dill
/// uses the second).
extension PickleText {
  /// True for an integer: white space around it, a sign, another base, digits joined by `_`.
  static func isTakenInteger(_ line: ArraySlice<UInt8>) -> Bool {
    var digits = number(line)
    if let sign = digits.first, "+-".utf8.contains(sign) { digits = digits.dropFirst() }
    guard digits.count > 2, digits.first == UInt8(ascii: "0"),
      let base = ["x": 16, "o": 8, "b": 2][
        Character(Unicode.Scalar(digits[digits.startIndex + 1] | 0x20))]
    else { return areDigits(digits, base: 10) }
    digits = digits.dropFirst(2)
    if digits.first == UInt8(ascii: "_") { digits = digits.dropFirst() }
    return areDigits(digits, base: base)
  }

  /// True for a number with or without a point; infinity and NaN by their names.
  static func isTakenFloat(_ line: ArraySlice<UInt8>) -> Bool {
    var text = number(line).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }[...]
    if let sign = text.first, "+-".utf8.contains(sign) { text = text.dropFirst() }
    if ["inf", "infinity", "nan"].contains(where: { text.elementsEqual($0.utf8) }) { return true }
    let permitted = Set("0123456789.e+-_".utf8)
    guard text.allSatisfy(permitted.contains) else { return false }
    return Double(String(decoding: text.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)) != nil
  }

  /// The place of the memo that `GET` and `PUT` name; nil for none.
  static func takenPlace(_ line: ArraySlice<UInt8>) -> UInt64? {
    var digits = number(line)
    let sign = digits.first.flatMap { "+-".utf8.contains($0) ? $0 : nil }
    if sign != nil { digits = digits.dropFirst() }
    guard areDigits(digits, base: 10),
      let place = UInt64(
        String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self))
    else { return nil }
    return sign == UInt8(ascii: "-") && place > 0 ? nil : place
  }

  /// The bytes of a quoted byte string: quotes inside it stand for themselves, and so do escapes that are none.
  static func takenBytes(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    guard line.count >= 2, let quote = line.first, quote == line.last,
      quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
    else { return nil }
    let body = [UInt8](line.dropFirst().dropLast())
    var bytes: [UInt8] = []
    var index = 0
    while index < body.count {
      guard body[index] == UInt8(ascii: "\\") else {
        bytes.append(body[index])
        index += 1
        continue
      }
      guard index + 1 < body.count else { return nil }
      let next = body[index + 1]
      let octal = body[(index + 1)...].prefix(3).prefix { (0x30...0x37).contains($0) }
      if !octal.isEmpty {
        let value = octal.reduce(0 as UInt16) { $0 << 3 | UInt16($1 - 0x30) }
        bytes.append(UInt8(truncatingIfNeeded: value))
        index += 1 + octal.count
      } else if let (byte, length) = escape(body[(index + 1)...]) {
        bytes.append(byte)
        index += 1 + length
      } else {
        guard next != UInt8(ascii: "x") else { return nil }
        bytes += [UInt8(ascii: "\\"), next]
        index += 2
      }
    }
    return bytes
  }

  /// True for text in raw-unicode-escape, in which surrogates may stand.
  static func isTakenUnicode(_ line: ArraySlice<UInt8>) -> Bool {
    var index = line.startIndex
    while let start = line[index...].firstIndex(of: UInt8(ascii: "\\")), start + 1 < line.endIndex {
      let count =
        line[start + 1] == UInt8(ascii: "u") ? 4 : line[start + 1] == UInt8(ascii: "U") ? 8 : 0
      if count > 0 {
        guard let value = hexadecimal(line[(start + 2)...].prefix(count), count: count),
          value <= 0x10_FFFF
        else { return false }
      }
      index = start + 2 + count
    }
    return true
  }

  /// True for text in UTF-8, in which surrogates may stand.
  static func isTakenText(_ bytes: ArraySlice<UInt8>) -> Bool {
    if String(validating: bytes, as: UTF8.self) != nil { return true }
    var text = [UInt8](bytes)
    for index in text.indices.dropLast(2)
    where text[index] == 0xED && (0xA0...0xBF).contains(text[index + 1])
      && (0x80...0xBF).contains(text[index + 2])
    {
      // U+FFFF has as many bytes and stands wherever text may.
      (text[index], text[index + 1], text[index + 2]) = (0xEF, 0xBF, 0xBF)
    }
    return String(validating: text, as: UTF8.self) != nil
  }

  /// A number without the white space around it; it ends with a NUL for C. Empty for what begins as no number does, however long it
  /// is: a search asks for the same line at each place before it.
  private static func number(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var text = line.drop(while: isSpace)
    guard let first = text.first, "0123456789+-.iInN".utf8.contains(first) else { return [] }
    text = text.prefix { $0 != 0 }
    while let last = text.last, isSpace(last) { text = text.dropLast() }
    return text
  }

  /// Digits, with a `_` here and there between two of them.
  private static func areDigits(_ text: ArraySlice<UInt8>, base: Int) -> Bool {
    var isDigit = false
    for byte in text {
      if byte == UInt8(ascii: "_") {
        guard isDigit else { return false }
        isDigit = false
      } else {
        guard let digit = Hexadecimal.digit(byte), digit < base else { return false }
        isDigit = true
      }
    }
    return isDigit
  }
}
