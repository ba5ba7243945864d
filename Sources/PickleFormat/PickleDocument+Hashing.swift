internal import CheckpointBytes

extension PickleDocument {
  /// The classes of Python's own whose instances have no hash, by the modules that pickles name them by.
  private static let unhashableClasses: Set<GlobalName> = Set(
    ["OrderedDict", "defaultdict", "Counter", "deque"].map { GlobalName("collections", $0) }
      + ["builtins", "__builtin__"].flatMap { module in
        ["list", "dict", "set", "bytearray"].map { GlobalName(module, $0) }
      })

  /// True if Python could hash the value. Of an object of another's class that cannot be known: it passes.
  package func isHashable(_ reference: PickleReference) -> Bool {
    let slot = slots[reference.position]
    switch slot.kind {
    case .list, .set, .dictionary, .unhashableTuple: return false
    case .object:
      guard let name = global(objects[Int(slot.content)].callable) else {
        return true
      }
      return !Self.unhashableClasses.contains(name)
    case .atom: return bytes[slot.position] != Opcode.byteArray8.rawValue
    default: return true
    }
  }
}
