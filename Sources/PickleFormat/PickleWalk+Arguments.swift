internal import CheckpointBytes

extension PickleWalk {
  mutating func take(number value: UInt64, _ instruction: PickleInstruction) {
    switch instruction.opcode {
    case .binInt1, .binInt2: push(String(value))
    case .binGet, .longBinGet: recall(value, instruction)
    case .binPut, .longBinPut: memo[value] = peek(instruction)
    case .ext1, .ext2: pushExtension(value, instruction)
    case .proto: if value > 5 { refuse(instruction, "protocol \(value), at most 5 is known") }
    default: break
    }
  }

  private mutating func recall(_ place: UInt64?, _ instruction: PickleInstruction) {
    guard let value = place.flatMap({ memo[$0] }) else {
      refuse(instruction, "nothing is at this place of the memo")
      return stack.append(.unknown)
    }
    stack.append(value)
  }

  mutating func take(bytes: ArraySlice<UInt8>, _ instruction: PickleInstruction) {
    lookInto(bytes, instruction)
    switch instruction.opcode {
    case .long1, .long4:
      if case .integer(let value) = PickleText.integer(littleEndian: bytes) {
        push(String(value))
      } else {
        push("an integer of \(bytes.count) bytes")
      }
    case .binUnicode, .shortBinUnicode, .binUnicode8:
      if isGuess, String(validating: bytes, as: UTF8.self) == nil {
        refuse(instruction, "the text is not valid UTF-8")
      }
      pushText(bytes)
    case .binString, .shortBinString: pushText(bytes)
    default:
      push("b" + quoted(String(decoding: bytes.prefix(PickleWalk.renderingLimit), as: UTF8.self)))
      if instruction.opcode == .byteArray8 { stack[stack.count - 1].isUnhashable = true }
    }
  }

  private mutating func pushText(_ bytes: some Collection<UInt8>) {
    pushText(String(decoding: bytes, as: UTF8.self))
  }

  private mutating func pushText(_ text: String) {
    // As Python's `repr` chooses its quotes.
    let quote = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    push(quote + singleLine(text, limit: PickleWalk.renderingLimit) + quote, text: text)
  }

  mutating func take(line: ArraySlice<UInt8>, _ instruction: PickleInstruction) {
    let text = String(decoding: line, as: UTF8.self)
    switch instruction.opcode {
    case .string:
      guard let bytes = PickleText.quotedBytes(line) else {
        refuse(instruction, "the line spells no text")
        return pushText(text)
      }
      lookInto(bytes[...], instruction)
      pushText(bytes)
    case .unicode:
      lookInto(line, instruction)
      if isGuess, PickleText.rawUnicodeEscape(line) == nil {
        refuse(instruction, "the line spells no text")
      }
      pushText(PickleText.rawUnicodeEscape(line) ?? text)
    case .persID: push("persistent id " + quoted(text))
    case .get: recall(UInt64(text), instruction)
    case .put:
      let value = peek(instruction)
      guard let place = UInt64(text) else { return refuse(instruction, "this is no place") }
      memo[place] = value
    default:
      let isNumber =
        instruction.opcode == .float
        ? PickleText.float(line) != nil
        : PickleText.integer(line.last == UInt8(ascii: "L") ? line.dropLast() : line) != nil
      if isGuess, !isNumber { refuse(instruction, "the line spells no number") }
      push(singleLine(text, limit: PickleWalk.renderingLimit))
    }
  }
}
