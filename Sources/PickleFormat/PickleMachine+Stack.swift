internal import CheckpointBytes

extension PickleMachine {
  /// Makes a value and puts it on the stack.
  mutating func push(_ value: PickleValue) throws(ParseFailure) {
    guard document.values.count < PickleMachine.maximumValues else {
      throw failure(.limitExceeded, "more than \(PickleMachine.maximumValues) values")
    }
    stack.append(PickleReference(document.values.count))
    document.values.append(value)
    document.offsets.append(offset)
  }

  mutating func pushConstant(_ constant: Int, _ value: PickleValue) throws(ParseFailure) {
    if let reference = constants[constant] { return try pushAgain(reference) }
    constants[constant] = PickleReference(document.values.count)
    try push(value)
  }

  /// Puts a value that exists on the stack.
  mutating func pushAgain(_ reference: PickleReference) throws(ParseFailure) {
    stack.append(reference)
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
    let reference = try peek()
    if place == UInt64(memo.count) {
      memo.append(reference)
      if !sparseMemo.isEmpty { sparseMemo[place] = nil }
    } else if place < UInt64(memo.count) {
      memo[Int(truncatingIfNeeded: place)] = reference
    } else {
      sparseMemo[place] = reference
    }
  }

  mutating func recall(_ place: UInt64) throws(ParseFailure) {
    if place < UInt64(memo.count) {
      try pushAgain(memo[Int(truncatingIfNeeded: place)])
    } else if let reference = sparseMemo[place] {
      try pushAgain(reference)
    } else {
      throw failure(.malformed, "nothing is at place \(place) of the memo")
    }
  }
}
