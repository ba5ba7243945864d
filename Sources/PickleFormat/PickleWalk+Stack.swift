internal import CheckpointBytes

extension PickleWalk {
  /// Puts a value on the stack.
  mutating func push(_ value: PickleReference) {
    largestCount = max(largestCount, values.count(of: value))
    stack.append(value)
  }

  /// Values joined to the list, set, dictionary or object below them.
  mutating func extend(by added: [PickleReference], _ instruction: PickleInstruction) {
    let target = peek(instruction)
    guard !stack.isEmpty else { return }
    values.extend(target, by: added)
    largestCount = max(largestCount, values.count(of: target))
  }

  /// Puts the last value into the memo.
  mutating func remember(_ place: UInt64, _ instruction: PickleInstruction) throws(ParseFailure) {
    guard memo.put(peek(instruction), at: place) else {
      throw ParseFailure(
        .limitExceeded, at: instruction.offset, instruction.opcode.name,
        "the places of the memo lie too far apart")
    }
  }

  // MARK: Taking values

  /// The number of values above the innermost open mark.
  private var available: Int { stack.count - (marks.last ?? 0) }

  mutating func pop(_ instruction: PickleInstruction) -> PickleReference {
    guard available > 0, let value = stack.popLast() else {
      refuse(instruction, "there is no value for it on the stack")
      return WalkedValues.unknown
    }
    return value
  }

  mutating func peek(_ instruction: PickleInstruction) -> PickleReference {
    if available <= 0 { refuse(instruction, "there is no value for it on the stack") }
    return stack.last ?? WalkedValues.unknown
  }

  mutating func popToMark(_ instruction: PickleInstruction) -> [PickleReference] {
    if marks.isEmpty { refuse(instruction, "no mark is open") }
    let mark = min(marks.popLast() ?? 0, stack.count)
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  mutating func popLast(_ count: Int, _ instruction: PickleInstruction) -> [PickleReference] {
    guard available >= count else { return (0..<count).map { _ in pop(instruction) }.reversed() }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }
}
