internal import ArgumentParser
internal import Weighbridge

/// The texts that a command is about, and where the answers go.
struct TextArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The texts; a single - is standard input.", valueName: "text"))
  var texts: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file of texts, one a line, or of JSON lines {\"text\": …}, instead of TEXT; - is standard input.",
      valueName: "file"))
  var input: String?

  @Option(
    help: ArgumentHelp(
      "Write the answers there, as JSON lines; an existing file is replaced.", valueName: "file"))
  var output: String?

  @Flag(help: "Print the answers as JSON.")
  var json = false

  func validate() throws {
    guard output != "-" else {
      throw ValidationError(
        "--output is a file: without it, answers go to standard output (a file of this name is ./-)"
      )
    }
  }

  /// Refuses to take texts from two places, or from none.
  func requireTexts() throws {
    if input == "-", let text = texts.first {
      throw ValidationError(
        "Texts come from standard input, by --input - as to a worker: \(quoted(text)) is one beside them."
      )
    }
    guard (input == nil) != texts.isEmpty else {
      throw ValidationError("Give either TEXT or --input.")
    }
  }

  /// True if there is one text, so that a model is asked once.
  var isOne: Bool { texts.count == 1 && file == nil }

  /// The file that texts come from; nil where they are arguments.
  var file: String? { input ?? (texts == ["-"] ? "-" : nil) }
}

/// One of the values of a type that has a name for each.
struct Choice<Value>: ExpressibleByArgument, Sendable
where Value: RawRepresentable<String> & CaseIterable & Sendable {
  let value: Value

  static var allValueStrings: [String] { Value.allCases.map(\.rawValue) }

  init(_ value: Value) { self.value = value }

  init?(argument: String) {
    guard let value = Value(rawValue: argument) else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { value.rawValue }
}

/// What a command computes with.
struct ComputingArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How many threads compute; by default as many as processors are granted.", valueName: "count")
  )
  var threads: Int?

  @Option(help: ArgumentHelp("About how many tokens are computed at once.", valueName: "count"))
  var batchTokens: Int?

  @OptionGroup var precision: PrecisionArguments

  func validate() throws {
    for (name, value) in [("threads", threads), ("batch-tokens", batchTokens)] {
      if let value, value < 1 { throw ValidationError("--\(name) must be above 0.") }
    }
  }
}

/// What becomes of texts that are too long.
struct CuttingArguments: ParsableArguments {
  @Flag(
    name: .customLong("truncation"),
    help: "Cut texts that are longer than the model takes; otherwise they are an error.")
  var cuts = false

  @Option(
    name: .customLong("max-length"),
    help: ArgumentHelp(
      "Cut texts to this number of tokens (default: what model and tokenizer take).",
      valueName: "count"))
  var maximumLength: Int?

  func validate() throws {
    if let maximumLength, maximumLength < 1 {
      throw ValidationError("--max-length must be above 0.")
    }
  }

  /// The model that cuts texts as is asked for.
  func applied(to model: TextModel) -> TextModel {
    var model = model
    model.cutsTexts = cuts || maximumLength != nil
    if let maximumLength { model.maximumLength = min(maximumLength, model.maximumLength) }
    return model
  }
}

/// Texts that a query is compared with.
struct DocumentArguments: ParsableArguments {
  @Option(
    name: .customLong("document"),
    help: ArgumentHelp("A text to compare with. Repeatable.", valueName: "text"))
  var given: [String] = []

  @Option(
    name: .customLong("documents"),
    help: ArgumentHelp(
      "A file of such texts, one a line, of JSON lines {\"text\": …}, or an Arrow table with a column text.",
      valueName: "file"))
  var file: String?

  /// Refuses queries that are arguments, and have nothing to be compared with, and documents from where the queries come from.
  func requireSome(for rows: TextArguments) throws {
    guard rows.file != nil || !given.isEmpty || file != nil else {
      throw ValidationError("Give --document or --documents, the texts that are compared.")
    }
    guard file != "-" || rows.file != "-" else {
      throw ValidationError(
        "--documents -: standard input is where the queries come from; name a file.")
    }
  }

  /// All of them; they lie in memory.
  func texts() throws(CheckpointError) -> [String] {
    guard let file else { return given }
    let rows = try RowFile(file)
    var texts = given
    while let part = try rows.nextPart() { texts += try rows.inputs(of: part).map(\.text) }
    return texts
  }
}

extension ModelArguments {
  /// Loads a model from opened files, to compute as is asked for.
  ///
  /// - Parameter once: True if it is asked once.
  func load(
    _ modelClass: ModelClass, of source: ModelSource, _ console: Console,
    _ computing: ComputingArguments, once: Bool = false
  ) throws(CheckpointError) -> any LanguageModel {
    try options.load(
      modelClass, of: source, console, precision: computing.precision.computePrecision,
      threads: computing.threads, once: once)
  }

  /// The family's model with a head, whatever class the files name, and its tokenizer.
  ///
  /// - Parameter once: True if it is asked once.
  func textModel(
    _ head: ModelHead, _ computing: ComputingArguments, _ cutting: CuttingArguments,
    _ console: Console, once: Bool = false
  ) throws(CheckpointError) -> TextModel {
    cutting.applied(to: try textModel(head, computing, console, once: once))
  }

  /// The same where texts are not cut.
  ///
  /// - Parameter place: Where the model lies, if a file of the directory says so.
  func textModel(
    _ head: ModelHead, _ computing: ComputingArguments, _ console: Console, once: Bool = false,
    at place: String? = nil
  ) throws(CheckpointError) -> TextModel {
    let source = try open(console, at: place)
    let loaded = try load(
      try source.modelClass(of: head), of: source, console, computing, once: once)
    var model = TextModel(loaded, tokenizer: try source.tokenizer())
    if let tokens = computing.batchTokens { model.batchTokens = tokens }
    return model
  }
}
