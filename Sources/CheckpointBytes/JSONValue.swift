/// A JSON document in memory: objects keep their order, keys are unique by their bytes, numbers stay as written.
public enum JSONValue: Sendable, Hashable {
  /// A member of an object.
  public struct Member: Sendable, Hashable {
    /// The key.
    public let key: ExactName
    /// The value.
    public let value: JSONValue

    /// Makes a member.
    public init(_ key: ExactName, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  case object([Member])
  case array([JSONValue])
  case string(String)
  case number(JSONNumber)
  case boolean(Bool)
  case null

  /// Reads a document; duplicate keys are malformed.
  package init(
    parsing bytes: [UInt8], context: String, base: Int = 0, limits: ReadLimits = ReadLimits()
  ) throws(ParseFailure) {
    var reader = JSONReader(bytes, context: context, base: base, limits: limits)
    self = try JSONValue(&reader, context: context)
    try reader.readEnd()
  }

  /// Reads one value from a reader.
  package init(_ reader: inout JSONReader, context: String) throws(ParseFailure) {
    try reader.countValue()
    switch try reader.peekKind() {
    case .object:
      var members: [Member] = []
      var places: [Int] = []
      try reader.readObject { (key, reader) throws(ParseFailure) in
        places.append(reader.offset)
        members.append(Member(key, try JSONValue(&reader, context: context)))
      }
      if let again = JSONValue.firstRepeated(members) {
        throw ParseFailure(
          .malformed, at: places[again], context,
          "the key \(quoted(members[again].key.string)) occurs twice")
      }
      self = .object(members)
    case .array:
      var elements: [JSONValue] = []
      try reader.readArray { (reader) throws(ParseFailure) in
        elements.append(try JSONValue(&reader, context: context))
      }
      self = .array(elements)
    case .string: self = .string(try reader.readString())
    case .number: self = .number(try reader.readNumber())
    case .boolean: self = .boolean(try reader.readBoolean())
    case .null:
      try reader.readNull()
      self = .null
    }
  }
}

extension JSONValue {
  /// The place of the first member whose key another one has before it.
  private static func firstRepeated(_ members: [Member]) -> Int? {
    // Most objects have few members, and a set of their keys costs more than looking.
    guard members.count > 8 else {
      return members.indices.first { place in
        members[..<place].contains { $0.key == members[place].key }
      }
    }
    var keys = TextTable(expecting: members.count)
    for (place, member) in members.enumerated() {
      let before = keys.insert(
        member.key.string.utf8Span.span, UInt32(truncatingIfNeeded: place)
      ) { members[Int($0)].key.string }
      if before != nil { return place }
    }
    return nil
  }
}

extension JSONValue: CustomStringConvertible {
  /// The value as JSON, on one line.
  public var description: String { JSONWriter.text(self) }
}

extension JSONValue {
  /// The value under a key, if this is an object that has it.
  public subscript(key: ExactName) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The text, if this is a string.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The members, if this is an object.
  public var members: [Member]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// The elements, if this is an array.
  public var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The value as an `Int`, if it is an integer that fits.
  public var integer: Int? {
    guard case .number(let number) = self else { return nil }
    return number.exactly(Int.self)
  }

  /// The object with a member in the place of one with the same key, or at the end; without it if there is no value. What is no
  /// object becomes one.
  package func setting(_ key: ExactName, to value: JSONValue?) -> JSONValue {
    var members = members ?? []
    if let place = members.firstIndex(where: { $0.key == key }) {
      if let value { members[place] = Member(key, value) } else { members.remove(at: place) }
    } else if let value {
      members.append(Member(key, value))
    }
    return .object(members)
  }

  /// An integer as a JSON value.
  public static func integer(_ value: some BinaryInteger) -> JSONValue {
    .number(JSONNumber(text: String(value), isInteger: true))
  }

  /// A finite double as a JSON value, in the shortest form that reads back the same; `null` for infinities and NaN,
  /// which JSON cannot write.
  public static func double(_ value: Double) -> JSONValue {
    value.isFinite ? .number(JSONNumber(text: "\(value)", isInteger: false)) : .null
  }
}
