package import CheckpointBytes

/// What a pickle names and what it would have done with it, without doing any of it.
///
/// The walk is tolerant where the reader is strict: it goes on through operations that would fail, because Python runs
/// everything that comes before a fault. It stops where the bytes are no operation any more, and says so.
package struct PickleScan: Sendable {
  /// How a global is used.
  package enum Use: String, Sendable, Hashable, CaseIterable {
    /// It is imported and nothing more; importing runs the module.
    case named
    /// It is called (`REDUCE`).
    case called
    /// An instance of it is made (`NEWOBJ`, `NEWOBJ_EX`, `INST`, `OBJ`).
    case instantiated
    /// What it made is given a state (`BUILD`), which calls its `__setstate__`.
    case givenState
  }

  /// One global at one place of the pickle.
  package struct Finding: Sendable, Hashable {
    /// The global; nil where the pickle names it by an extension code or by values that are not known.
    package let global: GlobalName?
    /// The operation that names or uses it.
    package let opcode: Opcode
    /// The offset of that operation.
    package let offset: Int
    /// How it is used.
    package let use: Use
    /// The global with what it would have been given: `os.system('echo hi')`. Long values are shortened.
    package let rendering: String
  }

  /// The globals in the order of the operations: each once where it is named, and once more for each use.
  package private(set) var findings: [Finding] = []
  /// Why the walk ended before `STOP`, if it did.
  package private(set) var failure: ParseFailure?
  /// What Python would refuse or read in two ways, though the walk went on: at most one of the stack, the memo and the
  /// values, and one of the frames.
  package private(set) var faults: [ParseFailure] = []
  /// Values that are pickles themselves.
  package private(set) var embedded: [Embedded] = []
  /// The offset of the first byte after the walk.
  package private(set) var end: Int

  /// The most operations, of all arrays of joblib's in a pickle together, of what a plain unpickler would make of their bytes.
  fileprivate static let arrayOperationLimit = 1_000_000
  /// The deepest arrays of objects in arrays of objects that are followed.
  fileprivate static let arrayDepth = 16

  /// How many of the ways out of a frame are followed.
  fileprivate static let detourLimit = 16
  /// The most values that one may unfold to along all paths: as many as the reader visits (`ReadLimits.pickleVisits`)…
  fileprivate static let expansionLimit = 4_000_000.0
  /// … and so many times the operations of the pickle: a table that 100,000 entries share is no attack.
  fileprivate static let expansionRatio = 1_000.0

  /// Walks one pickle; the cursor ends behind `STOP`, or where the walk had to end.
  ///
  /// Where an operation passes the end of its frame, what CPython's C version would run instead is walked too, and what
  /// it names is among the findings.
  package init(walking cursor: inout ByteCursor) {
    var main = PickleRoute(cursor)
    var detours = main.follow()
    cursor = main.cursor
    end = cursor.offset
    findings = main.walk.findings
    failure = main.failure
    embedded = main.walk.embedded
    faults = [main.walk.fault, main.frameFault, main.expansion].compactMap(\.self)
    var known = Set(findings)
    var followed = 0
    while followed < PickleScan.detourLimit, let next = detours.popLast() {
      followed += 1
      var detour = next
      detours += detour.follow()
      findings += detour.walk.findings.filter { known.insert($0).inserted }
    }
  }
}

/// One way through the operations of a pickle.
private struct PickleRoute {
  private(set) var cursor: ByteCursor
  private(set) var walk: PickleWalk
  private(set) var failure: ParseFailure?
  private(set) var frameFault: ParseFailure?
  private var frames = PickleFrames()
  /// Where the frame ends that the next operation steps out of.
  private var frameToLeave: Int?
  /// How many arrays of objects lie around this way, and the operations left for the bytes of arrays.
  private var (depth, arrayOperations) = (0, PickleScan.arrayOperationLimit)

  init(_ cursor: ByteCursor) {
    self.cursor = cursor
    walk = PickleWalk(cursor)
  }

  /// Goes on to the end; returns the ways on which CPython's C version leaves this one.
  mutating func follow() -> [PickleRoute] {
    var detours: [PickleRoute] = []
    do throws(ParseFailure) {
      while try step(&detours) {}
    } catch {
      failure = error
    }
    return detours
  }

  private mutating func step(_ detours: inout [PickleRoute]) throws(ParseFailure) -> Bool {
    let start = cursor
    let instruction: PickleInstruction
    do throws(ParseFailure) {
      instruction = try PickleInstruction(&cursor, leaving: frameToLeave, takesCutLine: true)
    } catch {
      // Read on behind the frame, it may be an operation.
      if frames.contains(start.offset) { append(detourFrom: start, to: &detours) }
      throw error
    }
    let isCut = frameToLeave != nil
    frameToLeave = nil
    do throws(ParseFailure) {
      try frames.take(instruction, endingAt: cursor.offset, remaining: cursor.remaining)
    } catch {
      frameFault = frameFault ?? error
      if frames.contains(start.offset) {
        // A frame within a frame: its bytes are read behind the one that is open.
        let isNested = cursor.offset <= frames.end
        append(detourFrom: isNested ? nil : start, to: &detours)
      }
      frames.leave()
    }
    let goesOn = try walk.step(instruction, isCut: isCut)
    if let array = walk.arrayToSkip {
      walk.arrayToSkip = nil
      try skip(array)
    }
    return goesOn
  }

  /// Passes the bytes of an array of joblib's, as `joblib.load` does; a plain unpickler would take them for operations.
  private mutating func skip(_ array: JoblibArray) throws(ParseFailure) {
    let field = "array of joblib"
    guard !frames.contains(cursor.offset) else {
      throw ParseFailure(
        .malformed, at: cursor.offset, field, "lies in a frame, where joblib puts none")
    }
    let plain = try followedPlainly()
    guard !array.holdsObjects else {
      guard depth < PickleScan.arrayDepth else {
        throw ParseFailure(.limitExceeded, at: cursor.offset, field, "lies too deep in others")
      }
      var inner = PickleRoute(cursor)
      inner.depth = depth + 1
      inner.arrayOperations = arrayOperations
      _ = inner.follow()
      cursor = inner.cursor
      arrayOperations = inner.arrayOperations
      let known = Set(inner.walk.findings)
      // A plain unpickler goes on with the memo of the pickle around the array, in which the name of joblib's class stands where
      // the array's own has the module of numpy's types. Nothing is imported by that name; another text is reported.
      let types = Set(known.filter { $0.global == PickleWalk.typeOfNumpy }.map(\.offset))
      walk.take(
        findings: inner.walk.findings
          + plain.filter {
            !known.contains($0)
              && !(types.contains($0.offset) && $0.global == PickleWalk.typeOfNumpyMistaken)
          },
        embedded: inner.walk.embedded)
      walk.arrayWasRead()
      frameFault = frameFault ?? inner.frameFault
      if let failure = inner.failure ?? inner.walk.fault { throw failure }
      return
    }
    walk.take(findings: plain)
    walk.arrayWasRead()
    if array.isAligned { try cursor.skip(Int(try cursor.readByte(field)), field) }
    try cursor.skip(array.byteCount ?? 0, field)
  }

  /// What would be named and called if the next bytes were operations.
  private mutating func followedPlainly() throws(ParseFailure) -> [PickleScan.Finding] {
    // Hardly any numbers pass for operations; whether they do is seen before all values are copied.
    var ahead = cursor
    var acts = false
    for _ in 0..<3 {
      guard let next = try? PickleInstruction(&ahead, takesCutLine: true) else {
        if acts { break }
        return []
      }
      acts = acts || next.opcode.acts
    }
    guard arrayOperations > 0 else {
      throw ParseFailure(
        .limitExceeded, at: cursor.offset, "array of joblib",
        "the bytes of arrays before this one were too many operations to follow them further")
    }
    var other = self
    other.walk.isGuess = true
    let known = walk.findings.count
    while arrayOperations > 0,
      let instruction = try? PickleInstruction(&other.cursor, takesCutLine: true)
    {
      arrayOperations -= 1
      guard (try? other.walk.step(instruction)) == true, other.walk.fault == nil else { break }
      other.walk.arrayToSkip = nil
    }
    return other.walk.findings[known...].filter { $0.global != nil }
  }

  /// The way that goes on behind the open frame: with the operation that the frame cuts, read from its opcode on, or
  /// with whatever follows.
  private func append(detourFrom start: ByteCursor?, to detours: inout [PickleRoute]) {
    var detour = self
    do throws(ParseFailure) {
      if let start {
        detour.cursor = start
        detour.frameToLeave = frames.end
      } else {
        try detour.cursor.seek(to: frames.end - cursor.base, "FRAME")
      }
    } catch {
      return
    }
    detour.frames.leave()
    if detours.count < PickleScan.detourLimit { detours.append(detour) }
  }

  /// What a value of the pickle unfolds to, if that is out of all proportion to the pickle ("billion laughs").
  var expansion: ParseFailure? {
    let count = walk.largestCount
    guard count > PickleScan.expansionLimit,
      count / Double(max(1, walk.operationCount)) > PickleScan.expansionRatio
    else { return nil }
    return ParseFailure(
      .limitExceeded, at: cursor.offset, "STOP",
      "billion laughs: \(walk.operationCount) operations unfold to "
        + (count > 1e15 ? "more than 10^15" : "about \(Int(count))") + " values")
  }
}

// MARK: Guesses

extension PickleScan {
  /// What bytes turn out to be that are guessed to be a pickle.
  package enum Guess: Sendable, Hashable {
    /// Python would end at an operation, and call nothing before.
    case broken
    /// The bytes end before the first operation that would tell.
    case cut
    /// Python would call something.
    case calls
    /// A whole pickle that calls nothing; it ends here.
    case whole(end: Int)
    /// It went on for as many operations as were allowed.
    case unfinished
  }

  /// Walks bytes that need not be a pickle, up to the first call or the first operation that Python would refuse. Text
  /// has to be text here, numbers numbers and names identifiers, so that hardly any other bytes pass.
  ///
  /// - Parameters:
  ///   - operations: The most operations; what was needed is taken off. A long line counts for several.
  ///   - window: The most bytes.
  package static func guess(
    _ cursor: ByteCursor, operations: inout Int, window: Int = .max
  ) -> Guess {
    var whole = cursor
    guard var cursor = try? whole.slice(min(window, cursor.remaining), "pickle") else {
      return .broken
    }
    // What the window cuts is not cut in the file.
    let takesCutLine = whole.isAtEnd
    // A search meets millions of places that end with their first operation: for these there is neither a walk nor an error.
    var begun: PickleWalk?
    while operations > 0 {
      if let fault = cursor.nextFault {
        operations -= 1
        return fault
      }
      let before = cursor
      let instruction: PickleInstruction
      do throws(ParseFailure) {
        instruction = try PickleInstruction(&cursor, takesCutLine: takesCutLine)
      } catch {
        operations -= 1 + before.lineCost / 256
        return error.kind == .truncated ? .cut : .broken
      }
      // What names a global takes the time of several others.
      operations -= (instruction.opcode.acts ? 4 : 1) + (cursor.position - before.position) / 256
      if begun == nil { begun = PickleWalk(before, isGuess: true) }
      guard let goesOn = try? begun?.step(instruction), begun?.fault == nil else { return .broken }
      if let last = begun?.findings.last {
        // Only what has a name can be called, and extension codes name nothing in most programs. Anything can be given
        // a state of nothing.
        if last.global == nil, last.use != .givenState { return .broken }
        if last.global != nil, last.use != .named { return .calls }
      }
      if !goesOn { return .whole(end: cursor.offset) }
    }
    return .unfinished
  }
}

extension Opcode {
  /// True for what names a global, or calls what is on the stack.
  fileprivate var acts: Bool {
    switch self {
    case .global, .stackGlobal, .inst, .obj, .newObj, .newObjEx, .reduce, .build, .ext1, .ext2,
      .ext4:
      true
    default: false
    }
  }
}

extension ByteCursor {
  /// What ends a guess if it is seen without reading a line: no operation has this code, or the bytes end before its argument does.
  fileprivate var nextFault: PickleScan.Guess? {
    guard let byte = peekByte() else { return .cut }
    guard let opcode = Opcode(rawValue: byte) else { return .broken }
    let left = remaining - 1
    switch opcode.layout {
    case .nothing, .line, .twoLines: return nil
    case .unsigned(let width): return left < width ? .cut : nil
    case .signed4: return left < 4 ? .cut : nil
    case .float8: return left < 8 ? .cut : nil
    case .counted(let width):
      guard left >= width else { return .cut }
      return length(width) > UInt64(left - width) ? .cut : nil
    case .signedCounted4:
      guard left >= 4 else { return .cut }
      let count = Int32(truncatingIfNeeded: length(4))
      return count < 0 ? .broken : Int(count) > left - 4 ? .cut : nil
    }
  }

  /// The length behind the operation's code.
  private func length(_ width: Int) -> UInt64 {
    Opcode.length(in: bytes, behind: position, width: width)
  }

  /// How many bytes were looked at in vain for the end of a line.
  fileprivate var lineCost: Int {
    switch peekByte().flatMap(Opcode.init(rawValue:))?.layout {
    case .line?, .twoLines?: remaining
    default: 0
    }
  }
}
