internal import Weighbridge

/// What `verify` prints.
struct VerifyReport: Report {
  let report: VerificationReport
  let subject: String
  let className: String?
  let golden: String
  let suspects: SuspectParameters?
  /// What the heads look at, for a page.
  var pictures: [AttentionPictures] = []

  /// - Parameters:
  ///   - subject: The path of what was compared: a model, or a file of outputs.
  ///   - className: The class that was run; nil if outputs were given.
  ///   - suspects: What to look at, if a good checkpoint was given.
  init(
    _ report: VerificationReport, of subject: String, className: String?, golden: String,
    suspects: SuspectParameters? = nil
  ) {
    self.report = report
    self.subject = subject
    self.className = className
    self.golden = golden
    self.suspects = suspects
  }

  /// The report for people: what diverges first, then a row for each output.
  func text(_ style: TextStyle) -> String {
    let heading = "\(singleLine(subject)): \(className ?? "outputs"), against \(singleLine(golden))"
    var lines = [style.paint(heading, .heading)]
    lines += report.lines(style, above: (suspects?.lines ?? []).map { "  " + $0 })
    return lines.joined(separator: "\n") + "\n"
  }

  /// The report for programs: every output in order of computation.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(report.isEqual)),
      JSONValue.Member("class", className.map { .string($0) } ?? .null),
      JSONValue.Member("tolerance", json(of: report.criteria.tolerance)),
      JSONValue.Member(
        "positions", .string(report.criteria.positions == .attended ? "attended" : "all")),
      JSONValue.Member("first_divergence", report.firstDivergence.map(json(of:)) ?? .null),
      JSONValue.Member("faulty_module", report.faultyModule.map { .string($0) } ?? .null),
      JSONValue.Member("missing", texts(report.missing)),
      JSONValue.Member("extra", texts(report.extra)),
      JSONValue.Member("outputs", .array(report.entries.map(json(of:)))),
      JSONValue.Member("suspects", suspects?.json ?? .null),
    ])
  }

  private func json(of tolerance: Tolerance) -> JSONValue {
    .object([
      JSONValue.Member("absolute", .double(tolerance.absolute)),
      JSONValue.Member("relative", .double(tolerance.relative)),
    ])
  }

  private func json(of moments: TensorDifference.Moments) -> JSONValue {
    .object([
      JSONValue.Member("mean", .double(moments.mean)),
      JSONValue.Member("deviation", .double(moments.deviation)),
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
        JSONValue.Member("allowed_beyond", .integer(entry.allowedMismatches)),
        JSONValue.Member("only_at_padding", .boolean(entry.isOnlyAtPadding)),
        JSONValue.Member("tolerance", json(of: values.tolerance)),
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
        JSONValue.Member("moments", entry.foundMoments.map(json(of:)) ?? .null),
        JSONValue.Member("recorded_moments", entry.recordedMoments.map(json(of:)) ?? .null),
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
