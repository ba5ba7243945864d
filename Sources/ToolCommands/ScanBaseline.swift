internal import Weighbridge

/// What was found in files once and is accepted since: a list that a project keeps beside its models, so that a pipeline
/// speaks up only about what is new.
///
/// ```
/// {"version": 1, "accepted": [{"file": "model.pt", "sha256": "9f86…", "findings": ["dangerous @ 22 REDUCE os.system('x')"]}]}
/// ```
///
/// It is the bytes that are accepted, not the name: of a file that has changed by one byte nothing is accepted, for a scan
/// does not show all that a pickle gives to what it calls.
struct ScanBaseline {
  /// What of one scan is accepted.
  struct Accepted {
    var findings: Set<CheckpointScan.Finding> = []
    var problems: Set<String> = []

    func holds(_ problem: CheckpointError) -> Bool {
      problems.contains(problem.description)
    }
  }

  private struct Entry {
    var file: String
    var sha256: String
    var lines: [String]
  }

  private var entries: [Entry] = []

  private static let version = 1
  /// The largest list: 10⁵ files with some findings each.
  private static let largestFile = 100_000_000

  init() {}

  /// Reads a list.
  ///
  /// - Throws: `inputOutput`, or `malformed` if it is no such list.
  init(reading path: String) throws(CheckpointError) {
    let file = try SourceFile(path: path)
    guard file.size <= ScanBaseline.largestFile else {
      throw CheckpointError(.limitExceeded, file: path, "has \(file.size) bytes")
    }
    let bytes = try file.bytes(at: 0, count: file.size)
    let document: JSONValue
    do {
      document = try JSONValue(parsing: bytes, context: "baseline")
    } catch {
      throw error.located(file: path)
    }
    guard document["version"]?.integer == ScanBaseline.version,
      let accepted = document["accepted"]?.elements
    else {
      throw CheckpointError(
        .malformed, file: path, "is no list of accepted findings of version \(ScanBaseline.version)"
      )
    }
    for entry in accepted {
      guard let digest = entry["sha256"]?.string, let lines = entry["findings"]?.elements else {
        throw CheckpointError(
          .malformed, file: path, "an entry lacks \(quoted("sha256")) or \(quoted("findings"))")
      }
      entries.append(
        Entry(
          file: entry["file"]?.string ?? "", sha256: digest, lines: lines.compactMap(\.string)))
    }
  }

  /// Adds all that a scan has found.
  mutating func accept(_ scan: CheckpointScan) throws(CheckpointError) {
    for (file, lines) in ScanBaseline.linesOfFiles(scan) {
      entries.append(Entry(file: file, sha256: try ScanBaseline.digest(file), lines: lines))
    }
  }

  /// What of a scan is accepted. Only files of which something was found are read again.
  func accepted(of scan: CheckpointScan) throws(CheckpointError) -> Accepted {
    var lines: [String: Set<String>] = [:]
    for entry in entries { lines[entry.sha256, default: []].formUnion(entry.lines) }
    var accepted = Accepted()
    for (file, _) in ScanBaseline.linesOfFiles(scan) {
      guard let known = lines[try ScanBaseline.digest(file)] else { continue }
      for finding in scan.findings where finding.file == file {
        if known.contains(ScanBaseline.line(finding)) { accepted.findings.insert(finding) }
      }
      for problem in scan.problems where problem.site.file == file {
        if known.contains(ScanBaseline.line(problem)) {
          accepted.problems.insert(problem.description)
        }
      }
    }
    return accepted
  }

  /// Looks whether the list can be written to a path: what is there and is no such list is not this command's to replace.
  static func checkDestination(_ path: String) throws(CheckpointError) {
    guard try PathKind(path: path) == .file else { return }
    do {
      _ = try ScanBaseline(reading: path)
    } catch {
      throw CheckpointError(
        .inconsistent, file: path,
        "is there, and is no list of accepted findings that could be replaced")
    }
  }

  /// Writes the list.
  func write(to path: String) throws(CheckpointError) {
    let document = JSONValue.object([
      JSONValue.Member("version", .integer(ScanBaseline.version)),
      JSONValue.Member(
        "accepted",
        .array(
          entries.map { entry in
            .object([
              JSONValue.Member("file", .string(entry.file)),
              JSONValue.Member("sha256", .string(entry.sha256)),
              JSONValue.Member("findings", .array(entry.lines.map { .string($0) })),
            ])
          })),
    ])
    let bytes = Array((JSONWriter.text(document, style: .indented) + "\n").utf8)
    let output = try OutputFile(path: path)
    try output.write(bytes, at: 0)
    try output.commit()
  }

  // MARK: Lines

  /// What was found in each file that is more than data, in words that name all of it but the file.
  private static func linesOfFiles(_ scan: CheckpointScan) -> [(file: String, lines: [String])] {
    var lines: [String: [String]] = [:]
    for finding in scan.findings where finding.verdict != .safe {
      lines[finding.file, default: []].append(line(finding))
    }
    for problem in scan.problems {
      guard let file = problem.site.file, scan.files.contains(file) else { continue }
      lines[file, default: []].append(line(problem))
    }
    return scan.files.compactMap { file in lines[file].map { (file, $0) } }
  }

  private static func line(_ finding: CheckpointScan.Finding) -> String {
    [
      finding.verdict.rawValue, finding.member, finding.offset.map { "@ \($0)" },
      finding.opcode ?? finding.use, finding.rendering,
    ].compactMap(\.self).joined(separator: " ")
  }

  private static func line(_ problem: CheckpointError) -> String {
    var problem = problem
    problem.site.file = nil
    return problem.description
  }

  private static func digest(_ path: String) throws(CheckpointError) -> String {
    let file = try SourceFile(path: path)
    var hash = SHA256()
    var position = 0
    while position < file.size {
      let count = min(4 << 20, file.size - position)
      hash.update(try file.bytes(at: position, count: count))
      position += count
    }
    return Hexadecimal.text(hash.finalize())
  }
}
