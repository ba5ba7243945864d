/// A template of Jinja (3.1), judged by what its expressions reach. Transformers renders chat templates in a sandbox; other
/// programs have rendered them without one (CVE-2024-34359), and there an attribute such as `__class__` leads to everything.
///
/// A template counts as safe if none of its names, attributes and texts is one of Python's inner ones or a part of one, and what
/// stands in brackets is text, a number, or a name that is not put together in the template.
struct JinjaTemplate {
  let verdict: CheckpointScan.Verdict
  let reason: String

  private static let harmless = "reaches nothing but its own variables"
  private static let innerName = "reaches Python's inner attributes, and by them anything"
  private static let calls: Set<String> = [
    "popen", "system", "eval", "exec", "getattr", "setattr", "globals", "builtins", "import_module",
    "subprocess", "os",
    "check_output", "check_call", "spawn", "Popen", "compile", "open", "mro", "subclasses",
    "modules",
  ]
  /// Attributes of generators, frames, functions and code that have no underscores in front; Jinja's own sandbox forbids them
  /// (`jinja2/sandbox.py`). `(messages|map('trim')).gi_frame.f_builtins` is all of Python's functions.
  private static let frames = ["gi_", "cr_", "ag_", "f_", "tb_", "co_", "func_", "im_"]
  private static let globals: Set<String> = [
    "lipsum", "cycler", "joiner", "self", "config", "request", "url_for", "get_flashed_messages",
    "application",
  ]
  private static let loading: Set<String> = ["import", "include", "from", "extends", "call", "do"]

  /// Judges a text; nil if it has no expressions and no statements.
  init?(_ text: String) {
    var tokens = JinjaTokens(text)
    var parts: [[Token]] = []
    while let code = tokens.nextCode() { parts.append(code) }
    guard !parts.isEmpty else { return nil }
    var worst: (CheckpointScan.Verdict, String) = (.safe, JinjaTemplate.harmless)
    let made = Set(parts.flatMap(JinjaTemplate.madeNames))
    for code in parts {
      guard let (verdict, reason) = JinjaTemplate.judge(code, made) else { continue }
      if verdict == .dangerous || worst.0 == .safe { worst = (verdict, reason) }
      if verdict == .dangerous { break }
    }
    if worst.0 != .dangerous, tokens.isBroken {
      worst = (.unknown, "does not end where it should")
    }
    (verdict, reason) = worst
  }

  private typealias Token = JinjaTokens.Token

  /// The names that a statement sets to something put together, or to its members one by one.
  private static func madeNames(_ code: [Token]) -> [String] {
    // A statement may begin with the mark that takes white space away.
    let words = code.first == .mark("-") ? code.dropFirst() : code[...]
    guard case .name(let word)? = words.first else { return [] }
    switch word {
    case "set", "with":
      let isMade = words.contains { token in
        ["~", "+", "*", "%", "|", "["].contains { token == .mark($0) }
      }
      return isMade ? names(words.dropFirst().prefix { $0 != .mark("=") }) : []
    case "for":
      guard let place = words.firstIndex(of: .name("in")) else { return [] }
      let isMade = words[place...].contains { token in
        [
          .mark("~"), .mark("*"), .mark("%"), .name("join"), .name("format"), .name("replace"),
          .name("string"),
        ].contains(token)
      }
      return isMade ? names(words.dropFirst().prefix(upTo: place)) : []
    default: return []
    }
  }

  private static func names(_ tokens: ArraySlice<Token>) -> [String] {
    tokens.compactMap { if case .name(let name) = $0 { name } else { nil } }
  }

  private static func judge(
    _ code: [Token], _ made: Set<String>
  ) -> (CheckpointScan.Verdict, String)? {
    var doubtful: (CheckpointScan.Verdict, String)?
    if case .name(let word)? = code.first(where: { $0 != .mark("-") }), loading.contains(word),
      code.count > 1
    {
      doubtful = (.unknown, "loads another template or calls a function for its effect")
    }
    for (index, token) in code.enumerated() {
      let previous = index > 0 ? code[index - 1] : nil
      let next = index + 1 < code.count ? code[index + 1] : nil
      switch token {
      case .name(let name):
        if isInner(name) { return (.dangerous, innerName) }
        let isAttribute = previous == .mark(".") || previous == .mark("|")
        if previous == .mark("."),
          name.hasPrefix("_") || calls.contains(name) || frames.contains(where: name.hasPrefix)
        {
          return (.dangerous, innerName)
        }
        // `x|map(attribute=name)`, `x|map(filter, name)`, `{% filter attr(…) %}`: attributes by names that are made.
        if previous == .mark("|"), takingNames.contains(name), next == .mark("("),
          let inside = brackets(code[(index + 2)...])
        {
          doubtful = doubtful ?? doubt(ofArguments: inside, made)
        }
        if name == "filter", previous == nil || previous == .mark("-"), next == .name("attr") {
          return (.dangerous, innerName)
        }
        if globals.contains(name), next == .mark("|") || next == .mark("]") || next == .mark(",") {
          doubtful = doubtful ?? (.unknown, "makes a value of a function of Jinja's own")
        }
        if previous == .mark("|"), name == "attr" { return (.dangerous, innerName) }
        if !isAttribute, next == .mark("("), calls.contains(name) {
          return (.dangerous, "calls \(name)")
        }
        if !isAttribute, next == .mark(".") || next == .mark("["),
          globals.contains(name) || calls.contains(name)
        {
          return (.dangerous, innerName)
        }
      case .text(let text):
        if isInner(text) || text.contains("__import__") || text.contains("__class__")
          || text.contains("__globals__") || text.contains("__builtins__")
        {
          return (.dangerous, innerName)
        }
        // `'_' ~ '_class'`, `'%c%cclass' % …`: texts of which a name can be made.
        let takers: [Token?] = [.mark("["), .mark("|"), .mark(".")]
        let behind = index + 2 < code.count && next == .mark(")") ? code[index + 2] : next
        let isTaken = text.contains("_") && takers.contains(behind)
        if text.contains("__") || text.contains("%c") || isTaken
          || (text.allSatisfy({ $0 == "_" }) && !text.isEmpty)
        {
          doubtful = (.unknown, "has parts of which a name of Python's inner ones can be made")
        }
      case .mark("["):
        guard isValue(previous), let inside = brackets(code[(index + 1)...]) else { continue }
        if !isPlain(inside, made) {
          doubtful = doubtful ?? (.unknown, "takes a part by a name that is made while it runs")
        }
      default: break
      }
    }
    return doubtful
  }

  /// Filters that take the names of attributes and filters.
  private static let takingNames: Set<String> = [
    "map", "select", "reject", "selectattr", "rejectattr", "groupby", "sort", "sum", "unique",
    "join",
    "max", "min",
  ]

  /// What there is to say of the arguments of such a filter: names of attributes and filters are texts as a rule.
  private static func doubt(
    ofArguments tokens: ArraySlice<Token>, _ made: Set<String>
  ) -> (CheckpointScan.Verdict, String)? {
    let isMade = tokens.contains { token in
      switch token {
      case .name(let name): made.contains(name)
      case .mark(let mark): "~+*%|[".contains(mark)
      case .text("attr"): true
      case .text(let text):
        frames.contains(where: { text.hasPrefix($0) || text.contains("." + $0) })
      default: false
      }
    }
    return isMade ? (.unknown, "takes an attribute by a name that is made while it runs") : nil
  }

  /// `__class__`, `__globals__`…
  private static func isInner(_ name: String) -> Bool {
    name.hasPrefix("__") && name.utf8.count > 4
      && name.utf8.allSatisfy {
        $0 == 0x5F || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
          || (0x61...0x7A).contains($0)
      }
  }

  /// True for what brackets behind it take a part of; otherwise they make a list.
  private static func isValue(_ token: Token?) -> Bool {
    switch token {
    case .name(let name)?: !["in", "and", "or", "not", "if", "else", "is", "elif"].contains(name)
    case .text?, .mark(")")?, .mark("]")?: true
    default: false
    }
  }

  private static func brackets(_ rest: ArraySlice<Token>) -> ArraySlice<Token>? {
    var depth = 1
    for (index, token) in zip(rest.indices, rest) {
      if token == .mark("[") || token == .mark("(") { depth += 1 }
      if token == .mark("]") || token == .mark(")") { depth -= 1 }
      if depth == 0 { return rest[..<index] }
    }
    return nil
  }

  /// True for what is no name that was made: text, numbers and slices, a name or attribute with or without a number added.
  private static func isPlain(_ tokens: ArraySlice<Token>, _ made: Set<String>) -> Bool {
    if tokens.count == 1 {
      switch tokens.first {
      case .text?, .number?: return true
      case .name(let name)?: return !made.contains(name)
      default: return false
      }
    }
    var isSlice = false
    var numbers = 0
    for token in tokens {
      switch token {
      case .text: return false
      case .number: numbers += 1
      case .name, .mark("."), .mark("-"), .mark("+"): break
      case .mark(":"): isSlice = true
      // `messages[(messages|length) - 1]`
      case .mark("("), .mark(")"), .mark("|"): break
      default: return false
      }
    }
    return isSlice || numbers > 0 || tokens.count == 3
  }
}

/// The expressions and statements of a template, one after another, in parts.
struct JinjaTokens {
  enum Token: Equatable {
    case name(String)
    case number
    case text(String)
    case mark(Character)
  }

  private let characters: [Unicode.Scalar]
  private var position = 0
  /// True if an expression or a text in it had no end.
  private(set) var isBroken = false

  init(_ text: String) { characters = Array(text.unicodeScalars) }

  private func has(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Bool {
    position + 1 < characters.count && characters[position] == first
      && characters[position + 1] == second
  }

  /// The parts of what stands between the next `{{` or `{%` and its end; nil if there is no more.
  mutating func nextCode() -> [Token]? {
    while position < characters.count {
      if has("{", "#") {
        while position < characters.count, !has("#", "}") { position += 1 }
      } else if has("{", "{") || has("{", "%") {
        let end: Unicode.Scalar = characters[position + 1] == "{" ? "}" : "%"
        position += 2
        return code(until: end)
      }
      position += 1
    }
    return nil
  }

  private mutating func code(until end: Unicode.Scalar) -> [Token] {
    var tokens: [Token] = []
    var depth = 0
    while position < characters.count {
      let character = characters[position]
      // `{{ {'a': {}} }}`: what opens inside closes inside.
      if depth == 0, has(end, "}") {
        position += 2
        return tokens
      }
      switch character {
      case "'", "\"": tokens.append(.text(text(character)))
      case _ where character.properties.isXIDStart || character == "_": tokens.append(.name(name()))
      case "0"..."9":
        while position < characters.count, characters[position].properties.isXIDContinue {
          position += 1
        }
        tokens.append(.number)
      default:
        if character == "{" { depth += 1 }
        if character == "}" { depth -= 1 }
        if !character.properties.isWhitespace { tokens.append(.mark(Character(character))) }
        position += 1
      }
    }
    isBroken = true
    return tokens
  }

  private mutating func name() -> String {
    var name = ""
    while position < characters.count,
      characters[position].properties.isXIDContinue || characters[position] == "_"
    {
      name.unicodeScalars.append(characters[position])
      position += 1
    }
    return name
  }

  /// A text with its escapes resolved as Python does.
  private mutating func text(_ quote: Unicode.Scalar) -> String {
    var text = ""
    position += 1
    while position < characters.count, characters[position] != quote {
      if characters[position] == "\\", position + 1 < characters.count {
        position += 1
        text.unicodeScalars.append(escape())
      } else {
        text.unicodeScalars.append(characters[position])
        position += 1
      }
    }
    if position >= characters.count { isBroken = true }
    position += 1
    return text
  }

  private mutating func escape() -> Unicode.Scalar {
    let kind = characters[position]
    let (radix, longest, start): (Int, Int, Int)
    switch kind {
    case "x": (radix, longest, start) = (16, 2, position + 1)
    case "u": (radix, longest, start) = (16, 4, position + 1)
    case "U": (radix, longest, start) = (16, 8, position + 1)
    case "0"..."7": (radix, longest, start) = (8, 3, position)
    // A name of a character (`\N{LOW LINE}`) could be any.
    case "N":
      position += 1
      return "_"
    default:
      position += 1
      return kind == "n" ? "\n" : kind
    }
    var value: UInt32 = 0
    var end = start
    while end < characters.count, end - start < longest,
      let digit = Character(characters[end]).hexDigitValue, digit < radix
    {
      value = value &* UInt32(radix) &+ UInt32(digit)
      end += 1
    }
    position = max(end, position + 1)
    return Unicode.Scalar(value) ?? "_"
  }
}
