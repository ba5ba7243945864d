internal import Weighbridge

/// What `verify` prints.
struct VerifyReport {
  private let report: VerificationReport
  private let className: String
  private let model: String
  private let golden: String

  init(_ report: VerificationReport, className: String, model: String, golden: String) {
    self.report = report
    self.className = className
    self.model = model
    self.golden = golden
  }

  /// The report for people: what diverges first, then a row for each output.
  var text: String {
    var lines = ["\(singleLine(model)): \(className), against \(singleLine(golden))"]
    lines += VerificationSummary(report).lines.map { "  " + $0 }
    if !report.isEqual, !report.entries.isEmpty {
      var rows = [["", "output", "max abs", "max rel", "ULPs", "cosine", "beyond", "of allowed"]]
      rows += report.entries.map(row)
      lines += TextTable.lines(rows)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func row(_ entry: TensorDifference) -> [String] {
    let mark = entry.isDifferent ? "≠" : "="
    let name = singleLine(entry.name.string)
    guard let values = entry.values else {
      return [mark, name, "shape \(entry.foundShape), recorded \(entry.shape)", "", "", "", "", ""]
    }
    return [
      mark, name, NumberText.significant(values.maximumAbsolute),
      NumberText.significant(values.maximumRelative), values.maximumULPs.map(ulps) ?? "–",
      values.cosine.map { NumberText.fixed($0, digits: 9) } ?? "–",
      "\(values.beyondTolerance) / \(entry.comparedCount)",
      values.tolerance.isExact ? "–" : NumberText.significant(values.worstExcess) + " ×",
    ]
  }

  private func ulps(_ count: UInt64) -> String { count == .max ? "–" : String(count) }

  /// The report for programs: every output in order of computation.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(report.isEqual)),
      JSONValue.Member("class", .string(className)),
      JSONValue.Member(
        "tolerance",
        .object([
          JSONValue.Member("absolute", .double(report.tolerance.absolute)),
          JSONValue.Member("relative", .double(report.tolerance.relative)),
        ])),
      JSONValue.Member(
        "positions", .string(report.positions == .attended ? "attended" : "all")),
      JSONValue.Member("first_divergence", report.firstDivergence.map(json(of:)) ?? .null),
      JSONValue.Member("missing", texts(report.missing)),
      JSONValue.Member("extra", texts(report.extra)),
      JSONValue.Member("outputs", .array(report.entries.map(json(of:)))),
    ])
  }

  private func json(of entry: TensorDifference) -> JSONValue {
    func integers(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }
    var members: [JSONValue.Member] = [
      JSONValue.Member("name", .string(entry.name.string)),
      JSONValue.Member("stage", .string(OutputStage(of: entry.name).description)),
      JSONValue.Member("module", report.module(of: entry).map { .string($0) } ?? .null),
      JSONValue.Member("different", .boolean(entry.isDifferent)),
      JSONValue.Member("shape", integers(entry.foundShape.dimensions)),
      JSONValue.Member("recorded_shape", integers(entry.shape.dimensions)),
    ]
    if let values = entry.values {
      members += [
        JSONValue.Member("compared", .integer(entry.comparedCount)),
        JSONValue.Member("beyond_tolerance", .integer(values.beyondTolerance)),
        JSONValue.Member("only_at_padding", .boolean(entry.isOnlyAtPadding)),
        JSONValue.Member("scale", .double(values.scale)),
        JSONValue.Member("max_abs", .double(values.maximumAbsolute)),
        JSONValue.Member("max_rel", .double(values.maximumRelative)),
        JSONValue.Member("max_ulps", values.maximumULPs.map { .integer($0) } ?? .null),
        JSONValue.Member("cosine", values.cosine.map { .double($0) } ?? .null),
        JSONValue.Member(
          "nan", .array([.integer(values.nanCounts.0), .integer(values.nanCounts.1)])),
        JSONValue.Member(
          "infinite",
          .array([.integer(values.infinityCounts.0), .integer(values.infinityCounts.1)])),
      ]
      if values.differing > 0 {
        members.append(
          JSONValue.Member(
            "worst",
            .object([
              JSONValue.Member("place", integers(entry.worstPlace)),
              JSONValue.Member("value", .double(values.worstValues.0)),
              JSONValue.Member("recorded", .double(values.worstValues.1)),
              JSONValue.Member(
                "of_allowed",
                values.tolerance.isExact ? .null : .double(values.worstExcess)),
            ])))
      }
    }
    if let ranking = entry.ranking {
      members.append(JSONValue.Member("ranking", json(of: ranking)))
    }
    return .object(members)
  }

  private func json(of ranking: RankingChange) -> JSONValue {
    var members: [JSONValue.Member] = [
      JSONValue.Member("rows", .integer(ranking.rowCount)),
      JSONValue.Member("changed_first", .integer(ranking.changedFirst)),
      JSONValue.Member("depth", .integer(ranking.depth)),
      JSONValue.Member("changed_order", .integer(ranking.changedOrder)),
    ]
    if let row = ranking.firstRow {
      members.append(
        JSONValue.Member(
          "first_row",
          .object([
            JSONValue.Member("place", .array(row.place.map { .integer($0) })),
            JSONValue.Member("value", .integer(row.found)),
            JSONValue.Member("recorded", .integer(row.expected)),
            JSONValue.Member("margin", .double(row.margin)),
          ])))
    }
    return .object(members)
  }
}
