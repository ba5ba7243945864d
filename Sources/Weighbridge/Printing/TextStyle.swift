package import CheckpointBytes

/// How text for people is laid out: as wide as the terminal, with colours where there is one, and in the words of Swift unless
/// the command line has put its own. What goes into a file or a pipe is neither cut nor coloured, so that it is the same
/// everywhere.
package struct TextStyle: Sendable {
  /// The columns of the terminal; nil where lines may have any length.
  package var width: Int?
  /// True if colours are understood and wanted.
  package var isColored: Bool
  /// True if nothing is folded and no list is cut.
  package var isVerbose = false
  /// True if only results and errors are printed.
  package var isQuiet = false
  /// What a remedy is called.
  package var remedyText: @Sendable (Remedy) -> String = { $0.description }
  /// What is said behind the number of things that a list leaves out: where they are.
  package var restHint = ""

  /// What a pipe gets: any length, no colours.
  package static let plain = TextStyle()

  /// A style of its parts.
  package init(width: Int? = nil, isColored: Bool = false) {
    self.width = width
    self.isColored = isColored
  }
}

/// What a piece of text says, by which it is coloured.
package enum TextRole: String, Sendable {
  case heading = "1"
  case good = "32"
  case bad = "31"
  case doubtful = "33"
  case faint = "2"
}

extension TextStyle {
  /// The text in the colour of its role, where there are colours.
  package func paint(_ text: String, _ role: TextRole?) -> String {
    guard isColored, let role, !text.isEmpty else { return text }
    return "\u{1B}[\(role.rawValue)m\(text)\u{1B}[0m"
  }

  /// The first so many of a list, or all of it where nothing is to be cut.
  package func shown<Element>(_ list: [Element], limit: Int) -> ArraySlice<Element> {
    isVerbose ? list[...] : list.prefix(limit)
  }

  /// What says that a list is longer; nothing if it is not.
  package func rest(of count: Int, limit: Int) -> [String] {
    isVerbose || count <= limit
      ? [] : [paint("… and \(count - limit) more" + restHint, .faint)]
  }

  /// A text with remedies, on one line.
  package func words(_ text: Wording) -> String {
    singleLine(text.text(saying: remedyText), limit: 400)
  }

  /// A line cut to the terminal's width.
  package func fitted(_ line: String) -> String {
    guard let width, line.shownWidth > width else { return line }
    return cutInTheMiddle(line, to: width)
  }

  /// A line, or as many as its room asks for: broken behind commas, the ones that follow as far in as the first. A part that has no room
  /// alone is cut in the middle.
  package func folded(_ line: String) -> [String] {
    guard let width, line.shownWidth > width else { return [line] }
    let indent = String(line.prefix { $0 == " " })
    var lines: [String] = []
    var open = indent
    for (place, part) in line.dropFirst(indent.count).split(separator: ", ").enumerated() {
      if place > 0 { open += "," }
      if place > 0, open.shownWidth + 1 + String(part).shownWidth < width {
        open += " " + part
      } else {
        if place > 0 { lines.append(fitted(open)) }
        open = indent + part
      }
    }
    return lines + [fitted(open)]
  }
}

/// Text of at most so many columns: what is left out is left out of the middle, since both ends of a name or a path tell more.
package func cutInTheMiddle(_ text: String, to width: Int) -> String {
  guard text.shownWidth > width else { return text }
  guard width > 1 else { return width == 1 ? "…" : "" }
  let front = beginning(of: text, (width - 1) / 2)
  let room = width - 1 - String(front).shownWidth
  return String(front) + "…" + String(beginning(of: text.reversed(), room).reversed())
}

/// As many characters as so many columns have room for.
private func beginning(of text: some Sequence<Character>, _ width: Int) -> [Character] {
  var room = width
  return Array(
    text.prefix { character in
      room -= character.columns
      return room >= 0
    })
}

extension String {
  /// How many columns of a terminal it takes. Of ASCII, which names are made of, each byte is one: characters are not looked for.
  package var shownWidth: Int {
    utf8.allSatisfy { 0x20..<0x7F ~= $0 } ? utf8.count : reduce(0) { $0 + $1.columns }
  }
}

extension Character {
  /// Two for what Unicode calls wide or fullwidth (UAX #11, `EastAsianWidth.txt` of Unicode 15), which emoji are, else one.
  fileprivate var columns: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if first.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
    switch first.value {
    case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x3247, 0x3250...0x4DBF,
      0x4E00...0xA4CF,
      0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6B,
      0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x1B2FB, 0x1F200...0x1F265, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}
