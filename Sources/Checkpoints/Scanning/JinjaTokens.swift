/// The tokens of a template's expressions and statements, as Jinja 3.1 cuts them (`jinja2/lexer.py`).
///
/// Comments and what stands between `{% raw %}` and `{% endraw %}` have none.
struct JinjaTokens {
  enum Token: Equatable {
    case name(String)
    case number
    case text(String)
    case mark(Character)
  }

  /// What stands between `{{` and `}}`, or between `{%` and `%}`.
  struct Code {
    let isStatement: Bool
    var tokens: [Token] = []
  }

  private let characters: [Unicode.Scalar]
  private var position = 0
  /// True if an expression, a text in it or a comment had no end.
  private(set) var isBroken = false

  init(_ text: String) { characters = Array(text.unicodeScalars) }

  private func has(
    _ first: Unicode.Scalar, _ second: Unicode.Scalar, at position: Int
  ) -> Bool {
    position + 1 < characters.count && characters[position] == first
      && characters[position + 1] == second
  }

  /// The next expression or statement; nil if there is no more.
  mutating func nextCode() -> Code? {
    while position < characters.count {
      if has("{", "#", at: position) {
        position += 2
        while position < characters.count, !has("#", "}", at: position) { position += 1 }
        if position >= characters.count { isBroken = true }
        position += 2
      } else if has("{", "{", at: position) {
        position += 2
        return code(Code(isStatement: false), until: "}")
      } else if has("{", "%", at: position) {
        if let start = endOfTag("raw", at: position) {
          passRawText(from: start)
        } else {
          position += 2
          return code(Code(isStatement: true), until: "%")
        }
      } else {
        position += 1
      }
    }
    return nil
  }

  /// The place behind a statement of one word alone; nil if there is none.
  private func endOfTag(_ word: String, at start: Int) -> Int? {
    var position = start + 2
    func skipSpace() {
      while position < characters.count, characters[position].properties.isWhitespace {
        position += 1
      }
    }
    func skipSign() {
      if position < characters.count, characters[position] == "-" || characters[position] == "+" {
        position += 1
      }
    }
    skipSign()
    skipSpace()
    guard characters[position...].starts(with: word.unicodeScalars) else { return nil }
    position += word.unicodeScalars.count
    skipSpace()
    skipSign()
    return has("%", "}", at: position) ? position + 2 : nil
  }

  private mutating func passRawText(from start: Int) {
    position = start
    while position < characters.count {
      if has("{", "%", at: position), let end = endOfTag("endraw", at: position) {
        position = end
        return
      }
      position += 1
    }
    isBroken = true
  }

  private mutating func code(_ start: Code, until end: Unicode.Scalar) -> Code {
    var code = start
    var depth = 0
    while position < characters.count {
      let character = characters[position]
      // `{{ {'a': {}} }}`: what opens inside closes inside.
      if depth == 0, has(end, "}", at: position) {
        position += 2
        // The marks that take white space away, or keep it.
        if let first = code.tokens.first, first == .mark("-") || first == .mark("+") {
          code.tokens.removeFirst()
        }
        if let last = code.tokens.last, last == .mark("-") || last == .mark("+") {
          code.tokens.removeLast()
        }
        return code
      }
      switch character {
      case "'", "\"": code.tokens.append(.text(text(character)))
      case _ where character.properties.isXIDStart || character == "_":
        code.tokens.append(.name(name()))
      case "0"..."9":
        passNumber()
        code.tokens.append(.number)
      default:
        if character == "{" { depth += 1 }
        if character == "}" { depth -= 1 }
        if !character.properties.isWhitespace { code.tokens.append(.mark(Character(character))) }
        position += 1
      }
    }
    isBroken = true
    return code
  }

  private mutating func passNumber() {
    func skipDigits() {
      while position < characters.count, characters[position].properties.isXIDContinue {
        position += 1
      }
    }
    skipDigits()
    // `1.5`, and not `1.real`.
    if position + 1 < characters.count, characters[position] == ".",
      ("0"..."9").contains(characters[position + 1])
    {
      position += 1
      skipDigits()
    }
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
        text.unicodeScalars += escape()
      } else {
        text.unicodeScalars.append(characters[position])
        position += 1
      }
    }
    if position >= characters.count { isBroken = true }
    position += 1
    return text
  }

  private static let controls: [Unicode.Scalar: Unicode.Scalar] = [
    "a": "\u{07}", "b": "\u{08}", "f": "\u{0C}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{0B}",
    "\\": "\\", "'": "'", "\"": "\"",
  ]

  private mutating func escape() -> [Unicode.Scalar] {
    let kind = characters[position]
    let (radix, longest, start): (Int, Int, Int)
    switch kind {
    case "x": (radix, longest, start) = (16, 2, position + 1)
    case "u": (radix, longest, start) = (16, 4, position + 1)
    case "U": (radix, longest, start) = (16, 8, position + 1)
    case "0"..."7": (radix, longest, start) = (8, 3, position)
    case "N":
      position += 1
      return [namedCharacter()]
    // A line that goes on.
    case "\n":
      position += 1
      return []
    default:
      position += 1
      return JinjaTokens.controls[kind].map { [$0] } ?? ["\\", kind]
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
    return [Unicode.Scalar(value) ?? "_"]
  }

  /// A character by its name, `\N{LOW LINE}`. Others than letters and `_` do not matter here.
  private mutating func namedCharacter() -> Unicode.Scalar {
    guard position < characters.count, characters[position] == "{" else { return "\u{FFFD}" }
    var name = ""
    position += 1
    while position < characters.count, characters[position] != "}", name.utf8.count < 100 {
      name.unicodeScalars.append(characters[position])
      position += 1
    }
    position += 1
    name = name.uppercased()
    guard name != "LOW LINE" else { return "_" }
    guard let letter = name.unicodeScalars.last, ("A"..."Z").contains(letter) else {
      return "\u{FFFD}"
    }
    if name == "LATIN CAPITAL LETTER \(letter)" { return letter }
    if name == "LATIN SMALL LETTER \(letter)" {
      return Unicode.Scalar(letter.value + 0x20) ?? "\u{FFFD}"
    }
    return "\u{FFFD}"
  }
}
