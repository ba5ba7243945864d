internal import CheckpointBytes

/// The state of a tolerant walk over a pickle: what little must be known of each value to tell what would be called.
///
/// Where Python would refuse an operation the walk notes the first such fault and goes on: another version of Python may
/// take it.
struct PickleWalk {
  /// The most findings that are kept; a pickle that has more is not one to list, and is not walked further.
  static let findingLimit = 100_000
  /// The most findings that are kept of one global in one use: a state dict calls `_rebuild_tensor_v2` a million times.
  static let repetitionLimit = 1_000
  /// The most pickles in values of one pickle that are kept.
  static let embeddedLimit = 1_000
  /// The most values on the stack and open marks: picklers write containers in batches of 1,000.
  static let stackLimit = 4_000_000

  /// True if a guess is walked that these bytes are a pickle: then text has to be text, and names have to be names.
  var isGuess: Bool
  /// Pickles that are values of this one: in bytes, or as base64 or digits in text.
  private(set) var embedded: [PickleScan.Embedded] = []
  /// The array of joblib's whose bytes come next.
  var arrayToSkip: JoblibArray?
  /// Types of numpy's that were given another state than their name says.
  var oddTypes: Set<PickleReference> = []
  /// How many operations of embedded pickles may still be looked at.
  private var embeddedOperations = 2_000_000
  private(set) var findings: [PickleScan.Finding] = []
  /// The first operation that Python would refuse.
  private(set) var fault: ParseFailure?
  /// The number of operations so far.
  private(set) var operationCount = 0
  /// The most values that one value unfolds to.
  var largestCount = 1.0

  var values: WalkedValues
  var stack: [PickleReference] = []
  var marks: [Int] = []
  var memo = PickleMemo()
  /// The offset of the first of the bytes.
  private let base: Int
  /// True if the operation's argument does not follow it: a frame cuts it.
  private var isCut = false
  private var repetitions: [Repetition: Int] = [:]

  private struct Repetition: Hashable {
    let global: GlobalName?
    let use: PickleScan.Use
  }

  /// A walk over the pickle of a cursor.
  init(_ cursor: ByteCursor, isGuess: Bool = false) {
    values = WalkedValues(cursor.bytes)
    base = cursor.base
    self.isGuess = isGuess
  }

  /// Carries out one operation as far as it can be; false at `STOP`.
  ///
  /// - Parameter isCut: True if its argument does not follow it.
  mutating func step(
    _ instruction: PickleInstruction, isCut: Bool = false
  ) throws(ParseFailure) -> Bool {
    operationCount += 1
    self.isCut = isCut
    guard stack.count < PickleWalk.stackLimit, marks.count < PickleWalk.stackLimit else {
      throw ParseFailure(
        .limitExceeded, at: instruction.offset, instruction.opcode.name,
        "\(stack.count) values on the stack and \(marks.count) marks")
    }
    // A value on the stack is one word, and a mark two.
    let wordCount = values.wordCount + memo.placeCount + stack.count + 2 * marks.count
    guard wordCount < values.wordLimit else {
      throw ParseFailure(
        .limitExceeded, at: instruction.offset, instruction.opcode.name,
        "the values before it take \(4 * wordCount) bytes of memory, more than four for each of the pickle's"
      )
    }
    guard findings.count < PickleWalk.findingLimit else {
      throw ParseFailure(
        .limitExceeded, at: instruction.offset, instruction.opcode.name,
        "more than \(PickleWalk.findingLimit) globals are named or used before")
    }
    guard instruction.opcode != .stop else {
      if stack.isEmpty { refuse(instruction, "there is no value on the stack") }
      return false
    }
    switch instruction.argument {
    case .nothing: try takeBare(instruction)
    case .integer:
      instruction.opcode == .ext4 ? pushExtension(instruction) : pushAtom(instruction)
    case .unsigned(let value): try take(number: value, instruction)
    case .float: pushAtom(instruction)
    case .bytes(let bytes): take(bytes: bytes, instruction)
    case .line(let line): try take(line: line, instruction)
    case .twoLines(let module, let name):
      let global = GlobalName(
        String(decoding: module, as: UTF8.self), String(decoding: name, as: UTF8.self))
      guard instruction.opcode == .inst else {
        pushGlobal(global, instruction)
        break
      }
      let arguments = popToMark(instruction)
      pushGlobal(global, instruction)
      call(.instance, [pop(instruction)] + arguments, .instantiated, instruction)
    }
    return true
  }

  /// Puts what an operation spells on the stack.
  mutating func pushAtom(_ instruction: PickleInstruction) {
    push(
      isCut
        ? values.spell(Spelling(instruction))
        : values.atom(instruction, at: instruction.offset - base))
  }

  /// Notes that Python would refuse an operation.
  mutating func refuse(_ instruction: PickleInstruction, _ problem: String) {
    guard fault == nil else { return }
    fault = ParseFailure(.malformed, at: instruction.offset, instruction.opcode.name, problem)
  }

  /// Notes a value that is a pickle itself: one that would call something, or says that it is one.
  mutating func lookInto(_ bytes: ArraySlice<UInt8>, _ instruction: PickleInstruction) {
    guard !isGuess, embedded.count < PickleWalk.embeddedLimit,
      let pickle = PickleScan.Embedded(
        in: bytes, at: instruction.offset, operations: &embeddedOperations)
    else { return }
    embedded.append(pickle)
  }

  /// Takes over what a pickle names that is read in the middle of this one.
  mutating func take(
    findings others: [PickleScan.Finding], embedded inner: [PickleScan.Embedded] = []
  ) {
    findings += others
    embedded += inner
  }

  /// Notes a global and its use.
  mutating func note(
    _ global: GlobalName?, _ use: PickleScan.Use, _ instruction: PickleInstruction,
    _ rendering: (WalkedValues) -> String
  ) {
    let count = repetitions[Repetition(global: global, use: use), default: 0]
    guard count < PickleWalk.repetitionLimit else { return }
    repetitions[Repetition(global: global, use: use)] = count + 1
    findings.append(
      PickleScan.Finding(
        global: global, opcode: instruction.opcode, offset: instruction.offset, use: use,
        rendering: Spelling.shortened(rendering(values))))
  }
}

// MARK: Operations

extension PickleWalk {
  private mutating func takeBare(_ instruction: PickleInstruction) throws(ParseFailure) {
    switch instruction.opcode {
    case .none, .newTrue, .newFalse, .emptyTuple, .nextBuffer: pushAtom(instruction)
    case .emptyList: push(values.container(.list))
    case .emptyDict: push(values.container(.dictionary))
    case .emptySet: push(values.container(.set))
    case .list: push(values.container(.list, popToMark(instruction)))
    case .dict:
      let entries = popToMark(instruction)
      checkKeys(of: entries, instruction)
      push(values.container(.dictionary, entries))
    case .frozenSet:
      let members = popToMark(instruction)
      checkHashable(members, instruction)
      push(values.compound(.frozenSet, members))
    case .tuple: push(values.tuple(popToMark(instruction)))
    case .tuple1: push(values.tuple(popLast(1, instruction)))
    case .tuple2: push(values.tuple(popLast(2, instruction)))
    case .tuple3: push(values.tuple(popLast(3, instruction)))
    case .append: extend(by: popLast(1, instruction), instruction)
    case .appends: extend(by: popToMark(instruction), instruction)
    case .setItem:
      let entries = popLast(2, instruction)
      checkKeys(of: entries, instruction)
      extend(by: entries, instruction)
    case .setItems:
      let entries = popToMark(instruction)
      checkKeys(of: entries, instruction)
      extend(by: entries, instruction)
    case .addItems:
      let members = popToMark(instruction)
      checkHashable(members, instruction)
      extend(by: members, instruction)
    case .mark: marks.append(stack.count)
    case .pop:
      if stack.count == marks.last { _ = marks.popLast() } else { _ = pop(instruction) }
    case .popMark: _ = popToMark(instruction)
    case .dup: stack.append(peek(instruction))
    case .memoize: try remember(UInt64(memo.count), instruction)
    case .binPersID:
      push(values.compound(.persistent, [pop(instruction)]))
    case .stackGlobal: takeStackGlobal(instruction)
    case .build: try takeState(instruction)
    case .reduce, .newObj, .newObjEx, .obj: takeCall(instruction)
    default: break
    }
  }

  private mutating func checkKeys(
    of entries: [PickleReference], _ instruction: PickleInstruction
  ) {
    if !entries.count.isMultiple(of: 2) { refuse(instruction, "a key without a value") }
    if entries.indices.contains(where: {
      $0.isMultiple(of: 2) && values.isUnhashable(entries[$0])
    }) {
      refuse(instruction, "a key cannot be hashed")
    }
  }

  private mutating func checkHashable(
    _ members: [PickleReference], _ instruction: PickleInstruction
  ) {
    if members.contains(where: { values.isUnhashable($0) }) {
      refuse(instruction, "a member of a set cannot be hashed")
    }
  }
}
