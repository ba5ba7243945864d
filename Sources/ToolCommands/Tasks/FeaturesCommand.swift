internal import ArgumentParser
internal import Weighbridge

/// `weighbridge features`: the states of texts' tokens.
struct FeaturesCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract:
      "Gives the states of texts' tokens, as Transformers' pipeline feature-extraction does.",
    discussion: """
      For people the first numbers of each token are printed; --json has all of them.

      Examples:
        weighbridge features model/ 'the scale is even'
        weighbridge features model/ --input texts.txt --output states.jsonl
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func task(_ console: Console) throws -> FeatureExtraction {
    try FeatureExtraction(try model.textModel(.base, computing, cutting, console, once: rows.isOne))
  }

  func text(_ output: FeatureExtraction.Features, to row: TaskRow) -> String {
    row.heading()
      + zip(output.tokens, output.states).map { token, state in
        let start = state.prefix(3).map { NumberText.fixed(Double($0), digits: 4) }
        return "  [\(start.joined(separator: ", ")), …]  \(singleLine(token))\n"
      }.joined()
  }
}
