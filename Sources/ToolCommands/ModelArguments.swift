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
  /// - Parameter place: Where they lie, if it is another place than the one that was given.
  func open(
    _ console: Console, at place: String? = nil
  ) throws(CheckpointError) -> ModelSource {
    try options.open(place ?? path, console, adapter: options.adapter)
  }

  /// The same with another adapter than the one that was given.
  func open(_ console: Console, adapter: String) throws(CheckpointError) -> ModelSource {
    try options.open(path, console, adapter: adapter)
  }

  /// Loads a model from opened files.
  func load(
    _ modelClass: ModelClass, of source: ModelSource, _ console: Console,
    precision: LoadPrecision = .float32, threads: Int? = nil, once: Bool = false
  ) throws(CheckpointError) -> any LanguageModel {
    try options.load(
      modelClass, of: source, console, precision: precision, threads: threads, once: once)
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
  func open(
    _ path: String, _ console: Console, adapter: String?, class className: String? = nil
  ) throws(CheckpointError) -> ModelSource {
    var lowRank: LowRankAdapter?
    if let adapter { lowRank = try LowRankAdapter(adapter, options: sourceOptions.openOptions) }
    let source = try ModelSource(
      path, options: try pin.pinned(sourceOptions.openOptions),
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
    var options = LoadOptions()
    if let threads { options = try LoadOptions(threads: threads) }
    options.nonFinite = requireFinite ? .refused : .kept
    options.precision = precision
    options.staysInFile = once
    if !precision.isAvailable {
      console.writeNote(
        "this processor has no instructions for \(precision.rawValue); computed in float32")
    }
    let model = try source.load(modelClass.type, options: options)
    for remark in model.remarks { console.writeNote(remark) }
    return model
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
