internal import CheckpointBytes

extension PickleWalk {
  mutating func push(
    _ rendering: String, text: String? = nil, of parts: [Value] = [], global: GlobalName? = nil
  ) {
    stack.append(
      Value(
        rendering: PickleWalk.shortened(rendering), text: text, global: global, count: count(parts))
    )
  }

  /// Puts something on the stack that can grow: a list, a dictionary, a set, an object.
  mutating func pushContainer(
    _ rendering: String, of parts: [Value] = [], global: GlobalName? = nil,
    isUnhashable: Bool = true
  ) {
    push(rendering, global: global)
    let place = stack.count - 1
    stack[place].container = unfolded.count
    stack[place].isUnhashable = isUnhashable
    unfolded.append(count(parts))
  }

  mutating func pushTuple(_ values: [Value]) {
    push("(" + PickleWalk.joined(values) + (values.count == 1 ? ",)" : ")"), of: values)
    let place = stack.count - 1
    stack[place].member = values.lazy.compactMap(\.global).first
    stack[place].isUnhashable = values.contains(where: \.isUnhashable)
  }

  /// Values joined to the list, set, dictionary or object below them.
  mutating func extend(by values: [Value], _ instruction: PickleInstruction) {
    _ = peek(instruction)
    guard var target = stack.popLast() else { return }
    if let container = target.container {
      unfolded[container] = PickleWalk.sum(unfolded[container], count(values) - 1)
      largestCount = max(largestCount, unfolded[container])
    }
    if target.global == nil, target.rendering.utf8.count <= PickleWalk.renderingLimit,
      let last = target.rendering.last, "]})".contains(last)
    {
      let isEmpty = ["[]", "{}", "set()"].contains(target.rendering)
      if last == "}" { target.array = JoblibArray(target.array, adding: values) ?? target.array }
      target.rendering.removeLast()
      target.rendering = PickleWalk.shortened(
        target.rendering + (isEmpty ? "" : ", ") + PickleWalk.joined(values) + String(last))
    }
    stack.append(target)
  }

  /// How many values something made of parts unfolds to, itself included.
  private mutating func count(_ parts: [Value]) -> UInt64 {
    let count = parts.reduce(1) { sum, part in
      PickleWalk.sum(sum, part.container.map { unfolded[$0] } ?? part.count)
    }
    largestCount = max(largestCount, count)
    return count
  }

  /// A sum that stays at the largest number.
  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  // MARK: Taking values

  /// The number of values above the innermost open mark.
  private var available: Int { stack.count - (marks.last ?? 0) }

  mutating func pop(_ instruction: PickleInstruction) -> Value {
    guard available > 0, let value = stack.popLast() else {
      refuse(instruction, "there is no value for it on the stack")
      return .unknown
    }
    return value
  }

  mutating func peek(_ instruction: PickleInstruction) -> Value {
    if available <= 0 { refuse(instruction, "there is no value for it on the stack") }
    return stack.last ?? .unknown
  }

  mutating func popToMark(_ instruction: PickleInstruction) -> [Value] {
    if marks.isEmpty { refuse(instruction, "no mark is open") }
    let mark = min(marks.popLast() ?? 0, stack.count)
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  mutating func popLast(_ count: Int, _ instruction: PickleInstruction) -> [Value] {
    var values: [Value] = []
    for _ in 0..<count { values.append(pop(instruction)) }
    return values.reversed()
  }

  // MARK: Rendering

  static func shortened(_ text: String) -> String {
    guard text.utf8.count > renderingLimit else { return text }
    return String(text.unicodeScalars.prefix(renderingLimit)) + "…"
  }

  static func joined(_ values: [Value]) -> String {
    var text = ""
    for (index, value) in values.enumerated() {
      guard text.utf8.count <= renderingLimit else { return text + ", …" }
      text += (index == 0 ? "" : ", ") + value.rendering
    }
    return text
  }
}
