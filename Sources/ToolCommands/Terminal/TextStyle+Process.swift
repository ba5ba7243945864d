internal import Weighbridge

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension TextStyle {
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

  /// The same style in the words of the command line.
  var ofTool: TextStyle {
    var style = self
    style.remedyText = { $0.argument }
    style.restHint = " (see --verbose or --json)"
    return style
  }
}
