internal import Weighbridge

/// What `run` prints.
struct RunReport: Report {
  private let outputs: ModelOutputs
  private let subject: String
  private let className: String
  private let written: String
  private var statistics: [WeightStatistics] = []
  private var pictures: [AttentionPictures] = []

  /// - Parameters:
  ///   - subject: The path of the model.
  ///   - written: The file that the outputs went to.
  init(_ outputs: ModelOutputs, of subject: String, className: String, written: String) {
    self.outputs = outputs
    self.subject = subject
    self.className = className
    self.written = written
  }

  /// Looks at the values, and at what the heads look at, for a page.
  mutating func look(_ inputs: ModelInputs, tokenizer: Tokenizer?) throws(CheckpointError) {
    statistics = try WeightStatistics.of(try weights())
    pictures = AttentionPictures.all(
      of: outputs.numbered("attentions").map { ($0.name, $0.dimensions, $0.values) },
      tokens: TokenTexts(inputs.inputIDs, tokenizer))
  }

  private func weights() throws(CheckpointError) -> [(name: ExactName, weight: Weight)] {
    try outputs.all.map { (output) throws(CheckpointError) in
      (ExactName(output.name), try Weight(output.values, shape: output.dimensions))
    }
  }

  /// The class, and the outputs with their extents.
  func text(_ style: TextStyle) -> String {
    let width = outputs.all.map(\.name.count).max() ?? 0
    let lines = outputs.all.map { output in
      "  " + output.name + String(repeating: " ", count: width - output.name.count + 2)
        + "\(output.dimensions)"
    }
    return (["\(singleLine(subject)): \(className), to \(singleLine(written))"] + lines)
      .joined(separator: "\n") + "\n"
  }

  var json: JSONValue {
    .object([
      JSONValue.Member("class", .string(className)),
      JSONValue.Member(
        "outputs",
        .array(
          outputs.all.map { output in
            .object([
              JSONValue.Member("name", .string(output.name)),
              JSONValue.Member("shape", .array(output.dimensions.map { .integer($0) })),
            ])
          })),
    ])
  }

  /// What was computed: each output with what its values are like, and the attentions as pictures.
  var page: ReportPage {
    var page = ReportPage("run", title: subject)
    page.facts = [("class", className), ("outputs", written)]
    page.add(table)
    if pictures.isEmpty {
      page.addList("Attention", ["with --attentions the heads are drawn here"])
    }
    for picture in pictures { page.add(picture) }
    return page
  }

  private var table: PageTable {
    var table = PageTable(
      "Outputs in order of computation",
      [
        ("output", .name), ("shape", .shape), ("min", .number), ("max", .number),
        ("mean", .number), ("std", .number), ("distribution", .histogram),
      ])
    table.rows = zip(outputs.all, statistics).map { output, statistics in
      var row = PageTable.Row(cells: [.text(output.name), .integers(output.dimensions)])
      if let shape = Shape(output.dimensions) { row.add(statistics, shape: shape) }
      return row
    }
    return table
  }
}
