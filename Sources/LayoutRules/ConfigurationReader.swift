internal import CheckpointBytes

/// Typed access to one configuration file: what is wrong with it is told with its path and the key.
struct ConfigurationReader {
  let file: String
  let document: JSONValue
  /// What stands before a key in errors: `config.` inside KerasHub's serialised objects.
  private var prefix = ""
  private let members: [ExactName: JSONValue]

  init(parsing bytes: [UInt8], file: String) throws(CheckpointError) {
    let document = try locating(file: file) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "configuration")
    }
    try self.init(document, file: file, prefix: "")
  }

  private init(_ document: JSONValue, file: String, prefix: String) throws(CheckpointError) {
    guard let members = document.members else {
      throw CheckpointError(
        .malformed, file: file, field: prefix.isEmpty ? "configuration" : String(prefix.dropLast()),
        "expected a JSON object")
    }
    self.file = file
    self.document = document
    self.prefix = prefix
    self.members = Dictionary(
      members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// The object under a key.
  func object(_ key: String) throws(CheckpointError) -> ConfigurationReader {
    guard let value = self[key] else { throw missing(key) }
    return try ConfigurationReader(value, file: file, prefix: prefix + key + ".")
  }

  func failure(
    _ kind: FailureKind, _ key: String, _ problem: String, remedy: String? = nil
  ) -> CheckpointError {
    CheckpointError(kind, file: file, field: prefix + key, problem, remedy: remedy)
  }

  private func missing(_ key: String) -> CheckpointError {
    failure(.notFound, key, "the key is not there")
  }

  private func wrong(_ key: String, expected: String, _ found: JSONValue) -> CheckpointError {
    let text = singleLine(JSONWriter.text(found), limit: 60)
    return failure(.malformed, key, "expected \(expected), found \(text)")
  }

  /// The value under a key; `null` is no value.
  subscript(key: String) -> JSONValue? {
    guard let value = members[ExactName(key)], value != .null else { return nil }
    return value
  }

  func has(_ key: String) -> Bool { self[key] != nil }

  /// A positive integer under the first of several names for one thing; two that differ contradict each other.
  func size(_ keys: String..., default value: Int? = nil) throws(CheckpointError) -> Int {
    var found: (key: String, size: Int)?
    for key in keys {
      guard let value = self[key] else { continue }
      guard let size = value.integer, size > 0 else {
        throw wrong(key, expected: "a positive integer", value)
      }
      if let found, found.size != size {
        throw failure(.inconsistent, key, "\(size), and \(found.key) is \(found.size)")
      }
      found = found ?? (key, size)
    }
    guard let size = found?.size ?? value else { throw missing(keys[0]) }
    return size
  }

  func string(_ key: String) throws(CheckpointError) -> String? {
    guard let value = self[key] else { return nil }
    guard let text = value.string else { throw wrong(key, expected: "a string", value) }
    return text
  }

  func flag(_ key: String, default value: Bool) throws(CheckpointError) -> Bool {
    guard let found = self[key] else { return value }
    guard case .boolean(let flag) = found else {
      throw wrong(key, expected: "true or false", found)
    }
    return flag
  }

  func number(_ key: String, default value: Double) throws(CheckpointError) -> Double {
    guard let found = self[key] else { return value }
    guard case .number(let number) = found, number.double.isFinite else {
      throw wrong(key, expected: "a number", found)
    }
    return number.double
  }

  func strings(_ key: String) throws(CheckpointError) -> [String] {
    guard let value = self[key] else { return [] }
    guard let elements = value.elements else { throw wrong(key, expected: "a list", value) }
    var texts: [String] = []
    for element in elements {
      guard let text = element.string else { throw wrong(key, expected: "strings", element) }
      texts.append(text)
    }
    return texts
  }
}
