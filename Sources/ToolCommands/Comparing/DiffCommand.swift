internal import ArgumentParser
internal import Weighbridge

/// `weighbridge diff`: weights against weights, across formats.
struct DiffCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compares two checkpoints, across formats and layouts; the worst comes first.",
    discussion: """
      Without tolerances, weights are equal if their types, shapes and bytes are. With --rtol or --atol, 0 too, values count as \
      equal where |a - b| <= atol + rtol · |b|, also of types of another width: integers, floating-point numbers; of complex numbers each part. What is no dense tensor (sparse, quantised, nested, text) is not compared, and \
      counts as different but in files of the same bytes. If names differ and both are models of one family, they are compared under Transformers' \
      names. Two directories that are no checkpoints themselves, or of which one holds several, are compared file by file, files of different formats by \
      their base names. Of two adapters the settings that make other numbers are compared as well. Ends with exit code 1 if anything differs.

      Examples:
        weighbridge diff model.safetensors pytorch_model.bin
        weighbridge diff before.pt after.pt --rtol 1e-5
        weighbridge diff base/ finetuned/ --structure
        weighbridge diff --recursive checkpoints/ converted/
      """)

  @Argument(help: "The first checkpoint.")
  var first: String

  @Argument(help: "The second checkpoint.")
  var second: String

  @Option(
    help: ArgumentHelp("How much values may differ, relative to the second.", valueName: "number"))
  var rtol: Double?

  @Option(help: ArgumentHelp("How much values may differ absolutely.", valueName: "number"))
  var atol: Double?

  @Flag(help: "Compare names, types and shapes only; no data is read.")
  var structure = false

  @Flag(
    name: .shortAndLong,
    help: "Compare two directories file by file, checkpoints or not.")
  var recursive = false

  @OptionGroup var output: ReportOptions

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func validate() throws {
    try refuseStandardStreams([first, second])
    guard [rtol, atol].allSatisfy({ $0.map { $0 >= 0 && $0.isFinite } ?? true }) else {
      throw ValidationError("tolerances are finite numbers of at least 0")
    }
    if structure, tolerance != nil {
      throw ValidationError("--structure compares no values: leave out --rtol and --atol")
    }
  }

  /// How near values are equal; nil if bytes are compared.
  private var tolerance: Tolerance? {
    rtol == nil && atol == nil ? nil : Tolerance(absolute: atol ?? 0, relative: rtol ?? 0)
  }

  mutating func run(on console: Console) throws -> ToolExit {
    if try isOfFiles() {
      let files = try FilePairs(first, second)
      return try compare(files, on: console)
    }
    let report = try compare(first, second, on: console)
    try output.give(report, on: console, isResult: false)
    return report.isEqual ? .done : .different
  }

  /// Two directories that are no checkpoints, or of which one holds several.
  private func isOfFiles() throws(CheckpointError) -> Bool {
    for path in [first, second] where try PathKind(path: HubCache.located(path)) == .nothing {
      // Says that there is nothing.
      _ = try SourceFile(path: path)
    }
    for path in [first, second] where try PathKind(path: HubCache.located(path)) != .directory {
      guard recursive else { return false }
      throw CheckpointError(.inconsistent, file: path, "is no directory")
    }
    if recursive { return true }
    let holdings = [holding(of: first), holding(of: second)]
    return holdings.contains(.several) || holdings.allSatisfy { $0 == .nothing }
  }

  /// What a directory holds.
  private enum Holding {
    case checkpoint, several, nothing
  }

  private func holding(of path: String) -> Holding {
    do throws(CheckpointError) {
      _ = try Checkpoint.open(path, options: sourceOptions.openOptions)
      return .checkpoint
    } catch {
      guard error.site.file == path else { return .checkpoint }
      return error.kind == .inconsistent
        ? .several : error.kind == .notFound ? .nothing : .checkpoint
    }
  }

  private func compare(_ pairs: FilePairs, on console: Console) throws -> ToolExit {
    guard output.report == nil else {
      throw ValidationError("--report is the page of two checkpoints")
    }
    var worst = try Self.forEach(pairs.both, on: console, named: \.name, asJSON: output.json) {
      pair in
      let report = try compare(pair.paths.first, pair.paths.second, on: console)
      if output.json {
        let json = JSONValue.object(
          [JSONValue.Member("name", .string(pair.name))] + (report.json.members ?? []))
        console.write(JSONWriter.text(json) + "\n")
      } else if !console.style.isQuiet {
        console.write("\(singleLine(pair.name)): \(report.summary)\n")
      }
      return report.isEqual ? .done : .different
    }
    for other in pairs.others {
      if output.json {
        console.write(
          JSONWriter.text(
            .object([
              JSONValue.Member("name", .string(other.name)),
              JSONValue.Member("equal", .boolean(other.outcome == .equal)),
              JSONValue.Member("outcome", .string(other.outcome.rawValue)),
            ])) + "\n")
      } else if !console.style.isQuiet {
        console.write("\(singleLine(other.name)): \(other.outcome.rawValue)\n")
      }
      if other.outcome != .equal, worst == .done { worst = .different }
    }
    return worst
  }

  private func compare(
    _ first: String, _ second: String, on console: Console
  ) throws(CheckpointError) -> DifferenceReport {
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
    let graphs = (
      try names.first.addingModules(of: left), try names.second.addingModules(of: right)
    )
    var difference =
      structure
      ? CheckpointDifference(structureOf: graphs.0, graphs.1)
      : try CheckpointDifference(
        graphs.0, graphs.1, tolerance: tolerance, progress: bar.handler)
    // Of the same bytes nothing has to be understood.
    if !difference.notCompared.isEmpty, try FilePairs.areEqual(left.files, right.files) {
      difference.notCompared = []
    }
    return DifferenceReport(
      difference, first: first, second: second, models: names.models,
      adapterDifferences: try adapterDifferences(first, second))
  }

  /// What the settings of two adapters make other numbers of. Of kinds that are not put on models here it is every key that differs.
  private func adapterDifferences(
    _ first: String, _ second: String
  ) throws(CheckpointError) -> [String] {
    guard try LowRankAdapter.isAdapter(first), try LowRankAdapter.isAdapter(second) else {
      return []
    }
    let options = sourceOptions.openOptions
    if let one = try? LowRankAdapter(first, options: options),
      let other = try? LowRankAdapter(second, options: options)
    {
      return one.differences(from: other)
    }
    let documents = try (
      LowRankAdapter.settings(in: first, options), LowRankAdapter.settings(in: second, options)
    )
    let keys = Set((documents.0.members ?? []).map(\.key))
      .union((documents.1.members ?? []).map(\.key))
    return keys.filter { (documents.0[$0] ?? .null) != (documents.1[$0] ?? .null) }
      .map { "\(LowRankAdapter.configurationName), \(quoted($0.string))" }.sorted()
  }

  /// A configuration only decides what names leave open here; one that does not fit is none.
  private static func configuration(
    _ source: String
  ) -> (Recognition) -> ModelConfiguration? {
    { try? ModelConfiguration(inDirectory: source, family: $0.certainFamily) }
  }
}
