internal import CheckpointBytes
internal import TensorValues
public import Verification

extension VerificationReport: CustomStringConvertible {
  /// What was found, as the tool prints it: what diverges first, and if something does, a row for each output.
  public var description: String { lines(.plain).joined(separator: "\n") }
}

extension VerificationSummary: CustomStringConvertible {
  /// The lines.
  public var description: String { lines.joined(separator: "\n") }
}

extension VerificationReport {
  /// The report for people: what diverges first, then a row for each output.
  ///
  /// - Parameter others: Lines that go above the rows.
  package func lines(_ style: TextStyle, above others: [String] = []) -> [String] {
    var lines = VerificationSummary(self).lines.enumerated().map { place, line in
      style.paint("  " + line, place == 0 ? (isEqual ? .good : .bad) : nil)
    }
    lines += others
    if !isEqual || style.isVerbose, !entries.isEmpty {
      var table = TextTable(
        .text(""), .name("output"), .number("max abs"), .number("max rel"), .number("ULPs"),
        .number("cosine"), .number("beyond"), .number("of allowed"))
      for entry in entries { table.add(row(entry), entry.isDifferent ? .bad : nil) }
      lines += table.lines(style)
    }
    return lines
  }

  private func row(_ entry: TensorDifference) -> [String] {
    let mark = entry.isDifferent ? "≠" : "="
    let name = singleLine(entry.name.string)
    guard let values = entry.values else {
      return [mark, name, "shape \(entry.foundShape), recorded \(entry.shape)"]
    }
    return [
      mark, name, NumberText.significant(values.maximumAbsolute),
      NumberText.significant(values.maximumRelative), ulpsText(values.maximumULPs),
      values.cosine.map { NumberText.fixed($0, digits: 6) } ?? "–",
      "\(values.beyondTolerance) / \(entry.comparedCount)",
      values.tolerance.isExact ? "–" : NumberText.significant(values.worstExcess) + " ×",
    ]
  }
}

/// Units in the last place. Across a change of sign the distance is no measure of anything.
func ulpsText(_ count: UInt64?) -> String {
  count.flatMap { $0 > 1 << 24 ? nil : String($0) } ?? "–"
}
