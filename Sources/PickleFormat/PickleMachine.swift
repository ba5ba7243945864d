public import CheckpointBytes

/// The pickle machine, inert: it builds values and never calls, imports or looks up anything.
///
/// Stricter than Python's: operations apply to the types they are meant for (CVE-2026-24747 came of `SETITEMS` on a
/// tensor), keys must be hashable, `STOP` must find one value and no open mark, and a global is checked when it is named.
struct PickleMachine {
  /// The most values of one pickle: bounds memory at about 40 bytes a value, whatever a compressed member unfolds to.
  static let maximumValues = 40_000_000

  let policy: GlobalPolicy
  var document = PickleDocument(root: PickleReference(0))
  /// The operation being carried out: failures carry its place.
  var offset = 0
  var opcode = Opcode.stop

  var stack: [PickleReference] = []
  /// How many values lay on the stack when each open mark was set.
  var marks: [Int] = []
  /// The memo: places below `memo.count` in order, others (legal, never written by Python) apart.
  var memo: [PickleReference] = []
  var sparseMemo: [UInt64: PickleReference] = [:]
  /// Tuples that hold something unhashable.
  var unhashableTuples: Set<PickleReference> = []
  /// `None`, `False`, `True` and `()` exist once.
  var constants: [PickleReference?] = [nil, nil, nil, nil]
  private var frames = PickleFrames()

  init(policy: GlobalPolicy) {
    self.policy = policy
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
    case .integer(let value):
      guard opcode == .binInt else { throw extensionFailure }
      try push(.integer(value))
    case .unsigned(let value): try execute(number: value)
    case .float(let value): try push(.float(value))
    case .bytes(let bytes): try execute(bytes: bytes)
    case .line(let line): try execute(line: line)
    case .twoLines(let module, let name): try execute(module: module, name: name)
    }
  }

  private var extensionFailure: ParseFailure {
    failure(.forbidden, "extension codes name globals by a number that only one program knows")
  }

  private mutating func executeBare() throws(ParseFailure) {
    switch opcode {
    case .none: try pushConstant(0, .none)
    case .newFalse: try pushConstant(1, .boolean(false))
    case .newTrue: try pushConstant(2, .boolean(true))
    case .emptyTuple: try pushConstant(3, .tuple([]))
    case .emptyList: try push(.list([]))
    case .emptyDict: try push(.dictionary([]))
    case .emptySet: try push(.set([]))
    case .list: try push(.list([PickleReference](popToMark())))
    case .tuple: try pushTuple([PickleReference](popToMark()))
    case .tuple1: try pushTuple(popLast(1))
    case .tuple2: try pushTuple(popLast(2))
    case .tuple3: try pushTuple(popLast(3))
    case .frozenSet: try pushFrozenSet()
    case .dict: try push(.dictionary(entries(of: popToMark())))
    case .append, .appends, .addItems, .setItem, .setItems: try extend()
    case .mark: marks.append(stack.count)
    case .pop: try popOrUnmark()
    case .popMark: _ = try popToMark()
    case .dup: try pushAgain(peek())
    case .memoize: try remember(UInt64(memo.count + sparseMemo.count))
    case .stackGlobal: try pushStackGlobal()
    case .reduce, .newObj, .newObjEx, .obj: try pushObject()
    case .build: try giveState()
    case .binPersID: try push(.persistent(pop()))
    case .nextBuffer, .readonlyBuffer:
      throw failure(.forbidden, "buffers outside the pickle cannot be in a file")
    default: throw failure(.malformed, "the operation needs an argument")
    }
  }

  private mutating func execute(number value: UInt64) throws(ParseFailure) {
    switch opcode {
    case .binInt1, .binInt2: try push(.integer(Int64(truncatingIfNeeded: value)))
    case .binGet, .longBinGet: try recall(value)
    case .binPut, .longBinPut: try remember(value)
    case .ext1, .ext2: throw extensionFailure
    case .proto:
      guard value <= 5 else { throw failure(.unsupported, "protocol \(value), at most 5 is known") }
      document.protocolVersion = max(document.protocolVersion, Int(truncatingIfNeeded: value))
    default: break
    }
  }

  private mutating func execute(bytes: ArraySlice<UInt8>) throws(ParseFailure) {
    switch opcode {
    case .long1, .long4: try push(PickleText.integer(littleEndian: bytes))
    case .binString, .shortBinString: try push(byteString(bytes))
    case .byteArray8: try push(.byteArray([UInt8](bytes)))
    case .binBytes, .shortBinBytes, .binBytes8: try push(.bytes([UInt8](bytes)))
    default:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw failure(.malformed, "the text is not valid UTF-8")
      }
      try push(.string(text))
    }
  }

  /// A byte string of Python 2, which was text or data: text if it is UTF-8, otherwise bytes. No encoding is guessed,
  /// and both ways the bytes can be had back.
  private func byteString(_ bytes: some Sequence<UInt8> & Collection) -> PickleValue {
    String(validating: bytes, as: UTF8.self).map(PickleValue.string) ?? .bytes([UInt8](bytes))
  }

  private mutating func execute(line: ArraySlice<UInt8>) throws(ParseFailure) {
    switch opcode {
    case .int:
      // Protocol 0 writes booleans so.
      if line.elementsEqual("00".utf8) { return try pushConstant(1, .boolean(false)) }
      if line.elementsEqual("01".utf8) { return try pushConstant(2, .boolean(true)) }
      try push(line: PickleText.integer(line))
    case .long:
      let digits = line.last == UInt8(ascii: "L") ? line.dropLast() : line
      try push(line: PickleText.integer(digits))
    case .float: try push(line: PickleText.float(line).map(PickleValue.float))
    case .string: try push(line: PickleText.quotedBytes(line).map(byteString))
    case .unicode: try push(line: PickleText.rawUnicodeEscape(line).map(PickleValue.string))
    case .persID:
      try push(line: PickleText.ascii(line).map(PickleValue.string))
      try push(.persistent(pop()))
    case .get: try recall(memoPlace(line))
    default: try remember(memoPlace(line))
    }
  }

  private mutating func push(line value: PickleValue?) throws(ParseFailure) {
    guard let value else {
      throw failure(.malformed, "the line does not spell a value of its type")
    }
    try push(value)
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
  /// Reads one pickle; the cursor ends behind its `STOP`.
  ///
  /// - Throws: `truncated`, `malformed`, `limitExceeded`, `unsupported` (a later protocol), or `forbidden` (a global that
  ///   the policy refuses, an extension code, an out-of-band buffer), each with the offset of the operation.
  public init(parsing cursor: inout ByteCursor, policy: GlobalPolicy) throws(ParseFailure) {
    var machine = PickleMachine(policy: policy)
    try machine.run(&cursor)
    self = machine.document
  }
}
