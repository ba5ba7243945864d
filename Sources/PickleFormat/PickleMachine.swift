package import CheckpointBytes

/// The pickle machine, inert: it builds values and never calls, imports or looks up anything.
///
/// Stricter than Python's: operations apply to the types they are meant for (CVE-2026-24747 came of `SETITEMS` on a
/// tensor), keys must be hashable, `STOP` must find one value and no open mark, and a global is checked when it is named.
struct PickleMachine {
  /// Places are numbers of 32 bits, and an element takes up to three of them: more there cannot be of anything, whatever
  /// the caller allows.
  private static let most = 1 << 29
  /// The most values of a pickle that is small, and how many bytes of a larger one stand for one each: real ones spell values
  /// by four bytes and more, and 16 bytes in memory for each of 45 MB of operations would be 700 MB.
  private static let valueBound = (least: 8_000_000, byteCount: 4)

  let policy: GlobalPolicy
  /// The caller's limits.
  let maximumValues: Int
  let maximumObjects: Int
  let maximumElements: Int
  let maximumTupleElements: Int
  let maximumStack: Int
  var document: PickleDocument
  /// The operation being carried out: failures carry its place.
  var offset = 0
  var opcode = Opcode.stop

  var stack: [PickleReference] = []
  /// How many values lay on the stack when each open mark was set.
  var marks: [Int] = []
  var memo = PickleMemo()
  private var frames = PickleFrames()
  /// Small numbers exist once, and so do `None`, `False`, `True` and `()`, behind them; -1 until they are made.
  var constants = [Int32](repeating: -1, count: 256 + 4)

  init(policy: GlobalPolicy, bytes: [UInt8], base: Int, limits: ReadLimits) {
    self.policy = policy
    maximumValues = min(
      limits.pickleValues, PickleMachine.most,
      max(PickleMachine.valueBound.least, bytes.count / PickleMachine.valueBound.byteCount))
    maximumObjects = min(limits.pickleObjects, PickleMachine.most)
    maximumElements = min(limits.pickleElements, PickleMachine.most)
    maximumTupleElements = min(limits.pickleTupleElements, PickleMachine.most)
    maximumStack = min(limits.pickleStack, PickleMachine.most)
    document = PickleDocument(bytes: bytes, base: base)
  }

  func failure(_ kind: FailureKind, _ problem: String) -> ParseFailure {
    ParseFailure(kind, at: offset, opcode.name, problem)
  }

  /// Runs up to `STOP`.
  mutating func run(_ cursor: inout ByteCursor) throws(ParseFailure) {
    while true {
      let instruction = try PickleInstruction(&cursor)
      offset = instruction.offset
      opcode = instruction.opcode
      try frames.take(instruction, endingAt: cursor.offset, remaining: cursor.remaining)
      guard opcode != .stop else { break }
      try execute(instruction)
    }
    guard marks.isEmpty else { throw failure(.malformed, "a mark is still open") }
    guard stack.count == 1, let root = stack.last else {
      throw failure(.malformed, "expected one value on the stack, found \(stack.count)")
    }
    document.root = root
  }

  private mutating func execute(_ instruction: PickleInstruction) throws(ParseFailure) {
    switch instruction.argument {
    case .nothing: try executeBare()
    case .integer:
      guard opcode == .binInt else { throw extensionFailure }
      try push(.atom)
    case .unsigned(let value): try execute(number: value)
    case .float: try push(.atom)
    case .bytes:
      guard instruction.atom != nil else {
        throw failure(.malformed, "the text is not valid UTF-8")
      }
      try push(.atom)
    case .line(let line): try execute(instruction, line: line)
    case .twoLines(let module, let name): try execute(module: module, name: name)
    }
  }

  private var extensionFailure: ParseFailure {
    failure(.forbidden, "extension codes name globals by a number that only one program knows")
  }

  private mutating func executeBare() throws(ParseFailure) {
    switch opcode {
    case .none: try pushConstant(256)
    case .newFalse: try pushConstant(257)
    case .newTrue: try pushConstant(258)
    case .emptyTuple: try pushTuple([])
    case .emptyList: try push(.list, PickleSlot.nothing)
    case .emptyDict: try push(.dictionary, PickleSlot.nothing)
    case .emptySet: try push(.set, PickleSlot.nothing)
    case .list: try pushList(.list, popToMark())
    case .tuple: try pushTuple(popToMark())
    case .tuple1: try pushTuple(popLast(1))
    case .tuple2: try pushTuple(popLast(2))
    case .tuple3: try pushTuple(popLast(3))
    case .frozenSet: try pushFrozenSet()
    case .dict: try pushDictionary(popToMark())
    case .append, .appends, .addItems, .setItem, .setItems: try extend()
    case .mark: try mark()
    case .pop: try popOrUnmark()
    case .popMark: _ = try popToMark()
    case .dup: try pushAgain(peek())
    case .memoize: try remember(UInt64(memo.count))
    case .stackGlobal: try pushStackGlobal()
    case .reduce, .newObj, .newObjEx, .obj: try pushObject()
    case .build: try giveState()
    case .binPersID: try pushPersistent(pop())
    case .nextBuffer, .readonlyBuffer:
      throw failure(.forbidden, "buffers outside the pickle cannot be in a file")
    default: throw failure(.malformed, "the operation needs an argument")
    }
  }

  private mutating func execute(number value: UInt64) throws(ParseFailure) {
    switch opcode {
    case .binInt1: try pushConstant(Int(truncatingIfNeeded: value))
    case .binInt2: try push(.atom)
    case .binGet, .longBinGet: try recall(value)
    case .binPut, .longBinPut: try remember(value)
    case .ext1, .ext2: throw extensionFailure
    case .proto:
      guard value <= 5 else { throw failure(.unsupported, "protocol \(value), at most 5 is known") }
      document.protocolVersion = max(document.protocolVersion, Int(truncatingIfNeeded: value))
    default: break
    }
  }

  private mutating func execute(
    _ instruction: PickleInstruction, line: ArraySlice<UInt8>
  ) throws(ParseFailure) {
    switch opcode {
    case .get: return try recall(memoPlace(line))
    case .put: return try remember(memoPlace(line))
    default: break
    }
    guard let value = instruction.atom else {
      throw failure(.malformed, "the line does not spell a value of its type")
    }
    switch (opcode, value) {
    case (_, .boolean(let value)): try pushConstant(value ? 258 : 257)
    case (.persID, _):
      try push(.atom)
      try pushPersistent(pop())
    default: try push(.atom)
    }
  }

  private func memoPlace(_ line: ArraySlice<UInt8>) throws(ParseFailure) -> UInt64 {
    guard case .integer(let place)? = PickleText.integer(line), let place = UInt64(exactly: place)
    else {
      throw failure(.malformed, "the line does not name a place of the memo")
    }
    return place
  }
}

extension PickleDocument {
  /// Reads one pickle; the cursor ends behind its `STOP`. Of the limits, those count that say how much a pickle may make.
  ///
  /// - Throws: `truncated`, `malformed`, `limitExceeded`, `unsupported` (a later protocol), or `forbidden` (a global that
  ///   the policy refuses, an extension code, an out-of-band buffer), each with the offset of the operation.
  package init(
    parsing cursor: inout ByteCursor, policy: GlobalPolicy, limits: ReadLimits = ReadLimits()
  ) throws(ParseFailure) {
    var machine = PickleMachine(
      policy: policy, bytes: cursor.bytes, base: cursor.base, limits: limits)
    try machine.run(&cursor)
    self = machine.document
    if let call = firstCallBeyondProportion {
      throw ParseFailure(
        .limitExceeded, at: offset(of: call), "call",
        "what calls are given, counted each time, is out of all proportion to the pickle")
    }
  }
}
