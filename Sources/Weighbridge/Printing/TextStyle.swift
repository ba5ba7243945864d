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
}

/// Text of at most so many characters: what is left out is left out of the middle, since both ends of a name or a path tell more.
package func cutInTheMiddle(_ text: String, to width: Int) -> String {
  guard text.shownWidth > width else { return text }
  guard width > 1 else { return width == 1 ? "…" : "" }
  let front = (width - 1) / 2
  return text.prefix(front) + "…" + text.suffix(width - 1 - front)
}

extension String {
  /// How many characters are shown. Of ASCII, which names are made of, each is a byte: they are not looked for.
  var shownWidth: Int { utf8.allSatisfy { 0x20..<0x7F ~= $0 } ? utf8.count : count }
}
