internal import CheckpointBytes

extension PickleDocument {
  /// How deep what a call is given is looked into to count it: state, shape, size of a `torch.Size`, its numbers.
  private static let argumentDepth = 4

  /// How many values calls may be given for each value of the pickle and each eight bytes of it, beyond a number that any may: real ones
  /// share classes, types of numbers (NumPy's scalars, nearly two for each) and empty dictionaries, not shapes or content.
  private static let givenValues = (free: 1_000_000, each: 3)

  /// The first call or persistent id at which what all of them are given is out of all proportion to the pickle, each value and eight
  /// bytes of a text counted every time that they are given; nil if there is none.
  ///
  /// A reader takes in a shape as often as tensors have it, and bytes as often as arrays are made of them. The memo gives a
  /// thousand values to a million calls in a few bytes each.
  var firstCallBeyondProportion: PickleReference? {
    var left =
      PickleDocument.givenValues.free + PickleDocument.givenValues.each * (size + bytes.count / 8)
    for reference in references {
      switch slots[reference.position].kind {
      case .object, .persistent:
        count(reference, depth: PickleDocument.argumentDepth, &left)
        if left < 0 { return reference }
      default: break
      }
    }
    return nil
  }

  /// Takes off what a value counts for, and goes no further once nothing is left.
  private func count(_ reference: PickleReference, depth: Int, _ left: inout Int) {
    left -= 1
    guard depth > 0, left >= 0 else { return }
    let slot = slots[reference.position]
    switch slot.kind {
    case .atom: left -= byteCount(of: reference) / 8
    case .global: break
    case .persistent: count(PickleReference(Int(slot.content)), depth: depth - 1, &left)
    case .list, .set, .dictionary: left -= lists.count(of: slot.list)
    case .tuple, .unhashableTuple, .frozenSet: count(partsAt: slot.content, depth, &left)
    case .object:
      let record = objects[Int(slot.content)]
      left -= lists.count(of: record.items) + lists.count(of: record.elements)
      left -= lists.count(of: record.keywords)
      count(partsAt: record.arguments, depth, &left)
      if let state = record.state { count(state, depth: depth - 1, &left) }
    }
  }

  private func count(partsAt start: Int32, _ depth: Int, _ left: inout Int) {
    let first = Int(start) + 1
    for place in first..<first + Int(tuples[Int(start)]) {
      count(PickleReference(Int(tuples[place])), depth: depth - 1, &left)
      if left < 0 { return }
    }
  }

  /// The bytes of a text, or of a line that spells a value; 0 for what is no atom.
  package func byteCount(of reference: PickleReference) -> Int {
    let slot = slots[reference.position]
    guard slot.kind == .atom, let opcode = Opcode(rawValue: bytes[slot.position]) else { return 0 }
    // Most atoms are numbers, or texts with their length: there is nothing to read then. It lies in the pickle, as it was parsed.
    switch opcode.layout {
    case .nothing, .unsigned, .signed4, .float8: return 0
    case .counted(let width) where width <= 4:
      return Int(Opcode.length(in: bytes, behind: slot.position, width: width))
    case .counted, .signedCounted4, .line, .twoLines: break
    }
    var cursor = ByteCursor(bytes)
    guard (try? cursor.seek(to: slot.position, "value")) != nil,
      let instruction = try? PickleInstruction(&cursor)
    else { return 0 }
    return instruction.argumentByteCount
  }
}
