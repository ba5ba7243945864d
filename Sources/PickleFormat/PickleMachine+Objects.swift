internal import CheckpointBytes

extension PickleMachine {
  /// Names a global, if the policy lets it.
  mutating func pushGlobal(_ global: GlobalName) throws(ParseFailure) {
    guard policy.allows(global) else {
      var failure = failure(
        .forbidden, "the pickle names \(quoted(global.description)), which is not known as data")
      failure.remedy = policy.remedy
      throw failure
    }
    document.globals.append(global)
    try push(.global, Int32(truncatingIfNeeded: document.globals.count - 1))
  }

  mutating func pushStackGlobal() throws(ParseFailure) {
    let names = try popLast(2)
    guard case .string(let module) = document[names[0]], case .string(let name) = document[names[1]]
    else {
      throw failure(
        .malformed,
        "expected the names of a module and a global, found \(document.kind(of: names[0])) and "
          + document.kind(of: names[1]))
    }
    try pushGlobal(GlobalName(module, name))
  }

  /// `GLOBAL` and `INST`: module and name on two lines.
  mutating func execute(
    module: ArraySlice<UInt8>, name: ArraySlice<UInt8>
  ) throws(ParseFailure) {
    guard let module = String(utf8: module),
      let name = String(utf8: name)
    else { throw failure(.malformed, "the name of a global is not valid UTF-8") }
    guard opcode == .inst else { return try pushGlobal(GlobalName(module, name)) }
    let arguments = try popToMark()
    try pushGlobal(GlobalName(module, name))
    try pushObject(.instance, pop(), arguments: store(arguments))
  }

  /// `REDUCE`, `NEWOBJ`, `NEWOBJ_EX` and `OBJ`.
  mutating func pushObject() throws(ParseFailure) {
    guard opcode != .obj else {
      let parts = try popToMark()
      guard let callable = parts.first else {
        throw failure(.malformed, "expected a class, found none")
      }
      return try pushObject(.instance, callable, arguments: store(Array(parts.dropFirst())))
    }
    let parts = try popLast(opcode == .newObjEx ? 3 : 2)
    let arguments = document.slots[parts[1].position]
    guard arguments.kind == .tuple || arguments.kind == .unhashableTuple else {
      throw failure(
        .malformed, "expected a tuple of arguments, found \(document.kind(of: parts[1]))")
    }
    var keywords: Int32 = -1
    if opcode == .newObjEx {
      let given = document.slots[parts[2].position]
      guard given.kind == .dictionary else {
        throw failure(
          .malformed, "expected a dictionary of arguments, found \(document.kind(of: parts[2]))")
      }
      // As they are now: the dictionary may still grow.
      try append(document.lists.elements(of: given.list), toList: &keywords)
    }
    try pushObject(
      opcode == .reduce ? .call : .instance, parts[0], arguments: arguments.content,
      keywords: keywords)
  }

  private mutating func pushObject(
    _ origin: PickleObject.Origin, _ callable: PickleReference, arguments: Int32,
    keywords: Int32 = -1
  ) throws(ParseFailure) {
    switch document.slots[callable.position].kind {
    case .global: break
    // A class that a legacy file stores beside its source (`('module', class, file, source)`).
    case .persistent: break
    case .object where policy.allowsCallsOfObjects: break
    default:
      throw failure(
        .malformed, "expected a class or function, found \(document.kind(of: callable))")
    }
    guard document.objects.count < maximumObjects else {
      throw failure(.limitExceeded, "more than \(maximumObjects) objects")
    }
    document.objects.append(
      ObjectRecord(
        isCall: origin == .call, callable: callable, arguments: arguments, keywords: keywords))
    try push(.object, Int32(truncatingIfNeeded: document.objects.count - 1))
  }

  /// `BUILD`: the state belongs to the object below it, which can have one only.
  mutating func giveState() throws(ParseFailure) {
    let state = try pop()
    let target = try peek()
    let slot = document.slots[target.position]
    guard slot.kind == .object else {
      throw failure(.malformed, "cannot be applied to \(document.kind(of: target))")
    }
    var record = document.objects[Int(slot.content)]
    guard record.state == nil else {
      throw failure(.malformed, "an object is given a state twice")
    }
    record.state = state
    document.objects[Int(slot.content)] = record
  }
}
