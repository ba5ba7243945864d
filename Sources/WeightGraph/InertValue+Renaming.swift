public import CheckpointBytes

extension InertValue {
  /// The structure with its weights renamed or removed.
  ///
  /// A weight's place in a structure is its name: the entry `fc.weight` under `model` is the tensor `model.fc.weight`.
  /// Where a new name differs from the old one in the last key only, that key is changed; where it differs further up,
  /// the weight leaves its place, and whoever writes the structure puts it at the top level under its new name. A list
  /// keeps `none` in the place of a weight that leaves, so that the others keep their index; a container goes with the
  /// last thing in it.
  ///
  /// - Parameter rename: The new name of a weight, or nil if it is to be removed.
  /// - Returns: The structure, or nil if nothing is left of it.
  ///
  /// Recursion is bounded: readers refuse structures deeper than `ReadLimits/pickleDepth`.
  public func renamingWeights(_ rename: (ExactName) -> ExactName?) -> InertValue? {
    func renamed(_ elements: [InertValue]) -> [InertValue] {
      let results = elements.map { $0.renamingWeights(rename) }
      return results.allSatisfy { $0 == nil } ? [] : results.map { $0 ?? .none }
    }
    func renamed(_ entries: [Entry]) -> [Entry] {
      entries.compactMap { entry in
        // An entry goes with its key, where that holds a weight (an optimizer's state, by parameter).
        guard let key = entry.key.renamingWeights(rename) else { return nil }
        let entry = Entry(key, entry.value)
        guard case .weight(let name) = entry.value else {
          return entry.value.renamingWeights(rename).map { Entry(entry.key, $0) }
        }
        guard let newName = rename(name) else { return nil }
        if newName == name { return entry }
        return entry.key.renamed(name, newName).map { Entry($0, .weight(newName)) }
      }
    }
    switch self {
    case .weight(let name): return rename(name) == name ? self : nil
    case .list(let elements):
      let rest = renamed(elements)
      return rest.isEmpty && !elements.isEmpty ? nil : .list(rest)
    case .tuple(let elements):
      let rest = renamed(elements)
      return rest.isEmpty && !elements.isEmpty ? nil : .tuple(rest)
    case .dictionary(let entries):
      let rest = renamed(entries)
      return rest.isEmpty && !entries.isEmpty ? nil : .dictionary(rest)
    case .object(var object):
      let held = object.items.count + object.elements.count
      object.arguments = renamed(object.arguments)
      object.items = renamed(object.items)
      object.elements = renamed(object.elements)
      object.state = object.state.map { $0.renamingWeights(rename) ?? .none }
      return held > 0 && object.items.isEmpty && object.elements.isEmpty ? nil : .object(object)
    default: return self
    }
  }

  /// This key, changed so that the weight under it gets its new name; nil if no key in the same dictionary does.
  private func renamed(_ name: ExactName, _ newName: ExactName) -> InertValue? {
    guard case .string(let key) = self else { return nil }
    let old = Array(name.string.utf8)
    let new = Array(newName.string.utf8)
    let above = old.dropLast(key.utf8.count)
    guard old.dropFirst(above.count).elementsEqual(key.utf8), new.starts(with: above) else {
      return nil
    }
    return String(validating: new.dropFirst(above.count), as: UTF8.self).map(InertValue.string)
  }
}
