internal import CheckpointBytes

extension PickleWalk {
  mutating func takeStackGlobal(_ instruction: PickleInstruction) {
    let names = popLast(2, instruction)
    guard let module = names[0].text, let name = names[1].text else {
      let rendering = "a global named by \(names[0].rendering) and \(names[1].rendering)"
      note(nil, .named, rendering, instruction)
      return push(rendering)
    }
    pushGlobal(GlobalName(module, name), instruction)
  }

  mutating func pushGlobal(_ global: GlobalName, _ instruction: PickleInstruction) {
    if isGuess, !PickleWalk.isDotted(global.module) || !PickleWalk.isDotted(global.name) {
      refuse(instruction, "this is no name")
    }
    let rendering = singleLine(global.description)
    note(global, .named, rendering, instruction)
    push(rendering, global: global)
  }

  /// Python's identifiers, joined by dots.
  private static func isDotted(_ name: ExactName) -> Bool {
    !name.string.isEmpty
      && name.string.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        .allSatisfy { part in
          guard let first = part.first, !(0x30...0x39).contains(first) else { return false }
          return part.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: true
            default: false
            }
          }
        }
  }

  mutating func pushExtension(_ code: UInt64, _ instruction: PickleInstruction) {
    let rendering = "extension code \(code)"
    note(nil, .named, rendering, instruction)
    push(rendering)
  }

  // MARK: Calls

  mutating func takeCall(_ instruction: PickleInstruction) {
    if instruction.opcode == .obj {
      let parts = popToMark(instruction)
      return call(parts.first ?? .unknown, Array(parts.dropFirst()), instruction)
    }
    let parts = popLast(instruction.opcode == .newObjEx ? 3 : 2, instruction)
    let use: PickleScan.Use = instruction.opcode == .reduce ? .called : .instantiated
    call(parts, tuple: parts[1].rendering, keywords: parts.dropFirst(2).first, instruction, use)
  }

  /// An instance of a class, as `INST` and `OBJ` make them.
  mutating func call(
    _ callable: Value, _ arguments: [Value], _ instruction: PickleInstruction
  ) {
    call(
      [callable] + arguments, tuple: "(" + PickleWalk.joined(arguments) + ")", keywords: nil,
      instruction, .instantiated)
  }

  private mutating func call(
    _ parts: [Value], tuple: String, keywords: Value?, _ instruction: PickleInstruction,
    _ use: PickleScan.Use
  ) {
    var list = tuple.hasPrefix("(") ? tuple : "(*" + tuple + ")"
    if list.hasSuffix(",)") { list = String(list.dropLast(2)) + ")" }
    if let keywords { list = String(list.dropLast()) + ", **" + keywords.rendering + ")" }
    let rendering = PickleWalk.shortened(parts[0].rendering + list)
    note(parts[0].global, use, rendering, instruction)
    pushContainer(rendering, of: parts, global: parts[0].global, isUnhashable: false)
  }

  /// What joblib puts in place of an array, whose bytes follow in the stream once it has its state
  /// (`joblib/numpy_pickle.py`, `NumpyArrayWrapper`).
  private static let arrayOfJoblib = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")

  mutating func takeState(_ instruction: PickleInstruction) throws(ParseFailure) {
    let state = pop(instruction)
    let target = peek(instruction)
    guard !stack.isEmpty else { return }
    note(
      target.global, .givenState,
      PickleWalk.shortened(target.rendering + " ← " + state.rendering), instruction)
    extend(by: [state], instruction)
    guard target.global == PickleWalk.arrayOfJoblib else { return }
    guard let array = state.array, array.byteCount != nil || array.holdsObjects else {
      throw ParseFailure(
        .unsupported, at: instruction.offset, instruction.opcode.name,
        "joblib has the bytes of an array of unknown size here; what follows was searched only")
    }
    arrayToSkip = array
  }
}
