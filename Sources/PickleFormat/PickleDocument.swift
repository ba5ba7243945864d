internal import CheckpointBytes

/// The values that a pickle describes, in one flat list. Nothing was called, imported or looked up.
///
/// A value takes 8 bytes: where it was made, and where its parts are. Numbers and texts are read from the pickle's bytes
/// whenever they are asked for, containers and objects put together of two pools: a pickle in memory takes a few times
/// its own size, whatever it consists of.
package struct PickleDocument: Sendable {
  /// The value that the pickle stands for.
  package internal(set) var root = PickleReference(0)
  /// The highest protocol that the pickle announces; 0 if it announces none.
  package internal(set) var protocolVersion = 0
  /// The bytes among which the pickle lies, and the offset of the first.
  let bytes: [UInt8]
  let base: Int
  var slots = PagedArray<PickleSlot>()
  /// What tuples, frozen sets and calls were given: a number, and as many references.
  var tuples = PagedArray<Int32>()
  /// What lists, sets, dictionaries and objects were given, of dictionaries keys and values in turn.
  var lists = ReferenceLists()
  var objects = PagedArray<ObjectRecord>()
  var globals: [GlobalName] = []

  init(bytes: [UInt8], base: Int) {
    self.bytes = bytes
    self.base = base
  }

  /// The number of values.
  package var count: Int { slots.count }

  /// The number of bytes among which the pickle lies.
  package var byteCount: Int { bytes.count }

  /// The number of values, and of the places in containers, calls and objects where they stand: how much the pickle spells
  /// out. Small numbers are one value wherever they stand.
  package var size: Int { slots.count + lists.elementCount + tuples.count }

  /// The places of all values, in the order in which they were made.
  package var references: some Sequence<PickleReference> {
    (0..<slots.count).lazy.map(PickleReference.init)
  }

  /// The offset of the opcode that made a value; of the first one for `None`, `True`, `False`, `()` and small numbers.
  package func offset(of reference: PickleReference) -> Int {
    base + slots[reference.position].position
  }

  /// The value at a place, put together: of a large container that costs time, and memory.
  package subscript(reference: PickleReference) -> PickleValue {
    let slot = slots[reference.position]
    switch slot.kind {
    case .atom: return atom(at: slot.position)
    case .tuple, .unhashableTuple: return .tuple(tuple(at: slot.content))
    case .frozenSet: return .frozenSet(tuple(at: slot.content))
    case .list: return .list(lists.elements(of: slot.list))
    case .set: return .set(lists.elements(of: slot.list))
    case .dictionary: return .dictionary(entries(of: slot.list))
    case .global: return .global(PickleValue.GlobalReference(index: slot.content))
    case .object: return .object(PickleValue.ObjectReference(index: slot.content))
    case .persistent: return .persistent(PickleReference(Int(slot.content)))
    }
  }

  /// The object at a place.
  package subscript(reference: PickleValue.ObjectReference) -> PickleObject {
    let record = objects[Int(reference.index)]
    return PickleObject(
      origin: record.isCall ? .call : .instance, callable: record.callable,
      arguments: tuple(at: record.arguments), keywords: entries(of: record.keywords),
      items: entries(of: record.items), elements: lists.elements(of: record.elements),
      state: record.state)
  }

  /// The global at a place.
  package subscript(reference: PickleValue.GlobalReference) -> GlobalName {
    globals[Int(reference.index)]
  }

  /// True if the value has no parts: a number, text, a constant, or a global.
  package func isAtom(_ reference: PickleReference) -> Bool {
    let kind = slots[reference.position].kind
    return kind == .atom || kind == .global
  }

  /// The global at a place, if there is one.
  package func global(_ reference: PickleReference) -> GlobalName? {
    let slot = slots[reference.position]
    return slot.kind == .global ? globals[Int(slot.content)] : nil
  }

  /// The object at a place, if there is one.
  package func object(_ reference: PickleReference) -> PickleObject? {
    let slot = slots[reference.position]
    guard slot.kind == .object else { return nil }
    return self[PickleValue.ObjectReference(index: slot.content)]
  }

  /// The persistent id at a place, if there is one.
  package func persistentID(_ reference: PickleReference) -> PickleReference? {
    let slot = slots[reference.position]
    return slot.kind == .persistent ? PickleReference(Int(slot.content)) : nil
  }

  // MARK: Parts

  /// A number or text as its opcode spells it; it was checked when it was made.
  private func atom(at position: Int) -> PickleValue {
    var cursor = ByteCursor(bytes)
    guard (try? cursor.seek(to: position, "value")) != nil,
      let instruction = try? PickleInstruction(&cursor), let value = instruction.atom
    else { return .none }
    return value
  }

  private func tuple(at start: Int32) -> [PickleReference] {
    let first = Int(start) + 1
    return (first..<(first + Int(tuples[Int(start)]))).map { PickleReference(Int(tuples[$0])) }
  }

  private func entries(of list: Int32) -> [PickleValue.Entry] {
    guard list >= 0 else { return [] }
    let references = lists.elements(of: list)
    return stride(from: 0, to: references.count - 1, by: 2).map {
      PickleValue.Entry(key: references[$0], value: references[$0 + 1])
    }
  }
}

/// A value: its kind, the position of its opcode, and where its parts are.
struct PickleSlot {
  enum Kind: UInt8 {
    /// What its opcode and argument spell.
    case atom
    case tuple
    /// A tuple that holds something Python could not hash.
    case unhashableTuple
    case frozenSet, list, set, dictionary, global, object, persistent
  }

  /// 4 bits of kind, 30 of position, 30 of content.
  private let bits: UInt64

  /// The first position that has no place here, and the first content.
  static let limit = 1 << 30
  /// The content of a list, set or dictionary that is empty yet.
  static let nothing = Int32(limit - 1)

  init(_ kind: Kind, at position: Int, _ content: Int32 = 0) {
    bits =
      UInt64(kind.rawValue) << 60 | UInt64(truncatingIfNeeded: position & (Self.limit - 1)) << 30
      | UInt64(UInt32(bitPattern: content) & UInt32(Self.limit - 1))
  }

  var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: bits >> 60)) ?? .atom }
  var position: Int { Int(truncatingIfNeeded: bits >> 30) & (Self.limit - 1) }
  var content: Int32 { Int32(truncatingIfNeeded: bits & UInt64(Self.limit - 1)) }
  /// The list that holds the elements, or -1.
  var list: Int32 { content == Self.nothing ? -1 : content }
}

/// An object: what was called, and where lies what it was given.
struct ObjectRecord {
  let isCall: Bool
  let callable: PickleReference
  /// The start of a tuple.
  let arguments: Int32
  /// Lists, or -1.
  let keywords: Int32
  var items: Int32 = -1
  var elements: Int32 = -1
  var state: PickleReference?
}
