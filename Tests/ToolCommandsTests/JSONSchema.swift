import CheckpointBytes

/// What a JSON schema of `docs/schemas` says, as far as they use the language: types, properties, items, choices, patterns of
/// digests. A word that is not known here fails, so that nothing is taken for checked that is not.
struct JSONSchema {
  private let root: JSONValue
  private static let known: Set<ExactName> = [
    "$schema", "title", "description", "type", "properties", "required", "additionalProperties",
    "items", "minItems", "maxItems", "enum", "const", "pattern", "anyOf",
  ]

  init(_ root: JSONValue) { self.root = root }

  /// What of a value is not as the schema has it, each with its place; none if it is.
  func faults(of value: JSONValue) -> [String] { faults(of: value, root, at: "$") }

  private func faults(of value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
    if schema == .boolean(false) { return ["\(place): the schema does not have it"] }
    var found: [String] = []
    for member in schema.members ?? [] where !Self.known.contains(member.key) {
      found.append("\(place): the schema's word \(member.key) is not known")
    }
    if let choices = schema["anyOf"]?.elements {
      let all = choices.map { faults(of: value, $0, at: place) }
      if !all.contains(where: \.isEmpty) { found += all.first ?? [] }
    }
    if let wanted = schema["const"], wanted != value { found.append("\(place): not \(wanted)") }
    if let choices = schema["enum"]?.elements, !choices.contains(value) {
      found.append("\(place): \(value) is none of the choices")
    }
    let types = schema["type"].map { $0.elements?.compactMap(\.string) ?? [$0.string ?? ""] }
    if let types, !types.contains(where: { value.isOf(type: $0) }) {
      return found + ["\(place): \(value) is not of type \(types)"]
    }
    if schema["pattern"] != nil, let text = value.string {
      let isDigest =
        text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
      if !isDigest { found.append("\(place): \(text) is no digest") }
    }
    if let elements = value.elements {
      if let least = schema["minItems"]?.integer, elements.count < least {
        found.append("\(place): too few")
      }
      if let most = schema["maxItems"]?.integer, elements.count > most {
        found.append("\(place): too many")
      }
      if let items = schema["items"] {
        for (index, element) in elements.enumerated() {
          found += faults(of: element, items, at: "\(place)[\(index)]")
        }
      }
    }
    guard let members = value.members else { return found }
    for name in schema["required"]?.elements?.compactMap(\.string) ?? []
    where value[ExactName(name)] == nil {
      found.append("\(place): \(name) is not there")
    }
    for member in members {
      let inner = "\(place).\(member.key)"
      if let property = schema["properties"]?[member.key] {
        found += faults(of: member.value, property, at: inner)
      } else if let other = schema["additionalProperties"] {
        if other == .boolean(false) {
          found.append("\(inner): the schema does not have it")
        } else {
          found += faults(of: member.value, other, at: inner)
        }
      }
    }
    return found
  }
}

extension JSONValue {
  fileprivate func isOf(type: String) -> Bool {
    switch (self, type) {
    case (.object, "object"), (.array, "array"), (.string, "string"), (.boolean, "boolean"),
      (.null, "null"), (.number, "number"):
      true
    case (.number(let number), "integer"): number.isInteger
    default: false
    }
  }
}
