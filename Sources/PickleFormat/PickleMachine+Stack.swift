internal import CheckpointBytes

extension PickleMachine {
  /// Makes a value and puts it on the stack.
  mutating func push(_ kind: PickleSlot.Kind, _ content: Int32 = 0) throws(ParseFailure) {
    let position = offset - document.base
    guard document.slots.count < maximumValues, position < PickleSlot.limit else {
      throw failure(
        .limitExceeded, "more than \(maximumValues) values, or 1 GiB before them")
    }
    try pushAgain(PickleReference(document.slots.count))
    document.slots.append(PickleSlot(kind, at: position, content))
  }

  /// A value that exists once: a number below 256, or one of the four behind them.
  mutating func pushConstant(_ constant: Int) throws(ParseFailure) {
    if constants[constant] >= 0 { return try pushAgain(PickleReference(Int(constants[constant]))) }
    constants[constant] = Int32(truncatingIfNeeded: document.slots.count)
    try push(.atom)
  }

  /// Puts a value that exists on the stack.
  mutating func pushAgain(_ reference: PickleReference) throws(ParseFailure) {
    guard stack.count + marks.count < maximumStack else { throw deepStack }
    stack.append(reference)
  }

  /// An open mark takes as much as a value.
  mutating func mark() throws(ParseFailure) {
    guard stack.count + marks.count < maximumStack else { throw deepStack }
    marks.append(stack.count)
  }

  private var deepStack: ParseFailure {
    failure(.limitExceeded, "more than \(maximumStack) values on the stack")
  }

  /// The number of values above the innermost open mark.
  private var available: Int { stack.count - (marks.last ?? 0) }

  private func underflow(_ needed: Int) -> ParseFailure {
    failure(.malformed, "expected \(needed) values on the stack, found \(available)")
  }

  mutating func pop() throws(ParseFailure) -> PickleReference {
    guard available >= 1, let last = stack.popLast() else { throw underflow(1) }
    return last
  }

  func peek() throws(ParseFailure) -> PickleReference {
    guard available >= 1, let last = stack.last else { throw underflow(1) }
    return last
  }

  mutating func popLast(_ count: Int) throws(ParseFailure) -> [PickleReference] {
    guard available >= count else { throw underflow(count) }
    defer { stack.removeLast(count) }
    return [PickleReference](stack.suffix(count))
  }

  /// Takes everything above the innermost mark, and the mark.
  mutating func popToMark() throws(ParseFailure) -> [PickleReference] {
    guard let mark = marks.popLast() else { throw failure(.malformed, "no mark is open") }
    defer { stack.removeLast(stack.count - mark) }
    return [PickleReference](stack[mark...])
  }

  /// `POP` takes a value or, if there is none above it, a mark.
  mutating func popOrUnmark() throws(ParseFailure) {
    if available == 0, marks.popLast() != nil { return }
    _ = try pop()
  }

  mutating func remember(_ place: UInt64) throws(ParseFailure) {
    guard memo.put(try peek(), at: place) else {
      throw failure(.limitExceeded, "the places of the memo lie too far apart")
    }
  }

  mutating func recall(_ place: UInt64) throws(ParseFailure) {
    guard let reference = memo[place] else {
      throw failure(.malformed, "nothing is at place \(place) of the memo")
    }
    try pushAgain(reference)
  }
}
