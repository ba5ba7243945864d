internal import Weighbridge

/// What `diff` prints.
struct DifferenceReport: Report {
  let difference: CheckpointDifference
  let first: String
  let second: String
  let models: (first: RecognizedModel, second: RecognizedModel)?

  init(
    _ difference: CheckpointDifference, first: String, second: String,
    models: (first: RecognizedModel, second: RecognizedModel)? = nil
  ) {
    self.models = models
    self.difference = difference
    self.first = first
    self.second = second
  }

  var isEqual: Bool { difference.isEqual }

  private var different: [CheckpointDifference.Entry] {
    difference.entries.filter(difference.isDifferent)
  }

  /// The whole on one line.
  var summary: String {
    let different = different
    let identical = difference.entries.count(where: \.isIdentical)
    let close = difference.entries.count - identical - different.count
    var line = "\(counted(difference.entries.count, "tensor")) in both: \(identical) "
    line += difference.isOfStructure ? "of the same type and shape" : "identical"
    if close > 0 { line += ", \(close) within the tolerance" }
    line += ", \(different.count) different"
    if !difference.missing.isEmpty || !difference.extra.isEmpty {
      line += "; \(difference.missing.count) missing, \(difference.extra.count) extra"
    }
    return line
  }

  /// The report for people.
  func text(_ style: TextStyle) -> String {
    var lines: [String] = []
    if let models {
      lines.append("compared under Transformers' names:")
      lines.append("  \(singleLine(first)): \(models.first.description)")
      lines.append("  \(singleLine(second)): \(models.second.description)")
    }
    lines += names("only in \(singleLine(first))", difference.missing, style)
    lines += names("only in \(singleLine(second))", difference.extra, style)
    let different = different
    var table = TextTable(
      .name("tensor"), .text("differs"), .number("max abs"), .number("max rel"), .number("ULPs"),
      .number("cosine"))
    for entry in style.shown(different, limit: 200) { add(entry, to: &table) }
    lines += table.lines(style) + style.rest(of: different.count, limit: 200)
    lines.append(style.paint(summary, isEqual ? .good : .bad))
    return lines.joined(separator: "\n") + "\n"
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
  func kinds(_ entry: CheckpointDifference.Entry) -> [String] {
    var kinds: [String] = []
    if entry.hasOtherShape { kinds.append("shape \(entry.first.shape) / \(entry.second.shape)") }
    if entry.hasOtherType { kinds.append("dtype \(entry.first.dtype) / \(entry.second.dtype)") }
    guard let values = entry.values else { return kinds }
    if values.differing > 0 {
      kinds.append("values")
    } else if kinds.isEmpty {
      kinds.append("bytes")
    }
    return kinds
  }

  private func add(_ entry: CheckpointDifference.Entry, to table: inout TextTable) {
    let cells = [singleLine(entry.name.string), kinds(entry).joined(separator: ", ")]
    guard let values = entry.values else { return table.add(cells) }
    table.add(
      cells + [
        NumberText.significant(values.maximumAbsolute),
        NumberText.significant(values.maximumRelative), values.maximumULPs.map(String.init) ?? "–",
        values.cosine.map { NumberText.fixed($0, digits: 6) } ?? "–",
      ], below: worst(entry, values).map { "  " + $0 })
  }

  /// Where it differs most, and what is no number there.
  private func worst(
    _ entry: CheckpointDifference.Entry, _ values: ValueDifference
  ) -> [String] {
    var lines: [String] = []
    if values.differing > 0 {
      lines.append(
        "worst at \(place(values, in: entry)): \(NumberText.significant(values.worstValues.0)) / "
          + "\(NumberText.significant(values.worstValues.1)); "
          + "\(values.differing) of \(entry.first.shape.elementCount) values differ")
    }
    for (kind, counts) in [("NaN", values.nanCounts), ("infinite", values.infinityCounts)]
    where counts != (0, 0) {
      lines.append("\(kind): \(counts.0) / \(counts.1)")
    }
    return lines
  }

  /// The place of the worst value, an index for each dimension.
  func place(_ values: ValueDifference, in entry: CheckpointDifference.Entry) -> String {
    "\(entry.first.shape.place(of: values.worstIndex))"
  }

  /// The report for programs: every tensor that both have, worst first.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(difference.isEqual)),
      JSONValue.Member(
        "compared", .string(difference.isOfStructure ? "structure" : "values")),
      JSONValue.Member(
        "models", models.map { .array([$0.first.json, $0.second.json]) } ?? .null),
      JSONValue.Member("missing", texts(difference.missing)),
      JSONValue.Member("extra", texts(difference.extra)),
      JSONValue.Member("tensors", .array(difference.entries.map(json(of:)))),
    ])
  }

  private func json(of entry: CheckpointDifference.Entry) -> JSONValue {
    func type(_ side: (dtype: DType, shape: Shape)) -> JSONValue {
      .object([
        JSONValue.Member("dtype", .string(side.dtype.rawValue)),
        JSONValue.Member("shape", .array(side.shape.dimensions.map { .integer($0) })),
      ])
    }
    var members: [JSONValue.Member] = [
      JSONValue.Member("name", .string(entry.name.string)),
      JSONValue.Member("identical", .boolean(entry.isIdentical)),
      JSONValue.Member("different", .boolean(difference.isDifferent(entry))),
      JSONValue.Member("first", type(entry.first)),
      JSONValue.Member("second", type(entry.second)),
    ]
    if let values = entry.values {
      members += [
        JSONValue.Member("max_abs", .double(values.maximumAbsolute)),
        JSONValue.Member("max_rel", .double(values.maximumRelative)),
        JSONValue.Member("max_ulps", values.maximumULPs.map { .integer($0) } ?? .null),
        JSONValue.Member("cosine", values.cosine.map { .double($0) } ?? .null),
        JSONValue.Member(
          "nan", .array([.integer(values.nanCounts.0), .integer(values.nanCounts.1)])),
        JSONValue.Member("beyond_tolerance", .integer(values.beyondTolerance)),
        JSONValue.Member("worst_index", .integer(values.worstIndex)),
        JSONValue.Member(
          "worst_place",
          .array(entry.first.shape.place(of: values.worstIndex).map { .integer($0) })),
        JSONValue.Member(
          "worst_values", .array([.double(values.worstValues.0), .double(values.worstValues.1)])),
        JSONValue.Member("differing", .integer(values.differing)),
      ]
    }
    return .object(members)
  }
}
