public import LayoutRules

extension LoadReport: CustomStringConvertible {
  /// What became of the names, as the tool prints it: how often each outcome occurs, then the entries, of which those that differ
  /// in the number of the layer only are one line.
  public var description: String {
    ([LoadReport.summary(entries)] + lines).joined(separator: "\n")
  }

  /// How often each outcome occurs: `51 renamed, 12 transposed`.
  package static func summary(_ entries: [Entry]) -> String {
    Outcome.allCases.compactMap { outcome in
      let count = entries.count { $0.outcome == outcome }
      return count > 0 ? "\(count) \(outcome.rawValue)" : nil
    }.joined(separator: ", ")
  }
}
