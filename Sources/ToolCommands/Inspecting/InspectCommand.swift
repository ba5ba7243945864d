internal import ArgumentParser
internal import Weighbridge

/// `weighbridge inspect`: what a checkpoint holds.
struct InspectCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Lists what a checkpoint holds. Reads structure only.",
    discussion: """
      Of several sources each has a line, and with --json an object on a line of its own. What cannot be opened is said on \
      standard error, the others follow, and the exit code is that of the worst. Layers that are alike are one line, and \
      so is what training leaves beside a model.

      Examples:
        weighbridge inspect model.safetensors
        weighbridge inspect checkpoints/*.pt
        weighbridge inspect model/ --tree
        weighbridge inspect model.pt --include '*.attention.*' --sort size --limit 20 --stats
      """)

  @Argument(
    help: "A checkpoint file, an index of shards, or a model directory. Several have a line each.")
  var source: [String]

  @Option(
    help: ArgumentHelp(
      "Show only tensors whose name matches; * and ? are wildcards. Repeatable.",
      valueName: "pattern"))
  var include: [String] = []

  @Option(
    help: ArgumentHelp(
      "Show them by name, size (the largest first), dtype or shape instead of in the file's order.",
      valueName: "order"))
  var sort: InspectReport.Order?

  @Option(help: ArgumentHelp("Show so many tensors at most.", valueName: "count"))
  var limit: Int?

  @Flag(help: "Show the names as a tree, with what each part holds.")
  var tree = false

  @Flag(
    name: [.customLong("stats")],
    help:
      "Read all data and print extremes, mean, spread and distribution of each tensor, and what is no number."
  )
  var statistics = false

  @Flag(help: "Say where the bytes of each tensor come from.")
  var lineage = false

  @Flag(help: "Read all data and print the SHA-256 of each tensor.")
  var digests = false

  @OptionGroup var output: ReportOptions

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func validate() throws {
    try refuseStandardStreams(source)
    if let limit, limit < 0 { throw ValidationError("--limit must not be negative") }
    if tree, lineage || digests {
      throw ValidationError("--tree shows no --digests and no --lineage")
    }
    if tree, output.json {
      throw ValidationError("--tree is for people: --json has every tensor by its name")
    }
    if tree, let sort, sort != .name, sort != .size {
      throw ValidationError("the parts of a --tree are sorted by name or size")
    }
  }

  var replacedFiles: [String] { output.replacedFiles }

  mutating func run(on console: Console) throws -> ToolExit {
    let sources = try Self.expanded(source)
    try output.checkPage(ofSources: sources.count)
    if sources.count > 1, !showsTensors, sort != nil || limit != nil {
      throw ValidationError(
        "--sort and --limit are for the tensors of one source; of several, --include, --stats, --digests, --lineage or --tree shows them"
      )
    }
    return try Self.forEach(sources, on: console, asJSON: output.json) {
      try inspect($0, isOne: sources.count == 1, on: console)
    }
  }

  /// True if tensors are asked for, and not what a source is.
  private var showsTensors: Bool {
    lineage || digests || statistics || tree || output.json || !include.isEmpty
  }

  private var reportOptions: InspectReport.Options {
    var options = InspectReport.Options()
    options.lineage = lineage
    options.digests = digests
    options.statistics = statistics
    // A page is there to be looked into.
    options.measures = statistics || output.report != nil
    options.tree = tree
    options.include = include.map { NamePattern($0) }
    options.sort = sort
    options.limit = limit
    return options
  }

  private func inspect(
    _ path: String, isOne: Bool, on console: Console
  ) throws -> ToolExit {
    var options = sourceOptions.openOptions
    options.takesIncomplete = true
    let checkpoint = try Checkpoint.open(path, options: options).describingAdapter(
      at: path, options)
    let bar = ProgressBar(console)
    defer { bar.clear() }
    let report = try InspectReport(
      checkpoint, source: path, options: reportOptions, progress: bar.handler)
    bar.clear()
    try output.writePage(of: report)
    if output.json {
      console.write(JSONWriter.text(report.json, style: .compact) + "\n")
    } else if !isOne, !showsTensors {
      console.write(report.summary + "\n")
    } else {
      console.write(report.text(console.style))
    }
    // All there is to see has been shown; that the checkpoint is not whole is an answer all the same.
    guard let incompleteness = checkpoint.incompleteness else { return .done }
    console.fail(incompleteness, asJSON: false)
    return ToolExit(incompleteness.kind)
  }
}

extension InspectReport.Order: ExpressibleByArgument {}

extension Checkpoint {
  /// The checkpoint with a note of what adapter it is, if its directory says it is one.
  fileprivate func describingAdapter(
    at path: String, _ options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    guard try LowRankAdapter.isAdapter(path) else { return self }
    var notes = notes
    do throws(CheckpointError) {
      notes += try LowRankAdapter(path, options: options).descriptions()
    } catch {
      // That it cannot be put on a model is no reason not to show it.
      notes.append("an adapter that is not put on models here: \(error.description)")
    }
    return Checkpoint(
      format: format, container: container, files: files, graph: graph, links: links, notes: notes,
      incompleteness: incompleteness)
  }
}
