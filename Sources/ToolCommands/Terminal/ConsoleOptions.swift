internal import ArgumentParser
internal import Weighbridge

/// How much is said, and in what colours.
struct ConsoleOptions: ParsableArguments {
  /// When text is coloured.
  enum Coloring: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
  }

  @Flag(
    name: .shortAndLong,
    help: "Print results and errors only: no notes, no progress, no report of what was done.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print everything: nothing is folded, no list is cut.")
  var verbose = false

  @Option(
    help: ArgumentHelp(
      "When text is coloured: auto is on a terminal, unless NO_COLOR is set.", valueName: "when"))
  var color = Coloring.auto

  func validate() throws {
    if quiet, verbose { throw ValidationError("--quiet and --verbose contradict each other") }
  }

  /// A console that prints as these say.
  func applied(to console: Console) -> Console {
    var style = console.style
    style.isVerbose = verbose
    style.isQuiet = quiet
    switch color {
    case .auto: break
    case .always: style.isColored = true
    case .never: style.isColored = false
    }
    return console.with(style)
  }
}

/// A command that says as much as it is asked to.
protocol TalkingCommand: ToolCommand {
  var consoleOptions: ConsoleOptions { get }
}
