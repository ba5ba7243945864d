internal import CheckpointBytes

/// An object of a tokenizer file being read: every error names the file and the place, and what nobody asks for is an
/// error too, because a setting that is ignored changes what a tokenizer does.
struct Settings {
  /// Where the object stands: `normalizer.normalizers[0]`.
  let path: String
  /// The file, as errors call it.
  let file: String
  private let members: [JSONValue.Member]

  init(_ value: JSONValue, path: String, file: String) throws(CheckpointError) {
    guard let members = value.members else {
      throw CheckpointError(
        .malformed, file: file, field: path.isEmpty ? nil : path,
        "expected an object, found \(value.kindName)")
    }
    self.members = members
    self.path = path
    self.file = file
  }

  /// The names of all members.
  var names: [String] { members.map(\.key.string) }

  /// Fails if there are members with other names than these.
  func allowOnly(_ names: Set<String>) throws(CheckpointError) {
    let exact = Set(names.map { ExactName($0) })
    for member in members where !exact.contains(member.key) {
      throw error(.unsupported, member.key.string, "this setting is not known")
    }
  }

  /// The value of a member; nil if there is none, or if it is `null`.
  func value(_ name: String) -> JSONValue? {
    let name = ExactName(name)
    guard let value = members.first(where: { $0.key == name })?.value, value != .null else {
      return nil
    }
    return value
  }

  /// An error about a member.
  func error(_ kind: FailureKind, _ name: String?, _ problem: String) -> CheckpointError {
    let place = name.map { path.isEmpty ? $0 : path + "." + $0 } ?? path
    return CheckpointError(kind, file: file, field: place.isEmpty ? nil : place, problem)
  }

  private func wrongKind(_ name: String, _ expected: String, _ found: JSONValue) -> CheckpointError
  {
    error(.malformed, name, "expected \(expected), found \(found.kindName)")
  }

  private func missing(_ name: String) -> CheckpointError {
    error(.malformed, name, "is missing")
  }

  func optionalString(_ name: String) throws(CheckpointError) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.string else { throw wrongKind(name, "a string", value) }
    return text
  }

  func string(_ name: String) throws(CheckpointError) -> String {
    guard let text = try optionalString(name) else { throw missing(name) }
    return text
  }

  /// A string of one scalar.
  func scalar(_ name: String) throws(CheckpointError) -> UInt32 {
    let scalars = try string(name).scalarValues
    guard scalars.count == 1, let scalar = scalars.first else {
      throw error(.malformed, name, "expected one character, found \(scalars.count)")
    }
    return scalar
  }

  func optionalBoolean(_ name: String) throws(CheckpointError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .boolean(let flag) = value else { throw wrongKind(name, "true or false", value) }
    return flag
  }

  func boolean(_ name: String, default fallback: Bool? = nil) throws(CheckpointError) -> Bool {
    guard let flag = try optionalBoolean(name) ?? fallback else { throw missing(name) }
    return flag
  }

  func optionalCount(_ name: String) throws(CheckpointError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let number = value.integer, number >= 0 else {
      throw wrongKind(name, "a number that is not negative", value)
    }
    return number
  }

  /// A greatest length. Transformers writes 10³⁰ where there is none; what no count reaches is nil here.
  func optionalLength(_ name: String) throws(CheckpointError) -> Int? {
    guard let value = value(name), let number = value.number else {
      return try optionalCount(name)
    }
    return number >= 0x1p62 ? nil : try optionalCount(name)
  }

  func count(_ name: String) throws(CheckpointError) -> Int {
    guard let number = try optionalCount(name) else { throw missing(name) }
    return number
  }

  /// A token's id, 32 bits.
  func id(_ name: String) throws(CheckpointError) -> UInt32 {
    guard let value = value(name) else { throw missing(name) }
    guard let id = Self.id(value) else { throw wrongKind(name, "an id below 2^32", value) }
    return id
  }

  /// A value as a token's id; nil if it is none.
  static func id(_ value: JSONValue) -> UInt32? {
    value.integer.flatMap { UInt32(exactly: $0) }
  }

  /// One of an enumeration's names; nil if none is stated.
  func optionalChoice<Choice: RawRepresentable>(
    _ name: String, _ type: Choice.Type
  ) throws(CheckpointError) -> Choice? where Choice.RawValue == String {
    guard let text = try optionalString(name) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      throw error(.unsupported, name, "\(quoted(text)) is not known")
    }
    return choice
  }

  /// One of an enumeration's names.
  func choice<Choice: RawRepresentable>(
    _ name: String, _ type: Choice.Type, default fallback: Choice? = nil
  ) throws(CheckpointError) -> Choice where Choice.RawValue == String {
    guard let choice = try optionalChoice(name, type) ?? fallback else { throw missing(name) }
    return choice
  }

  /// The object under a name, or nil.
  func optionalObject(_ name: String) throws(CheckpointError) -> Settings? {
    guard let value = value(name) else { return nil }
    return try Settings(value, path: path.isEmpty ? name : path + "." + name, file: file)
  }

  /// The elements of the list under a name.
  func elements(_ name: String) throws(CheckpointError) -> [JSONValue] {
    guard let value = value(name) else { throw missing(name) }
    guard let elements = value.elements else { throw wrongKind(name, "a list", value) }
    return elements
  }

  /// The list of strings under a name; nil if there is none.
  func optionalStrings(_ name: String) throws(CheckpointError) -> [String]? {
    guard let value = value(name) else { return nil }
    let strings = value.elements?.compactMap(\.string)
    guard let strings, strings.count == value.elements?.count else {
      throw wrongKind(name, "a list of strings", value)
    }
    return strings
  }

  /// The list of objects under a name.
  func objects(_ name: String) throws(CheckpointError) -> [Settings] {
    let start = path.isEmpty ? name : path + "." + name
    var objects: [Settings] = []
    for (index, element) in try elements(name).enumerated() {
      objects.append(try Settings(element, path: "\(start)[\(index)]", file: file))
    }
    return objects
  }
}

extension JSONValue {
  /// The nearest double, if this is a number.
  var number: Double? {
    guard case .number(let number) = self else { return nil }
    return number.double
  }

  /// What kind of value it is, in words.
  var kindName: String {
    switch self {
    case .object: "an object"
    case .array: "a list"
    case .string: "a string"
    case .number(let number): "the number \(singleLine(number.text, limit: 40))"
    case .boolean: "true or false"
    case .null: "null"
    }
  }
}
