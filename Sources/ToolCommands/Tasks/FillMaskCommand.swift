internal import ArgumentParser
internal import Weighbridge

/// `weighbridge fill-mask`: what may stand where a text has a mask.
struct FillMaskCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "fill-mask",
    abstract: "Fills the masks of texts, as Transformers' pipeline does.",
    discussion: """
      The masked language model of the family is run, whatever class the configuration names. Masks are written as \
      the tokenizer's mask token, mostly [MASK] or <mask>.

      Examples:
        weighbridge fill-mask model/ 'Paris is the [MASK] of France.'
        weighbridge fill-mask model/ 'the scale is [MASK]' --targets even --targets heavy
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(
    name: .customLong("top-k"),
    help: ArgumentHelp("How many tokens are proposed for each mask.", valueName: "count"))
  var count = 5

  @Option(
    help: ArgumentHelp(
      "Propose this token alone, with its probability among all. Repeatable.",
      discussion: "A text that is no token stands for its first one.", valueName: "token"))
  var targets: [String] = []

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func validate() throws {
    try rows.requireTexts()
    guard count > 0 else { throw ValidationError("--top-k must be above 0.") }
  }

  func task(_ console: Console) throws -> MaskFilling {
    let task = try MaskFilling(
      try model.textModel(.maskedLM, computing, cutting, console, once: rows.isOne), top: count,
      targets: targets.isEmpty ? nil : targets)
    for remark in task.remarks { console.writeNote(remark) }
    return task
  }

  func text(_ output: [MaskedPlace], to row: TaskRow) -> String {
    var lines: [String] = []
    for place in output {
      if output.count > 1 { lines.append("mask at token \(place.position)") }
      for proposal in place.proposals {
        lines.append(
          NumberText.fixed(proposal.probability, digits: 4) + "  " + singleLine(proposal.token)
            + "  " + singleLine(proposal.text))
      }
    }
    let text = lines.joined(separator: "\n") + "\n"
    return rows.isOne ? text : row.heading() + text
  }

  func document(
    _ answers: [(row: TaskRow, output: [MaskedPlace])], of task: MaskFilling
  ) -> JSONValue? {
    answers.count == 1 ? .object(task.members(of: answers[0].output)) : nil
  }
}
