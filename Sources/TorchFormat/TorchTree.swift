public import CheckpointBytes

/// Changes to the weights of a checkpoint's structure that keep the rest as it is.
public enum TorchTree {
  /// The structure with its weights renamed or removed, so that it says what `rename` says.
  ///
  /// A weight's place in a structure is its name: the entry `fc.weight` under `model` is the tensor `model.fc.weight`.
  /// Where a new name differs from the old one in the last key only, that key is changed; where it differs further up,
  /// the weight leaves its place, and whoever writes the structure puts it at the top level under its new name. In a
  /// list or tuple `None` takes the place of a weight that leaves, so that the others keep theirs.
  ///
  /// - Parameters:
  ///   - tree: The structure.
  ///   - rename: The new name of a weight, or nil if it is to be removed.
  /// - Returns: The structure, or nil if it was a single weight that leaves.
  /// - Throws: `limitExceeded` if the structure is deeper than `maximumDepth`.
  public static func renaming(
    _ tree: InertValue, maximumDepth: Int = ReadLimits().pickleDepth,
    _ rename: @escaping (ExactName) -> ExactName?
  ) throws(CheckpointError) -> InertValue? {
    try WeightRenaming(maximumDepth: maximumDepth, rename: rename).value(tree, depth: 0)
  }
}

/// One walk over a structure. Recurses at most `maximumDepth` levels.
private struct WeightRenaming {
  let maximumDepth: Int
  let rename: (ExactName) -> ExactName?

  /// The changed value, or nil for a weight that leaves its place.
  func value(_ value: InertValue, depth: Int) throws(CheckpointError) -> InertValue? {
    guard depth <= maximumDepth else {
      throw CheckpointError(
        .limitExceeded, CheckpointError.Site(),
        "the structure is nested deeper than \(maximumDepth) levels")
    }
    switch value {
    case .weight(let name): return rename(name) == name ? value : nil
    case .list(let elements): return .list(try inPlace(elements, depth: depth))
    case .tuple(let elements): return .tuple(try inPlace(elements, depth: depth))
    case .dictionary(let entries): return .dictionary(try items(entries, depth: depth))
    case .object(var object):
      object.arguments = try inPlace(object.arguments, depth: depth)
      object.elements = try inPlace(object.elements, depth: depth)
      object.items = try items(object.items, depth: depth)
      if let state = object.state { object.state = try self.value(state, depth: depth + 1) }
      return .object(object)
    case .none, .boolean, .integer, .bigInteger, .float, .complex, .string, .bytes, .byteArray,
      .set, .frozenSet, .global, .array:
      return value
    }
  }

  private func inPlace(
    _ elements: [InertValue], depth: Int
  ) throws(CheckpointError) -> [InertValue] {
    var changed: [InertValue] = []
    for element in elements { changed.append(try value(element, depth: depth + 1) ?? .none) }
    return changed
  }

  private func items(
    _ entries: [InertValue.Entry], depth: Int
  ) throws(CheckpointError) -> [InertValue.Entry] {
    var changed: [InertValue.Entry] = []
    for entry in entries {
      if case .weight(let name) = entry.value {
        guard let newName = rename(name) else { continue }
        if newName == name {
          changed.append(entry)
        } else if let key = newKey(entry.key, name, newName) {
          changed.append(InertValue.Entry(key, .weight(newName)))
        }
      } else if let value = try value(entry.value, depth: depth + 1) {
        changed.append(InertValue.Entry(entry.key, value))
      }
    }
    return changed
  }

  /// The key that gives a weight its new name in the same dictionary, or nil if no key does.
  private func newKey(
    _ key: InertValue, _ name: ExactName, _ newName: ExactName
  ) -> InertValue? {
    guard case .string(let key) = key else { return nil }
    let old = Array(name.string.utf8)
    let new = Array(newName.string.utf8)
    let above = old.dropLast(key.utf8.count)
    guard old.dropFirst(above.count).elementsEqual(key.utf8), new.starts(with: above) else {
      return nil
    }
    return String(validating: new.dropFirst(above.count), as: UTF8.self).map(InertValue.string)
  }
}
