internal import ArgumentParser
internal import Weighbridge

/// `weighbridge classify`: the labels of texts.
struct ClassifyCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Labels texts, as Transformers' pipeline does.",
    discussion: """
      The configuration's problem_type decides: one label of several gives probabilities that sum to 1, any number of \
      labels gives each its own, a regression gives the number itself. Labels are named by id2label, the highest first.

      A pair of texts is what models for inference and cross-encoders take: --pair, or lines {"text": …, "pair": …}.

      Examples:
        weighbridge classify model/ 'the scale is even' 'the load is heavy'
        weighbridge classify model/ --input reviews.txt --top-k 1 --output labels.jsonl
        cat reviews.txt | weighbridge classify model/ -
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(help: ArgumentHelp("A second text, for each TEXT.", valueName: "text"))
  var pair: String?

  @Option(
    name: .customLong("top-k"),
    help: ArgumentHelp("So many labels of each text; by default all.", valueName: "count"))
  var top: Int?

  @Option(
    help:
      "What labels' numbers are made into, whatever the configuration says: sigmoid, softmax, none."
  )
  var function: Choice<TextClassification.Function>?

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    if let top, top < 1 { throw ValidationError("--top-k must be above 0.") }
  }

  var defaults: [JSONValue.Member] { pair.map { [JSONValue.Member("pair", .string($0))] } ?? [] }

  func task(_ console: Console) throws -> TextClassification {
    try TextClassification(
      try model.textModel(.sequenceClassification, computing, cutting, console, once: rows.isOne),
      top: top,
      function: function?.value)
  }

  func text(_ output: [LabelScore], to row: TaskRow) -> String { row.heading() + output.lines }

  func document(
    _ answers: [(row: TaskRow, output: [LabelScore])], of task: TextClassification
  ) -> JSONValue? {
    let problem: ProblemType =
      switch task.function {
      case .none: .regression
      case .softmax: .singleLabelClassification
      case .sigmoid: .multiLabelClassification
      }
    let results = answers.map { row, output in
      JSONValue.object(row.echo("text") + task.members(of: output))
    }
    return .object([
      JSONValue.Member("problem_type", .string(problem.rawValue)),
      JSONValue.Member("results", .array(results)),
    ])
  }
}

extension TaskRow {
  /// The text of a row and what belongs to it, on a line.
  func heading(_ key: ExactName = "text") -> String {
    let texts = [key, "pair", "text_pair"].compactMap { self[$0]?.string }
    return texts.map { singleLine($0) }.joined(separator: " | ") + "\n"
  }
}

extension [LabelScore] {
  /// A line for each label.
  var lines: String {
    map { "  " + NumberText.fixed($0.score, digits: 4) + "  " + singleLine($0.label) + "\n" }
      .joined()
  }
}
