package import CheckpointBytes

/// The JSON form of inert values, without loss: what JSON has stands for itself, everything else is an object with one
/// key that begins with `$` (`$tuple`, `$bytes`, `$object`…).
extension InertValue {
  /// The value as JSON.
  package var json: JSONValue {
    func tagged(_ tag: ExactName, _ value: JSONValue) -> JSONValue {
      .object([JSONValue.Member(tag, value)])
    }
    func array(_ values: [InertValue]) -> JSONValue { .array(values.map(\.json)) }
    switch self {
    case .none: return .null
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .bigInteger(let bytes): return tagged("$integer", .string(Hexadecimal.text(bytes)))
    case .float(let value):
      return value.isFinite ? .double(value) : tagged("$float", .string("\(value)"))
    case .complex(let real, let imaginary):
      return tagged(
        "$complex", .array([InertValue.float(real).json, InertValue.float(imaginary).json]))
    case .string(let text): return .string(text)
    case .bytes(let bytes): return tagged("$bytes", .string(Hexadecimal.text(bytes)))
    case .byteArray(let bytes): return tagged("$bytearray", .string(Hexadecimal.text(bytes)))
    case .list(let values): return array(values)
    case .tuple(let values): return tagged("$tuple", array(values))
    case .set(let values): return tagged("$set", array(values))
    case .frozenSet(let values): return tagged("$frozenset", array(values))
    case .dictionary(let entries): return InertValue.json(entries)
    case .global(let name): return tagged("$global", .string(name))
    case .weight(let name): return tagged("$weight", .string(name.string))
    case .object(let object):
      var members = [JSONValue.Member("$object", .string(object.type))]
      if !object.arguments.isEmpty {
        members.append(JSONValue.Member("arguments", array(object.arguments)))
      }
      if !object.items.isEmpty {
        members.append(JSONValue.Member("items", InertValue.pairs(object.items)))
      }
      if !object.elements.isEmpty {
        members.append(JSONValue.Member("elements", array(object.elements)))
      }
      if let state = object.state { members.append(JSONValue.Member("state", state.json)) }
      return .object(members)
    case .array(let dtype, let shape, let bytes):
      return .object([
        JSONValue.Member("$array", .string(dtype)),
        JSONValue.Member("shape", .array(shape.map { .integer($0) })),
        JSONValue.Member("bytes", .string(Hexadecimal.text(bytes))),
      ])
    }
  }

  private static func pairs(_ entries: [Entry]) -> JSONValue {
    .array(entries.map { .array([$0.key.json, $0.value.json]) })
  }

  /// A dictionary is a JSON object if its keys are distinct texts that cannot be taken for a tag.
  private static func json(_ entries: [Entry]) -> JSONValue {
    var members: [JSONValue.Member] = []
    var keys: Set<ExactName> = []
    for entry in entries {
      guard case .string(let key) = entry.key, !key.hasPrefix("$"),
        keys.insert(ExactName(key)).inserted
      else { return .object([JSONValue.Member("$dictionary", pairs(entries))]) }
      members.append(JSONValue.Member(ExactName(key), entry.value.json))
    }
    return .object(members)
  }
}

extension InertValue {
  /// Reads the JSON form.
  ///
  /// - Throws: `malformed` for an unknown tag or a tag with the wrong content.
  package init(json: JSONValue) throws(ParseFailure) {
    switch json {
    case .null: self = .none
    case .boolean(let value): self = .boolean(value)
    case .string(let text): self = .string(text)
    case .array(let values): self = .list(try InertValue.list(values))
    case .number(let number):
      if number.isInteger {
        guard let value = number.exactly(Int64.self) else {
          throw InertValue.failure("the integer \(number.text) does not fit 64 bits")
        }
        self = .integer(value)
      } else {
        self = .float(number.double)
      }
    case .object(let members):
      if let first = members.first, first.key.string.hasPrefix("$") {
        self = try InertValue(tag: first.key.string, first.value, members)
      } else {
        self = .dictionary(
          try members.map { (member) throws(ParseFailure) in
            Entry(.string(member.key.string), try InertValue(json: member.value))
          })
      }
    }
  }

  private static func failure(_ problem: String) -> ParseFailure {
    ParseFailure(.malformed, "inert value", problem)
  }

  private static func list(_ values: [JSONValue]?) throws(ParseFailure) -> [InertValue] {
    guard let values else { throw failure("expected a list") }
    return try values.map { (value) throws(ParseFailure) in try InertValue(json: value) }
  }

  private static func entries(_ value: JSONValue?) throws(ParseFailure) -> [Entry] {
    try list(value?.elements).map { (pair) throws(ParseFailure) in
      guard case .list(let both) = pair, both.count == 2 else {
        throw failure("expected a pair of key and value")
      }
      return Entry(both[0], both[1])
    }
  }

  private static func bytes(_ value: JSONValue?) throws(ParseFailure) -> [UInt8] {
    guard let text = value?.string, let bytes = Hexadecimal.bytes(text) else {
      throw failure("expected bytes as hexadecimal text")
    }
    return bytes
  }

  private init(
    tag: String, _ value: JSONValue, _ members: [JSONValue.Member]
  ) throws(ParseFailure) {
    let whole = JSONValue.object(members)
    switch tag {
    case "$integer": self = .bigInteger(try InertValue.bytes(value))
    case "$bytes": self = .bytes(try InertValue.bytes(value))
    case "$bytearray": self = .byteArray(try InertValue.bytes(value))
    case "$tuple": self = .tuple(try InertValue.list(value.elements))
    case "$set": self = .set(try InertValue.list(value.elements))
    case "$frozenset": self = .frozenSet(try InertValue.list(value.elements))
    case "$dictionary": self = .dictionary(try InertValue.entries(value))
    case "$float":
      guard let text = value.string, let number = Double(text) else {
        throw InertValue.failure("expected a number as text")
      }
      self = .float(number)
    case "$complex":
      let parts = try InertValue.list(value.elements)
      guard parts.count == 2, case .float(let real) = parts[0],
        case .float(let imaginary) = parts[1]
      else { throw InertValue.failure("expected two numbers") }
      self = .complex(real: real, imaginary: imaginary)
    case "$global", "$weight":
      guard let name = value.string else { throw InertValue.failure("expected a name") }
      self = tag == "$global" ? .global(name) : .weight(ExactName(name))
    case "$object":
      guard let type = value.string else { throw InertValue.failure("expected a name") }
      self = .object(
        Object(
          type: type,
          arguments: try whole["arguments"].map { (value) throws(ParseFailure) in
            try InertValue.list(value.elements)
          } ?? [],
          items: try whole["items"].map { (value) throws(ParseFailure) in
            try InertValue.entries(value)
          } ?? [],
          elements: try whole["elements"].map { (value) throws(ParseFailure) in
            try InertValue.list(value.elements)
          } ?? [],
          state: try whole["state"].map { (value) throws(ParseFailure) in
            try InertValue(json: value)
          }))
    case "$array":
      guard let dtype = value.string, let extents = whole["shape"]?.elements else {
        throw InertValue.failure("expected dtype and shape")
      }
      self = .array(
        dtype: dtype, shape: extents.compactMap(\.integer),
        bytes: try InertValue.bytes(whole["bytes"]))
    default: throw InertValue.failure("unknown tag \(quoted(tag))")
    }
  }
}
