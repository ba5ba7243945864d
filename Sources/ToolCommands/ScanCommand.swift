internal import ArgumentParser
internal import Weighbridge

/// `weighbridge scan`: what a pickle would have called, without calling it.
struct ScanCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract:
      "Lists what in files would run code when somebody loads them, and what it would call.",
    discussion: """
      Opens everything, broken and forbidden files and archives in archives included, and runs nothing; a directory is \
      scanned with all below it. Looks for code beside pickles, too: in configurations, templates, graphs and sources. \
      Each finding has a verdict and a reason: safe, unknown, dangerous. Ends with exit code 0 if all was read and is known \
      as data, and 1 if anything is unknown or dangerous, or was not looked into (--fail-on dangerous: only if anything is \
      dangerous). Of several sources, those that are nothing \
      but data have a line each, and the others all that was found; with --json each has an object on a line of its own, \
      with --sarif all are one log.

      Examples:
        weighbridge scan pytorch_model.bin
        weighbridge scan downloads/ --sarif > scan.sarif
        weighbridge scan downloads/*.pt --quiet && echo nothing but data
      """)

  @Argument(help: "A file, or a directory whose files are scanned. There may be several.")
  var source: [String]

  @OptionGroup var output: ReportOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  @Flag(help: "Print everything as a SARIF 2.1.0 log, as code hosts and editors show it.")
  var sarif = false

  @Option(
    help: ArgumentHelp(
      "The least verdict that ends with exit code 1: unknown or dangerous.", valueName: "verdict"))
  var failOn = "unknown"

  @Option(
    help: ArgumentHelp(
      "Accept what this file lists, of files whose bytes are the same as when it was written.",
      valueName: "file"))
  var baseline: String?

  @Option(
    help: ArgumentHelp(
      "Write a list of all that is found, to be accepted in later runs.", valueName: "file"))
  var writeBaseline: String?

  @OptionGroup var limitOptions: LimitOptions

  mutating func run(on console: Console) throws -> ToolExit {
    let accepted = try baseline.map { path throws(CheckpointError) in
      try ScanBaseline(reading: path)
    }
    if let writeBaseline { try ScanBaseline.checkDestination(writeBaseline) }
    let sources = try Self.expanded(source)
    try output.checkPage(ofSources: sources.count)
    var written = ScanBaseline()
    var reports: [ScanReport] = []
    var failures: [(source: String, error: CheckpointError)] = []
    let exit = try Self.forEach(sources, on: console, asJSON: output.json) { path in
      let scan: CheckpointScan
      do throws(CheckpointError) {
        scan = try CheckpointScan(path, limits: limitOptions.limits)
      } catch {
        failures.append((path, error))
        throw error
      }
      if writeBaseline != nil { try written.accept(scan) }
      let report = ScanReport(scan, source: path, accepted: try accepted?.accepted(of: scan))
      if sarif {
        reports.append(report)
        try output.writePage(of: report)
      } else if sources.count > 1, report.verdict == .safe, !output.json {
        if !console.style.isQuiet { console.write(report.summary + "\n") }
      } else {
        try output.give(report, on: console, isResult: false)
      }
      let isFailure = failOn == "dangerous" ? report.verdict == .dangerous : report.verdict != .safe
      return isFailure ? .different : .done
    }
    if sarif {
      let log = ScanReport.sarif(reports, failures)
      console.write(JSONWriter.text(log, style: .indented) + "\n")
    }
    if let writeBaseline { try written.write(to: writeBaseline) }
    return exit
  }

  mutating func validate() throws {
    try refuseStandardStreams(source)
    guard ["unknown", "dangerous"].contains(failOn) else {
      throw ValidationError("--fail-on \(failOn): expected unknown or dangerous")
    }
    if output.json, sarif {
      throw ValidationError("--json and --sarif are two forms of one report: say one")
    }
  }
}

/// What `scan` prints.
struct ScanReport: Report {
  let scan: CheckpointScan
  let source: String
  /// What was found and is not accepted.
  let findings: [CheckpointScan.Finding]
  let problems: [CheckpointError]

  init(_ scan: CheckpointScan, source: String, accepted: ScanBaseline.Accepted? = nil) {
    self.scan = scan
    self.source = source
    findings = scan.findings.filter { accepted?.findings.contains($0) != true }
    problems = scan.problems.filter { accepted?.holds($0) != true }
  }

  /// The worst verdict on what is not accepted.
  var verdict: CheckpointScan.Verdict { CheckpointScan.verdict(on: findings, problems) }

  /// How many findings and problems a baseline has accepted.
  var acceptedCount: Int { scan.acceptedCount(findings, problems) }

  /// The report for people.
  func text(_ style: TextStyle) -> String {
    scan.lines(style, source: source, findings, problems).joined(separator: "\n") + "\n"
  }

  /// The whole on one line.
  var summary: String { "\(heading): \(verdict.words(besideAccepted: acceptedCount))" }

  var heading: String { scan.heading(source: source) }

  /// The report for programs.
  var json: JSONValue {
    .object([
      JSONValue.Member("source", .string(source)),
      JSONValue.Member("verdict", .string(verdict.rawValue)),
      JSONValue.Member("files", .array(scan.files.map { .string($0) })),
      JSONValue.Member("pickles", .integer(scan.pickleCount)),
      JSONValue.Member(
        "globals",
        .array(
          findings.map { finding in
            .object([
              JSONValue.Member("file", .string(finding.file)),
              JSONValue.Member("member", finding.member.map { .string($0) } ?? .null),
              JSONValue.Member("offset", finding.offset.map { .integer($0) } ?? .null),
              JSONValue.Member("opcode", finding.opcode.map { .string($0) } ?? .null),
              JSONValue.Member("use", .string(finding.use)),
              JSONValue.Member("global", finding.global.map { .string($0) } ?? .null),
              JSONValue.Member("rendering", .string(finding.rendering)),
              JSONValue.Member("verdict", .string(finding.verdict.rawValue)),
              JSONValue.Member("reason", .string(finding.reason)),
            ])
          })),
      JSONValue.Member(
        "problems", .array(problems.map { .string($0.toolLine) })),
      JSONValue.Member("accepted", .integer(acceptedCount)),
    ])
  }
}
