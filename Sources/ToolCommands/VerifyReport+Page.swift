internal import Weighbridge

extension VerifyReport {
  /// Every output in order of computation, with its error as a part of what is allowed.
  var page: ReportPage {
    var page = ReportPage("verify", title: subject)
    let lines = VerificationSummary(report).lines
    page.verdict = lines.first.map { ReportPage.Verdict(text: $0, isGood: report.isEqual) }
    page.facts = [
      ("class", className ?? "none: outputs computed elsewhere"), ("recorded run", golden),
      (
        "tolerance",
        "\(report.criteria.tolerance.absolute) + \(report.criteria.tolerance.relative) · max(|recorded|, root mean square)"
      ), ("positions", report.criteria.positions == .attended ? "without padding" : "all"),
    ]
    page.addList("Summary", Array(lines.dropFirst()))
    if let suspects { page.addList("Parameters to look at", suspects.lines) }
    page.addList("Recorded, not computed", report.missing.map(\.string))
    page.addList("Computed, not recorded", report.extra.map(\.string))
    var table = PageTable(
      "Outputs in order of computation",
      [
        ("output", .name), ("stage", .text), ("shape", .shape), ("of allowed", .number),
        ("max abs", .number), ("max rel", .number), ("cosine", .text), ("beyond", .number),
      ])
    table.rows = report.entries.map(row)
    page.add(table)
    for picture in pictures { page.add(picture) }
    return page
  }

  private func row(_ entry: TensorDifference) -> PageTable.Row {
    let stage = OutputStage(of: entry.name).description
    let module = report.module(of: entry).flatMap { $0 == stage ? nil : ", " + $0 } ?? ""
    var row = PageTable.Row(cells: [
      .text(entry.name.string), .text(stage + module), .integers(entry.foundShape.dimensions),
    ])
    row.isBad = entry.isDifferent
    row.detail.facts = VerificationSummary.details(of: entry).enumerated().map { place, line in
      (place == 0 ? "worst" : "", line)
    }
    guard let values = entry.values else {
      row.cells += [PageTable.Cell](repeating: .none, count: 5)
      return row
    }
    row.cells += [
      values.tolerance.isExact ? .none : .number(values.worstExcess),
      .number(values.maximumAbsolute), .number(values.maximumRelative),
      values.cosine.map { .text(NumberText.fixed($0, digits: 9)) } ?? .none,
      .integer(values.beyondTolerance),
    ]
    return row
  }
}
