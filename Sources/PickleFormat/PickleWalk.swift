internal import CheckpointBytes

/// The state of a tolerant walk over a pickle: what little must be known of each value to tell what would be called.
struct PickleWalk {
  /// A value as far as the walk knows it.
  struct Value {
    /// The value in Python's spelling, shortened.
    var rendering: String
    /// The text, if it is text: `STACK_GLOBAL` takes its names from values.
    var text: String?
    /// The global, or the one whose result this is.
    var global: GlobalName?
    /// The first global of a tuple: as a persistent id it stands for that class (whole modules in legacy files).
    var member: GlobalName?

    static let unknown = Value(rendering: "?")
  }

  /// The longest rendering of a value, and of a finding.
  static let renderingLimit = 160
  /// The most findings that are kept; a pickle that names more is not one to list.
  static let findingLimit = 100_000

  private(set) var findings: [PickleScan.Finding] = []
  private var stack: [Value] = []
  private var marks: [Int] = []
  private var memo: [UInt64: Value] = [:]

  /// Carries out one operation as far as it can be; false at `STOP`.
  mutating func step(_ cursor: inout ByteCursor) throws(ParseFailure) -> Bool {
    let instruction = try PickleInstruction(&cursor)
    guard instruction.opcode != .stop else { return false }
    switch instruction.argument {
    case .nothing: takeBare(instruction)
    case .integer(let value):
      instruction.opcode == .ext4
        ? pushExtension(UInt64(truncatingIfNeeded: value), instruction) : push(String(value))
    case .unsigned(let value): take(number: value, instruction)
    case .float(let value): push("\(value)")
    case .bytes(let bytes): take(bytes: bytes, instruction.opcode)
    case .line(let line): take(line: line, instruction.opcode)
    case .twoLines(let module, let name):
      let global = GlobalName(
        String(decoding: module, as: UTF8.self), String(decoding: name, as: UTF8.self))
      let arguments = instruction.opcode == .inst ? popToMark() : []
      pushGlobal(global, instruction)
      if instruction.opcode == .inst { call(pop(), arguments, instruction, .instantiated) }
    }
    return true
  }

  // MARK: The stack

  private mutating func push(_ rendering: String, text: String? = nil) {
    stack.append(Value(rendering: PickleWalk.shortened(rendering), text: text))
  }

  private mutating func pop() -> Value {
    guard stack.count > (marks.last ?? 0) else { return .unknown }
    return stack.popLast() ?? .unknown
  }

  private mutating func popToMark() -> [Value] {
    let mark = min(marks.popLast() ?? 0, stack.count)
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func popLast(_ count: Int) -> [Value] {
    var values: [Value] = []
    for _ in 0..<count { values.append(pop()) }
    return values.reversed()
  }

  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > renderingLimit else { return text }
    return String(text.unicodeScalars.prefix(renderingLimit)) + "…"
  }

  private static func joined(_ values: [Value]) -> String {
    var text = ""
    for (index, value) in values.enumerated() {
      guard text.utf8.count <= renderingLimit else { return text + ", …" }
      text += (index == 0 ? "" : ", ") + value.rendering
    }
    return text
  }

  // MARK: Operations

  private mutating func takeBare(_ instruction: PickleInstruction) {
    switch instruction.opcode {
    case .none: push("None")
    case .newTrue: push("True")
    case .newFalse: push("False")
    case .emptyList: push("[]")
    case .emptyTuple: push("()")
    case .emptyDict: push("{}")
    case .emptySet: push("set()")
    case .list: push("[" + PickleWalk.joined(popToMark()) + "]")
    case .frozenSet: push("frozenset([" + PickleWalk.joined(popToMark()) + "])")
    case .dict: push("{" + PickleWalk.joined(popToMark()) + "}")
    case .tuple: pushTuple(popToMark())
    case .tuple1: pushTuple(popLast(1))
    case .tuple2: pushTuple(popLast(2))
    case .tuple3: pushTuple(popLast(3))
    case .append: extend(by: popLast(1))
    case .setItem: extend(by: popLast(2))
    case .appends, .addItems, .setItems: extend(by: popToMark())
    case .mark: marks.append(stack.count)
    case .pop:
      if stack.count == marks.last { _ = marks.popLast() } else { _ = pop() }
    case .popMark: _ = popToMark()
    case .dup: stack.append(stack.last ?? .unknown)
    case .memoize: memo[UInt64(memo.count)] = stack.last
    case .binPersID:
      let id = pop()
      push("persistent id " + id.rendering)
      stack[stack.count - 1].global = id.member
    case .nextBuffer: push("an out-of-band buffer")
    case .stackGlobal: takeStackGlobal(instruction)
    case .build: takeState(instruction)
    case .reduce, .newObj, .newObjEx, .obj: takeCall(instruction)
    default: break
    }
  }

  private mutating func pushTuple(_ values: [Value]) {
    push("(" + PickleWalk.joined(values) + (values.count == 1 ? ",)" : ")"))
    stack[stack.count - 1].member = values.lazy.compactMap(\.global).first
  }

  /// Values joined to the list, set, dictionary or object below them.
  private mutating func extend(by values: [Value]) {
    guard var target = stack.popLast() else { return }
    if target.global == nil, target.rendering.utf8.count <= PickleWalk.renderingLimit,
      let last = target.rendering.last, "]})".contains(last)
    {
      let isEmpty = ["[]", "{}", "set()"].contains(target.rendering)
      target.rendering.removeLast()
      target.rendering = PickleWalk.shortened(
        target.rendering + (isEmpty ? "" : ", ") + PickleWalk.joined(values) + String(last))
    }
    stack.append(target)
  }

  private mutating func takeStackGlobal(_ instruction: PickleInstruction) {
    let names = popLast(2)
    guard let module = names[0].text, let name = names[1].text else {
      let rendering = "a global named by \(names[0].rendering) and \(names[1].rendering)"
      note(nil, .named, rendering, instruction)
      return push(rendering)
    }
    pushGlobal(GlobalName(module, name), instruction)
  }

  private mutating func takeCall(_ instruction: PickleInstruction) {
    if instruction.opcode == .obj {
      let parts = popToMark()
      return call(parts.first ?? .unknown, Array(parts.dropFirst()), instruction, .instantiated)
    }
    let parts = popLast(instruction.opcode == .newObjEx ? 3 : 2)
    let use: PickleScan.Use = instruction.opcode == .reduce ? .called : .instantiated
    call(parts[0], tuple: parts[1].rendering, keywords: parts.dropFirst(2).first, instruction, use)
  }

  private mutating func call(
    _ callable: Value, _ arguments: [Value], _ instruction: PickleInstruction, _ use: PickleScan.Use
  ) {
    call(callable, tuple: "(" + PickleWalk.joined(arguments) + ")", keywords: nil, instruction, use)
  }

  private mutating func call(
    _ callable: Value, tuple: String, keywords: Value?, _ instruction: PickleInstruction,
    _ use: PickleScan.Use
  ) {
    var list = tuple.hasPrefix("(") ? tuple : "(*" + tuple + ")"
    if list.hasSuffix(",)") { list = String(list.dropLast(2)) + ")" }
    if let keywords { list = String(list.dropLast()) + ", **" + keywords.rendering + ")" }
    let rendering = PickleWalk.shortened(callable.rendering + list)
    note(callable.global, use, rendering, instruction)
    stack.append(Value(rendering: rendering, global: callable.global))
  }

  private mutating func takeState(_ instruction: PickleInstruction) {
    let state = pop()
    guard let target = stack.last else { return }
    note(
      target.global, .givenState,
      PickleWalk.shortened(target.rendering + " ← " + state.rendering), instruction)
  }

  private mutating func pushGlobal(_ global: GlobalName, _ instruction: PickleInstruction) {
    let rendering = singleLine(global.description)
    note(global, .named, rendering, instruction)
    stack.append(Value(rendering: rendering, global: global))
  }

  private mutating func pushExtension(_ code: UInt64, _ instruction: PickleInstruction) {
    let rendering = "extension code \(code)"
    note(nil, .named, rendering, instruction)
    push(rendering)
  }

  private mutating func note(
    _ global: GlobalName?, _ use: PickleScan.Use, _ rendering: String,
    _ instruction: PickleInstruction
  ) {
    guard findings.count < PickleWalk.findingLimit else { return }
    findings.append(
      PickleScan.Finding(
        global: global, opcode: instruction.opcode, offset: instruction.offset, use: use,
        rendering: rendering))
  }

  // MARK: Arguments

  private mutating func take(number value: UInt64, _ instruction: PickleInstruction) {
    switch instruction.opcode {
    case .binInt1, .binInt2: push(String(value))
    case .binGet, .longBinGet: stack.append(memo[value] ?? .unknown)
    case .binPut, .longBinPut: memo[value] = stack.last
    case .ext1, .ext2: pushExtension(value, instruction)
    default: break
    }
  }

  private mutating func take(bytes: ArraySlice<UInt8>, _ opcode: Opcode) {
    switch opcode {
    case .long1, .long4:
      if case .integer(let value) = PickleText.integer(littleEndian: bytes) {
        push(String(value))
      } else {
        push("an integer of \(bytes.count) bytes")
      }
    case .binUnicode, .shortBinUnicode, .binUnicode8, .binString, .shortBinString:
      pushText(String(decoding: bytes, as: UTF8.self))
    default:
      push("b" + quoted(String(decoding: bytes.prefix(PickleWalk.renderingLimit), as: UTF8.self)))
    }
  }

  private mutating func pushText(_ text: String) {
    // As Python's `repr` chooses its quotes.
    let quote = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    push(quote + singleLine(text, limit: PickleWalk.renderingLimit) + quote, text: text)
  }

  private mutating func take(line: ArraySlice<UInt8>, _ opcode: Opcode) {
    let text = String(decoding: line, as: UTF8.self)
    switch opcode {
    case .string:
      if let bytes = PickleText.quotedBytes(line) {
        pushText(String(decoding: bytes, as: UTF8.self))
      } else {
        pushText(text)
      }
    case .unicode: pushText(PickleText.rawUnicodeEscape(line) ?? text)
    case .persID: push("persistent id " + quoted(text))
    case .get: stack.append(UInt64(text).flatMap { memo[$0] } ?? .unknown)
    case .put: UInt64(text).map { memo[$0] = stack.last }
    default: push(singleLine(text))
    }
  }
}
