internal import ArgumentParser
internal import Weighbridge

/// `weighbridge verify`: what a model computes against what was recorded.
struct VerifyCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Compares what a model computes with a recorded run; the first layer that differs is named.",
    discussion: """
      GOLDEN holds the inputs and the outputs of a run under Transformers' names, as scripts/record_golden.py writes them; \
      the inputs may also lie in a file of their own. MODEL is run on these inputs; with --outputs nothing is run, and what \
      some other program computed is compared, of whatever model. Values count as equal where \
      |a - b| <= atol + rtol · max(|b|, root mean square of the recorded tensor). Ends with exit code 1 if anything differs.

      Examples:
        weighbridge verify model/ --golden golden.safetensors
        weighbridge verify model/ --golden golden.safetensors --skip-padding --report verify.html
        weighbridge verify --outputs mine.safetensors --golden golden.safetensors
      """)

  @Argument(
    help: ArgumentHelp(
      "A model directory, or a file of weights with its config.json beside it.",
      valueName: "model"))
  var model: String?

  @Option(help: ArgumentHelp("The recorded run.", valueName: "file"))
  var golden: String

  @Option(
    help: ArgumentHelp(
      "The inputs of the recorded run, if GOLDEN does not hold them.", valueName: "file"))
  var inputs: String?

  @Option(
    help: ArgumentHelp(
      "Outputs computed elsewhere, under the record's names, in any format; no MODEL is run.",
      valueName: "file"))
  var outputs: String?

  @Option(
    help: ArgumentHelp(
      "How much values may differ relatively (default: by the type of the record, or int8 of the model; 0 if only the other is given).",
      valueName: "number"))
  var rtol: Double?

  @Option(
    help: ArgumentHelp(
      "How much values may differ absolutely (default: by the type of the record, or int8 of the model; 0 if only the other is given).",
      valueName: "number"))
  var atol: Double?

  @Option(
    help: ArgumentHelp(
      "A tolerance for outputs whose names match: 'logits=1e-4,1e-3'. Repeatable; the first that matches counts.",
      valueName: "pattern=atol,rtol"))
  var tolerance: [OutputTolerance] = []

  @Option(
    help: ArgumentHelp(
      "The part of an output's values that may lie beyond the tolerance, 0 to 1.",
      valueName: "share"))
  var mismatch: Double = 0

  @Flag(
    name: .customLong("skip-padding"),
    help: "Compare only positions whose attention_mask is 1.")
  var skipsPadding = false

  @Flag(
    name: .customLong("computed-only"),
    help: "Compare only what was computed; what else was recorded is no difference.")
  var comparesOnlyComputed = false

  @Option(
    help: ArgumentHelp(
      "A checkpoint of the same model that is known to be good: if outputs differ, the parameters that do are named.",
      valueName: "source"))
  var against: String?

  @OptionGroup var precision: PrecisionArguments

  @OptionGroup var output: ReportOptions

  @OptionGroup var options: ModelOptions

  var consoleOptions: ConsoleOptions { options.consoleOptions }

  mutating func validate() throws {
    try refuseStandardStreams([model, golden, inputs, outputs, against])
    for value in [rtol, atol].compactMap({ $0 }) where !(value >= 0 && value.isFinite) {
      throw ValidationError("tolerances must be finite and not negative")
    }
    guard (0...1).contains(mismatch) else {
      throw ValidationError("--mismatch is a part of the values, 0 to 1")
    }
    guard (model == nil) != (outputs == nil) else {
      throw ValidationError("give the model to run, or --outputs FILE with what was computed")
    }
    if model == nil, let option = optionOfModels {
      throw ValidationError("\(option) is for a model that is run: give it instead of --outputs")
    }
  }

  /// The first option given that does nothing where no model is run.
  private var optionOfModels: String? {
    let options = [
      ("--against", against != nil), ("--architecture", options.architecture != nil),
      ("--adapter", options.adapter != nil), ("--manifest", options.pin.manifest != nil),
      ("--fill-zeros", !options.filling.fillZeros.isEmpty),
      ("--require-finite", options.requireFinite),
      ("--compute-precision", precision.computePrecision != .float32),
    ]
    return options.first { $0.1 }?.0
  }

  var replacedFiles: [String] { output.replacedFiles }

  mutating func run(on console: Console) throws -> ToolExit {
    let openOptions = options.sourceOptions.openOptions
    let record = try GoldenRecord(opening: golden, inputs: inputs, options: openOptions)
    for pattern in tolerance.map(\.exception.outputs)
    where !record.outputs.keys.contains(where: pattern.matches) {
      throw CheckpointError(
        .inconsistent, file: golden,
        "the pattern \(quoted(pattern.text)) matches no recorded output")
    }
    let report: VerificationReport
    let computed: [VerificationReport.Output]
    var className: String?
    var tokenizer: Tokenizer?
    if let outputs {
      computed = try VerificationReport.Output.all(
        in: outputs, beside: record, options: openOptions)
      report = try VerificationReport(
        computed: computed, golden: record,
        criteria: criteria(.standard(computedIn: record.origin.dtype)))
    } else {
      let source = try open(model ?? "", as: record.origin.modelClass, console)
      _ = try record.modelInputs()
      let loaded = try options.load(
        try source.modelClass(), of: source, console, precision: precision.computePrecision,
        once: true)
      className = type(of: loaded).className
      tokenizer = try? source.tokenizer()
      computed = try VerificationReport.Output.all(of: loaded, on: record)
      report = try VerificationReport(
        computed: computed, by: loaded, golden: record,
        criteria: criteria(.standard(for: loaded, computedIn: record.origin.dtype)))
    }
    var suspects: SuspectParameters?
    if let against, let model, !report.isEqual {
      suspects = try SuspectParameters(
        model, beside: against, first: report.firstDivergence.flatMap(report.module(of:)),
        options: openOptions)
    }
    var printed = VerifyReport(
      report, of: model ?? outputs ?? "", className: className, golden: golden, suspects: suspects)
    if output.report != nil {
      let different = Set(report.different.map(\.name.string))
      printed.pictures = AttentionPictures.all(
        of: computed.map { ($0.name.string, $0.shape.dimensions, $0.values) },
        tokens: TokenTexts(try? record.modelInputs().inputIDs, tokenizer), bad: different)
    }
    try output.give(printed, on: console, isResult: false)
    return report.isEqual ? .done : .different
  }

  /// Opens the model. Of a family that does not run here, what a program of its own computes can be compared all the same.
  private func open(
    _ path: String, as className: String?, _ console: Console
  ) throws(CheckpointError) -> ModelSource {
    do throws(CheckpointError) {
      return try options.open(path, console, adapter: options.adapter, class: className)
    } catch {
      guard error.kind == .unsupported, error.site.field == "model_type", error.remedy == nil else {
        throw error
      }
      var error = error
      error.remedy =
        "with --outputs FILE instead of the model, outputs that something else computed are compared"
      throw error
    }
  }

  private func criteria(_ standard: Tolerance) -> VerificationCriteria {
    // One that is given alone stands alone, as with diff.
    let isGiven = rtol != nil || atol != nil
    return VerificationCriteria(
      tolerance: isGiven ? Tolerance(absolute: atol ?? 0, relative: rtol ?? 0) : standard,
      exceptions: tolerance.map(\.exception), mismatchShare: mismatch,
      positions: skipsPadding ? .attended : .all, comparesOnlyComputed: comparesOnlyComputed)
  }
}

/// `PATTERN=ATOL,RTOL`.
struct OutputTolerance: ExpressibleByArgument {
  let exception: VerificationCriteria.Exception

  init?(argument: String) {
    // A name may hold the sign, numbers do not.
    guard let sign = argument.lastIndex(of: "=") else { return nil }
    let numbers = argument[argument.index(after: sign)...].split(
      separator: ",", omittingEmptySubsequences: false
    ).map { Double($0) }
    guard numbers.count == 2, sign > argument.startIndex, let absolute = numbers[0],
      let relative = numbers[1], absolute >= 0, absolute.isFinite, relative >= 0,
      relative.isFinite
    else { return nil }
    exception = VerificationCriteria.Exception(
      outputs: NamePattern(String(argument[..<sign])),
      tolerance: Tolerance(absolute: absolute, relative: relative))
  }
}
