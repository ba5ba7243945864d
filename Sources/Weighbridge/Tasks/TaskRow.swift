public import CheckpointBytes

/// A row that cannot be read, although it is known whose it is.
package struct UnreadableRow: Error {
  /// The row's `id`; nil if it has none, or that cannot be read either.
  package let id: JSONValue?
  /// What is wrong with it.
  package let error: CheckpointError
}

/// What a task is asked about, as it comes from a file: the members of a JSON object, such as
/// `{"id": 7, "text": "How heavy is it?"}`. Members that a task does not know are passed over.
public struct TaskRow: Sendable, Hashable {
  /// The members, in their order.
  public var members: [JSONValue.Member]

  /// Takes the members of a row.
  public init(_ members: [JSONValue.Member]) { self.members = members }

  /// A row with one text.
  public init(_ key: ExactName = "text", _ text: String) {
    members = [JSONValue.Member(key, .string(text))]
  }

  /// The value under a key; nil if it is null, too.
  public subscript(key: ExactName) -> JSONValue? {
    members.first { $0.key == key && $0.value != .null }?.value
  }

  /// The text under a key, or under the first of several that is there.
  ///
  /// - Throws: `notFound` if there is none, `malformed` if it is no text.
  public func text(_ keys: ExactName...) throws(CheckpointError) -> String {
    guard let text = try optionalText(keys) else {
      throw CheckpointError(
        .notFound, field: keys[0].string, "the row has no such member",
        remedy: "a row is a JSON object, {\"\(keys[0].string)\": …}")
    }
    return text
  }

  /// The text under a key, or under the first of several that is there; nil if there is none.
  ///
  /// - Throws: `malformed` if it is no text.
  public func optionalText(_ keys: ExactName...) throws(CheckpointError) -> String? {
    try optionalText(keys)
  }

  private func optionalText(_ keys: [ExactName]) throws(CheckpointError) -> String? {
    for key in keys {
      guard let value = self[key] else { continue }
      guard let text = value.string else { throw expected("a text", key) }
      return text
    }
    return nil
  }

  /// The texts of a list; nil if there is none.
  ///
  /// - Throws: `malformed` if it is no list of texts.
  public func texts(_ key: ExactName) throws(CheckpointError) -> [String]? {
    guard let value = self[key] else { return nil }
    guard let elements = value.elements else { throw expected("a list of texts", key) }
    return try elements.map { (element) throws(CheckpointError) in
      guard let text = element.string else { throw expected("a list of texts", key) }
      return text
    }
  }

  /// The whole numbers of a list; nil if there is none.
  ///
  /// - Throws: `malformed` if it is no list of whole numbers.
  public func integers(_ key: ExactName) throws(CheckpointError) -> [Int]? {
    guard let value = self[key] else { return nil }
    guard let elements = value.elements else { throw expected("a list of whole numbers", key) }
    return try elements.map { (element) throws(CheckpointError) in
      guard let number = element.integer else { throw expected("a list of whole numbers", key) }
      return number
    }
  }

  private func expected(_ what: String, _ key: ExactName) -> CheckpointError {
    CheckpointError(.malformed, field: key.string, "expected \(what)")
  }
}
