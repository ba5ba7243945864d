internal import ArgumentParser
internal import Weighbridge

/// `weighbridge inspect`: what a checkpoint holds.
struct InspectCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Lists what a checkpoint holds. Reads structure only.",
    discussion: """
      Of several sources each has a line, and with --json an object on a line of its own. What cannot be opened is said on \
      standard error, the others follow, and the exit code is that of the worst.
      """)

  @Argument(
    help: "A checkpoint file, an index of shards, or a model directory. Several have a line each.")
  var source: [String]

  @Flag(help: "Print everything as one JSON object.")
  var json = false

  @Flag(help: "Say where the bytes of each tensor come from.")
  var lineage = false

  @Flag(help: "Read all data and print the SHA-256 of each tensor.")
  var digests = false

  @OptionGroup var sourceOptions: SourceOptions

  mutating func validate() throws { try Self.refuseStandardStreams(source) }

  mutating func run(on console: Console) throws -> ToolExit {
    try Self.forEach(source, on: console) { try inspect($0, on: console) }
  }

  private func inspect(_ path: String, on console: Console) throws -> ToolExit {
    var options = sourceOptions.openOptions
    options.takesIncomplete = true
    let checkpoint = try Checkpoint.open(path, options: options)
    let bar = ProgressBar(console)
    defer { bar.clear() }
    let report = try InspectReport(
      checkpoint, source: path, lineage: lineage, digests: digests, progress: bar.handler)
    bar.clear()
    if json {
      console.write(JSONWriter.text(report.json, style: .compact) + "\n")
    } else if source.count > 1, !lineage, !digests {
      console.write(report.summary + "\n")
    } else {
      console.write(report.text)
    }
    // All there is to see has been shown; that the checkpoint is not whole is an answer all the same.
    if let incompleteness = checkpoint.incompleteness { throw incompleteness }
    return .done
  }
}
