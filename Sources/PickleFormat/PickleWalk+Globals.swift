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
      return refuse(instruction, "this is no name")
    }
    note(global, .named, instruction) { _ in singleLine(global.description) }
    push(values.global(global))
  }

  /// Python's identifiers, joined by dots. A search meets one long line at each place before it, so that no name is looked at that is
  /// longer than any.
  private static func isDotted(_ name: ExactName) -> Bool {
    let bytes = name.string.utf8
    guard bytes.count <= Spelling.longestName else { return false }
    var isStart = true
    for byte in bytes {
      switch byte {
      case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: isStart = false
      case 0x30...0x39 where !isStart: break
      case UInt8(ascii: ".") where !isStart: isStart = true
      default: return false
      }
    }
    return !isStart
  }

  mutating func pushExtension(_ instruction: PickleInstruction) {
    note(nil, .named, instruction) { _ in Spelling(instruction).rendering }
    pushAtom(instruction)
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
    if let callee = parts.first, let name = values.name(of: callee) {
      let arguments =
        kind == .instance
        ? Array(parts.dropFirst()) : parts.dropFirst().first.map { values.members(of: $0) }
      lookAt(arguments ?? [], of: object, name, instruction)
    }
    push(object)
  }

  /// The functions that a checkpoint may name and that call what they are given, with the arguments that they call
  /// (`torch/_tensor.py`, `copyreg.py`, `numpy/random/_pickle.py`).
  private static let callers: [GlobalName: ClosedRange<Int>] = [
    GlobalName("torch._tensor", "_rebuild_from_type_v2"): 0...0,
    GlobalName("copyreg", "_reconstructor"): 0...1,
    GlobalName("copy_reg", "_reconstructor"): 0...1,
    GlobalName("numpy.random._pickle", "__bit_generator_ctor"): 0...0,
    GlobalName("numpy.random._pickle", "__randomstate_ctor"): 1...1,
    GlobalName("numpy.random._pickle", "__generator_ctor"): 1...1,
  ]

  /// What is called though no operation calls it: an argument of a function that calls its arguments.
  private mutating func lookAt(
    _ arguments: [PickleReference], of object: PickleReference, _ name: GlobalName,
    _ instruction: PickleInstruction
  ) {
    // A guess ends with the call itself.
    guard !isGuess else { return }
    if arguments.contains(where: { values.name(of: $0) == PickleWalk.arrayOfJoblib }) {
      refuse(
        instruction,
        "an array of joblib's is made by \(singleLine(name.description)), and its bytes may be anywhere"
      )
    }
    guard let called = PickleWalk.callers[name] else { return }
    for argument in arguments.enumerated() where called.contains(argument.offset) {
      let global = values.name(of: argument.element)
      // The base of a class is one of Python's own as a rule, and numpy's generators are made so.
      let module = global?.module.string ?? ""
      if argument.offset == 1, ["builtins", "__builtin__"].contains(module) { continue }
      if module.utf8.starts(with: "numpy.random.".utf8) { continue }
      if global == nil, values.isAtom(argument.element) { continue }
      note(global, .called, instruction) { $0.rendering(of: object) }
    }
  }

  /// What joblib puts in place of an array, whose bytes follow in the stream once it has its state
  /// (`joblib/numpy_pickle.py`, `NumpyArrayWrapper`).
  private static let arrayOfJoblib = GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
  static let typeOfNumpy = GlobalName("numpy", "dtype")
  /// What it is to a plain unpickler within an array of objects of joblib's.
  static let typeOfNumpyMistaken = GlobalName("NumpyArrayWrapper", "dtype")

  /// Puts an array in the place of what stood for it, which has been given its state.
  mutating func arrayWasRead() {
    guard !stack.isEmpty else { return }
    stack[stack.count - 1] = values.spell(Spelling("an array"))
  }

  mutating func takeState(_ instruction: PickleInstruction) throws(ParseFailure) {
    let state = pop(instruction)
    let target = peek(instruction)
    guard !stack.isEmpty else { return }
    if !isGuess, values.name(of: target) != nil {
      refuse(instruction, "a class or function itself is given a state, for all of the process")
    }
    note(values.global(of: target), .givenState, instruction) {
      $0.rendering(of: target) + " ← " + $0.rendering(of: state)
    }
    extend(by: [state], instruction)
    if values.global(of: target) == PickleWalk.typeOfNumpy,
      !JoblibArray.isUsual(state: state, ofType: target, in: values)
    {
      oddTypes.insert(target)
    }
    guard values.global(of: target) == PickleWalk.arrayOfJoblib else { return }
    guard let array = JoblibArray(state, in: values, without: oddTypes),
      array.byteCount != nil || array.holdsObjects
    else {
      throw ParseFailure(
        .unsupported, at: instruction.offset, instruction.opcode.name,
        "joblib has the bytes of an array of unknown size here; what follows was searched only")
    }
    arrayToSkip = array
  }
}
