internal import Weighbridge

extension ScanReport {
  /// Everything that pickles name, those that matter first.
  var page: ReportPage {
    var page = ReportPage("scan", title: source)
    page.verdict = ReportPage.Verdict(
      text: "Verdict: " + verdict.words(besideAccepted: acceptedCount), isGood: verdict == .safe)
    page.facts = [
      ("files", String(scan.files.count)), ("pickles", String(scan.pickleCount)),
      ("findings", String(findings.count)), ("accepted before", String(acceptedCount)),
    ]
    page.addList(
      "Problems", problems.map { "\(CheckpointScan.heading(of: $0)): \($0.toolLine)" })
    var table = PageTable(
      "What is named and used",
      [
        ("what", .name), ("verdict", .text), ("why", .text), ("use", .text), ("place", .text),
        ("byte", .number),
      ])
    let ranked = CheckpointScan.Verdict.allCases.reversed().flatMap { verdict in
      findings.filter { $0.verdict == verdict }
    }
    table.rows = ranked.map { finding in
      PageTable.Row(
        cells: [
          .text(finding.rendering), .text(finding.verdict.rawValue), .text(finding.reason),
          .text(finding.use), .text(finding.member ?? splitPath(finding.file).name),
          finding.offset.map { .integer($0) } ?? .none,
        ], isBad: finding.verdict != .safe)
    }
    page.add(table)
    return page
  }
}
