internal import CheckpointBytes

extension InertValue {
  /// The text, if this is a string; compared by its bytes.
  var text: ExactName? {
    guard case .string(let text) = self else { return nil }
    return ExactName(text)
  }

  /// What makes a key equal to another in a dictionary, for the keys that structures of tensors have: text and whole
  /// numbers. Python takes `True` and `1` for one key.
  var keyIdentity: ExactName? {
    switch self {
    case .string(let text): ExactName("'" + text)
    case .integer(let number): ExactName(String(number))
    case .boolean(let value): ExactName(value ? "1" : "0")
    default: nil
    }
  }

  /// The key as it stands in a path.
  var pathComponent: String {
    switch self {
    case .string(let text): text
    case .integer(let number): String(number)
    case .boolean(let value): value ? "True" : "False"
    case .float(let number): String(number)
    case .none: "None"
    default: "?"
    }
  }

  /// True if Python can hash the value, so that it can be a key or an element of a set.
  ///
  /// Tuples inside tuples are not followed: nothing that holds tensors has such keys.
  var isHashable: Bool {
    switch self {
    case .none, .boolean, .integer, .bigInteger, .float, .complex, .string, .bytes, .global: true
    case .tuple(let elements): elements.allSatisfy(\.isHashableAtom)
    default: false
    }
  }

  private var isHashableAtom: Bool {
    if case .tuple = self { return false }
    return isHashable
  }
}

extension InertValue.Object {
  /// The counts of a `Counter`, whether they were given to it or set on it.
  var counts: [InertValue.Entry]? {
    switch (arguments.first, arguments.count) {
    case (nil, _): items
    case (.dictionary(let entries), 1) where items.isEmpty: entries
    default: nil
    }
  }

  /// True for a call of one of torch's own small types with arguments that it takes: `Size((2, 3))`,
  /// `device("cuda", 0)`.
  var isPlainCall: Bool {
    guard items.isEmpty, elements.isEmpty, state == nil else { return false }
    switch (type, arguments.first, arguments.count) {
    case ("torch.Size", .tuple(let extents), 1), ("torch.Size", .list(let extents), 1):
      return extents.allSatisfy { if case .integer = $0 { true } else { false } }
    case ("torch.device", .string, 1): return true
    case ("torch.device", .string, 2):
      if case .integer = arguments.last { return true }
      return false
    default: return false
    }
  }
}
