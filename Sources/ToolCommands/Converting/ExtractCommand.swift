internal import ArgumentParser
internal import Weighbridge

/// `weighbridge extract`: an adapter that makes one checkpoint of another.
struct ExtractCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Writes the LoRA adapter that makes one checkpoint of another.",
    discussion: """
      For each matrix of a layer that changed, the best factors of a rank are computed; everything else that changed, such as norms, \
      biases, embeddings and heads, is stored whole. How much of each change the factors have is said. The fine-tuned model's config.json goes beside \
      it, for the labels. PEFT loads the result, where Transformers names the model's modules as its files do; convert --adapter \
      and run --adapter put it on a model.

      Examples:
        weighbridge extract bert-base fine-tuned adapter --rank 16
        weighbridge extract bert-base fine-tuned adapter --rank 8 --json
      """)

  @Argument(help: "The checkpoint that the adapter is to be put on.")
  var base: String

  @Argument(help: "The checkpoint that comes out of it.")
  var tuned: String

  @Argument(help: ArgumentHelp("The directory to write.", valueName: "adapter"))
  var output: String

  @Option(help: ArgumentHelp("The rank of the factors.", valueName: "number"))
  var rank = 8

  @Flag(
    name: [.long, .customShort("f"), .customLong("overwrite")], help: "Replace existing files.")
  var force = false

  @Flag(help: "Print everything as one JSON object, errors included (docs/json.md).")
  var json = false

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func validate() throws {
    try refuseStandardStreams([base, tuned, output])
    guard (1...AdapterExtraction.greatestRank).contains(rank) else {
      throw ValidationError(
        "--rank \(rank): expected 1 to \(AdapterExtraction.greatestRank)")
    }
  }

  mutating func run(on console: Console) throws -> ToolExit {
    let options = sourceOptions.openOptions
    let extraction = try AdapterExtraction(
      from: try Checkpoint.open(base, options: options).graph,
      to: try Checkpoint.open(tuned, options: options).graph, rank: rank, baseName: base)
    let settings = try DirectoryCompanions(tuned, limits: options.limits, followsLinks: true)
      .settings()
    try extraction.write(to: output, settings: settings, replacesExisting: force)
    if json {
      console.write(JSONWriter.text(extraction.json) + "\n")
    } else if !console.style.isQuiet {
      console.write(
        "\(singleLine(output)): " + extraction.lines.joined(separator: "\n  ") + "\n")
    }
    return .done
  }
}

extension AdapterExtraction {
  /// The module of whose change the factors have least.
  private var worst: Module? { modules.min { $0.share < $1.share } }

  fileprivate var lines: [String] {
    var lines = [
      "\(counted(modules.count, "module")) of rank \(rank), \(counted(wholeModules.count, "module")) stored whole"
    ]
    if let worst {
      let mean = modules.reduce(0) { $0 + $1.share } / Double(modules.count)
      lines.append(
        "the factors have \(percent(mean)) of the change of a matrix, \(percent(worst.share)) at least (\(singleLine(worst.name.string)))"
      )
    }
    if !left.isEmpty {
      lines.append("\(counted(left.count, "tensor")) of the base only, which stay")
    }
    return lines + notes.map { "note: " + $0 }
  }

  /// For programs.
  fileprivate var json: JSONValue {
    .object([
      JSONValue.Member("rank", .integer(rank)),
      JSONValue.Member(
        "modules",
        .array(
          modules.map {
            .object([
              JSONValue.Member("name", .string($0.name.string)),
              JSONValue.Member("share", .double($0.share)),
            ])
          })),
      JSONValue.Member("whole", .array(wholeModules.map { .string($0) })),
      JSONValue.Member("left", .array(left.map { .string($0.string) })),
      JSONValue.Member("notes", .array(notes.map { .string($0) })),
    ])
  }
}

/// A part of one in hundredths, cut and not rounded: only all of it is 100 %.
private func percent(_ share: Double) -> String {
  let thousandths = Int(share * 100_000)
  let rest = String(thousandths % 1000 + 1000).dropFirst()
  return "\(thousandths / 1000).\(rest) %"
}
