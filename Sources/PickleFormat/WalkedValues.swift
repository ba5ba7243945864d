internal import CheckpointBytes

/// The values of a tolerant walk, as far as it knows them: what was spelled where, and what consists of what.
///
/// Numbers, texts and constants are places in the bytes of the pickle, where their operation is read again when somebody asks
/// for their spelling. All others are places in one pool of words, each with the parts that a spelling shows:
///
/// ```
/// head │ number                                                     global, spelling of its own
/// head │ what it unfolds to │ parts …                               tuple, frozen set
/// head │ what it unfolds to │ global, or -1 │ parts …               call, instance, persistent id
/// head │ what it unfolds to │ next part, or -1 │ elements …         list, dictionary, set
///                             next part, or -1 │ number │ elements …
/// ```
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

    /// How many words lie before its parts.
    fileprivate var headCount: Int {
      switch self {
      case .call, .instance, .persistent, .list, .dictionary, .set: 3
      default: 2
      }
    }
  }

  /// The first word of a value: its kind, how many of its parts follow, and how many there are in all.
  private struct Head {
    let kind: Kind
    var following: Int
    var kept: Int

    init(_ kind: Kind, _ count: Int = 0) {
      self.kind = kind
      (following, kept) = (count, count)
    }

    init(_ word: Int32) {
      kind = Kind(rawValue: UInt8(truncatingIfNeeded: word)) ?? .spelled
      following = Int(UInt8(truncatingIfNeeded: word >> 8))
      kept = Int(UInt8(truncatingIfNeeded: word >> 16))
    }

    var word: Int32 {
      Int32(kind.rawValue) | Int32(truncatingIfNeeded: following) << 8
        | Int32(truncatingIfNeeded: kept) << 16
    }
  }

  /// What is set in the place of what lies in the bytes, and the first place that cannot be.
  private static let inBytes = 1 << 30
  /// The most parts of a value that are kept: a spelling shows no more.
  private static let mostKept = 64
  /// The most bytes of an argument that are spelled each time somebody asks: a long text can be given to everything that is called.
  private static let longestAtom = 1_000
  /// The value that nothing is known of.
  static let unknown = PickleReference(-1)

  private let bytes: [UInt8]
  private var pool = PagedArray<Int32>()
  private var spellings: [Spelling] = []
  private var globals: [GlobalName] = []
  private var globalPlaces: [GlobalName: PickleReference] = [:]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The number of words that the values take.
  var wordCount: Int { pool.count }
  /// The most of them: four million, and one for each byte. Python's pickler takes four bytes for a tuple of one number and five for
  /// a list of one, which are four words and five with their places in the memo.
  var wordLimit: Int { min((4 << 20) + bytes.count, WalkedValues.inBytes - (1 << 10)) }

  // MARK: Making values

  private mutating func append(_ head: Head, _ word: Int32) -> PickleReference {
    pool.append(head.word)
    pool.append(word)
    return PickleReference(pool.count - 2)
  }

  /// A value with a spelling of its own.
  mutating func spell(_ spelling: Spelling) -> PickleReference {
    spellings.append(spelling)
    return append(Head(.spelled), Int32(truncatingIfNeeded: spellings.count - 1))
  }

  /// A number, text or constant that an operation at a position of the bytes spells.
  mutating func atom(_ instruction: PickleInstruction, at position: Int) -> PickleReference {
    instruction.argumentByteCount <= Self.longestAtom && position < Self.inBytes
      ? PickleReference(position | Self.inBytes) : spell(Spelling(instruction))
  }

  mutating func global(_ name: GlobalName) -> PickleReference {
    if let known = globalPlaces[name] { return known }
    globals.append(name)
    let value = append(Head(.global), Int32(truncatingIfNeeded: globals.count - 1))
    globalPlaces[name] = value
    return value
  }

  /// A tuple, a frozen set, an id, or what is called or made.
  mutating func compound(_ kind: Kind, _ elements: [PickleReference]) -> PickleReference {
    let kept = elements.prefix(WalkedValues.mostKept)
    let value = append(Head(kind, kept.count), WalkedValues.word(count(elements)))
    switch kind {
    case .call, .instance: pool.append(elements.first.flatMap { globalPlace($0) } ?? -1)
    case .persistent: pool.append(elements.first.flatMap { memberPlace($0) } ?? -1)
    default: break
    }
    for element in kept { pool.append(element.index) }
    return value
  }

  mutating func tuple(_ elements: [PickleReference]) -> PickleReference {
    compound(elements.contains { isUnhashable($0) } ? .unhashableTuple : .tuple, elements)
  }

  /// A list, dictionary or set.
  mutating func container(_ kind: Kind, _ elements: [PickleReference] = []) -> PickleReference {
    let value = append(Head(kind), WalkedValues.word(1))
    pool.append(-1)
    if !elements.isEmpty { extend(value, by: elements) }
    return value
  }

  /// Elements that join a list, dictionary or set, or what an object is given. Of others nothing is known then.
  mutating func extend(_ value: PickleReference, by elements: [PickleReference]) {
    let head = head(of: value)
    switch head.kind {
    case .list, .dictionary, .set:
      keep(elements.prefix(WalkedValues.mostKept - head.kept), at: value.position, head)
    case .call, .instance: break
    default: return
    }
    pool[value.position + 1] = WalkedValues.word(count(of: value) + count(elements) - 1)
  }

  /// Puts elements behind those of a list: where they end, if nothing lies there yet, or else into a part of their own.
  private mutating func keep(
    _ elements: ArraySlice<PickleReference>, at place: Int, _ head: Head
  ) {
    guard !elements.isEmpty else { return }
    var (head, link, counted) = (head, place + 2, head.following)
    while pool[link] >= 0 {
      link = Int(pool[link])
      counted = Int(pool[link + 1])
    }
    let isFirst = link == place + 2
    head.kept += elements.count
    if link + (isFirst ? 1 : 2) + counted == pool.count {
      counted += elements.count
      if isFirst { head.following = counted } else { pool[link + 1] = Int32(counted) }
    } else {
      pool[link] = Int32(truncatingIfNeeded: pool.count)
      pool.append(-1)
      pool.append(Int32(elements.count))
    }
    pool[place] = head.word
    for element in elements { pool.append(element.index) }
  }

  // MARK: Asking

  private func isInBytes(_ value: PickleReference) -> Bool {
    value.position >= WalkedValues.inBytes
  }

  private func head(of value: PickleReference) -> Head {
    if value == WalkedValues.unknown { return Head(.spelled) }
    return isInBytes(value) ? Head(.atom) : Head(pool[value.position])
  }

  private func kind(of value: PickleReference) -> Kind { head(of: value).kind }

  /// The operation that spells a value.
  private func opcode(of value: PickleReference) -> UInt8 {
    bytes[value.position - WalkedValues.inBytes]
  }

  /// How many values something unfolds to, itself included: as a fraction, which knows no overflow.
  func count(of value: PickleReference) -> Double {
    switch kind(of: value) {
    case .atom, .spelled, .global: 1
    default: Double(Float(bitPattern: UInt32(bitPattern: pool[value.position + 1])))
    }
  }

  /// How many values something made of parts unfolds to, itself included.
  func count(_ elements: [PickleReference]) -> Double {
    elements.reduce(1) { $0 + count(of: $1) }
  }

  private static func word(_ count: Double) -> Int32 {
    Int32(bitPattern: Float(count).bitPattern)
  }

  /// True if Python cannot hash it.
  func isUnhashable(_ value: PickleReference) -> Bool {
    switch kind(of: value) {
    case .list, .dictionary, .set, .unhashableTuple: true
    case .atom: opcode(of: value) == Opcode.byteArray8.rawValue
    case .spelled: ownSpelling(of: value)?.isUnhashable ?? false
    default: false
    }
  }

  private func globalPlace(_ value: PickleReference) -> Int32? {
    let place: Int32
    switch kind(of: value) {
    case .global: place = pool[value.position + 1]
    case .call, .instance, .persistent: place = pool[value.position + 2]
    default: return nil
    }
    return place < 0 ? nil : place
  }

  /// The first global of a tuple: as a persistent id it stands for that class (whole modules in legacy files).
  private func memberPlace(_ value: PickleReference) -> Int32? {
    members(of: value).lazy.compactMap { globalPlace($0) }.first
  }

  /// The global, or the one whose result this is.
  func global(of value: PickleReference) -> GlobalName? {
    globalPlace(value).map { globals[Int($0)] }
  }

  /// The global, if it is one and not the result of one.
  func name(of value: PickleReference) -> GlobalName? {
    kind(of: value) == .global ? global(of: value) : nil
  }

  /// The members of a tuple, as many as are kept.
  func members(of value: PickleReference) -> [PickleReference] {
    switch kind(of: value) {
    case .tuple, .unhashableTuple: elements(of: value)
    default: []
    }
  }

  /// Keys and values of a dictionary in turn, if all of them are kept.
  func entries(of value: PickleReference) -> [PickleReference]? {
    let head = head(of: value)
    return head.kind == .dictionary && head.kept < WalkedValues.mostKept ? elements(of: value) : nil
  }

  /// True for a number, text or constant.
  func isAtom(_ value: PickleReference) -> Bool { spelling(of: value) != nil }

  /// The text, if it is text: `STACK_GLOBAL` takes its names from values.
  func text(of value: PickleReference) -> String? { spelling(of: value)?.text }

  private func ownSpelling(of value: PickleReference) -> Spelling? {
    value == WalkedValues.unknown ? nil : spellings[Int(pool[value.position + 1])]
  }

  private func spelling(of value: PickleReference) -> Spelling? {
    switch kind(of: value) {
    case .spelled: return ownSpelling(of: value)
    case .atom:
      var cursor = ByteCursor(bytes)
      guard (try? cursor.seek(to: value.position - WalkedValues.inBytes, "value")) != nil,
        let instruction = try? PickleInstruction(&cursor)
      else { return nil }
      return Spelling(instruction)
    default: return nil
    }
  }

  private func elements(of value: PickleReference) -> [PickleReference] {
    let head = head(of: value)
    guard head.kept > 0 else { return [] }
    var elements: [PickleReference] = []
    elements.reserveCapacity(head.kept)
    var start = value.position + head.kind.headCount
    var (next, count): (Int32, Int) = (
      head.kept > head.following ? pool[start - 1] : -1, head.following
    )
    while true {
      for place in start..<start + count { elements.append(PickleReference(Int(pool[place]))) }
      guard next >= 0 else { return elements }
      (start, count) = (Int(next) + 2, Int(pool[Int(next) + 1]))
      next = pool[Int(next)]
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
    let elements = elements(of: value)
    switch kind(of: value) {
    case .atom, .spelled: text += spelling(of: value)?.rendering ?? "?"
    case .tuple, .unhashableTuple:
      text += "("
      write(elements, to: &text, depth: depth)
      text += elements.count == 1 ? ",)" : ")"
    case .list: write(elements, in: ("[", "]"), to: &text, depth: depth)
    case .dictionary: write(elements, in: ("{", "}"), to: &text, depth: depth)
    case .set: write(elements, in: ("set(", ")"), to: &text, depth: depth)
    case .frozenSet: write(elements, in: ("frozenset([", "])"), to: &text, depth: depth)
    case .global: text += singleLine(name(of: value)?.description ?? "?")
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
    switch kind(of: arguments) {
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
    opcode(of: value) == Opcode.emptyTuple.rawValue
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
