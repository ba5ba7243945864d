package import CheckpointBytes
public import Checkpoints

extension CheckpointScan: CustomStringConvertible {
  /// What was found, as the tool prints it: each global once, those that matter first, and the verdict.
  public var description: String {
    lines(.plain, source: files.count == 1 ? files[0] : nil, findings, problems)
      .joined(separator: "\n")
  }
}

extension CheckpointScan.Verdict {
  /// What it means for whoever loads the file.
  ///
  /// - Parameter accepted: How many findings and problems were left out, since they had been accepted.
  package func words(besideAccepted accepted: Int) -> String {
    switch self {
    case .safe: accepted == 0 ? "nothing but data" : "nothing but data and what was accepted"
    case .unknown: "not known to be data only"
    case .dangerous: "dangerous; loading it as what it was made for runs code"
    }
  }
}

extension CheckpointScan {
  /// The report for people.
  ///
  /// - Parameters:
  ///   - source: The path that was scanned; nil if it is not to be named.
  ///   - findings: What was found and is not accepted.
  ///   - problems: The problems that are not accepted.
  package func lines(
    _ style: TextStyle, source: String?, _ findings: [Finding], _ problems: [CheckpointError]
  ) -> [String] {
    var lines = [style.paint(heading(source: source), .heading)]
    for verdict in [Verdict.dangerous, .unknown] {
      for finding in findings where finding.verdict == verdict {
        lines.append(
          style.paint("  \(verdict.rawValue): ", verdict == .dangerous ? .bad : .doubtful)
            + "\(describe(finding)): \(singleLine(finding.reason))")
      }
    }
    let safe = findings.filter { $0.verdict == .safe && $0.use == "named" }
    let names = Set(safe.compactMap(\.global).map { ExactName($0) }).sorted()
    if !names.isEmpty {
      lines.append("  safe: " + names.map { singleLine($0.string) }.joined(separator: ", "))
    }
    for finding in findings where finding.verdict == .safe && finding.use == "holdsCode" {
      lines.append("  safe: \(describe(finding)): \(singleLine(finding.reason))")
    }
    for problem in problems {
      lines.append("  \(Self.heading(of: problem)): \(problem.line(saying: style.remedyText))")
    }
    let accepted = acceptedCount(findings, problems)
    if accepted > 0 { lines.append("  accepted before: \(accepted)") }
    let verdict = Self.verdict(on: findings, problems)
    lines.append(
      style.paint(
        "verdict: " + verdict.words(besideAccepted: accepted), verdict == .safe ? .good : .bad))
    return lines
  }

  /// How many findings and problems have been accepted, if these have not.
  package func acceptedCount(_ findings: [Finding], _ problems: [CheckpointError]) -> Int {
    self.findings.count - findings.count + self.problems.count - problems.count
  }

  /// What was scanned, counted.
  package func heading(source: String?) -> String {
    (source.map { singleLine($0) + ": " } ?? "") + "\(counted(files.count, "file")), "
      + "\(counted(pickleCount, "pickle")), "
      + counted(Set(findings.compactMap(\.global).map { ExactName($0) }).count, "global")
  }

  /// Whether a problem kept something from being looked into, or is one of the file.
  package static func heading(of problem: CheckpointError) -> String {
    switch problem.kind {
    case .unsupported, .limitExceeded: "not looked into"
    default: "not sound"
    }
  }

  /// A finding with its place.
  package func describe(_ finding: Finding) -> String {
    var place = finding.member.map { singleLine($0) + " " } ?? ""
    if files.count > 1 { place = singleLine(finding.file) + " " + place }
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
}
