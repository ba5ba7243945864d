internal import ArgumentParser
internal import Weighbridge

/// `weighbridge perplexity`: how little a language model expects of texts.
struct PerplexityCommand: TaskCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measures how little a causal language model expects of texts.",
    discussion: """
      e to the power of the mean of -log of the probabilities of tokens after those before them; the first token has none. \
      With --stride a text of any length is read in parts of the model's length.

      Examples:
        weighbridge perplexity gpt2/ 'The scale showed forty tonnes.'
        weighbridge perplexity gpt2/ --input book.txt --stride 512
      """)

  @OptionGroup var model: ModelArguments

  @OptionGroup var rows: TextArguments

  @Option(
    help: ArgumentHelp(
      "Read long texts in parts, each of which goes on by this number of tokens.",
      valueName: "count"))
  var stride: Int?

  @OptionGroup var cutting: CuttingArguments

  @OptionGroup var computing: ComputingArguments

  func task(_ console: Console) throws -> TextPerplexity {
    var task = try TextPerplexity(try model.textModel(.causalLM, computing, cutting, console))
    task.stride = stride
    return task
  }

  func text(_ output: TextPerplexity.Score, to row: TaskRow) -> String {
    "\(NumberText.fixed(output.perplexity, digits: 4))  \(counted(output.tokenCount, "token"))  "
      + row.heading()
  }
}
