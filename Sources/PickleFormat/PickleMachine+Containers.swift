internal import CheckpointBytes

extension PickleMachine {
  mutating func pushTuple(_ elements: [PickleReference]) throws(ParseFailure) {
    let isHashable = elements.allSatisfy(isHashable)
    try push(.tuple(elements))
    if !isHashable, let tuple = stack.last { unhashableTuples.insert(tuple) }
  }

  mutating func pushFrozenSet() throws(ParseFailure) {
    let elements = try popToMark()
    try requireHashable(elements, "a member of a set")
    try push(.frozenSet(elements))
  }

  /// True if Python could hash the value. Of an object that cannot be known: it passes.
  private func isHashable(_ reference: PickleReference) -> Bool {
    switch document[reference] {
    case .list, .set, .dictionary, .byteArray: false
    case .tuple: !unhashableTuples.contains(reference)
    default: true
    }
  }

  private func requireHashable(
    _ references: some Sequence<PickleReference>, _ role: String
  ) throws(ParseFailure) {
    for reference in references where !isHashable(reference) {
      throw failure(.malformed, "\(role) cannot be hashed: \(document.kind(of: reference))")
    }
  }

  /// Keys and values in turn as entries.
  func entries(of references: [PickleReference]) throws(ParseFailure) -> [PickleValue.Entry] {
    guard references.count.isMultiple(of: 2) else {
      throw failure(.malformed, "a key without a value")
    }
    let entries = stride(from: 0, to: references.count, by: 2).map {
      PickleValue.Entry(key: references[$0], value: references[$0 + 1])
    }
    try requireHashable(entries.lazy.map(\.key), "a key")
    return entries
  }

  /// `APPEND(S)`, `ADDITEMS`, `SETITEM(S)`: takes the values and hands them to the container below.
  mutating func extend() throws(ParseFailure) {
    let added: [PickleReference]
    switch opcode {
    case .append: added = try popLast(1)
    case .setItem: added = try popLast(2)
    default: added = try popToMark()
    }
    let target = try peek()
    switch (document[target], opcode) {
    case (.list, .append), (.list, .appends), (.set, .addItems):
      if opcode == .addItems { try requireHashable(added, "a member of a set") }
      document.values[target.position].append(added)
    case (.dictionary, .setItem), (.dictionary, .setItems):
      document.values[target.position].append(try entries(of: added))
    case (.object(let object), .setItem), (.object(let object), .setItems):
      document.objects[Int(object.index)].items.append(contentsOf: try entries(of: added))
    case (.object(let object), .append), (.object(let object), .appends):
      document.objects[Int(object.index)].elements.append(contentsOf: added)
    default:
      throw failure(.malformed, "cannot be applied to \(document.kind(of: target))")
    }
  }
}

extension PickleValue {
  /// Appends to a list or a set in place.
  fileprivate mutating func append(_ added: [PickleReference]) {
    switch self {
    case .list(var elements):
      // The payload has one owner while it grows; otherwise every append would copy the list.
      self = .none
      elements.append(contentsOf: added)
      self = .list(elements)
    case .set(var elements):
      self = .none
      elements.append(contentsOf: added)
      self = .set(elements)
    default: break
    }
  }

  /// Appends to a dictionary in place.
  fileprivate mutating func append(_ added: [Entry]) {
    guard case .dictionary(var entries) = self else { return }
    self = .none
    entries.append(contentsOf: added)
    self = .dictionary(entries)
  }
}

extension PickleDocument {
  /// What kind of value is at a place, in words.
  public func kind(of reference: PickleReference) -> String {
    switch self[reference] {
    case .none: "None"
    case .boolean: "a Boolean"
    case .integer, .bigInteger: "an integer"
    case .float: "a float"
    case .string: "text"
    case .bytes: "bytes"
    case .byteArray: "a byte array"
    case .list: "a list"
    case .tuple: "a tuple"
    case .set: "a set"
    case .frozenSet: "a frozen set"
    case .dictionary: "a dictionary"
    case .global(let place): "the global " + quoted(self[place].description)
    case .object(let place):
      global(self[place].callable).map { "an object of " + quoted($0.description) } ?? "an object"
    case .persistent: "a persistent id"
    }
  }
}
