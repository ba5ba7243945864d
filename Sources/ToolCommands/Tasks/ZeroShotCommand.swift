internal import ArgumentParser
internal import Weighbridge

/// `weighbridge zero-shot`: labels that a model was not made for.
struct ZeroShotCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "zero-shot",
    abstract: "Labels texts with labels of your own, as Transformers' pipeline does.",
    discussion: """
      A model for inference (MNLI) says how well a sentence with each label follows from the text. Lines are \
      {"text": …, "labels": […]}; without labels of their own they get those of --labels.

      Examples:
        weighbridge zero-shot mnli/ 'The bridge holds forty tonnes.' --labels 'weight, weather, music'
        weighbridge zero-shot mnli/ --input texts.txt --labels 'weight,weather' --multi-label --output labels.jsonl
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(help: ArgumentHelp("The labels, with commas between them.", valueName: "label,…"))
  var labels: String?

  @Option(
    name: .customLong("hypothesis-template"),
    help: ArgumentHelp("The sentence; {} is the label's place.", valueName: "text"))
  var template = "This example is {}."

  @Flag(
    name: .customLong("multi-label"),
    help: "Labels are independent of each other: each has a probability of its own.")
  var isMultiLabel = false

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    guard rows.file != nil || !labelList.isEmpty else { throw ValidationError("Give --labels.") }
    guard template.contains("{}") || template.contains("{0}") else {
      throw ValidationError("--hypothesis-template: expected {} where the label is to stand")
    }
  }

  private var labelList: [String] {
    (labels ?? "").split(separator: ",").map { label in
      let words = label.split(separator: " ", omittingEmptySubsequences: false)
      let inner = words.drop(while: \.isEmpty)
      return inner.reversed().drop(while: \.isEmpty).reversed().joined(separator: " ")
    }.filter { !$0.isEmpty }
  }

  func task(_ console: Console) throws -> ZeroShotClassification {
    var task = try ZeroShotClassification(
      try model.textModel(.sequenceClassification, computing, cutting, console),
      labels: labelList, template: template)
    task.isMultiLabel = isMultiLabel
    for remark in task.remarks { console.writeNote(remark) }
    return task
  }

  func text(_ output: [LabelScore], to row: TaskRow) -> String { row.heading() + output.lines }
}
