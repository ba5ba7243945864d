internal import ArgumentParser
internal import Weighbridge

/// `weighbridge convert`: writes a checkpoint in another format, and proves that nothing changed.
struct ConvertCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a checkpoint in another format, and proves that nothing changed.",
    discussion: """
      The destination's extension gives the format: .safetensors, .bin/.pt/.pth, .h5/.hdf5; a directory becomes a \
      model directory. Everything is written beside the destination, opened again, compared with the source byte by \
      byte, and only then put in place.
      """)

  @Argument(help: "A checkpoint file, an index of shards, or a model directory.")
  var source: String

  @Argument(help: "The file or directory to write.")
  var destination: String

  @Option(help: "safetensors, pytorch or hdf5; by default what the extension says.")
  var format: String?

  @Option(
    help: """
      How a model of a known family is named and shaped: transformers, tf (tf_model.h5), keras-hub; flat keeps \
      everything as it is; auto is tf for .h5 and transformers for what has other names.
      """)
  var layout = "auto"

  @Option(
    help: "Leave out a model's parameter that the source lacks, if its name matches. Repeatable.")
  var allowMissing: [String] = []

  @Option(
    help: "Let go of a parameter that the layout does not hold, if its name matches. Repeatable.")
  var allowLoss: [String] = []

  @OptionGroup var filling: FillingOptions

  @Option(
    help: "The number of attention heads, where neither weights nor a configuration tell it.")
  var attentionHeads: Int?

  @Option(help: "Of several classification heads of fairseq, the one to take.")
  var task: String?

  @Option(
    help: """
      Cast tensors of the same category to this type (F16, BF16, float32…); int8 rounds the matrices of a known model's \
      layers to steps of a scale, and a type of numbers takes such steps back to what they stand for.
      """)
  var dtype: String?

  @Option(help: "Write shards of at most this size, with an index (5GB, 500MB).")
  var maxShardSize: String?

  @Option(help: "Take only tensors whose name matches; * and ? are wildcards. Repeatable.")
  var include: [String] = []

  @Option(help: "Leave out tensors whose name matches. Repeatable.")
  var exclude: [String] = []

  @Option(
    help: "Give tensors new names: 'FROM=>TO', * carries over ('model.*=>*'). Repeatable.")
  var rename: [String] = []

  @Flag(help: "Do not open the result again and compare it with the source.")
  var noVerify = false

  @Flag(
    help:
      "Run source and result on the same seeded tokens, and put the result in place only if outputs are equal."
  )
  var verifyForward = false

  @Option(
    help:
      "The class that --verify-forward runs, by Transformers' name (default: that of the configuration)."
  )
  var architecture: String?

  @Flag(help: "Replace existing files.")
  var force = false

  @Flag(
    help:
      "Go on with a conversion that was ended: shards that are there and hold what would be written are kept."
  )
  var resume = false

  @Flag(help: "Print what would be done, and write nothing.")
  var dryRun = false

  @Flag(help: "Print the receipt as one JSON object.")
  var json = false

  @OptionGroup var sourceOptions: SourceOptions

  mutating func validate() throws {
    try Self.refuseStandardStreams([source, destination])
    _ = try conversionOptions()
    if architecture != nil, !verifyForward {
      throw ValidationError("--architecture is the class that --verify-forward runs: say both")
    }
  }

  private func conversionOptions() throws -> ConversionOptions {
    var options = ConversionOptions()
    if let format {
      guard let value = CheckpointFormat(argumentText: format) else {
        throw ValidationError("--format \(format): expected safetensors, pytorch or hdf5")
      }
      options.format = value
    }
    guard let choice = LayoutChoice(argumentText: layout) else {
      let choices = LayoutChoice.all.map(\.argumentText).joined(separator: ", ")
      throw ValidationError("--layout \(layout): expected one of \(choices)")
    }
    options.layout = choice
    options.allowMissing = allowMissing.map { NamePattern($0) }
    options.allowLoss = allowLoss.map { NamePattern($0) }
    options.fillZeros = filling.patterns
    options.task = task
    options.attentionHeads = attentionHeads
    if let dtype {
      guard let value = DType(argumentText: dtype) else {
        throw ValidationError("--dtype \(dtype): expected a type such as F32, F16 or BF16")
      }
      options.dtype = value
    }
    if let maxShardSize {
      guard let value = ByteSize.parse(maxShardSize) else {
        throw ValidationError("--max-shard-size \(maxShardSize): expected a size such as 5GB")
      }
      options.maximumShardSize = value
    }
    options.include = include.map { NamePattern($0) }
    options.exclude = exclude.map { NamePattern($0) }
    for text in rename {
      guard let rule = RenameRule(text) else {
        throw ValidationError(
          "--rename '\(text)': expected 'FROM=>TO', with no more wildcards in TO than in FROM")
      }
      options.rename.append(rule)
    }
    options.verifies = !noVerify
    options.replacesExisting = force
    options.resumes = resume
    return options
  }

  mutating func run(on console: Console) throws -> ToolExit {
    var options = sourceOptions.openOptions
    options.takesIncomplete = true
    let checkpoint = try Checkpoint.open(source, options: options)
    let plan = try ConversionPlan(
      checkpoint, named: source, to: destination, options: conversionOptions())
    var receipt = plan.receipt
    var forward: VerificationReport?
    if !dryRun {
      let bar = ProgressBar(console)
      defer { bar.clear() }
      if verifyForward {
        let model = try ModelSource(
          source, options: sourceOptions.openOptions, fill: filling.patterns)
        let verified = try plan.runVerifyingForward(
          model, options: conversionOptions(), class: architecture, progress: bar.handler)
        receipt = verified.receipt
        forward = verified.report
      } else {
        receipt = try plan.run(progress: bar.handler)
      }
    }
    let report = ReceiptReport(receipt, forward: forward, isDryRun: dryRun)
    console.write(json ? JSONWriter.text(report.json) + "\n" : report.text)
    return .done
  }
}
