internal import CheckpointBytes
internal import TensorValues

/// What people are told about a verification: the stage that diverges first on top, then what else differs.
public struct VerificationSummary: Sendable {
  private let report: VerificationReport
  /// True if outputs tell the place in the model where a difference begins: hidden states, or modules.
  private let hasPlaces: Bool

  /// The summary of a report.
  public init(_ report: VerificationReport) {
    self.report = report
    hasPlaces = report.entries.contains {
      switch OutputStage(of: $0.name) {
      case .embeddings, .module: true
      default: false
      }
    }
  }

  /// A few lines without a table: for a failed test.
  public var lines: [String] {
    report.isEqual ? [equalLine] + rankingLines : differenceLines
  }

  private var compared: String {
    "\(report.entries.count) \(report.entries.count == 1 ? "output" : "outputs")"
      + (report.criteria.positions == .attended ? ", padding left out" : "")
  }

  private var equalLine: String {
    let worst = report.entries.max {
      ($0.values?.worstExcess ?? 0) < ($1.values?.worstExcess ?? 0)
    }
    guard let worst, let values = worst.values, values.differing > 0 else {
      return "equal: \(compared), no value differs"
    }
    let share =
      values.tolerance.isExact
      ? "" : " (\(NumberText.significant(values.worstExcess * 100)) % of what is allowed)"
    return "equal: \(compared) within the tolerance; \(label(worst)) is the worst, "
      + "\(NumberText.significant(values.maximumAbsolute)) apart" + share + leastCosine
  }

  /// Of results that are near and no more.
  private var leastCosine: String {
    let least = report.entries.compactMap { entry in
      entry.values?.cosine.map { (cosine: $0, entry: entry) }
    }.min { $0.cosine < $1.cosine }
    guard let least, least.cosine < 0.999_999_5 else { return "" }
    return "; the least cosine is \(NumberText.fixed(least.cosine, digits: 6)), of "
      + label(least.entry)
  }

  private var differenceLines: [String] {
    var lines: [String] = []
    if let first = report.firstDivergence {
      lines.append("first to differ: \(label(first))")
      lines += VerificationSummary.details(of: first).map { "  " + $0 }
      if let module = report.faultyModule {
        lines.append("what goes into it is equal: the fault lies within \(singleLine(module))")
      }
      let others = report.different.dropFirst().map { shown($0.name) }
      if !others.isEmpty { lines.append("differ too: " + listed(others)) }
      if !hasPlaces, OutputStage(of: first.name) >= .body {
        lines.append("no hidden states were recorded, so that the layer cannot be named")
      }
    }
    if !report.missing.isEmpty {
      lines.append("recorded, not computed: " + listed(report.missing.map(shown)))
    }
    if !report.extra.isEmpty {
      lines.append("computed, not recorded: " + listed(report.extra.map(shown)))
    }
    if !report.different.isEmpty, report.different.allSatisfy(\.isOnlyAtPadding) {
      lines.append("all of it at positions that the attention mask hides, which carry no meaning")
    }
    return lines + rankingLines
  }

  /// How one tensor differs, in up to four lines: the worst place, the sums, mean and deviation, what is allowed.
  public static func details(of entry: TensorDifference) -> [String] {
    guard let values = entry.values else {
      return ["shape \(entry.foundShape), recorded was \(entry.shape)"]
    }
    let (found, expected) = values.worstValues
    var worst = "at \(entry.worstPlace): \(short(found)) instead of \(short(expected))"
    if !values.tolerance.isExact, values.worstExcess.isFinite {
      worst += ", \(NumberText.significant(values.worstExcess)) times what is allowed"
    }
    var sums = [
      "\(values.beyondTolerance) of \(entry.comparedCount) values beyond the tolerance",
      "max abs \(NumberText.significant(values.maximumAbsolute))",
      "max rel \(NumberText.significant(values.maximumRelative))",
    ]
    // Across a change of sign the distance is no measure of anything.
    if let ulps = values.maximumULPs, ulps <= 1 << 24 { sums.append("\(ulps) ULPs") }
    if let cosine = values.cosine { sums.append("cosine \(NumberText.fixed(cosine, digits: 9))") }
    for (kind, counts) in [("NaN", values.nanCounts), ("infinite", values.infinityCounts)]
    where counts != (0, 0) {
      sums.append("\(kind): \(counts.0), recorded \(counts.1)")
    }
    var lines = [worst, sums.joined(separator: ", ")]
    if entry.comparedCount > 1, let found = entry.foundMoments, let recorded = entry.recordedMoments
    {
      func text(_ moments: TensorDifference.Moments) -> String {
        "\(NumberText.significant(moments.mean)) ± \(NumberText.significant(moments.deviation))"
      }
      lines.append("mean \(text(found)), recorded \(text(recorded))")
    }
    guard !values.tolerance.isExact else { return lines }
    lines.append(
      "allowed is \(values.tolerance.absolute) + \(values.tolerance.relative) · max(|recorded|, "
        + "\(NumberText.significant(values.scale)))"
        + (entry.allowedMismatches > 0 ? ", but for \(entry.allowedMismatches) values" : ""))
    return lines
  }

  /// A value with the digits that its type needs: fewer if it is a float32 after all.
  private static func short(_ value: Double) -> String {
    Double(Float(value)) == value ? "\(Float(value))" : "\(value)"
  }

  private var rankingLines: [String] {
    report.entries.compactMap { entry in
      guard let ranking = entry.ranking, ranking.changedOrder > 0 else { return nil }
      var line = "ranking in \(shown(entry.name)): "
      if let row = ranking.firstRow {
        line +=
          "another first in \(ranking.changedFirst) of \(ranking.rowCount) rows, at "
          + "\(row.place) \(row.found) instead of \(row.expected), which was recorded "
          + "\(NumberText.significant(row.margin)) ahead; "
      }
      return line + "another order of the first \(ranking.depth) in \(ranking.changedOrder)"
    }
  }

  /// `layer 1, encoder.layer.1 (hidden_states.2)`.
  private func label(_ entry: TensorDifference) -> String {
    let stage = singleLine(OutputStage(of: entry.name).description)
    let module = report.module(of: entry).flatMap { $0 == stage ? nil : ", " + $0 } ?? ""
    return "\(stage)\(module) (\(shown(entry.name)))"
  }

  private func shown(_ name: ExactName) -> String { singleLine(name.string) }

  private func listed(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ")
      + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }
}
