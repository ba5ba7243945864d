/// A strict JSON reader (RFC 8259) that hands out one element at a time.
///
/// Refused, beyond what the grammar refuses: a byte order mark, text that is not UTF-8, escaped lone surrogates, nesting
/// beyond the limit, anything after the value. Duplicate keys are refused by whoever collects them (``JSONValue`` does),
/// because only he knows the set. Numbers are kept as written, so that integers stay exact.
package struct JSONReader: Sendable {
  private var cursor: ByteCursor
  private let maximumDepth: Int
  private let maximumValues: Int
  private var depth = 0
  /// How many values were made of what was read.
  private var valueCount = 0
  private let context: String
  /// What a string with escapes is put together in, one after the other.
  private var unescaped: [UInt8] = []

  /// A reader over UTF-8 text. `context` names the document in failures.
  package init(_ bytes: [UInt8], context: String, base: Int = 0, limits: ReadLimits = ReadLimits())
  {
    cursor = ByteCursor(bytes, base: base)
    maximumDepth = limits.jsonDepth
    maximumValues = limits.jsonValues
    self.context = context
  }

  /// What the next value is, by its first character.
  package enum Kind: Sendable { case object, array, string, number, boolean, null }

  /// The offset of the next character.
  package var offset: Int { cursor.offset }

  private func malformed(_ problem: String) -> ParseFailure {
    ParseFailure(.malformed, at: cursor.offset, context, problem)
  }

  private func unexpected(_ expected: String) -> ParseFailure {
    guard let byte = cursor.peekByte() else {
      return ParseFailure(
        .truncated, at: cursor.offset, context, "the JSON text ends, expected \(expected)")
    }
    let found =
      byte > 0x20 && byte < 0x7F
      ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    return malformed("expected \(expected), found \(found)")
  }

  private mutating func skipWhitespace() throws(ParseFailure) {
    var place = cursor.position
    while place < cursor.end {
      let byte = cursor.bytes[place]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
      place += 1
    }
    if place > cursor.position { try cursor.seek(to: place, context) }
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(ParseFailure) {
    try skipWhitespace()
    guard cursor.peekByte() == UInt8(ascii: character) else { throw unexpected("'\(character)'") }
    try cursor.skip(1, context)
  }

  private mutating func enter() throws(ParseFailure) {
    depth += 1
    guard depth <= maximumDepth else {
      throw ParseFailure(
        .limitExceeded, at: cursor.offset, context, "nested deeper than \(maximumDepth) levels")
    }
  }

  /// Counts a value that is kept in memory.
  package mutating func countValue() throws(ParseFailure) {
    valueCount += 1
    guard valueCount <= maximumValues else {
      throw ParseFailure(
        .limitExceeded, at: cursor.offset, context, "more than \(maximumValues) values")
    }
  }

  /// The kind of the next value.
  package mutating func peekKind() throws(ParseFailure) -> Kind {
    try skipWhitespace()
    switch cursor.peekByte() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    case let byte?
    where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
      return .number
    default: throw unexpected("a value")
    }
  }

  /// Reads an object; `member` is called at each value, with its key, and must read it.
  package mutating func readObject(
    _ member: (ExactName, inout JSONReader) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    try expect("{")
    try enter()
    try skipWhitespace()
    if cursor.peekByte() == UInt8(ascii: "}") {
      try cursor.skip(1, context)
    } else {
      while true {
        try skipWhitespace()
        let key = ExactName(try readString())
        try expect(":")
        try member(key, &self)
        try skipWhitespace()
        if cursor.peekByte() == UInt8(ascii: ",") {
          try cursor.skip(1, context)
        } else {
          try expect("}")
          break
        }
      }
    }
    depth -= 1
  }

  /// Reads an array; `element` is called at each value and must read it.
  package mutating func readArray(
    _ element: (inout JSONReader) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    try expect("[")
    try enter()
    try skipWhitespace()
    if cursor.peekByte() == UInt8(ascii: "]") {
      try cursor.skip(1, context)
    } else {
      while true {
        try element(&self)
        try skipWhitespace()
        if cursor.peekByte() == UInt8(ascii: ",") {
          try cursor.skip(1, context)
        } else {
          try expect("]")
          break
        }
      }
    }
    depth -= 1
  }

  /// Reads `true` or `false`.
  package mutating func readBoolean() throws(ParseFailure) -> Bool {
    try skipWhitespace()
    if cursor.peekByte() == UInt8(ascii: "t") {
      try readWord("true")
      return true
    }
    try readWord("false")
    return false
  }

  /// Reads `null`.
  package mutating func readNull() throws(ParseFailure) {
    try skipWhitespace()
    try readWord("null")
  }

  private mutating func readWord(_ word: StaticString) throws(ParseFailure) {
    for scalar in "\(word)".utf8 {
      guard cursor.peekByte() == scalar else { throw unexpected("'\(word)'") }
      try cursor.skip(1, context)
    }
  }

  /// Reads a number, as written.
  package mutating func readNumber() throws(ParseFailure) -> JSONNumber {
    try skipWhitespace()
    let start = cursor.position
    if cursor.peekByte() == UInt8(ascii: "-") { try cursor.skip(1, context) }
    if cursor.peekByte() == UInt8(ascii: "0") {
      try cursor.skip(1, context)
    } else {
      try skipDigits()
    }
    var isInteger = true
    if cursor.peekByte() == UInt8(ascii: ".") {
      isInteger = false
      try cursor.skip(1, context)
      try skipDigits()
    }
    if let byte = cursor.peekByte(), byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      isInteger = false
      try cursor.skip(1, context)
      if let sign = cursor.peekByte(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
        try cursor.skip(1, context)
      }
      try skipDigits()
    }
    let text = String(decoding: cursor.bytes[start..<cursor.position], as: UTF8.self)
    return JSONNumber(text: text, isInteger: isInteger)
  }

  private mutating func skipDigits() throws(ParseFailure) {
    var any = false
    while let byte = cursor.peekByte(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      any = true
      try cursor.skip(1, context)
    }
    if !any { throw unexpected("a digit") }
  }

  /// Reads a string.
  package mutating func readString() throws(ParseFailure) -> String {
    try skipWhitespace()
    guard cursor.peekByte() == UInt8(ascii: "\"") else { throw unexpected("a string") }
    try cursor.skip(1, context)
    let start = cursor.position
    // Most strings hold no escape: find the end, then validate in one go.
    var index = start
    while index < cursor.end {
      let byte = cursor.bytes[index]
      if byte == UInt8(ascii: "\"") {
        guard let text = String(utf8: cursor.bytes[start..<index]) else {
          throw malformed("the string is not valid UTF-8")
        }
        try cursor.seek(to: index + 1, context)
        return text
      }
      if byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      index += 1
    }
    return try readEscapedString()
  }

  private mutating func readEscapedString() throws(ParseFailure) -> String {
    unescaped.removeAll(keepingCapacity: true)
    let place = cursor.offset
    while true {
      guard let byte = cursor.peekByte() else { throw unexpected("the end of a string") }
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(utf8: unescaped[...]) else {
          throw ParseFailure(.malformed, at: place, context, "the string is not valid UTF-8")
        }
        try cursor.skip(1, context)
        return string
      case UInt8(ascii: "\\"): try readEscape()
      case 0..<0x20:
        throw malformed("a control character in a string must be escaped")
      default:
        // What needs no look byte by byte is taken at once.
        var end = cursor.position + 1
        while end < cursor.end, cursor.bytes[end] != UInt8(ascii: "\""),
          cursor.bytes[end] != UInt8(ascii: "\\"), cursor.bytes[end] >= 0x20
        {
          end += 1
        }
        unescaped += cursor.bytes[cursor.position..<end]
        try cursor.seek(to: end, context)
      }
    }
  }

  private mutating func readEscape() throws(ParseFailure) {
    let place = cursor.offset
    try cursor.skip(1, context)
    switch try cursor.readByte(context) {
    case UInt8(ascii: "\""): unescaped.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): unescaped.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "/"): unescaped.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"):
      var value = UInt32(try readHexadecimal())
      if (0xD800..<0xDC00).contains(value) {
        let low = try readLowSurrogate()
        value = low.map { 0x10000 + ((value - 0xD800) << 10) + $0 } ?? value
      }
      guard let scalar = Unicode.Scalar(value) else {
        throw ParseFailure(.malformed, at: place, context, "lone surrogate")
      }
      unescaped += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
    default:
      throw ParseFailure(.malformed, at: place, context, "unknown escape in a string")
    }
  }

  /// The ten bits that the second escape of a pair adds, or nil if something else follows.
  private mutating func readLowSurrogate() throws(ParseFailure) -> UInt32? {
    for expected in [UInt8(ascii: "\\"), UInt8(ascii: "u")] {
      guard let byte = cursor.peekByte() else { throw unexpected("the second half of a pair") }
      guard byte == expected else { return nil }
      try cursor.skip(1, context)
    }
    let low = UInt32(try readHexadecimal())
    return (0xDC00..<0xE000).contains(low) ? low - 0xDC00 : nil
  }

  private mutating func readHexadecimal() throws(ParseFailure) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = cursor.peekByte().flatMap(Hexadecimal.digit) else {
        throw unexpected("four hexadecimal digits after \\u")
      }
      value = value << 4 | UInt16(digit)
      try cursor.skip(1, context)
    }
    return value
  }

  /// Reads any value and forgets it.
  package mutating func skipValue() throws(ParseFailure) {
    switch try peekKind() {
    case .object: try readObject { (_, reader) throws(ParseFailure) in try reader.skipValue() }
    case .array: try readArray { (reader) throws(ParseFailure) in try reader.skipValue() }
    case .string: _ = try readString()
    case .number: _ = try readNumber()
    case .boolean: _ = try readBoolean()
    case .null: try readNull()
    }
  }

  /// Makes sure that nothing but white space follows.
  package mutating func readEnd() throws(ParseFailure) {
    try skipWhitespace()
    if !cursor.isAtEnd { throw unexpected("the end of the JSON text") }
  }
}

/// A JSON number, as written.
public struct JSONNumber: Sendable, Hashable {
  /// The digits as they stand in the text.
  public let text: String
  /// True if it is written without fraction and exponent.
  public let isInteger: Bool

  /// The value as an integer of some width, or nil if it is not one or does not fit.
  public func exactly<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
    isInteger ? Number(text) : nil
  }

  /// The nearest double; infinite if the number is beyond its range.
  public var double: Double { Double(text) ?? .nan }
}
