internal import CheckpointBytes

extension PickleMachine {
  mutating func pushTuple(_ elements: [PickleReference]) throws(ParseFailure) {
    guard !elements.isEmpty else {
      // There is one empty tuple.
      let empty = 259
      if constants[empty] >= 0 { return try pushAgain(PickleReference(Int(constants[empty]))) }
      constants[empty] = Int32(truncatingIfNeeded: document.slots.count)
      return try push(.tuple, store(elements))
    }
    // In a loop: a closure would hold a copy of the machine.
    var kind = PickleSlot.Kind.tuple
    for element in elements where !document.isHashable(element) { kind = .unhashableTuple }
    try push(kind, store(elements))
  }

  mutating func pushFrozenSet() throws(ParseFailure) {
    let elements = try popToMark()
    try requireHashable(elements, "a member of a set")
    try push(.frozenSet, store(elements))
  }

  mutating func pushList(
    _ kind: PickleSlot.Kind, _ elements: [PickleReference]
  ) throws(ParseFailure) {
    try push(kind, PickleSlot.nothing)
    if let last = stack.last { try append(elements, to: last) }
  }

  mutating func pushDictionary(_ elements: [PickleReference]) throws(ParseFailure) {
    try requireEntries(elements)
    try pushList(.dictionary, elements)
  }

  mutating func pushPersistent(_ id: PickleReference) throws(ParseFailure) {
    try push(.persistent, id.index)
  }

  /// Puts what never changes into the pool: the place where it begins.
  mutating func store(_ elements: [PickleReference]) throws(ParseFailure) -> Int32 {
    let start = document.tuples.count
    guard (start + elements.count + 1) / 2 <= maximumTupleElements else {
      throw failure(
        .limitExceeded, "tuples of more than \(maximumTupleElements) elements in all")
    }
    document.tuples.append(Int32(truncatingIfNeeded: elements.count))
    for element in elements { document.tuples.append(element.index) }
    return Int32(truncatingIfNeeded: start)
  }

  /// Elements that join a list of the pool.
  mutating func append(
    _ elements: [PickleReference], toList list: inout Int32
  ) throws(ParseFailure) {
    guard !elements.isEmpty else { return }
    let (count, limit) = (document.lists.elementCount, maximumElements)
    guard elements.count <= limit - count,
      document.lists.wordCount + ReferenceLists.headCount + elements.count < PickleSlot.limit - 1
    else {
      throw failure(.limitExceeded, "containers of more than \(limit) elements in all")
    }
    document.lists.append(elements, to: &list)
  }

  private mutating func append(
    _ elements: [PickleReference], to target: PickleReference
  ) throws(ParseFailure) {
    let slot = document.slots[target.position]
    var list = slot.list
    try append(elements, toList: &list)
    guard list != slot.list else { return }
    document.slots[target.position] = PickleSlot(slot.kind, at: slot.position, list)
  }

  private func requireHashable(
    _ references: some Sequence<PickleReference>, _ role: String
  ) throws(ParseFailure) {
    for reference in references where !document.isHashable(reference) {
      throw failure(.malformed, "\(role) cannot be hashed: \(document.kind(of: reference))")
    }
  }

  /// Keys and values must come in turn, and keys be hashable.
  private func requireEntries(_ references: [PickleReference]) throws(ParseFailure) {
    guard references.count.isMultiple(of: 2) else {
      throw failure(.malformed, "a key without a value")
    }
    for index in stride(from: 0, to: references.count, by: 2) {
      try requireHashable(CollectionOfOne(references[index]), "a key")
    }
  }

  /// `APPEND(S)`, `ADDITEMS`, `SETITEM(S)`: takes the values and hands them to the container below.
  mutating func extend() throws(ParseFailure) {
    let added: [PickleReference]
    switch opcode {
    case .append: added = try popLast(1)
    case .setItem: added = try popLast(2)
    default: added = try popToMark()
    }
    let target = try peek()
    let slot = document.slots[target.position]
    let isItems = opcode == .setItem || opcode == .setItems
    switch (slot.kind, opcode) {
    case (.list, .append), (.list, .appends): try append(added, to: target)
    case (.set, .addItems):
      try requireHashable(added, "a member of a set")
      try append(added, to: target)
    case (.dictionary, _) where isItems:
      try requireEntries(added)
      try append(added, to: target)
    case (.object, _) where isItems:
      try requireEntries(added)
      var record = document.objects[Int(slot.content)]
      try append(added, toList: &record.items)
      document.objects[Int(slot.content)] = record
    case (.object, .append), (.object, .appends):
      var record = document.objects[Int(slot.content)]
      try append(added, toList: &record.elements)
      document.objects[Int(slot.content)] = record
    default:
      throw failure(.malformed, "cannot be applied to \(document.kind(of: target))")
    }
  }
}

extension PickleDocument {
  /// What kind of value is at a place, in words.
  package func kind(of reference: PickleReference) -> String {
    switch self[reference] {
    case .none: "None"
    case .boolean: "a Boolean"
    case .integer, .bigInteger: "an integer"
    case .float: "a float"
    case .string: "text"
    case .bytes: "bytes"
    case .byteArray: "a byte array"
    case .list: "a list"
    case .tuple: "a tuple"
    case .set: "a set"
    case .frozenSet: "a frozen set"
    case .dictionary: "a dictionary"
    case .global(let place): "the global " + quoted(self[place].description)
    case .object(let place):
      global(self[place].callable).map { "an object of " + quoted($0.description) } ?? "an object"
    case .persistent: "a persistent id"
    }
  }
}
