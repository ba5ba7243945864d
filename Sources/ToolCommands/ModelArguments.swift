internal import ArgumentParser
internal import Weighbridge

/// The model that a command runs.
struct ModelArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A model directory, or a file of weights with its config.json beside it.",
      valueName: "model"))
  var path: String

  @OptionGroup var options: ModelOptions

  func validate() throws { try refuseStandardStreams([path]) }

  /// Opens the model's files; what is worth knowing goes to standard error.
  ///
  /// - Parameters:
  ///   - place: Where they lie, if it is another place than the one that was given.
  ///   - isPinned: False if what lies there is not what a manifest is given for.
  func open(
    _ console: Console, at place: String? = nil, isPinned: Bool = true
  ) throws(CheckpointError) -> ModelSource {
    try options.open(place ?? path, console, adapter: options.adapter, isPinned: isPinned)
  }

  /// The same with another adapter than the one that was given.
  func open(_ console: Console, adapter: String) throws(CheckpointError) -> ModelSource {
    try options.open(path, console, adapter: adapter)
  }

  /// Loads a model from opened files.
  func load(
    _ modelClass: ModelClass, of source: ModelSource, _ console: Console,
    precision: LoadPrecision, once: Bool
  ) throws(CheckpointError) -> any LanguageModel {
    try options.load(modelClass, of: source, console, precision: precision, once: once)
  }
}

/// How a model is opened and loaded, wherever it lies.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The class to run, by Transformers' name, where another is meant than files and weights say.",
      valueName: "class"))
  var architecture: String?

  @Option(
    help: ArgumentHelp(
      "Take the model with a LoRA adapter of PEFT: the directory that holds its adapter_config.json.",
      valueName: "directory"))
  var adapter: String?

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var pin: PinOptions

  @OptionGroup var filling: FillingOptions

  @OptionGroup var consoleOptions: ConsoleOptions

  @Flag(help: "Refuse weights that are infinite or no number; the first is named.")
  var requireFinite = false

  func validate() throws { try refuseStandardStreams([adapter]) }

  /// Opens a model's files; what is worth knowing goes to standard error.
  ///
  /// - Parameters:
  ///   - adapter: The directory of an adapter; nil for none.
  ///   - className: The class where none is given, as a recorded run names it.
  ///   - isPinned: False for another model than the one that a manifest is given for.
  func open(
    _ path: String, _ console: Console, adapter: String?, class className: String? = nil,
    isPinned: Bool = true
  ) throws(CheckpointError) -> ModelSource {
    var lowRank: LowRankAdapter?
    if let adapter { lowRank = try LowRankAdapter(adapter, options: sourceOptions.openOptions) }
    let source = try ModelSource(
      path,
      options: isPinned
        ? try pin.pinned(sourceOptions.openOptions) : sourceOptions.openOptions,
      fill: filling.patterns.isEmpty ? LoadOptions.everything : filling.patterns,
      class: architecture ?? className, adapter: lowRank)
    for note in source.checkpoint.notes + source.notes { console.writeNote(note) }
    return source
  }

  /// Loads a model from opened files.
  ///
  /// - Parameter once: True if it computes once: its weights are read when they are needed then.
  func load(
    _ modelClass: ModelClass, of source: ModelSource, _ console: Console,
    precision: LoadPrecision = .float32, threads: Int? = nil, once: Bool = false
  ) throws(CheckpointError) -> any LanguageModel {
    var options = try LoadOptions(threads: threads, precision: precision)
    options.nonFinite = requireFinite ? .refused : .kept
    // Of what is read when it is needed, only that is looked at.
    options.staysInFile = once && !requireFinite
    precision.noteIfMissing(on: console)
    let model = try source.load(modelClass.type, options: options)
    for remark in model.remarks { console.writeNote(remark) }
    return model
  }
}

/// What a command's products may round, where `--precision` may be something else.
struct PrecisionArguments: ParsableArguments {
  @Option(help: LoadPrecision.help)
  var computePrecision: LoadPrecision = .float32
}

extension LoadPrecision: ExpressibleByArgument {
  /// What an option of this type does.
  static let help = ArgumentHelp(
    "What products may round: nothing but float32's sums; high, 2e-5 of the largest value; bfloat16, rows that meet such weights; int8, layers' weights and rows to 127 steps.",
    discussion:
      "high and bfloat16 mean float32 on a processor without the instructions (AMX, AVX512-BF16). Weights that are stored as int8 are taken as such by all."
  )

  /// Reads a precision by its name, or by another that people have for it.
  public init?(argument: String) {
    switch argument.lowercased() {
    case "fp32", "f32", "float", "full": self = .float32
    case "bf16": self = .bfloat16
    case "i8": self = .int8
    case let name: self.init(rawValue: name)
    }
  }

  /// Says so if the processor computes in float32 all the same.
  func noteIfMissing(on console: Console) {
    guard !isAvailable else { return }
    console.writeNote("this processor has no instructions for \(rawValue); computed in float32")
  }
}

extension ModelArguments {
  /// The error for a model that is not of the kind that a command needs.
  func unsuitable(
    _ model: any LanguageModel, _ source: ModelSource, _ problem: String
  ) -> CheckpointError {
    CheckpointError(
      .unsupported, file: source.configurationFile, field: "model_type",
      "\(type(of: model).className) \(problem)")
  }
}

extension Console {
  /// Prints a note to standard error, unless it is to be quiet.
  func writeNote(_ text: String) {
    guard !style.isQuiet else { return }
    writeError("note: \(singleLine(text, limit: 400))\n")
  }
}
