internal import Weighbridge

/// What `diff` prints.
struct DifferenceReport {
  private let difference: CheckpointDifference
  private let first: String
  private let second: String
  private let models: (first: RecognizedModel, second: RecognizedModel)?

  init(
    _ difference: CheckpointDifference, first: String, second: String,
    models: (first: RecognizedModel, second: RecognizedModel)? = nil
  ) {
    self.models = models
    self.difference = difference
    self.first = first
    self.second = second
  }

  private var different: [CheckpointDifference.Entry] {
    difference.entries.filter(difference.isDifferent)
  }

  /// The report for people.
  var text: String {
    var lines: [String] = []
    if let models {
      lines.append("compared under Transformers' names:")
      lines.append("  \(singleLine(first)): \(models.first.description)")
      lines.append("  \(singleLine(second)): \(models.second.description)")
    }
    lines += names("only in \(singleLine(first))", difference.missing)
    lines += names("only in \(singleLine(second))", difference.extra)
    let different = different
    if !different.isEmpty {
      var cells = [["tensor", "differs", "max abs", "max rel", "ULPs", "cosine", "NaN", "worst"]]
      for entry in different.prefix(200) { cells.append(row(entry)) }
      lines += TextTable.lines(cells)
      if different.count > 200 { lines.append("… and \(different.count - 200) more (see --json)") }
    }
    let identical = difference.entries.count(where: \.isIdentical)
    let close = difference.entries.count - identical - different.count
    var summary = "\(counted(difference.entries.count, "tensor")) in both: \(identical) identical"
    if close > 0 { summary += ", \(close) within the tolerance" }
    summary += ", \(different.count) different"
    if !difference.missing.isEmpty || !difference.extra.isEmpty {
      summary += "; \(difference.missing.count) missing, \(difference.extra.count) extra"
    }
    lines.append(summary)
    return lines.joined(separator: "\n") + "\n"
  }

  private func names(_ heading: String, _ names: [ExactName]) -> [String] {
    guard !names.isEmpty else { return [] }
    let shown = names.prefix(20).map { "  " + singleLine($0.string) }
    let rest = names.count > 20 ? ["  … and \(names.count - 20) more (see --json)"] : []
    return [heading + ":"] + shown + rest
  }

  private func row(_ entry: CheckpointDifference.Entry) -> [String] {
    var kinds: [String] = []
    if entry.hasOtherShape { kinds.append("shape \(entry.first.shape) / \(entry.second.shape)") }
    if entry.hasOtherType { kinds.append("dtype \(entry.first.dtype) / \(entry.second.dtype)") }
    let name = singleLine(entry.name.string)
    guard let values = entry.values else {
      return [name, kinds.joined(separator: ", "), "", "", "", "", "", ""]
    }
    if values.maximumAbsolute > 0 || values.nanCounts.0 != values.nanCounts.1 {
      kinds.append("values")
    } else if kinds.isEmpty {
      kinds.append("bytes")
    }
    return [
      name, kinds.joined(separator: ", "), NumberText.significant(values.maximumAbsolute),
      NumberText.significant(values.maximumRelative), values.maximumULPs.map(String.init) ?? "–",
      values.cosine.map { NumberText.fixed($0, digits: 9) } ?? "–",
      "\(values.nanCounts.0) / \(values.nanCounts.1)",
      "[\(values.worstIndex)] \(values.worstValues.0) / \(values.worstValues.1)",
    ]
  }

  /// The report for programs: every tensor that both have, worst first.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(difference.isEqual)),
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
      ]
    }
    return .object(members)
  }
}
