internal import ArgumentParser
internal import Weighbridge

/// `weighbridge diff`: weights against weights, across formats.
struct DiffCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compares two checkpoints, across formats and layouts; the worst comes first.",
    discussion: """
      Without tolerances, weights are equal if their types, shapes and bytes are. With --rtol or --atol, values count as \
      equal where |a - b| <= atol + rtol · |b|, whatever their types. If names differ and both are models of one family, they are compared under Transformers' \
      names. Ends with exit code 1 if anything differs.
      """)

  @Argument(help: "The first checkpoint.")
  var first: String

  @Argument(help: "The second checkpoint.")
  var second: String

  @Option(help: "How much values may differ, relative to the second.")
  var rtol: Double = 0

  @Option(help: "How much values may differ absolutely.")
  var atol: Double = 0

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  @OptionGroup var sourceOptions: SourceOptions

  mutating func validate() throws {
    try Self.refuseStandardStreams([first, second])
    guard rtol >= 0, atol >= 0 else { throw ValidationError("tolerances must not be negative") }
  }

  /// A configuration only decides what names leave open here; one that does not fit is none.
  private static func configuration(
    _ source: String
  ) -> (Recognition) -> ModelConfiguration? {
    { try? ModelConfiguration(inDirectory: source, family: $0.certainFamily) }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let left = try Checkpoint.open(first, options: sourceOptions.openOptions)
    let right = try Checkpoint.open(second, options: sourceOptions.openOptions)
    // What was not read cannot be called equal.
    for checkpoint in [left, right] {
      if let refusal = checkpoint.graph.facts.others.lazy.compactMap(\.refusal).first {
        throw refusal
      }
    }
    let bar = ProgressBar(console)
    defer { bar.clear() }
    let names = try CommonNames(
      left.graph, right.graph,
      configurations: (Self.configuration(first), Self.configuration(second)))
    let difference = try CheckpointDifference(
      names.first, names.second,
      tolerance: Tolerance(absolute: atol, relative: rtol),
      progress: bar.handler)
    bar.clear()
    let report = DifferenceReport(
      difference, first: first, second: second, models: names.models)
    console.write(json ? JSONWriter.text(report.json) + "\n" : report.text)
    return difference.isEqual ? .done : .different
  }
}
