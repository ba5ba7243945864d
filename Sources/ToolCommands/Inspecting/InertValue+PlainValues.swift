internal import Weighbridge

/// Values beside the weights, each with the keys that lead to it.
struct PlainValues {
  private(set) var lines: [String] = []
  private let isVerbose: Bool
  /// How many values are shown, unless everything is.
  private static let limit = 100

  /// The values of a tree that are no weights and no containers. What PyTorch's `state_dict` says of its modules' versions
  /// (`_metadata`), and what training leaves, is counted and not listed, unless everything is to be shown.
  init(_ tree: InertValue, isVerbose: Bool) {
    self.isVerbose = isVerbose
    collect(tree, "", isTop: true)
    if !isVerbose, lines.count > Self.limit {
      let rest = lines.count - Self.limit
      lines.removeLast(rest)
      lines.append("… and \(rest) more values (see --verbose or --json)")
    }
  }

  private mutating func collect(_ value: InertValue, _ path: String, isTop: Bool = false) {
    func step(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
    switch value {
    case .weight: break
    case .dictionary(let entries): collect(entries, path, isTop: isTop)
    case .list(let elements) where elements.contains(where: \.holdsContainers),
      .tuple(let elements) where elements.contains(where: \.holdsContainers):
      for (index, element) in elements.enumerated() { collect(element, step(String(index))) }
    case .object(let object) where !object.items.isEmpty:
      collect(object.items, path, isTop: isTop)
      if let state = object.state { collect(state, path) }
    default:
      lines.append(
        "value: \(singleLine(path)) = \(singleLine(JSONWriter.text(value.json), limit: 120))")
    }
  }

  private mutating func collect(_ entries: [InertValue.Entry], _ path: String, isTop: Bool) {
    for entry in entries {
      let key = entry.key.keyText
      let inner = path.isEmpty ? key : path + "." + key
      let isOfTraining = isTop && TrainingState.reason(for: ExactName(key + ".")) != nil
      let count = isVerbose || !(key == "_metadata" || isOfTraining) ? 0 : entry.value.leafCount
      if count > 1 {
        lines.append("values: \(counted(count, "value")) under \(singleLine(inner))")
      } else {
        collect(entry.value, inner)
      }
    }
  }
}

extension InertValue {
  /// How many values are neither weights nor containers.
  fileprivate var leafCount: Int {
    switch self {
    case .weight: 0
    case .dictionary(let entries): entries.reduce(0) { $0 + $1.value.leafCount }
    case .list(let elements), .tuple(let elements): elements.reduce(0) { $0 + $1.leafCount }
    case .object(let object) where !object.items.isEmpty:
      object.items.reduce(0) { $0 + $1.value.leafCount } + (object.state?.leafCount ?? 0)
    default: 1
    }
  }

  fileprivate var holdsContainers: Bool {
    switch self {
    case .weight, .dictionary, .list, .tuple, .object: true
    default: false
    }
  }

  fileprivate var keyText: String {
    if case .string(let text) = self { return text }
    return JSONWriter.text(json)
  }
}
