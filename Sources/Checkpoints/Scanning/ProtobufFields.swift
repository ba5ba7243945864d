internal import CheckpointBytes

/// The fields of a protocol buffers message (Protocol Buffers, "Encoding"), one after another.
struct ProtobufFields {
  enum Value {
    case number(UInt64)
    case fixed
    /// Text, bytes or a message within the message.
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>
  /// True if the bytes were none to their end.
  private(set) var isBroken = false

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for place in 0..<10 {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(7 * place)
      if byte < 0x80 { return value }
    }
    return nil
  }

  /// The next field; nil at the end, and where there is none (`isBroken`).
  mutating func next() -> (number: Int, value: Value)? {
    guard !rest.isEmpty, !isBroken else { return nil }
    if let field = read() { return field }
    isBroken = true
    return nil
  }

  private mutating func read() -> (number: Int, value: Value)? {
    guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
    let number = Int(tag >> 3)
    switch tag & 7 {
    case 0: return varint().map { (number, .number($0)) }
    case 1, 5:
      let width = tag & 7 == 1 ? 8 : 4
      guard rest.count >= width else { return nil }
      rest = rest.dropFirst(width)
      return (number, .fixed)
    case 2:
      guard let count = varint(), count <= UInt64(rest.count) else { return nil }
      defer { rest = rest.dropFirst(Int(count)) }
      return (number, .bytes(rest.prefix(Int(count))))
    default: return nil
    }
  }
}

extension ProtobufFields {
  /// Gives all fields to a function; false if the bytes are no message.
  static func forEach(
    _ bytes: ArraySlice<UInt8>, _ body: (Int, Value) -> Void
  ) -> Bool {
    var fields = ProtobufFields(bytes)
    while let (number, value) = fields.next() { body(number, value) }
    return !fields.isBroken
  }

  /// The messages or texts of one field.
  static func all(_ wanted: Int, in bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var found: [ArraySlice<UInt8>] = []
    _ = forEach(bytes) { number, value in
      if number == wanted, case .bytes(let bytes) = value { found.append(bytes) }
    }
    return found
  }

  /// The text of one field; the last one counts.
  static func text(_ wanted: Int, in bytes: ArraySlice<UInt8>) -> String? {
    all(wanted, in: bytes).last.map { String(decoding: $0, as: UTF8.self) }
  }
}
