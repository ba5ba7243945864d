public import CheckpointBytes

extension InertValue {
  /// The structure with its weights renamed or removed.
  ///
  /// A weight's place in a structure is its name: the entry `fc.weight` under `model` is the tensor `model.fc.weight`.
  /// Where a new name differs from the old one in the last key only, that key is changed, and so is the key of a dictionary
  /// whose weights all get the same other one in their names (`model.*` becomes `net.*`). Where it differs otherwise,
  /// the weight leaves its place, and whoever writes the structure puts it at the top level under its new name. A list
  /// keeps `none` in the place of a weight that leaves, so that the others keep their index; a container goes with the
  /// last thing in it.
  ///
  /// - Parameter rename: The new name of a weight, or nil if it is to be removed.
  /// - Returns: The structure, or nil if nothing is left of it.
  ///
  /// Recursion is bounded: readers refuse structures deeper than `ReadLimits/pickleDepth`.
  public func renamingWeights(_ rename: (ExactName) -> ExactName?) -> InertValue? {
    renamingWeights(rename, at: Place())
  }

  /// What the names of a structure's weights have in front, and what they get in its stead.
  private struct Place {
    var old = ""
    var new = ""

    func below(_ key: String, as newKey: String) -> Place {
      Place(old: old + key + ".", new: new + newKey + ".")
    }

    /// The name of a weight that moves with what it is in.
    func moved(_ name: ExactName) -> ExactName {
      guard old != new, name.hasPrefix(old) else { return name }
      return ExactName(new + String(Substring(name.string.utf8.dropFirst(old.utf8.count))))
    }
  }

  private func renamingWeights(
    _ rename: (ExactName) -> ExactName?, at place: Place
  ) -> InertValue? {
    func renamed(_ elements: [InertValue]) -> [InertValue] {
      let results = elements.map { $0.renamingWeights(rename, at: place) }
      return results.allSatisfy { $0 == nil } ? [] : results.map { $0 ?? .none }
    }
    func renamed(_ entries: [Entry]) -> [Entry] {
      var keys: Set<ExactName> = []
      for case .string(let text) in entries.map(\.key) { keys.insert(ExactName(text)) }
      return entries.compactMap { entry in
        // An entry goes with its key, where that holds a weight (an optimizer's state, by parameter).
        guard let key = entry.key.renamingWeights(rename, at: place) else { return nil }
        let entry = Entry(key, entry.value)
        guard case .weight(let name) = entry.value else {
          guard case .string(let text) = key else {
            return entry.value.renamingWeights(rename, at: place).map { Entry(key, $0) }
          }
          var newKey = entry.value.newKey(insteadOf: text, at: place, rename) ?? text
          // Of two that would be one each weight goes its own way.
          if newKey != text, !keys.insert(ExactName(newKey)).inserted { newKey = text }
          return entry.value.renamingWeights(rename, at: place.below(text, as: newKey))
            .map { Entry(.string(newKey), $0) }
        }
        guard let newName = rename(name) else { return nil }
        if newName == name, place.old == place.new { return entry }
        return entry.key.renamed(name, newName, at: place).map { Entry($0, .weight(newName)) }
      }
    }
    switch self {
    case .weight(let name):
      return rename(name) == place.moved(name) ? .weight(place.moved(name)) : nil
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
      object.state = object.state.map { $0.renamingWeights(rename, at: place) ?? .none }
      return held > 0 && object.items.isEmpty && object.elements.isEmpty ? nil : .object(object)
    default: return self
    }
  }

  /// This key, changed so that the weight under it gets its new name; nil if no key in the same dictionary does.
  private func renamed(
    _ name: ExactName, _ newName: ExactName, at place: Place
  ) -> InertValue? {
    guard case .string(let key) = self else { return nil }
    let old = Array(name.string.utf8)
    let new = Array(newName.string.utf8)
    let above = old.dropLast(key.utf8.count)
    let newAbove = Array(place.moved(ExactName(String(decoding: above, as: UTF8.self))).string.utf8)
    guard old.dropFirst(above.count).elementsEqual(key.utf8), new.starts(with: newAbove) else {
      return nil
    }
    return String(validating: new.dropFirst(newAbove.count), as: UTF8.self).map(InertValue.string)
  }

  /// The key that all weights in a container have in their new names in place of another one; nil if there is none.
  private func newKey(
    insteadOf key: String, at place: Place, _ rename: (ExactName) -> ExactName?
  ) -> String? {
    let front = place.below(key, as: "").old.utf8
    var found: String?
    for name in weightNames {
      guard name.hasPrefix(String(front)), let newName = rename(name), newName.hasPrefix(place.new)
      else { return nil }
      let rest = newName.string.utf8.dropFirst(place.new.utf8.count)
      // All that stands behind the key is as before.
      guard let dot = rest.firstIndex(of: UInt8(ascii: ".")),
        rest[dot...].dropFirst().elementsEqual(name.string.utf8.dropFirst(front.count))
      else { return nil }
      let other = String(Substring(rest[..<dot]))
      guard found == nil || found == other else { return nil }
      found = other
    }
    return found == key ? nil : found
  }

  /// The names of all weights in it.
  private var weightNames: [ExactName] {
    switch self {
    case .weight(let name): [name]
    case .list(let elements), .tuple(let elements): elements.flatMap(\.weightNames)
    case .dictionary(let entries): entries.flatMap(\.value.weightNames)
    case .object(let object):
      object.items.flatMap(\.value.weightNames)
        + (object.elements + object.arguments).flatMap(\.weightNames)
        + (object.state?.weightNames ?? [])
    default: []
    }
  }
}
