internal import CheckpointBytes
public import Conversion
package import LayoutRules
package import TensorValues

extension CheckpointDifference: CustomStringConvertible {
  /// What differs, as the tool prints it: names that one has, the tensors that differ with their worst places, and a line that
  /// counts. Long lists are cut.
  public var description: String { described(first: "the first", second: "the second") }

  /// The same with what the two are called.
  ///
  /// - Parameters:
  ///   - first: What the first checkpoint is called, mostly its path.
  ///   - second: What the second is called.
  public func described(first: String, second: String) -> String {
    lines(.plain, first: first, second: second).joined(separator: "\n")
  }
}

extension CheckpointDifference {
  private var different: [Entry] { entries.filter(isDifferent) }

  /// The whole on one line.
  package var summary: String {
    let different = different
    let identical = entries.count(where: \.isIdentical)
    let close = entries.count - identical - different.count
    var line = "\(counted(entries.count, "tensor")) in both: \(identical) "
    line += isOfStructure ? "of the same type and shape" : "identical"
    if close > 0 { line += ", \(close) within the tolerance" }
    line += ", \(different.count) different"
    if !missing.isEmpty || !extra.isEmpty {
      line += "; \(missing.count) missing, \(extra.count) extra"
    }
    if !notCompared.isEmpty { line += "; \(notCompared.count) not compared" }
    return line
  }

  /// The report for people.
  ///
  /// - Parameters:
  ///   - first: What the first checkpoint is called, mostly its path.
  ///   - second: What the second is called.
  ///   - models: What both are, if they were compared under the names of a model.
  package func lines(
    _ style: TextStyle, first: String, second: String,
    models: (first: RecognizedModel, second: RecognizedModel)? = nil
  ) -> [String] {
    var lines: [String] = []
    if let models {
      lines.append("compared under Transformers' names:")
      lines.append("  \(singleLine(first)): \(models.first.description)")
      lines.append("  \(singleLine(second)): \(models.second.description)")
    }
    lines += names("only in \(singleLine(first))", missing, style)
    lines += names("only in \(singleLine(second))", extra, style)
    lines += names(
      isOfStructure
        ? "no tensors, and not in both" : "not compared, since they are no dense tensors",
      notCompared,
      style)
    let different = different
    var table = TextTable(
      .name("tensor"), .text("differs"), .number("max abs"), .number("max rel"), .number("ULPs"),
      .number("cosine"))
    for entry in style.shown(different, limit: 200) { add(entry, to: &table) }
    lines += table.lines(style) + style.rest(of: different.count, limit: 200)
    lines.append(style.paint(summary, isEqual ? .good : .bad))
    return lines
  }

  private func names(
    _ heading: String, _ names: [ExactName], _ style: TextStyle
  ) -> [String] {
    guard !names.isEmpty else { return [] }
    return [heading + ":"]
      + style.shown(names, limit: 20).map { style.fitted("  " + singleLine($0.string)) }
      + style.rest(of: names.count, limit: 20).map { "  " + $0 }
  }

  /// What differs, in a few words.
  package func kinds(_ entry: Entry) -> [String] {
    var kinds: [String] = []
    if entry.hasOtherShape { kinds.append("shape \(entry.first.shape) / \(entry.second.shape)") }
    if entry.hasOtherType { kinds.append("dtype \(entry.first.dtype) / \(entry.second.dtype)") }
    // Steps that have scales, and such as have none, are of one type and stand for other numbers.
    guard let values = entry.values else { return kinds.isEmpty ? ["scales"] : kinds }
    if values.differing > 0 {
      kinds.append("values")
    } else if kinds.isEmpty {
      kinds.append("bytes")
    }
    return kinds
  }

  private func add(_ entry: Entry, to table: inout TextTable) {
    let cells = [singleLine(entry.name.string), kinds(entry).joined(separator: ", ")]
    guard let values = entry.values else { return table.add(cells) }
    table.add(
      cells + [
        NumberText.significant(values.maximumAbsolute),
        NumberText.significant(values.maximumRelative), ulpsText(values.maximumULPs),
        values.cosine.map { NumberText.fixed($0, digits: 6) } ?? "–",
      ], below: worst(entry, values).map { "  " + $0 })
  }

  /// Where it differs most, and what is no number there.
  private func worst(_ entry: Entry, _ values: ValueDifference) -> [String] {
    var lines: [String] = []
    if values.differing > 0 {
      lines.append(
        "worst at \(place(values, in: entry)): \(NumberText.significant(values.worstValues.0)) / "
          + "\(NumberText.significant(values.worstValues.1)); "
          + "\(values.differing) of \(numbers(in: entry)) differ"
          + (tolerance == nil ? "" : ", \(values.beyondTolerance) beyond the tolerance"))
    }
    for (kind, counts) in [("NaN", values.nanCounts), ("infinite", values.infinityCounts)]
    where counts != (0, 0) {
      lines.append("\(kind): \(counts.0) / \(counts.1)")
    }
    return lines
  }

  /// How many values are compared; of complex numbers both parts are.
  private func numbers(in entry: Entry) -> String {
    let parts = entry.first.dtype.partCount
    return "\(parts * entry.first.shape.elementCount) " + (parts > 1 ? "parts" : "values")
  }

  /// The place of the worst value, an index for each dimension.
  package func place(_ values: ValueDifference, in entry: Entry) -> String {
    "\(entry.first.shape.place(of: worstIndex(values, in: entry)))"
  }

  /// The row-major index of the element whose value, or part of it, is the worst.
  package func worstIndex(_ values: ValueDifference, in entry: Entry) -> Int {
    values.worstIndex / entry.first.dtype.partCount
  }
}
