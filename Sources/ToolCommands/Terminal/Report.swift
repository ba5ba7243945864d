internal import ArgumentParser
internal import Weighbridge

/// What a command found: one value that prints as text for people, as JSON for programs, and as a page to look at.
protocol Report {
  /// The text for people, with its last line feed.
  func text(_ style: TextStyle) -> String
  /// The object for programs; `docs/json.md` describes it.
  var json: JSONValue { get }
  /// The page.
  var page: ReportPage { get }
}

/// In which forms a report is given.
struct ReportOptions: ParsableArguments {
  @Flag(help: "Print everything as one JSON object, errors included (docs/json.md).")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Write the report as a page for a browser, too: one file that needs nothing else.",
      valueName: "file.html"))
  var report: String?

  func validate() throws { try requirePage(report) }

  /// The page, for a command that reads what it is given and not whatever lies in a directory, where an earlier page may be.
  var replacedFiles: [String] { report.map { [$0] } ?? [] }

  /// Prints a report, and writes its page where one is asked for.
  ///
  /// - Parameter isResult: False for what only says that something was done, which nobody hears who wants quiet.
  func give(
    _ report: some Report, on console: Console, isResult: Bool = true
  ) throws(CheckpointError) {
    try writePage(of: report)
    if json {
      console.write(JSONWriter.text(report.json) + "\n")
    } else if isResult || !console.style.isQuiet {
      console.write(report.text(console.style))
    }
  }

  /// Writes the page of a report, where one is asked for.
  func writePage(of report: some Report) throws(CheckpointError) {
    if let path = self.report { try report.page.write(to: path) }
  }

  /// Refuses a page of several reports.
  func checkPage(ofSources count: Int) throws {
    if report != nil, count > 1 { throw ValidationError("--report is the page of one source") }
  }
}

/// Refuses to write a page to what does not end as pages do: it is most likely a source, behind an option that was taken for a flag, and
/// would be lost.
func requirePage(_ path: String?) throws {
  guard let path else { return }
  let name = path.lowercased()
  guard name.hasSuffix(".html") || name.hasSuffix(".htm") else {
    throw ValidationError(
      "--report is followed by the page to write, as report.html; \(quoted(path)) is none")
  }
}
