internal import CheckpointBytes
internal import PickleFormat
internal import TorchFormat

extension ContentWalk {
  /// The most operations of a guess that does not start at a beginning: what calls something does so early, or is found
  /// from where it names it.
  private static let guessLength = 10_000
  /// The longest name of a module that a search looks for.
  fileprivate static let nameLength = 1_000
  /// The most bytes of a guess that does not start at a beginning: what a search costs grows with it.
  private static let searchWindow = 1 << 20

  /// True for what says of itself that it is a pickle: the operation `PROTO`, or a name that programs unpickle.
  static func isPickle(_ prefix: [UInt8], name: String?) -> Bool {
    if begins(prefix[...]) { return true }
    guard let name = name?.lowercased() else { return false }
    return [".pkl", ".pickle", ".pck", ".joblib", ".dill", ".p", ".cloudpickle"].contains {
      name.hasSuffix($0)
    }
  }

  /// True for the operation `PROTO` of a protocol that there is.
  private static func begins(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.count >= 2 && bytes[bytes.startIndex] == 0x80 && bytes[bytes.startIndex + 1] <= 5
  }

  // MARK: Pickles that are known to be some

  /// Pickles one behind another, and whatever comes behind them.
  mutating func examinePickles(_ content: ScannedContent) throws(CheckpointError) {
    let count = min(content.byteCount, limits.pickleBytes)
    if count < content.byteCount {
      add(
        content.place.problem(
          .limitExceeded, field: "pickle",
          "only the first \(count) of \(content.byteCount) bytes were read"))
    }
    try examinePickles(try content.source.bytes(at: 0, count: count), content)
  }

  private mutating func examinePickles(
    _ bytes: [UInt8], _ content: ScannedContent
  ) throws(CheckpointError) {
    var position = 0
    repeat {
      let scan = walk(bytes, from: position, content.place)
      position = scan.end
      if let failure = scan.failure {
        // Python would stop here. What lies behind is looked at as any other bytes, from the next one on.
        return failure == .limitExceeded ? () : search(bytes, from: position, content)
      }
    } while position < bytes.count && isPickle(bytes, from: position)
    guard position < content.byteCount else { return }
    pending.append(try content.part(position..<content.byteCount))
  }

  /// True if another pickle begins here.
  private mutating func isPickle(_ bytes: [UInt8], from position: Int) -> Bool {
    if ContentWalk.begins(bytes[position...]) { return true }
    switch guess(bytes, at: position) {
    case .calls, .unfinished: return true
    case .whole(let end): return end == bytes.count
    case .broken, .cut: return false
    }
  }

  /// Walks one pickle and notes what it holds; returns where it ends in the bytes, and why there if not with `STOP`.
  @discardableResult
  mutating func walk(
    _ bytes: [UInt8], from position: Int, _ place: ScannedContent.Place
  ) -> (end: Int, failure: FailureKind?) {
    var cursor = ByteCursor(bytes, base: place.base)
    try? cursor.seek(to: position, "pickle")
    let scan = PickleScan(walking: &cursor)
    pickleCount += 1
    for failure in scan.faults + [scan.failure].compactMap(\.self) {
      add(failure.located(file: place.file, member: place.member))
    }
    for inner in scan.embedded {
      let name = "\(inner.spelling) at byte \(inner.offset)"
      pending.append(
        ScannedContent(
          MemoryBytes(inner.bytes, origin: place.file), at: place.inside(name), name: "value.pkl",
          depth: depth + 1))
    }
    for finding in scan.findings {
      let verdict = GlobalVerdict(on: finding)
      findings.append(
        CheckpointScan.Finding(
          file: place.file, member: place.member, offset: finding.offset,
          opcode: "\(finding.opcode)", use: finding.use.rawValue,
          global: finding.global?.description, rendering: finding.rendering,
          verdict: CheckpointScan.Verdict(verdict.level), reason: verdict.reason))
    }
    return (cursor.position, scan.failure?.kind)
  }

  // MARK: PyTorch's older containers

  mutating func examineLegacyStream(_ content: ScannedContent) throws(CheckpointError) {
    let numbers: TorchNumbers
    do {
      numbers = try TorchNumbers(ofLegacyStream: content.file(), limits: limits)
    } catch {
      add(content.place.problem(error))
      var content = content
      content.isFragment = true
      return try examinePickles(content)
    }
    try examine(numbers.parts, of: content, content.file())
  }

  /// Walks the pickles between numbers, and leaves the numbers alone.
  mutating func examine(
    _ parts: [TorchNumbers.Part], of content: ScannedContent, _ file: SourceFile
  ) throws(CheckpointError) {
    for part in parts {
      for range in part.pickles {
        var place = content.place
        place.base += range.lowerBound - part.range.lowerBound
        walk(try file.bytes(at: range.lowerBound, count: range.count), from: 0, place)
      }
      guard part.end < part.range.upperBound else { continue }
      pending.append(
        try content.part(
          (part.end - part.range.lowerBound)..<(part.range.upperBound - part.range.lowerBound)))
    }
  }

  // MARK: Guesses

  private mutating func guess(
    _ bytes: [UInt8], at position: Int, window: Int = .max, operations most: Int = .max
  ) -> PickleScan.Guess {
    var cursor = ByteCursor(bytes)
    guard (try? cursor.seek(to: position, "pickle")) != nil else { return .broken }
    var allowed = min(operations, most)
    let before = allowed
    defer { operations -= before - allowed }
    return PickleScan.guess(cursor, operations: &allowed, window: window)
  }

  /// What bytes are to a program that takes them for pickles, one behind another: the first that tells, and where it begins.
  private mutating func guessStream(_ bytes: [UInt8]) -> (guess: PickleScan.Guess, start: Int) {
    var position = 0
    while true {
      let guess = guess(bytes, at: position)
      guard case .whole(let end) = guess, end < bytes.count else { return (guess, position) }
      position = end
    }
  }

  /// Looks at bytes that are something else as a program would that takes them for a pickle.
  mutating func guessBeginning(of content: ScannedContent) throws(CheckpointError) {
    // The first operation tells nearly always, and the content may have gigabytes.
    var count = 64 << 10
    while true {
      let bytes = try content.prefix(count)
      let (guess, start) = guessStream(bytes)
      switch guess {
      case .calls:
        walk(try content.prefix(ContentWalk.contentBytes), from: start, content.place)
        return
      case .cut where count < min(content.byteCount, ContentWalk.contentBytes): count *= 8
      case .unfinished: return noteCutSearch(content)
      default: return
      }
    }
  }

  /// Walks a value that is a pickle which calls something.
  mutating func walkIfPickle(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    let (guess, start) = guessStream(bytes)
    if guess == .calls { walk(bytes, from: start, place) }
  }

  /// Looks whether bytes are pickles from the first one on: one that calls something, or all that end where they do.
  mutating func guessPickles(
    _ bytes: [UInt8], _ content: ScannedContent
  ) throws(CheckpointError) -> Bool {
    switch guessStream(bytes).guess {
    case .broken, .cut: return false
    case .unfinished:
      noteCutSearch(content)
      return false
    case .whole, .calls:
      try examinePickles(bytes, content)
      return true
    }
  }

  /// Searches bytes for pickles that call something or name a global: behind a header, between numbers, in a text.
  mutating func search(_ bytes: [UInt8], from start: Int = 0, _ content: ScannedContent) {
    var position = start
    var names = NameRun()
    while position < bytes.count {
      defer { position += 1 }
      guard ContentWalk.mayBegin(bytes, at: position, &names) else { continue }
      guard operations > 0 else { return noteCutSearch(content) }
      switch guess(
        bytes, at: position, window: ContentWalk.searchWindow,
        operations: ContentWalk.guessLength)
      {
      case .broken, .cut, .unfinished: continue
      case .calls: position = max(position, walk(bytes, from: position, content.place).end - 1)
      case .whole(let end):
        guard ContentWalk.begins(bytes[position...]) else { continue }
        var cursor = ByteCursor(bytes)
        try? cursor.seek(to: position, "pickle")
        guard !PickleScan(walking: &cursor).findings.isEmpty else { continue }
        walk(bytes, from: position, content.place)
        position = max(position, end - 1)
      }
    }
  }

  /// True where the way to a call can begin: `PROTO`, a mark, or the names of a global.
  private static func mayBegin(
    _ bytes: [UInt8], at position: Int, _ names: inout NameRun
  ) -> Bool {
    // An escape spells any letter, in the two operations whose text has escapes.
    func isLetter(_ index: Int, orEscape: Bool = false) -> Bool {
      guard index < bytes.count else { return false }
      return orEscape && bytes[index] == 0x5C || (0x41...0x5A).contains(bytes[index])
        || (0x61...0x7A).contains(bytes[index])
        || bytes[index] == 0x5F
    }
    switch bytes[position] {
    case 0x80: return begins(bytes[position...])
    case 0x28: return true
    // GLOBAL, and the text of a module's name in each of the ways to write it.
    case 0x63: return isLetter(position + 1) && names.isLine(bytes, after: position)
    case 0x56:
      return isLetter(position + 1, orEscape: true) && names.isLine(bytes, after: position)
    case 0x8C, 0x55: return isLetter(position + 2)
    case 0x58, 0x54: return isLetter(position + 5)
    case 0x8D: return isLetter(position + 9)
    case 0x53: return isLetter(position + 2, orEscape: true)
    default: return false
    }
  }
}

/// Where the bytes of dotted names end that a search is in: every place in them asks, and the end is the same for all.
private struct NameRun {
  private var end = 0

  /// True if a line of a dotted name follows.
  mutating func isLine(_ bytes: [UInt8], after position: Int) -> Bool {
    if end <= position { end = position + 1 }
    while end < bytes.count, Self.isOfName(bytes[end]) { end += 1 }
    return end < bytes.count && bytes[end] == 0x0A
      && end - position - 1 <= ContentWalk.nameLength
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == 0x2E || byte == 0x5F || byte == 0x5C || (0x30...0x39).contains(byte)
      || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

extension CheckpointScan.Verdict {
  init(_ level: GlobalVerdict.Level) {
    self =
      switch level {
      case .safe: .safe
      case .unknown: .unknown
      case .dangerous: .dangerous
      }
  }
}
