internal import CheckpointBytes

extension PickleWalk {
  mutating func takeStackGlobal(_ instruction: PickleInstruction) {
    let names = popLast(2, instruction)
    guard let module = values.text(of: names[0]), let name = values.text(of: names[1]) else {
      let (module, name) = (values.rendering(of: names[0]), values.rendering(of: names[1]))
      let rendering = "a global named by \(module) and \(name)"
      note(nil, .named, instruction) { _ in rendering }
      return push(values.spell(Spelling(rendering)))
    }
    pushGlobal(GlobalName(module, name), instruction)
  }

  mutating func pushGlobal(_ global: GlobalName, _ instruction: PickleInstruction) {
    if isGuess, !PickleWalk.isDotted(global.module) || !PickleWalk.isDotted(global.name) {
      refuse(instruction, "this is no name")
    }
    note(global, .named, instruction) { _ in singleLine(global.description) }
    push(values.global(global))
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
    note(nil, .named, instruction) { _ in rendering }
    push(values.spell(Spelling(rendering)))
  }

  // MARK: Calls

  mutating func takeCall(_ instruction: PickleInstruction) {
    if instruction.opcode == .obj {
      let parts = popToMark(instruction)
      return call(
        .instance, parts.isEmpty ? [WalkedValues.unknown] : parts, .instantiated, instruction)
    }
    let parts = popLast(instruction.opcode == .newObjEx ? 3 : 2, instruction)
    call(.call, parts, instruction.opcode == .reduce ? .called : .instantiated, instruction)
  }

  /// What is called or made comes first, what it is given behind it.
  mutating func call(
    _ kind: WalkedValues.Kind, _ parts: [PickleReference], _ use: PickleScan.Use,
    _ instruction: PickleInstruction
  ) {
    let object = values.compound(kind, parts)
    note(values.global(of: object), use, instruction) { $0.rendering(of: object) }
    push(object)
  }

  /// What joblib puts in place of an array, whose bytes follow in the stream once it has its state
  /// (`joblib/numpy_pickle.py`, `NumpyArrayWrapper`).
  private static let arrayOfJoblib = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")

  mutating func takeState(_ instruction: PickleInstruction) throws(ParseFailure) {
    let state = pop(instruction)
    let target = peek(instruction)
    guard !stack.isEmpty else { return }
    note(values.global(of: target), .givenState, instruction) {
      $0.rendering(of: target) + " ← " + $0.rendering(of: state)
    }
    extend(by: [state], instruction)
    guard values.global(of: target) == PickleWalk.arrayOfJoblib else { return }
    guard let array = values.array(of: state), array.byteCount != nil || array.holdsObjects else {
      throw ParseFailure(
        .unsupported, at: instruction.offset, instruction.opcode.name,
        "joblib has the bytes of an array of unknown size here; what follows was searched only")
    }
    arrayToSkip = array
  }
}
