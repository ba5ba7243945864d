internal import ArgumentParser
internal import Weighbridge

/// `weighbridge ner`: names and other entities in texts.
struct NerCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "ner",
    abstract: "Labels the tokens of texts, as Transformers' pipeline does.",
    discussion: """
      --aggregation puts tokens together: simple those of one label; first, average and max give each word one label \
      before, by its first token, the mean of its tokens, or the surest of them. Places count characters of the text.

      Examples:
        weighbridge ner model/ 'Ada weighed it in Genoa.' --aggregation simple
        weighbridge ner model/ --input texts.txt --aggregation first --output entities.jsonl
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(help: "How tokens are put together.")
  var aggregation = Choice(TokenClassification.Aggregation.none)

  @Option(
    name: .customLong("ignore-label"),
    help: ArgumentHelp("Leave out a label, instead of O. Repeatable.", valueName: "label"))
  var ignoredLabels: [String] = []

  @Option(
    help: ArgumentHelp(
      "Label texts that are too long in parts, which have this number of tokens in common.",
      valueName: "count"))
  var stride: Int?

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    if let stride, stride < 0 { throw ValidationError("--stride cannot be negative.") }
    if stride != nil, aggregation.value == .none {
      throw ValidationError("--stride needs an --aggregation.")
    }
  }

  func task(_ console: Console) throws -> TokenClassification {
    try TokenClassification(
      try model.textModel(.tokenClassification, computing, cutting, console, once: rows.isOne),
      aggregation: aggregation.value,
      ignoredLabels: ignoredLabels.isEmpty ? ["O"] : Set(ignoredLabels), stride: stride)
  }

  func text(_ output: [Entity], to row: TaskRow) -> String {
    row.heading()
      + output.map { entity in
        "  \(NumberText.fixed(entity.score, digits: 4))  \(singleLine(entity.label))  "
          + "\(entity.place.lowerBound)-\(entity.place.upperBound)  \(singleLine(entity.word))\n"
      }.joined()
  }
}
