internal import ArgumentParser
internal import Weighbridge

/// The Static Analysis Results Interchange Format, version 2.1.0 (OASIS, 27 March 2020): what code hosts, editors and
/// dashboards read.
extension ScanReport {
  private typealias Member = JSONValue.Member

  /// What results are instances of.
  private enum Rule: String, CaseIterable {
    case dangerousGlobal = "dangerous-global"
    case unknownGlobal = "unknown-global"
    case dangerousCode = "dangerous-code"
    case unknownCode = "unknown-code"
    case notLookedInto = "not-looked-into"
    case notSound = "not-sound"

    init?(_ finding: CheckpointScan.Finding) {
      switch (finding.verdict, finding.use == "holdsCode") {
      case (.safe, _): return nil
      case (.unknown, false): self = .unknownGlobal
      case (.unknown, true): self = .unknownCode
      case (.dangerous, false): self = .dangerousGlobal
      case (.dangerous, true): self = .dangerousCode
      }
    }

    init(_ problem: CheckpointError) {
      self = CheckpointScan.heading(of: problem) == "not sound" ? .notSound : .notLookedInto
    }

    var words: String {
      switch self {
      case .dangerousGlobal:
        "A pickle names or calls what runs programs or code, or opens files or connections."
      case .unknownGlobal: "A pickle names or calls what is not known as data."
      case .dangerousCode: "Code beside pickles that is run when the file is loaded."
      case .unknownCode: "Code beside pickles whose effect is not known."
      case .notLookedInto: "A part of the file was not looked into."
      case .notSound:
        "The file breaks a rule of its format, so that programs may read it in different ways."
      }
    }

    var level: String {
      switch self {
      case .dangerousGlobal, .dangerousCode: "error"
      default: "warning"
      }
    }
  }

  /// One log with one run, of all sources.
  ///
  /// - Parameter failures: The sources that could not be scanned, and why.
  static func sarif(
    _ reports: [ScanReport], _ failures: [(source: String, error: CheckpointError)]
  ) -> JSONValue {
    .object([
      Member("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")),
      Member("version", .string("2.1.0")),
      Member(
        "runs",
        .array([
          .object([
            Member("tool", .object([Member("driver", driver)])),
            Member("invocations", .array([invocation(failures)])),
            Member("columnKind", .string("unicodeCodePoints")),
            Member(
              "artifacts",
              .array(
                artifacts(of: reports).map { uri in
                  .object([Member("location", .object([Member("uri", .string(uri))]))])
                })),
            Member("results", .array(reports.flatMap(\.results))),
          ])
        ])),
    ])
  }

  /// What a source that nobody has looked into leaves in the log: without it, no results would look like no findings.
  private static func invocation(
    _ failures: [(source: String, error: CheckpointError)]
  ) -> JSONValue {
    let notifications = failures.map { source, error in
      JSONValue.object([
        Member("level", .string("error")),
        Member("message", text(singleLine(error.toolLine, limit: 2_000))),
        Member("locations", .array([.object([physicalLocation(error.site.file ?? source)])])),
      ])
    }
    return .object([
      Member("executionSuccessful", .boolean(failures.isEmpty)),
      Member("toolExecutionNotifications", .array(notifications)),
    ])
  }

  /// Where something is in a file.
  private static func physicalLocation(_ file: String, offset: Int? = nil) -> Member {
    var place = [Member("artifactLocation", .object([Member("uri", .string(uri(file)))]))]
    if let offset, offset >= 0 {
      place.append(Member("region", .object([Member("byteOffset", .integer(offset))])))
    }
    return Member("physicalLocation", .object(place))
  }

  /// The files of all sources, each once, as the format demands.
  private static func artifacts(of reports: [ScanReport]) -> [String] {
    var seen: Set<String> = []
    return reports.flatMap(\.scan.files).map(uri).filter { seen.insert($0).inserted }
  }

  private static var driver: JSONValue {
    .object([
      Member("name", .string("weighbridge scan")),
      Member("version", .string(WeighbridgeCommand.configuration.version)),
      Member(
        "rules",
        .array(
          Rule.allCases.map { rule in
            .object([
              Member("id", .string(rule.rawValue)),
              Member("shortDescription", text(rule.words)),
              Member("defaultConfiguration", .object([Member("level", .string(rule.level))])),
            ])
          })),
    ])
  }

  private var results: [JSONValue] {
    let unaccepted = Set(findings)
    let unacceptedProblems = Set(problems.map(\.description))
    return scan.findings.compactMap { finding in
      Rule(finding).map { rule in
        ScanReport.result(
          rule, "\(scan.describe(finding)): \(finding.reason)", file: finding.file,
          member: finding.member,
          offset: finding.offset, isAccepted: !unaccepted.contains(finding))
      }
    }
      + scan.problems.map { problem in
        ScanReport.result(
          Rule(problem), problem.toolLine, file: problem.site.file ?? source,
          member: problem.site.member, offset: problem.site.offset,
          isAccepted: !unacceptedProblems.contains(problem.description))
      }
  }

  private static func result(
    _ rule: Rule, _ words: String, file: String, member: String?, offset: Int?, isAccepted: Bool
  ) -> JSONValue {
    // An offset in a member is none in the file.
    var location = [physicalLocation(file, offset: member == nil ? offset : nil)]
    if let member {
      let name = offset.map { "\(member) @ \($0)" } ?? member
      location.append(
        Member(
          "logicalLocations",
          .array([
            .object([
              Member("fullyQualifiedName", .string(singleLine(name, limit: 1_000))),
              Member("kind", .string("member")),
            ])
          ])))
    }
    var hash = SHA256()
    hash.update(Array("\(rule.rawValue)\n\(member ?? "")\n\(words)".utf8))
    var members = [
      Member("ruleId", .string(rule.rawValue)),
      Member("level", .string(rule.level)),
      Member("message", text(singleLine(words, limit: 2_000))),
      Member("locations", .array([.object(location)])),
      Member(
        "partialFingerprints",
        .object([Member("weighbridge/v1", .string(Hexadecimal.text(hash.finalize())))])),
    ]
    if isAccepted {
      members.append(
        Member("suppressions", .array([.object([Member("kind", .string("external"))])])))
    }
    return .object(members)
  }

  private static func text(_ words: String) -> JSONValue {
    .object([Member("text", .string(words))])
  }

  /// A path as a reference (RFC 3986): relative ones stay so, and no part of one is taken for a scheme.
  private static func uri(_ path: String) -> String {
    var uri = path.hasPrefix("/") ? "file://" : path.prefix { $0 != "/" }.contains(":") ? "./" : ""
    for byte in path.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E, 0x3A:
        uri.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        uri += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
      }
    }
    return uri
  }
}
