internal import CheckpointBytes

/// The state of a tolerant walk over a pickle: what little must be known of each value to tell what would be called.
///
/// Where Python would refuse an operation the walk notes the first such fault and goes on: another version of Python may
/// take it.
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
    /// How many values it unfolds to, itself included; of a container that can grow, see `unfolded`.
    var count: UInt64 = 1
    /// The place in `unfolded` of a container that can grow.
    var container: Int?
    /// True if Python cannot hash it.
    var isUnhashable = false
    /// What a dictionary says of an array of joblib's, which has the array's bytes behind it.
    var array: JoblibArray?

    static let unknown = Value(rendering: "?")
  }

  /// The longest rendering of a value, and of a finding.
  static let renderingLimit = 160
  /// The most findings that are kept; a pickle that has more is not one to list, and is not walked further.
  static let findingLimit = 100_000
  /// The most findings that are kept of one global in one use: a state dict calls `_rebuild_tensor_v2` a million times.
  static let repetitionLimit = 1_000
  /// The most pickles in values of one pickle that are kept.
  static let embeddedLimit = 1_000
  /// The most values on the stack and open marks: picklers write containers in batches of 1,000.
  static let stackLimit = 4_000_000
  /// The most places of the memo: ten for each of the most tensors of a checkpoint, twice.
  static let memoLimit = 20_000_000

  /// True if a guess is walked that these bytes are a pickle: then text has to be text, and names have to be names.
  var isGuess: Bool
  /// Pickles that are values of this one: in bytes, or as base64 or digits in text.
  private(set) var embedded: [PickleScan.Embedded] = []
  /// The array of joblib's whose bytes come next.
  var arrayToSkip: JoblibArray?
  /// How many operations of embedded pickles may still be looked at.
  private var embeddedOperations = 2_000_000
  private(set) var findings: [PickleScan.Finding] = []
  /// The first operation that Python would refuse.
  private(set) var fault: ParseFailure?
  /// The number of operations so far.
  private(set) var operationCount = 0
  /// The most values that one value unfolds to.
  var largestCount: UInt64 = 1

  var stack: [Value] = []
  var marks: [Int] = []
  var memo: [UInt64: Value] = [:]
  /// How many values each container unfolds to by now.
  var unfolded: [UInt64] = []
  private var repetitions: [Repetition: Int] = [:]

  private struct Repetition: Hashable {
    let global: GlobalName?
    let use: PickleScan.Use
  }

  init(isGuess: Bool = false) { self.isGuess = isGuess }

  /// Carries out one operation as far as it can be; false at `STOP`.
  mutating func step(_ instruction: PickleInstruction) throws(ParseFailure) -> Bool {
    operationCount += 1
    guard stack.count < PickleWalk.stackLimit, marks.count < PickleWalk.stackLimit,
      memo.count < PickleWalk.memoLimit
    else {
      throw ParseFailure(
        .limitExceeded, at: instruction.offset, instruction.opcode.name,
        "\(stack.count) values on the stack, \(marks.count) marks and \(memo.count) in the memo")
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
    case .integer(let value):
      instruction.opcode == .ext4
        ? pushExtension(UInt64(truncatingIfNeeded: value), instruction) : push(String(value))
    case .unsigned(let value): take(number: value, instruction)
    case .float(let value): push("\(value)")
    case .bytes(let bytes): take(bytes: bytes, instruction)
    case .line(let line): take(line: line, instruction)
    case .twoLines(let module, let name):
      let global = GlobalName(
        String(decoding: module, as: UTF8.self), String(decoding: name, as: UTF8.self))
      guard instruction.opcode == .inst else {
        pushGlobal(global, instruction)
        break
      }
      let arguments = popToMark(instruction)
      pushGlobal(global, instruction)
      call(pop(instruction), arguments, instruction)
    }
    return true
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
    _ global: GlobalName?, _ use: PickleScan.Use, _ rendering: String,
    _ instruction: PickleInstruction
  ) {
    let count = repetitions[Repetition(global: global, use: use), default: 0]
    guard count < PickleWalk.repetitionLimit else { return }
    repetitions[Repetition(global: global, use: use)] = count + 1
    findings.append(
      PickleScan.Finding(
        global: global, opcode: instruction.opcode, offset: instruction.offset, use: use,
        rendering: rendering))
  }
}

// MARK: Operations

extension PickleWalk {
  private mutating func takeBare(_ instruction: PickleInstruction) throws(ParseFailure) {
    switch instruction.opcode {
    case .none: push("None")
    case .newTrue: push("True")
    case .newFalse: push("False")
    case .emptyTuple: push("()")
    case .emptyList: pushContainer("[]")
    case .emptyDict: pushContainer("{}")
    case .emptySet: pushContainer("set()")
    case .list:
      let values = popToMark(instruction)
      pushContainer("[" + PickleWalk.joined(values) + "]", of: values)
    case .dict:
      let values = popToMark(instruction)
      checkKeys(of: values, instruction)
      pushContainer("{" + PickleWalk.joined(values) + "}", of: values)
    case .frozenSet:
      let values = popToMark(instruction)
      checkHashable(values, instruction)
      push("frozenset([" + PickleWalk.joined(values) + "])", of: values)
    case .tuple: pushTuple(popToMark(instruction))
    case .tuple1: pushTuple(popLast(1, instruction))
    case .tuple2: pushTuple(popLast(2, instruction))
    case .tuple3: pushTuple(popLast(3, instruction))
    case .append: extend(by: popLast(1, instruction), instruction)
    case .appends: extend(by: popToMark(instruction), instruction)
    case .setItem:
      let values = popLast(2, instruction)
      checkKeys(of: values, instruction)
      extend(by: values, instruction)
    case .setItems:
      let values = popToMark(instruction)
      checkKeys(of: values, instruction)
      extend(by: values, instruction)
    case .addItems:
      let values = popToMark(instruction)
      checkHashable(values, instruction)
      extend(by: values, instruction)
    case .mark: marks.append(stack.count)
    case .pop:
      if stack.count == marks.last { _ = marks.popLast() } else { _ = pop(instruction) }
    case .popMark: _ = popToMark(instruction)
    case .dup: stack.append(peek(instruction))
    case .memoize: memo[UInt64(memo.count)] = peek(instruction)
    case .binPersID:
      let id = pop(instruction)
      push("persistent id " + id.rendering, global: id.member)
    case .nextBuffer: push("an out-of-band buffer")
    case .stackGlobal: takeStackGlobal(instruction)
    case .build: try takeState(instruction)
    case .reduce, .newObj, .newObjEx, .obj: takeCall(instruction)
    default: break
    }
  }

  private mutating func checkKeys(of values: [Value], _ instruction: PickleInstruction) {
    if !values.count.isMultiple(of: 2) { refuse(instruction, "a key without a value") }
    if values.indices.contains(where: { $0.isMultiple(of: 2) && values[$0].isUnhashable }) {
      refuse(instruction, "a key cannot be hashed")
    }
  }

  private mutating func checkHashable(_ values: [Value], _ instruction: PickleInstruction) {
    if values.contains(where: \.isUnhashable) {
      refuse(instruction, "a member of a set cannot be hashed")
    }
  }
}
