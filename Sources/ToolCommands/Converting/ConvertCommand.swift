internal import ArgumentParser
internal import Weighbridge

/// `weighbridge convert`: writes a checkpoint in another format, and proves that nothing changed.
struct ConvertCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a checkpoint in another format, and proves that nothing changed.",
    usage: """
      weighbridge convert SOURCE DESTINATION [OPTIONS]
      weighbridge convert SOURCE ... --to FORMAT --out-dir DIRECTORY [OPTIONS]
      """,
    discussion: """
      The destination's extension gives the format: .safetensors, .bin/.pt/.pth, .h5/.hdf5; a directory becomes a \
      model directory. Everything is written beside the destination, opened again, compared with the source byte by \
      byte, and only then put in place. Of several sources each has a line, and the exit code is that of the worst.

      Examples:
        weighbridge convert pytorch_model.bin model.safetensors
        weighbridge convert tf_model.h5 out/ --format safetensors
        weighbridge convert checkpoints/*.ckpt --to safetensors --out-dir converted --weights-only
        weighbridge convert model.safetensors half.safetensors --dtype float16
        weighbridge convert bert-base merged/ --adapter sentiment-lora
      """)

  @Argument(
    help: ArgumentHelp(
      "Checkpoint files, indices of shards or model directories; without --out-dir one, and behind it the file or directory to write.",
      valueName: "source"))
  var paths: [String]

  @Option(
    name: [.customShort("o"), .long, .customLong("out")],
    help: ArgumentHelp("The file or directory to write, for one source.", valueName: "destination"))
  var output: String?

  @Option(
    name: [.long, .customLong("output-directory")],
    help: ArgumentHelp(
      "Write each source there, under its own name with the extension of the format.",
      valueName: "directory"))
  var outDir: String?

  @Option(
    name: [.long, .customLong("to")],
    help: ArgumentHelp(
      "safetensors, pytorch or hdf5; by default what the extension says.", valueName: "format"))
  var format: String?

  @OptionGroup var conversion: ConversionArguments

  @Flag(help: "Do not open the result again and compare it with the source.")
  var noVerify = false

  @Flag(
    help:
      "Run source and result on the same seeded tokens, and put the result in place only if outputs are equal."
  )
  var verifyForward = false

  @Option(
    help: ArgumentHelp(
      "The class that --verify-forward runs, by Transformers' name (default: that of the configuration).",
      valueName: "class"))
  var architecture: String?

  @Flag(
    name: [.long, .customShort("f"), .customLong("overwrite")], help: "Replace existing files.")
  var force = false

  @Flag(
    help:
      "Go on with a conversion that was ended: shards that are there and hold what would be written are kept."
  )
  var resume = false

  @Flag(name: [.long, .customShort("n")], help: "Print what would be done, and write nothing.")
  var dryRun = false

  @OptionGroup var reports: ReportOptions

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var pin: PinOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  mutating func validate() throws {
    try refuseStandardStreams(paths + [output, outDir])
    _ = try options()
    if architecture != nil, !verifyForward {
      throw ValidationError("--architecture is the class that --verify-forward runs: say both")
    }
  }

  /// Looks at how many paths there are. Not while options are read: a slip in one of them leaves its value here, and is to be told
  /// first.
  private func checkPaths() throws {
    guard outDir == nil else {
      guard output == nil else {
        throw ValidationError("--out-dir and --output contradict each other")
      }
      guard format != nil else {
        throw ValidationError("--out-dir needs the format: --to safetensors")
      }
      return
    }
    let expected = output == nil ? 2 : 1
    guard paths.count == expected else {
      throw ValidationError(
        paths.count < expected
          ? "Missing expected argument '<destination>'"
          : "more than a source and a destination: several sources go with --to FORMAT --out-dir DIRECTORY"
      )
    }
  }

  func options() throws -> ConversionOptions {
    var options = try conversion.options()
    if let format {
      guard let value = CheckpointFormat(argumentText: format) else {
        throw ValidationError("the format \(format): expected safetensors, pytorch or hdf5")
      }
      options.format = value
    }
    options.verifies = !noVerify
    options.replacesExisting = force
    options.resumes = resume
    return options
  }

  mutating func run(on console: Console) throws -> ToolExit {
    try checkPaths()
    let options = try options()
    guard let outDir else {
      let report = try convert(paths[0], to: output ?? paths[1], options, on: console)
      try reports.give(report, on: console, isResult: dryRun)
      return .done
    }
    let sources = try Self.expanded(paths)
    try reports.checkPage(ofSources: sources.count)
    let jobs = try ConversionJobs(
      sources, to: outDir, format: options.format ?? .safetensors, makesDirectory: !dryRun)
    return try Self.forEach(jobs.all, on: console, named: \.source, asJSON: reports.json) { job in
      let report = try convert(job.source, to: job.destination, options, on: console)
      if reports.json || sources.count == 1 {
        try reports.give(report, on: console, isResult: dryRun)
      } else if dryRun || !console.style.isQuiet {
        console.write(report.summary + "\n")
      }
      return .done
    }
  }

  /// What is to be done for one source, and with which options, its adapter among them.
  func plan(
    _ source: String, to destination: String, _ conversion: ConversionOptions
  ) throws(CheckpointError) -> (plan: ConversionPlan, options: ConversionOptions) {
    var options = try pin.pinned(sourceOptions.openOptions)
    options.takesIncomplete = true
    let checkpoint = try Checkpoint.open(source, options: options)
    var conversion = conversion
    conversion.limits = options.limits
    if let adapter = self.conversion.adapter {
      conversion.adapter = try LowRankAdapter(adapter, options: sourceOptions.openOptions)
    }
    let plan = try ConversionPlan(
      checkpoint, named: source, to: destination, options: conversion)
    return (plan, conversion)
  }

  private func convert(
    _ source: String, to destination: String, _ conversion: ConversionOptions, on console: Console
  ) throws(CheckpointError) -> ReceiptReport {
    let (plan, conversion) = try plan(source, to: destination, conversion)
    if dryRun { return ReceiptReport(plan.receipt, isDryRun: true) }
    let bar = ProgressBar(console)
    defer { bar.clear() }
    var report: ReceiptReport
    if verifyForward {
      let model = try ModelSource(
        source, options: sourceOptions.openOptions, fill: self.conversion.filling.patterns,
        adapter: conversion.adapter)
      let verified = try plan.runVerifyingForward(
        model, options: conversion, class: architecture, progress: bar.handler)
      report = ReceiptReport(verified.receipt, forward: verified.report, isDryRun: false)
    } else {
      report = ReceiptReport(try plan.run(progress: bar.handler), isDryRun: false)
    }
    if reports.report != nil { try report.measure(destination, progress: bar.handler) }
    return report
  }
}
