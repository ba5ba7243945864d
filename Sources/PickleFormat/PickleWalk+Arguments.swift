internal import CheckpointBytes

extension PickleWalk {
  mutating func take(
    number value: UInt64, _ instruction: PickleInstruction
  ) throws(ParseFailure) {
    switch instruction.opcode {
    case .binInt1, .binInt2: pushAtom(instruction)
    case .binGet, .longBinGet: recall(value, instruction)
    case .binPut, .longBinPut: try remember(value, instruction)
    case .ext1, .ext2: pushExtension(instruction)
    case .proto: if value > 5 { refuse(instruction, "protocol \(value), at most 5 is known") }
    default: break
    }
  }

  private mutating func recall(_ place: UInt64?, _ instruction: PickleInstruction) {
    guard let value = place.flatMap({ memo[$0] }) else {
      refuse(instruction, "nothing is at this place of the memo")
      return stack.append(WalkedValues.unknown)
    }
    stack.append(value)
  }

  mutating func take(bytes: ArraySlice<UInt8>, _ instruction: PickleInstruction) {
    lookInto(bytes, instruction)
    switch instruction.opcode {
    case .binUnicode, .shortBinUnicode, .binUnicode8:
      if isGuess, !PickleText.isTakenText(bytes) {
        refuse(instruction, "the text is not valid UTF-8")
      }
    default: break
    }
    pushAtom(instruction)
  }

  mutating func take(
    line: ArraySlice<UInt8>, _ instruction: PickleInstruction
  ) throws(ParseFailure) {
    var place: UInt64? { PickleText.takenPlace(line) }
    switch instruction.opcode {
    case .get: return recall(place, instruction)
    case .put:
      guard let place else {
        _ = peek(instruction)
        return refuse(instruction, "this is no place")
      }
      return try remember(place, instruction)
    case .string:
      if let bytes = PickleText.takenBytes(line) {
        lookInto(bytes[...], instruction)
      } else {
        refuse(instruction, "the line spells no text")
      }
    case .unicode:
      lookInto(line, instruction)
      if isGuess, !PickleText.isTakenUnicode(line) {
        refuse(instruction, "the line spells no text")
      }
    case .persID: break
    default:
      let isNumber =
        instruction.opcode == .float
        ? PickleText.isTakenFloat(line)
        : PickleText.isTakenInteger(line.last == UInt8(ascii: "L") ? line.dropLast() : line)
      if isGuess, !isNumber { refuse(instruction, "the line spells no number") }
    }
    pushAtom(instruction)
  }
}
