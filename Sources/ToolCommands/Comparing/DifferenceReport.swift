internal import Weighbridge

/// What `diff` prints.
struct DifferenceReport: Report {
  let difference: CheckpointDifference
  let first: String
  let second: String
  let models: (first: RecognizedModel, second: RecognizedModel)?
  /// What the settings of two adapters make other numbers of.
  let adapterDifferences: [String]

  init(
    _ difference: CheckpointDifference, first: String, second: String,
    models: (first: RecognizedModel, second: RecognizedModel)? = nil,
    adapterDifferences: [String] = []
  ) {
    self.adapterDifferences = adapterDifferences
    self.models = models
    self.difference = difference
    self.first = first
    self.second = second
  }

  var isEqual: Bool { difference.isEqual && adapterDifferences.isEmpty }

  /// The whole on one line.
  var summary: String {
    let settings = adapterDifferences.map { "; the adapters differ in " + singleLine($0) }
    return difference.summary + settings.joined()
  }

  /// The report for people.
  func text(_ style: TextStyle) -> String {
    (difference.lines(style, first: first, second: second, models: models)
      + adapterDifferences.map { "the adapters differ in " + singleLine($0) })
      .joined(separator: "\n") + "\n"
  }

  /// The report for programs: every tensor that both have, worst first.
  var json: JSONValue {
    func texts(_ names: [ExactName]) -> JSONValue { .array(names.map { .string($0.string) }) }
    return .object([
      JSONValue.Member("equal", .boolean(isEqual)),
      JSONValue.Member(
        "compared", .string(difference.isOfStructure ? "structure" : "values")),
      JSONValue.Member(
        "models", models.map { .array([$0.first.json, $0.second.json]) } ?? .null),
      JSONValue.Member(
        "adapter_differences", .array(adapterDifferences.map { .string($0) })),
      JSONValue.Member("missing", texts(difference.missing)),
      JSONValue.Member("extra", texts(difference.extra)),
      JSONValue.Member("not_compared", texts(difference.notCompared)),
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
        JSONValue.Member("worst_index", .integer(difference.worstIndex(values, in: entry))),
        JSONValue.Member(
          "worst_place",
          .array(
            entry.first.shape.place(of: difference.worstIndex(values, in: entry))
              .map { .integer($0) })),
        JSONValue.Member(
          "worst_values", .array([.double(values.worstValues.0), .double(values.worstValues.1)])),
        JSONValue.Member("differing", .integer(values.differing)),
      ]
    }
    return .object(members)
  }
}
