internal import ArgumentParser
internal import Weighbridge

/// `weighbridge scan`: what a pickle would have called, without calling it.
struct ScanCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract:
      "Lists every global that the pickles of a file name, and what they would have called.",
    discussion: """
      Opens everything, broken and forbidden files and archives in archives included, and runs nothing. Looks for code \
      beside pickles, too: in Keras configurations, and Python sources. Ends with exit code 0 if all was read and is known \
      as data, and 1 if anything is unknown or dangerous, or was not looked into. Of several sources, those that are nothing \
      but data have a line each, and the others all that was found; with --json each has an object on a line of its own.
      """)

  @Argument(help: "A file, or a directory whose files are scanned. There may be several.")
  var source: [String]

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  mutating func run(on console: Console) throws -> ToolExit {
    try Self.forEach(source, on: console) { path in
      let scan = try CheckpointScan(path)
      let report = ScanReport(scan, source: path)
      if json {
        console.write(JSONWriter.text(report.json) + "\n")
      } else if source.count > 1, scan.verdict == .allowed {
        console.write(report.summary + "\n")
      } else {
        console.write(report.text)
      }
      return scan.verdict == .allowed ? .done : .different
    }
  }

  mutating func validate() throws { try Self.refuseStandardStreams(source) }
}

/// What `scan` prints.
struct ScanReport {
  private let scan: CheckpointScan
  private let source: String

  init(_ scan: CheckpointScan, source: String) {
    self.scan = scan
    self.source = source
  }

  /// The report for people: each global once, those that matter first.
  var text: String {
    var lines = [heading]
    for verdict in [CheckpointScan.Verdict.dangerous, .unknown] {
      for finding in scan.findings where finding.verdict == verdict {
        lines.append("  \(verdict.rawValue): " + describe(finding))
      }
    }
    let allowed = scan.findings.filter { $0.verdict == .allowed && $0.use == "named" }
    let names = Set(allowed.compactMap(\.global).map { ExactName($0) }).sorted()
    if !names.isEmpty {
      lines.append("  allowed: " + names.map { singleLine($0.string) }.joined(separator: ", "))
    }
    for problem in scan.problems {
      lines.append("  \(ScanReport.heading(of: problem)): \(problem.toolLine)")
    }
    lines.append("verdict: " + verdict)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The whole on one line.
  var summary: String { "\(heading): \(verdict)" }

  private var heading: String {
    "\(singleLine(source)): \(counted(scan.files.count, "file")), "
      + "\(counted(scan.pickleCount, "pickle")), "
      + counted(Set(scan.findings.compactMap(\.global).map { ExactName($0) }).count, "global")
  }

  private var verdict: String {
    switch scan.verdict {
    case .allowed: "nothing but data"
    case .unknown: "not known to be data only"
    case .dangerous: "dangerous; loading it as what it was made for runs code"
    }
  }

  private static func heading(of problem: CheckpointError) -> String {
    switch problem.kind {
    case .unsupported, .limitExceeded: "not looked into"
    default: "not sound"
    }
  }

  private func describe(_ finding: CheckpointScan.Finding) -> String {
    var place = finding.member.map { singleLine($0) + " " } ?? ""
    if scan.files.count > 1 { place = singleLine(finding.file) + " " + place }
    let what = singleLine(finding.rendering, limit: 300)
    guard let offset = finding.offset else {
      return "\(place.isEmpty ? "" : place + "holds ")\(what)"
    }
    switch finding.use {
    case "called": return "\(place)@ \(offset): would have called \(what)"
    case "instantiated": return "\(place)@ \(offset): would have made \(what)"
    case "givenState": return "\(place)@ \(offset): would have given state to \(what)"
    default: return "\(place)@ \(offset): names \(what)"
    }
  }

  /// The report for programs.
  var json: JSONValue {
    .object([
      JSONValue.Member("source", .string(source)),
      JSONValue.Member("verdict", .string(scan.verdict.rawValue)),
      JSONValue.Member("files", .array(scan.files.map { .string($0) })),
      JSONValue.Member("pickles", .integer(scan.pickleCount)),
      JSONValue.Member(
        "globals",
        .array(
          scan.findings.map { finding in
            .object([
              JSONValue.Member("file", .string(finding.file)),
              JSONValue.Member("member", finding.member.map { .string($0) } ?? .null),
              JSONValue.Member("offset", finding.offset.map { .integer($0) } ?? .null),
              JSONValue.Member("opcode", finding.opcode.map { .string($0) } ?? .null),
              JSONValue.Member("use", .string(finding.use)),
              JSONValue.Member("global", finding.global.map { .string($0) } ?? .null),
              JSONValue.Member("rendering", .string(finding.rendering)),
              JSONValue.Member("verdict", .string(finding.verdict.rawValue)),
            ])
          })),
      JSONValue.Member(
        "problems", .array(scan.problems.map { .string($0.toolLine) })),
    ])
  }
}
