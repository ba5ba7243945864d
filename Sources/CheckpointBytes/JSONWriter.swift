/// Writes JSON text: UTF-8, no escape that is not needed.
package struct JSONWriter: Sendable {
  /// How much white space to write.
  package enum Style: Sendable {
    /// None: what serde and `json.dumps(separators=(",", ":"))` write.
    case compact
    /// Two spaces a level, as `json.dumps(indent=2, ensure_ascii=False)` writes it.
    case indented
  }

  /// The text so far, as UTF-8.
  package private(set) var bytes: [UInt8] = []
  private let style: Style

  /// A writer with nothing written.
  package init(style: Style = .compact) {
    self.style = style
  }

  /// The text of a value.
  package static func text(_ value: JSONValue, style: Style = .compact) -> String {
    var writer = JSONWriter(style: style)
    writer.write(value)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Appends text as it is.
  package mutating func writeRaw(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func newLine(_ level: Int) {
    guard style == .indented else { return }
    bytes.append(0x0A)
    bytes.append(contentsOf: repeatElement(0x20, count: level * 2))
  }

  /// Appends a value.
  package mutating func write(_ value: JSONValue, level: Int = 0) {
    switch value {
    case .object(let members):
      writeRaw("{")
      for (index, member) in members.enumerated() {
        if index > 0 { writeRaw(",") }
        newLine(level + 1)
        write(string: member.key.string)
        writeRaw(style == .indented ? ": " : ":")
        write(member.value, level: level + 1)
      }
      if !members.isEmpty { newLine(level) }
      writeRaw("}")
    case .array(let elements):
      writeRaw("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { writeRaw(",") }
        newLine(level + 1)
        write(element, level: level + 1)
      }
      if !elements.isEmpty { newLine(level) }
      writeRaw("]")
    case .string(let text): write(string: text)
    case .number(let number): writeRaw(number.text)
    case .boolean(let value): writeRaw(value ? "true" : "false")
    case .null: writeRaw("null")
    }
  }

  /// Appends a string, quoted; control characters are escaped as serde_json escapes them.
  package mutating func write(string: String) {
    var string = string
    string.withUTF8 { unsafe write(utf8: $0.span) }
  }

  /// Appends a string that is in UTF-8 already, quoted and escaped.
  package mutating func write(utf8: Span<UInt8>) {
    bytes.append(UInt8(ascii: "\""))
    var done = 0
    for place in utf8.indices where Self.isEscaped(utf8[place]) {
      append(utf8, done..<place)
      write(escaped: utf8[place])
      done = place + 1
    }
    append(utf8, done..<utf8.count)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Quotes, backslashes and control characters.
  @inline(__always)
  private static func isEscaped(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private mutating func append(_ utf8: Span<UInt8>, _ range: Range<Int>) {
    // The buffer is read before the span ends.
    unsafe utf8.extracting(range).withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func write(escaped byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): writeRaw("\\\"")
    case UInt8(ascii: "\\"): writeRaw("\\\\")
    case 0x08: writeRaw("\\b")
    case 0x0C: writeRaw("\\f")
    case 0x0A: writeRaw("\\n")
    case 0x0D: writeRaw("\\r")
    case 0x09: writeRaw("\\t")
    default: writeRaw("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
    }
  }

  /// Appends an array of numbers.
  package mutating func write(integers: Span<UInt32>) {
    unsafe writeList(count: integers.count, longest: 10) { place, text in
      unsafe Self.put(integers[place], at: text)
    }
  }

  /// Appends an array of a number again and again.
  package mutating func write(repeating integer: UInt32, count: Int) {
    unsafe writeList(count: count, longest: 10) { _, text in unsafe Self.put(integer, at: text) }
  }

  /// Appends an array of arrays of a range's two bounds.
  package mutating func write(ranges: Span<Range<UInt32>>) {
    unsafe writeList(count: ranges.count, longest: 23) { place, text in
      unsafe text[0] = UInt8(ascii: "[")
      var end = unsafe 1 + Self.put(ranges[place].lowerBound, at: text + 1)
      unsafe text[end] = UInt8(ascii: ",")
      end += unsafe 1 + Self.put(ranges[place].upperBound, at: text + end + 1)
      unsafe text[end] = UInt8(ascii: "]")
      return end + 1
    }
  }

  /// Appends an array. `put` writes an element, of `longest` bytes at most, and says how many they are.
  @inline(__always)
  private mutating func writeList(
    count: Int, longest: Int, _ put: (Int, UnsafeMutablePointer<UInt8>) -> Int
  ) {
    let step = 256
    bytes.append(UInt8(ascii: "["))
    for first in stride(from: 0, to: count, by: step) {
      // There is room for the longest elements and a comma before each, whatever they are.
      unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: step * (longest + 1)) { text in
        guard let start = text.baseAddress else { return }
        var end = 0
        for place in first..<min(first + step, count) {
          if place > 0 {
            unsafe start[end] = UInt8(ascii: ",")
            end += 1
          }
          end += unsafe put(place, start + end)
        }
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[..<end]))
      }
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Writes a number's digits, ten at most, and says how many they are.
  @inline(__always)
  private static func put(_ integer: UInt32, at text: UnsafeMutablePointer<UInt8>) -> Int {
    var count = 1
    var limit: UInt64 = 10
    while UInt64(integer) >= limit {
      count += 1
      limit *= 10
    }
    var rest = integer
    var place = count
    while place > 0 {
      place -= 1
      unsafe text[place] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
      rest /= 10
    }
    return count
  }

  /// Appends text in UTF-8 as it is.
  package mutating func writeRaw(utf8: [UInt8]) {
    bytes += utf8
  }
}
