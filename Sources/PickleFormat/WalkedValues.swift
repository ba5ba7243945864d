internal import CheckpointBytes

/// The values of a tolerant walk, as far as it knows them: what was spelled where, and what consists of what.
///
/// A value takes 8 bytes, and one with parts 24 more and 4 for each part: its spelling is put together when somebody asks for
/// it, from the bytes of the pickle.
struct WalkedValues: Sendable {
  enum Kind: UInt8 {
    /// What its opcode and argument spell.
    case atom
    /// What has a spelling of its own.
    case spelled
    case tuple
    /// A tuple that holds something Python could not hash.
    case unhashableTuple
    case list, dictionary, set, frozenSet, global
    /// What a callable was called with: itself, a tuple of arguments, and keywords if there are any.
    case call
    /// An instance of a class: itself and its arguments.
    case instance
    /// An id.
    case persistent
  }

  /// A kind (4 bits), the position of an opcode (30) and where the rest is (30).
  private struct Slot {
    private let bits: UInt64
    static let limit = 1 << 30

    init(_ kind: Kind, at position: Int, _ content: Int) {
      let mask = Slot.limit - 1
      bits =
        UInt64(kind.rawValue) << 60 | UInt64(truncatingIfNeeded: position & mask) << 30
        | UInt64(truncatingIfNeeded: content & mask)
    }

    var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: bits >> 60)) ?? .spelled }
    var position: Int { Int(truncatingIfNeeded: bits >> 30) & (Slot.limit - 1) }
    var content: Int { Int(truncatingIfNeeded: bits) & (Slot.limit - 1) }
  }

  private struct Compound {
    /// The start of its parts in `parts`, or of what grows its list.
    var parts: Int32 = -1
    /// The global that is called, or the first one of a tuple.
    var global: Int32 = -1
    /// How many values it unfolds to, itself included.
    var count: UInt64 = 1
  }

  /// The content of a container that is empty yet.
  private static let nothing = Slot.limit - 1
  /// The most parts of a list, dictionary or set that are kept: a spelling shows no more.
  private static let mostKept = 64
  /// The most bytes of an argument that are spelled each time somebody asks: a long text can be given to everything that is called.
  private static let longestAtom = 1_000
  /// The value that nothing is known of.
  static let unknown = PickleReference(-1)

  private let bytes: [UInt8]
  private var slots = PagedArray<Slot>()
  private var compounds = PagedArray<Compound>()
  /// What tuples, frozen sets and calls consist of: a number, and as many references.
  private var parts = PagedArray<Int32>()
  private var lists = ReferenceLists()
  private var spellings: [Spelling] = []
  private var globals: [GlobalName] = []
  private var places: [GlobalName: Int] = [:]
  /// What dictionaries say of arrays of joblib's.
  private var arrays: [PickleReference: JoblibArray] = [:]
  /// `None`, `True`, `False`, `()` and small numbers, which exist once, by their opcode and number.
  private var constants: [UInt16: PickleReference] = [:]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func slot(_ value: PickleReference) -> Slot {
    value == WalkedValues.unknown
      ? Slot(.spelled, at: 0, WalkedValues.nothing) : slots[value.position]
  }

  /// The number of values with parts.
  var compoundCount: Int { compounds.count }
  /// The most of them: Python's pickler takes five bytes for a list of one number.
  var compoundLimit: Int { (1 << 20) + bytes.count / 5 }

  private mutating func append(_ kind: Kind, at position: Int = 0, content: Int = 0)
    -> PickleReference
  {
    slots.append(Slot(kind, at: position, content))
    return PickleReference(slots.count - 1)
  }

  // MARK: Making values

  /// A value with a spelling of its own.
  mutating func spell(_ spelling: Spelling) -> PickleReference {
    spellings.append(spelling)
    return append(.spelled, content: spellings.count - 1)
  }

  /// A number, text or constant that an operation at a position of the bytes spells.
  mutating func atom(_ instruction: PickleInstruction, at position: Int) -> PickleReference {
    var constant: UInt16?
    switch instruction.argument {
    case .nothing: constant = UInt16(instruction.opcode.rawValue) << 8
    case .unsigned(let number) where instruction.opcode == .binInt1:
      constant = UInt16(instruction.opcode.rawValue) << 8 | UInt16(truncatingIfNeeded: number)
    default: break
    }
    if let constant, let known = constants[constant] { return known }
    let isShort = instruction.argumentByteCount <= Self.longestAtom
    let value =
      isShort && position < Slot.limit ? append(.atom, at: position) : spell(Spelling(instruction))
    if let constant { constants[constant] = value }
    return value
  }

  mutating func global(_ name: GlobalName) -> PickleReference {
    let place = places[name] ?? globals.count
    if place == globals.count {
      places[name] = place
      globals.append(name)
    }
    return append(.global, content: place)
  }

  /// A tuple, a frozen set, an id, or what is called or made.
  mutating func compound(_ kind: Kind, _ elements: [PickleReference]) -> PickleReference {
    var compound = Compound(parts: Int32(truncatingIfNeeded: parts.count), count: count(elements))
    switch kind {
    case .call, .instance: compound.global = elements.first.flatMap { globalPlace($0) } ?? -1
    case .persistent: compound.global = elements.first.flatMap { memberPlace($0) } ?? -1
    default:
      if let first = elements.first(where: { globalPlace($0) != nil }) {
        compound.global = globalPlace(first) ?? -1
      }
    }
    parts.append(Int32(truncatingIfNeeded: elements.count))
    for element in elements { parts.append(element.index) }
    compounds.append(compound)
    return append(kind, content: compounds.count - 1)
  }

  mutating func tuple(_ elements: [PickleReference]) -> PickleReference {
    compound(elements.contains { isUnhashable($0) } ? .unhashableTuple : .tuple, elements)
  }

  /// A list, dictionary or set.
  mutating func container(_ kind: Kind, _ elements: [PickleReference] = []) -> PickleReference {
    let value = append(kind, content: WalkedValues.nothing)
    if !elements.isEmpty { extend(value, by: elements) }
    return value
  }

  /// Elements that join a list, dictionary or set, or what an object is given. Of others nothing is known then.
  mutating func extend(_ value: PickleReference, by elements: [PickleReference]) {
    let slot = slot(value)
    let added = count(elements) - 1
    switch slot.kind {
    case .list, .dictionary, .set:
      var place = slot.content
      if place == WalkedValues.nothing {
        place = compounds.count
        compounds.append(Compound(parts: lists.make()))
        slots[value.position] = Slot(slot.kind, at: 0, place)
      }
      let kept = lists.count(of: compounds[place].parts)
      lists.append(
        elements.prefix(max(0, WalkedValues.mostKept - kept)), to: compounds[place].parts)
      compounds[place].count = WalkedValues.sum(compounds[place].count, added)
      if slot.kind == .dictionary,
        let array = JoblibArray(arrays[value], adding: elements, in: self)
      {
        arrays[value] = array
      }
    case .call, .instance:
      compounds[slot.content].count = WalkedValues.sum(compounds[slot.content].count, added)
    default: break
    }
  }

  // MARK: Asking

  private func compoundPlace(_ value: PickleReference) -> Int? {
    let slot = slot(value)
    switch slot.kind {
    case .atom, .spelled, .global: return nil
    default: return slot.content == WalkedValues.nothing ? nil : slot.content
    }
  }

  /// How many values something unfolds to, itself included.
  func count(of value: PickleReference) -> UInt64 {
    compoundPlace(value).map { compounds[$0].count } ?? 1
  }

  /// How many values something made of parts unfolds to, itself included.
  func count(_ elements: [PickleReference]) -> UInt64 {
    elements.reduce(1) { WalkedValues.sum($0, count(of: $1)) }
  }

  /// A sum that stays at the largest number.
  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  /// True if Python cannot hash it.
  func isUnhashable(_ value: PickleReference) -> Bool {
    let slot = slot(value)
    switch slot.kind {
    case .list, .dictionary, .set, .unhashableTuple: return true
    case .atom: return bytes[slot.position] == Opcode.byteArray8.rawValue
    case .spelled:
      return slot.content != WalkedValues.nothing && spellings[slot.content].isUnhashable
    default: return false
    }
  }

  private func globalPlace(_ value: PickleReference) -> Int32? {
    let slot = slot(value)
    switch slot.kind {
    case .global: return Int32(truncatingIfNeeded: slot.content)
    case .call, .instance, .persistent:
      let place = compounds[slot.content].global
      return place < 0 ? nil : place
    default: return nil
    }
  }

  /// The first global of a tuple: as a persistent id it stands for that class (whole modules in legacy files).
  private func memberPlace(_ value: PickleReference) -> Int32? {
    let slot = slot(value)
    guard slot.kind == .tuple || slot.kind == .unhashableTuple else { return nil }
    let place = compounds[slot.content].global
    return place < 0 ? nil : place
  }

  /// The global, or the one whose result this is.
  func global(of value: PickleReference) -> GlobalName? {
    globalPlace(value).map { globals[Int($0)] }
  }

  /// The global, if it is one and not the result of one.
  func name(of value: PickleReference) -> GlobalName? {
    let slot = slot(value)
    return slot.kind == .global ? globals[slot.content] : nil
  }

  /// The members of a tuple, as many as are kept.
  func members(of value: PickleReference) -> [PickleReference] {
    switch slot(value).kind {
    case .tuple, .unhashableTuple: elements(of: value)
    default: []
    }
  }

  /// True for a number, text or constant.
  func isAtom(_ value: PickleReference) -> Bool { spelling(of: value) != nil }

  /// What a dictionary says of an array of joblib's, which has the array's bytes behind it.
  func array(of value: PickleReference) -> JoblibArray? { arrays[value] }

  /// The text, if it is text: `STACK_GLOBAL` takes its names from values.
  func text(of value: PickleReference) -> String? { spelling(of: value)?.text }

  private func spelling(of value: PickleReference) -> Spelling? {
    let slot = slot(value)
    switch slot.kind {
    case .spelled: return slot.content == WalkedValues.nothing ? nil : spellings[slot.content]
    case .atom:
      var cursor = ByteCursor(bytes)
      guard (try? cursor.seek(to: slot.position, "value")) != nil,
        let instruction = try? PickleInstruction(&cursor)
      else { return nil }
      return Spelling(instruction)
    default: return nil
    }
  }

  private func elements(of value: PickleReference) -> [PickleReference] {
    let slot = slot(value)
    guard let place = compoundPlace(value) else { return [] }
    let start = compounds[place].parts
    switch slot.kind {
    case .list, .dictionary, .set: return lists.elements(of: start)
    default:
      let first = Int(start) + 1
      let count = min(Int(parts[Int(start)]), WalkedValues.mostKept)
      return (first..<first + count).map { PickleReference(Int(parts[$0])) }
    }
  }

  // MARK: Rendering

  /// The value in Python's spelling, shortened.
  func rendering(of value: PickleReference) -> String {
    var text = ""
    write(value, to: &text, depth: 0)
    return Spelling.shortened(text)
  }

  /// Writes no more than a rendering has, and looks no deeper: every bracket takes a character, and what is called is counted.
  private func write(_ value: PickleReference, to text: inout String, depth: Int) {
    guard depth < Spelling.limit, text.utf8.count <= Spelling.limit else { return text += "…" }
    let slot = slot(value)
    let elements = elements(of: value)
    switch slot.kind {
    case .atom, .spelled: text += spelling(of: value)?.rendering ?? "?"
    case .tuple, .unhashableTuple:
      text += "("
      write(elements, to: &text, depth: depth)
      text += elements.count == 1 ? ",)" : ")"
    case .list: write(elements, in: ("[", "]"), to: &text, depth: depth)
    case .dictionary: write(elements, in: ("{", "}"), to: &text, depth: depth)
    case .set: write(elements, in: ("set(", ")"), to: &text, depth: depth)
    case .frozenSet: write(elements, in: ("frozenset([", "])"), to: &text, depth: depth)
    case .global: text += singleLine(globals[slot.content].description)
    case .persistent:
      text += "persistent id "
      if let id = elements.first { write(id, to: &text, depth: depth + 1) }
    case .instance:
      if let type = elements.first { write(type, to: &text, depth: depth + 1) }
      write(Array(elements.dropFirst()), in: ("(", ")"), to: &text, depth: depth)
    case .call:
      guard elements.count >= 2 else { return }
      write(elements[0], to: &text, depth: depth + 1)
      writeArguments(elements[1], elements.dropFirst(2).first, to: &text, depth: depth)
    }
  }

  private func writeArguments(
    _ arguments: PickleReference, _ keywords: PickleReference?, to text: inout String, depth: Int
  ) {
    text += "("
    switch slot(arguments).kind {
    case .tuple, .unhashableTuple: write(elements(of: arguments), to: &text, depth: depth)
    case .atom where isEmptyTuple(arguments): break
    default:
      text += "*"
      write(arguments, to: &text, depth: depth + 1)
    }
    if let keywords {
      text += ", **"
      write(keywords, to: &text, depth: depth + 1)
    }
    text += ")"
  }

  private func isEmptyTuple(_ value: PickleReference) -> Bool {
    bytes[slot(value).position] == Opcode.emptyTuple.rawValue
  }

  private func write(
    _ elements: [PickleReference], in brackets: (String, String), to text: inout String, depth: Int
  ) {
    text += brackets.0
    write(elements, to: &text, depth: depth)
    text += brackets.1
  }

  private func write(_ elements: [PickleReference], to text: inout String, depth: Int) {
    for (index, element) in elements.enumerated() {
      guard text.utf8.count <= Spelling.limit else { return text += ", …" }
      if index > 0 { text += ", " }
      write(element, to: &text, depth: depth + 1)
    }
  }
}
