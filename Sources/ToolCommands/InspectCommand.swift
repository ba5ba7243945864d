internal import ArgumentParser
internal import Weighbridge

/// `weighbridge inspect`: what a checkpoint holds.
struct InspectCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Lists what a checkpoint holds. Reads structure only.")

  @Argument(help: "A checkpoint file, an index of shards, or a model directory.")
  var source: String

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  @Flag(help: "Say where the bytes of each tensor come from.")
  var lineage = false

  @Flag(help: "Read all data and print the SHA-256 of each tensor.")
  var digests = false

  @OptionGroup var sourceOptions: SourceOptions

  mutating func run(on console: Console) throws -> ToolExit {
    var options = sourceOptions.openOptions
    options.takesIncomplete = true
    let checkpoint = try Checkpoint.open(source, options: options)
    let bar = ProgressBar(console)
    defer { bar.clear() }
    let report = try InspectReport(
      checkpoint, source: source, lineage: lineage, digests: digests, progress: bar.handler)
    bar.clear()
    console.write(json ? JSONWriter.text(report.json, style: .compact) + "\n" : report.text)
    // All there is to see has been shown; that the checkpoint is not whole is an answer all the same.
    if let incompleteness = checkpoint.incompleteness { throw incompleteness }
    return .done
  }
}
