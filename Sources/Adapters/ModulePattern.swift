package import CheckpointBytes

/// A regular expression over names of modules, as the settings of an adapter have them (`re` of Python).
///
/// Known are letters as they are, `.`, `^`, `$`, `|`, groups (captured or not, which is the same here), classes in brackets, `\d`, `\w`, `\s`
/// and their opposites, an escaped sign, and repetition by `*`, `+`, `?` and `{m,n}`, greedy or not. All ways are followed at once, one letter
/// after the other, so that time grows with the length of name and pattern and no further.
package struct ModulePattern: Sendable {
  /// What is done at one place of the pattern.
  fileprivate enum Step: Sendable {
    case letter(LetterClass)
    case either(Int, Int)
    case start
    case end
    case match
  }

  /// More steps than any pattern of modules takes; `(a{99}){99}` wants more.
  static let mostSteps = 10_000

  /// The text of the pattern.
  package let text: String
  private let steps: [Step]
  /// The end of a name, of letters and points only: what nearly all patterns are, of which there can be one for each module.
  private let suffix: [Unicode.Scalar]?

  /// What the pattern takes of memory.
  package var stepCount: Int { steps.count }
  /// The most that is done for a letter of a name.
  var stepsPerLetter: Int { suffix == nil ? steps.count : 1 }

  /// A pattern that a whole name has to match (`re.fullmatch`).
  ///
  /// - Throws: `unsupported` for what is no pattern, or one of a kind that is not known, with the place.
  package init(_ text: String) throws(CheckpointError) {
    try self.init(text, wrapped: text, isSuffix: false)
  }

  /// A pattern that the last components of a name have to match, as the keys of `rank_pattern` (`get_pattern_key` of PEFT).
  package init(ending text: String) throws(CheckpointError) {
    let isSuffix = text.unicodeScalars.allSatisfy {
      $0 == "." || LetterClass.wordLetters.contains($0)
    }
    // By itself, too: what closes the bracket in front of it would be another pattern.
    if !isSuffix { _ = try ModulePattern(text) }
    try self.init(text, wrapped: "(.*\\.)?(" + text + ")", isSuffix: isSuffix)
  }

  private init(_ text: String, wrapped: String, isSuffix: Bool) throws(CheckpointError) {
    var parser = PatternParser(wrapped, shown: text)
    let tree = try parser.parse()
    var compiler = PatternCompiler()
    compiler.append(tree)
    guard compiler.steps.count < Self.mostSteps else {
      throw CheckpointError(
        .limitExceeded,
        "the pattern \(quoted(text)) has more than \(Self.mostSteps) steps")
    }
    self.text = text
    steps = compiler.steps + [.match]
    suffix = isSuffix ? Array(text.unicodeScalars) : nil
  }

  /// True if the pattern matches.
  package func matches(_ name: String) -> Bool {
    if let suffix { return Self.isEnd(suffix, of: name) }
    let letters = Array(name.unicodeScalars)
    var current = PlaceSet(count: steps.count)
    var next = current
    follow(0, at: 0, of: letters.count, into: &current)
    for (index, letter) in letters.enumerated() {
      for place in current.places {
        if case .letter(let taken) = steps[place], taken.contains(letter) {
          follow(place + 1, at: index + 1, of: letters.count, into: &next)
        }
      }
      if next.places.isEmpty { return false }
      swap(&current, &next)
      next.removeAll()
    }
    return current.isMember[steps.count - 1]
  }

  /// True of the whole name, or of what is behind one of its points. A point of the pattern is any letter but the end of a line.
  private static func isEnd(_ suffix: [Unicode.Scalar], of name: String) -> Bool {
    var rest = name.unicodeScalars[...]
    for wanted in suffix.reversed() {
      guard let letter = rest.popLast(), wanted == "." ? letter != "\n" : letter == wanted else {
        return false
      }
    }
    return rest.isEmpty || rest.last == "." && !rest.contains("\n")
  }

  /// Adds a place, and all that are reached from it without a letter.
  private func follow(_ place: Int, at position: Int, of count: Int, into set: inout PlaceSet) {
    set.waiting.append(place)
    while let place = set.waiting.popLast() {
      guard set.insert(place) else { continue }
      switch steps[place] {
      case .either(let first, let second):
        set.waiting.append(second)
        set.waiting.append(first)
      case .start where position == 0: set.waiting.append(place + 1)
      case .end where position == count: set.waiting.append(place + 1)
      default: break
      }
    }
  }
}

/// Places of a pattern, each once.
private struct PlaceSet {
  private(set) var places: [Int] = []
  private(set) var isMember: [Bool]
  /// Places that are yet to be looked at.
  var waiting: [Int] = []

  init(count: Int) { isMember = Array(repeating: false, count: count) }

  mutating func insert(_ place: Int) -> Bool {
    if isMember[place] { return false }
    isMember[place] = true
    places.append(place)
    return true
  }

  mutating func removeAll() {
    for place in places { isMember[place] = false }
    places.removeAll(keepingCapacity: true)
  }
}

/// The letters that one place of a pattern takes.
private struct LetterClass: Sendable {
  var ranges: [ClosedRange<Unicode.Scalar>] = []
  var isInverted = false

  func contains(_ letter: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(letter) } != isInverted
  }

  /// Everything but the end of a line.
  static let any = LetterClass(ranges: ["\n"..."\n"], isInverted: true)
  static let digits = LetterClass(ranges: ["0"..."9"])
  static let wordLetters = LetterClass(ranges: ["a"..."z", "A"..."Z", "0"..."9", "_"..."_"])
  static let spaces = LetterClass(ranges: ["\t"..."\r", " "..." "])
}

/// A pattern, read.
private indirect enum PatternTree {
  case letter(LetterClass)
  case start
  case end
  case sequence([PatternTree])
  case either([PatternTree])
  case repeated(PatternTree, least: Int, most: Int?)

  /// The steps that it becomes.
  var stepCount: Int {
    switch self {
    case .letter, .start, .end: return 1
    case .sequence(let parts): return parts.reduce(0) { Self.bounded($0 + $1.stepCount) }
    case .either(let parts): return parts.reduce(0) { Self.bounded($0 + $1.stepCount + 2) }
    case .repeated(let part, let least, let most):
      let (count, overflow) = (part.stepCount + 2).multipliedReportingOverflow(
        by: (most ?? least) + 1)
      return overflow ? ModulePattern.mostSteps : Self.bounded(count)
    }
  }

  private static func bounded(_ count: Int) -> Int { min(count, ModulePattern.mostSteps) }
}

/// Reads a pattern.
private struct PatternParser {
  private let letters: [Unicode.Scalar]
  private let shown: String
  private var place = 0
  private var depth = 0

  /// Deeper groups than any pattern of modules has.
  private static let greatestDepth = 100

  init(_ text: String, shown: String) {
    letters = Array(text.unicodeScalars)
    self.shown = shown
  }

  mutating func parse() throws(CheckpointError) -> PatternTree {
    let tree = try either()
    guard place == letters.count else { throw failure("a bracket that nothing opens") }
    guard tree.stepCount < ModulePattern.mostSteps else {
      throw CheckpointError(
        .limitExceeded,
        "the pattern \(quoted(shown)) has \(ModulePattern.mostSteps) steps or more")
    }
    return tree
  }

  private func failure(_ problem: String) -> CheckpointError {
    CheckpointError(.unsupported, "the pattern \(quoted(shown)) has \(problem)")
  }

  private mutating func take(_ letter: Unicode.Scalar) -> Bool {
    guard place < letters.count, letters[place] == letter else { return false }
    place += 1
    return true
  }

  private mutating func either() throws(CheckpointError) -> PatternTree {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.greatestDepth else { throw failure("groups nested too deep") }
    var parts = [try sequence()]
    while take("|") { parts.append(try sequence()) }
    return parts.count == 1 ? parts[0] : .either(parts)
  }

  private mutating func sequence() throws(CheckpointError) -> PatternTree {
    var parts: [PatternTree] = []
    while place < letters.count, letters[place] != "|", letters[place] != ")" {
      parts.append(try repeated(try atom()))
    }
    return .sequence(parts)
  }

  private mutating func repeated(_ atom: PatternTree) throws(CheckpointError) -> PatternTree {
    var result = atom
    let range: (Int, Int?)
    if take("*") {
      range = (0, nil)
    } else if take("+") {
      range = (1, nil)
    } else if take("?") {
      range = (0, 1)
    } else if take("{") {
      range = try counts()
    } else {
      return atom
    }
    result = .repeated(atom, least: range.0, most: range.1)
    // Greedy or not, a whole name matches or does not.
    _ = take("?")
    if place < letters.count, ["*", "+", "?", "{"].contains(letters[place]) {
      throw failure("a repetition of a repetition")
    }
    return result
  }

  private mutating func counts() throws(CheckpointError) -> (Int, Int?) {
    let least = number()
    guard take(",") else {
      guard let least, take("}") else { throw failure("a repetition that is none") }
      return (least, least)
    }
    let most = number()
    guard take("}"), (most ?? .max) >= (least ?? 0) else {
      throw failure("a repetition that is none")
    }
    return (least ?? 0, most)
  }

  private mutating func number() -> Int? {
    var digits = ""
    while place < letters.count, ("0"..."9").contains(letters[place]), digits.count < 6 {
      digits.unicodeScalars.append(letters[place])
      place += 1
    }
    return Int(digits)
  }

  private mutating func atom() throws(CheckpointError) -> PatternTree {
    let letter = letters[place]
    place += 1
    switch letter {
    case ".": return .letter(.any)
    case "^": return .start
    case "$": return .end
    case "(":
      if take("?"), !take(":") { throw failure("a group that begins with (? and is not (?:") }
      let inner = try either()
      guard take(")") else { throw failure("a group that does not end") }
      return inner
    case "[": return .letter(try brackets())
    case "\\": return .letter(try escaped())
    case "*", "+", "?", "{": throw failure("a repetition of nothing")
    default: return .letter(LetterClass(ranges: [letter...letter]))
    }
  }

  private mutating func escaped() throws(CheckpointError) -> LetterClass {
    guard place < letters.count else { throw failure("an escape at its end") }
    let letter = letters[place]
    place += 1
    switch letter {
    case "d": return .digits
    case "w": return .wordLetters
    case "s": return .spaces
    case "D": return LetterClass(ranges: LetterClass.digits.ranges, isInverted: true)
    case "W": return LetterClass(ranges: LetterClass.wordLetters.ranges, isInverted: true)
    case "S": return LetterClass(ranges: LetterClass.spaces.ranges, isInverted: true)
    default:
      guard !LetterClass.wordLetters.contains(letter) else {
        throw failure("the escape \\\(letter), which is not known")
      }
      return LetterClass(ranges: [letter...letter])
    }
  }

  private mutating func brackets() throws(CheckpointError) -> LetterClass {
    var result = LetterClass()
    result.isInverted = take("^")
    var isFirst = true
    while place < letters.count {
      if letters[place] == "]", !isFirst {
        place += 1
        return result
      }
      isFirst = false
      var first = LetterClass(ranges: [letters[place]...letters[place]])
      place += 1
      if first.contains("\\") { first = try escaped() }
      guard !first.isInverted else { throw failure("an opposite in brackets") }
      if place + 1 < letters.count, letters[place] == "-", letters[place + 1] != "]",
        let start = first.ranges.first, first.ranges.count == 1
      {
        let last = letters[place + 1]
        guard start.lowerBound == start.upperBound, start.lowerBound <= last, last != "\\" else {
          throw failure("a range of letters that is none")
        }
        place += 2
        result.ranges.append(start.lowerBound...last)
      } else {
        result.ranges += first.ranges
      }
    }
    throw failure("brackets that do not end")
  }
}

/// Puts a pattern into steps.
private struct PatternCompiler {
  var steps: [ModulePattern.Step] = []

  mutating func append(_ tree: PatternTree) {
    switch tree {
    case .letter(let letters): steps.append(.letter(letters))
    case .start: steps.append(.start)
    case .end: steps.append(.end)
    case .sequence(let parts): parts.forEach { append($0) }
    case .either(let parts): append(either: parts[...])
    case .repeated(let part, let least, let most):
      for _ in 0..<least { append(part) }
      if let most {
        for _ in least..<most { optional { $0.append(part) } }
      } else {
        let start = steps.count
        optional {
          $0.append(part)
          $0.steps.append(.either(start, start))
        }
      }
    }
  }

  /// Something that may be passed over.
  private mutating func optional(_ body: (inout PatternCompiler) -> Void) {
    let fork = steps.count
    steps.append(.match)
    body(&self)
    steps[fork] = .either(fork + 1, steps.count)
  }

  private mutating func append(either parts: ArraySlice<PatternTree>) {
    guard let first = parts.first else { return }
    guard parts.count > 1 else { return append(first) }
    let fork = steps.count
    steps.append(.match)
    append(first)
    let jump = steps.count
    steps.append(.match)
    steps[fork] = .either(fork + 1, steps.count)
    append(either: parts.dropFirst())
    steps[jump] = .either(steps.count, steps.count)
  }
}
