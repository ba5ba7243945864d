internal import Weighbridge

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// How text for people is laid out: as wide as the terminal, with colours where there is one. What goes into a file or a pipe
/// is neither cut nor coloured, so that it is the same everywhere.
public struct TextStyle: Sendable {
  /// The columns of the terminal; nil where lines may have any length.
  public var width: Int?
  /// True if colours are understood and wanted.
  public var isColored: Bool
  /// True if nothing is folded and no list is cut.
  var isVerbose = false
  /// True if only results and errors are printed.
  var isQuiet = false

  /// What a pipe gets: any length, no colours.
  public static let plain = TextStyle()

  /// A style of its parts.
  public init(width: Int? = nil, isColored: Bool = false) {
    self.width = width
    self.isColored = isColored
  }

  /// The style of the process's standard output: `COLUMNS` says the width where it is set, else the terminal itself;
  /// `NO_COLOR` (https://no-color.org) and a dumb terminal take the colours away.
  static let process: TextStyle = {
    guard isatty(1) == 1 else { return .plain }
    let hasColors = (variable("NO_COLOR") ?? "").isEmpty && variable("TERM") ?? "dumb" != "dumb"
    return TextStyle(width: terminalWidth, isColored: hasColors)
  }()

  private static var terminalWidth: Int? {
    if let columns = variable("COLUMNS").flatMap({ Int($0) }), columns > 0 { return columns }
    var size = winsize()
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  private static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
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
  func paint(_ text: String, _ role: TextRole?) -> String {
    guard isColored, let role, !text.isEmpty else { return text }
    return "\u{1B}[\(role.rawValue)m\(text)\u{1B}[0m"
  }

  /// The first so many of a list, or all of it where nothing is to be cut.
  func shown<Element>(_ list: [Element], limit: Int) -> ArraySlice<Element> {
    isVerbose ? list[...] : list.prefix(limit)
  }

  /// What says that a list is longer; nothing if it is not.
  func rest(of count: Int, limit: Int) -> [String] {
    isVerbose || count <= limit
      ? [] : [paint("… and \(count - limit) more (see --verbose or --json)", .faint)]
  }

  /// A line cut to the terminal's width.
  func fitted(_ line: String) -> String {
    guard let width, line.count > width else { return line }
    return cutInTheMiddle(line, to: width)
  }
}

/// Text of at most so many characters: what is left out is left out of the middle, since both ends of a name or a path tell more.
package func cutInTheMiddle(_ text: String, to width: Int) -> String {
  guard text.count > width else { return text }
  guard width > 1 else { return width == 1 ? "…" : "" }
  let front = (width - 1) / 2
  return text.prefix(front) + "…" + text.suffix(width - 1 - front)
}
