public import CheckpointBytes

extension InertValue {
  /// The value without the weights of the given names. Dictionary entries go with their weight, and containers with
  /// the last thing in them; an element of a list leaves `none` in its place, so that the others keep their index.
  ///
  /// Recursion is bounded: readers refuse structures deeper than ``ReadLimits/pickleDepth``.
  public func removingWeights(_ names: Set<ExactName>) -> InertValue? {
    names.isEmpty ? self : removed(names)
  }

  /// Nil if the value is one of the weights, or a container that held nothing else.
  private func removed(_ names: Set<ExactName>) -> InertValue? {
    func kept(_ entries: [Entry]) -> [Entry] {
      entries.compactMap { entry in entry.value.removed(names).map { Entry(entry.key, $0) } }
    }
    func kept(_ elements: [InertValue]) -> [InertValue] {
      let results = elements.map { $0.removed(names) }
      return results.allSatisfy { $0 == nil } ? [] : results.map { $0 ?? .none }
    }
    switch self {
    case .weight(let name): return names.contains(name) ? nil : self
    case .dictionary(let items):
      let rest = kept(items)
      return rest.isEmpty && !items.isEmpty ? nil : .dictionary(rest)
    case .list(let items):
      let rest = kept(items)
      return rest.isEmpty && !items.isEmpty ? nil : .list(rest)
    case .tuple(let items):
      let rest = kept(items)
      return rest.isEmpty && !items.isEmpty ? nil : .tuple(rest)
    case .object(var object):
      let held = object.items.count + object.elements.count
      object.arguments = kept(object.arguments)
      object.items = kept(object.items)
      object.elements = kept(object.elements)
      object.state = object.state.map { $0.removed(names) ?? .none }
      return held > 0 && object.items.isEmpty && object.elements.isEmpty ? nil : .object(object)
    default: return self
    }
  }
}
