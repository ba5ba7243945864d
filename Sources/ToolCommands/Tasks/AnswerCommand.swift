internal import ArgumentParser
internal import Weighbridge

/// `weighbridge answer`: the answers to questions, out of a text.
struct AnswerCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "answer",
    abstract: "Finds the answers to questions in a text, as Transformers' pipeline does.",
    discussion: """
      TEXT is a question about --context. Lines are {"question": …, "context": …}. A long text is read in parts that \
      overlap. Places count characters of the text.

      Examples:
        weighbridge answer model/ 'What does it show?' --context 'The scale shows forty tonnes.'
        weighbridge answer model/ --input questions.jsonl --top-k 3 --output answers.jsonl
      """)

  static let textKey: ExactName = "question"

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(help: ArgumentHelp("The text that the answers stand in.", valueName: "text"))
  var context: String?

  @Option(
    help: ArgumentHelp("A file that holds the text.", valueName: "file"))
  var contextFile: String?

  @Option(
    name: .customLong("top-k"),
    help: ArgumentHelp("How many answers to a question at most.", valueName: "count"))
  var top = 1

  @Option(
    help: ArgumentHelp(
      "How many tokens the parts of a long text have in common.", valueName: "count"))
  var docStride: Int?

  @Option(
    name: .customLong("max-seq-len"),
    help: ArgumentHelp(
      "The most tokens of question and part; by default what the model takes, at most 384.",
      valueName: "count"))
  var maximumLength: Int?

  @Option(
    name: .customLong("max-answer-len"),
    help: ArgumentHelp("The most tokens of an answer.", valueName: "count"))
  var longestAnswer = 15

  @Flag(
    name: .customLong("no-answer"), help: "No answer may be the answer: it is an empty text then.")
  var mayHaveNoAnswer = false

  @Flag(
    name: .customLong("no-align-to-words"), help: "Answers may begin and end within words.")
  var splitsWords = false

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    guard context == nil || contextFile == nil else {
      throw ValidationError("Give either --context or --context-file.")
    }
    guard rows.file != nil || context != nil || contextFile != nil else {
      throw ValidationError("Give --context, the text that the answer stands in.")
    }
    for (name, value) in [
      ("top-k", top), ("max-answer-len", longestAnswer), ("max-seq-len", maximumLength ?? 1),
    ] where value < 1 {
      throw ValidationError("--\(name) is too small.")
    }
    if let docStride, docStride < 0 { throw ValidationError("--doc-stride is too small.") }
  }

  var defaults: [JSONValue.Member] {
    context.map { [JSONValue.Member("context", .string($0))] } ?? []
  }

  mutating func run(on console: Console) throws -> ToolExit {
    if let contextFile { context = try TextFile.contents(of: contextFile) }
    try answer(with: try task(console), on: console)
    return .done
  }

  func task(_ console: Console) throws -> QuestionAnswering {
    var task = try QuestionAnswering(
      try model.textModel(.questionAnswering, computing, console))
    task.top = top
    task.stride = docStride
    task.maximumLength = maximumLength
    task.longestAnswer = longestAnswer
    task.mayHaveNoAnswer = mayHaveNoAnswer
    task.takesWholeWords = !splitsWords
    return task
  }

  func text(_ output: [QuestionAnswering.Answer], to row: TaskRow) -> String {
    row.heading(Self.textKey)
      + output.map { answer in
        let place =
          answer.text.isEmpty
          ? "no answer"
          : "\(answer.place.lowerBound)-\(answer.place.upperBound)  \(singleLine(answer.text))"
        return "  \(NumberText.fixed(answer.score, digits: 4))  \(place)\n"
      }.joined()
  }
}

/// A file that is one text.
enum TextFile {
  static func contents(of path: String) throws(CheckpointError) -> String {
    let file = try SourceFile(path: path)
    let bytes = try file.bytes(at: 0, count: file.size)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CheckpointError(.malformed, file: path, "is not UTF-8")
    }
    return text
  }
}
