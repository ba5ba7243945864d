public import CheckpointBytes
public import Checkpoints
public import LanguageModels
public import LayoutRules
public import Tokenizers
internal import WeightGraph

/// A model as it lies on disk: its weights, its settings in Transformers' form, and the directory that holds them.
///
/// Whatever ``Checkpoint/open(_:options:)`` reads will do, in any layout, if a `config.json` lies beside the weights:
/// Transformers' own, or that of a KerasHub preset, which is put into Transformers' form. Weights are not read yet.
public struct ModelSource: Sendable {
  /// The path that was given: a directory, a file or an index of shards.
  public let path: String
  /// The directory that the files lie in.
  public let directory: String
  /// The weights.
  public let checkpoint: Checkpoint
  /// The settings, as `config.json` of Transformers has them.
  public let configuration: JSONValue
  /// The path of the file that they come from.
  public let configurationFile: String
  /// What was assumed or cannot be had in Transformers' form, in words.
  public let notes: [String]

  /// The weights that models are loaded from: those of a preset under Transformers' names.
  private let weights: WeightGraph
  let settings: ModelConfiguration
  let limits: ReadLimits
  /// The files of a KerasHub preset in Transformers' form; nil where they lie in the directory as they are.
  private let files: CompanionPlan?
  /// The parameters that become zeros where the layout does not hold them.
  private let fill: [NamePattern]
  /// What a KerasHub preset has no place for, and zeros were not asked for.
  private let absences: [LoadReport.Entry]

  /// Opens weights and settings.
  ///
  /// - Parameters:
  ///   - path: A directory, or a file of weights with its configuration beside it.
  ///   - fill: The parameters that become zeros where the checkpoint's layout has no place for them, beside those of
  ///     ``LoadOptions/fill``: a KerasHub preset is bound here already.
  /// - Throws: `notFound` without `config.json`; what ``Checkpoint/open(_:options:)`` and ``ModelConfiguration`` throw.
  public init(
    _ path: String, options: OpenOptions = OpenOptions(),
    fill: [NamePattern] = LoadOptions.everything
  ) throws(CheckpointError) {
    let checkpoint = try Checkpoint.open(path, options: options)
    let directory = try Self.directory(of: path)
    let companions = try DirectoryCompanions(
      path, weights: checkpoint.files, limits: options.limits)
    guard let settings = try companions.configuration() else {
      let configurationFile = Directory.join(directory, "config.json")
      throw CheckpointError(
        .notFound, file: configurationFile,
        "the settings of the model are not there, and weights alone do not run",
        remedy:
          "put the model's config.json there, or `weighbridge convert` the weights to a directory, which writes one"
      )
    }
    try self.init(
      path, directory: directory, checkpoint: checkpoint, settings: settings,
      companions: settings.convention == .kerasHub ? companions : nil, limits: options.limits,
      fill: fill)
  }

  /// Takes weights and settings that need not lie in files.
  ///
  /// - Parameter companions: Where the tokenizer of a KerasHub preset is, which tells the ids of special tokens.
  init(
    _ path: String, directory: String, checkpoint: Checkpoint, settings: ModelConfiguration,
    companions: DirectoryCompanions?, limits: ReadLimits,
    fill: [NamePattern] = LoadOptions.everything
  ) throws(CheckpointError) {
    self.path = path
    self.directory = directory
    self.checkpoint = checkpoint
    self.settings = settings
    self.limits = limits
    self.fill = fill
    configurationFile = settings.file
    switch settings.convention {
    case .transformers:
      weights = checkpoint.graph
      configuration = settings.document
      notes = []
      files = nil
      absences = []
    case .kerasHub:
      let model = try BoundModel(checkpoint.graph, configuration: settings, fill: fill)
      let architecture = try model.architecture()
      let plan = try companions?.plan(for: .transformers, of: architecture)
      let document = ConfigurationDocument.transformers(for: architecture, from: settings)
      weights = model.graph
      configuration =
        try plan?.document("config.json", in: directory, limits) ?? document.value
      absences = model.report.entries.filter(\.isFillable)
      notes =
        document.losses.map { "\($0.setting): \($0.reason)" } + model.report.notesOfFilled
      files = plan
    }
  }

  /// The directory that a path names or lies in.
  static func directory(of path: String) throws(CheckpointError) -> String {
    guard try PathKind(path: path) != .directory else { return path }
    let parent = splitPath(path).directory
    return parent.isEmpty ? "." : parent
  }

  /// The bytes of a file within the limit for JSON documents; nil if it is not there.
  static func bytes(
    _ path: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> [UInt8]? {
    guard try PathKind(path: path) != .nothing else { return nil }
    let file = try SourceFile(path: path)
    guard file.size <= limits.jsonBytes else {
      throw CheckpointError(
        .limitExceeded, file: path, "\(file.size) bytes, at most \(limits.jsonBytes) are read")
    }
    return try file.bytes(at: 0, count: file.size)
  }
}

extension ModelSource {
  /// The JSON document in a file of the directory; nil if it is not there.
  ///
  /// - Parameter name: Its path in the directory: `generation_config.json`.
  /// - Throws: `malformed` if it is no JSON, `limitExceeded` if it is too long, what reading throws.
  public func document(_ name: String) throws(CheckpointError) -> JSONValue? {
    let file = Directory.join(directory, name)
    guard let bytes = try Self.bytes(file, limits) else { return nil }
    return try locating(file: file) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "JSON", maximumDepth: limits.jsonDepth)
    }
  }

  /// A class by its name, or the first that the settings name, as Transformers' `AutoModel…` take it.
  ///
  /// - Throws: `unsupported` for a class that is not implemented, `notFound` if none is named.
  public func modelClass(named name: String? = nil) throws(CheckpointError) -> ModelClass {
    guard let name else {
      return try ModelClass(configuration: configuration, file: configurationFile)
    }
    guard let found = ModelClass(named: name) else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "architecture"),
        "there is no class \(quoted(name)) here",
        remedy: ModelClass.remedy(for: name, of: settings.family))
    }
    return found
  }

  /// The family's class with a head, whatever class the settings name: as Transformers' `AutoModelFor…` take it.
  ///
  /// - Throws: `unsupported` if the family has no such class.
  public func modelClass(of head: ModelHead) throws(CheckpointError) -> ModelClass {
    guard let name = head.className(in: settings.family), let found = ModelClass(named: name)
    else {
      throw CheckpointError(
        .unsupported, file: configurationFile, field: "model_type",
        "\(settings.family.rawValue) has no model of the kind \(head.rawValue)")
    }
    return found
  }

  /// Loads a model of a class.
  ///
  /// - Throws: What ``LanguageModel/init(weights:document:file:options:)`` throws, with the path; `inconsistent` if the
  ///   settings contradict the weights.
  public func load<Model: LanguageModel>(
    _ type: Model.Type, options: LoadOptions = LoadOptions()
  ) throws(CheckpointError) -> Model {
    var options = options
    options.fill += fill
    if Model.self is any CausalLanguageModel.Type {
      options.generation = generation(Model.Configuration.self)
    }
    do throws(CheckpointError) {
      let model = try Model(
        weights: weights, document: configuration, file: configurationFile,
        options: options)
      // Of another class than the settings name, they do not know the head's sizes.
      if settings.convention == .transformers, settings.heads.first == Model.head {
        try settings.check(against: model.info.architecture)
      }
      return model
    } catch {
      let explained = explained(error)
      throw explained.site.file == nil ? explained.inFile(path) : explained
    }
  }

  /// The error for a parameter that is not there because a preset has no place for it: the reason and what can be done.
  private func explained(_ error: CheckpointError) -> CheckpointError {
    guard error.kind == .notFound, let name = error.tensor,
      let entry = absences.first(where: { $0.parameters.contains(ExactName(name)) })
    else { return error }
    return CheckpointError(
      .notFound, error.site, tensor: name, entry.detail ?? "the layout does not hold it",
      remedy: "--fill-zeros \(quoted(name)) puts zeros there")
  }

  /// The settings of `generation_config.json`; where it is not there those of `config.json`, with the model's special
  /// tokens. What is wrong with them matters only to whoever generates text.
  private func generation<Configuration: ModelConfig>(
    _ type: Configuration.Type
  ) -> Result<GenerationSettings, CheckpointError> {
    let name = "generation_config.json"
    do throws(CheckpointError) {
      if let document = try document(name) {
        return .success(
          try GenerationSettings(document, file: Directory.join(directory, name)))
      }
      var settings = try GenerationSettings(configuration, file: configurationFile)
      settings.take(specialTokensOf: try Configuration(configuration, file: configurationFile))
      return .success(settings)
    } catch {
      return .failure(error)
    }
  }
}

extension ModelSource {
  /// The model's tokenizer.
  ///
  /// - Throws: What ``Tokenizer/load(from:as:)`` throws.
  public func tokenizer() throws(CheckpointError) -> Tokenizer {
    guard let files else { return try Tokenizer.load(from: directory) }
    var contents: [String: [UInt8]] = [:]
    for file in files.files where Self.tokenizerFiles.contains(file.path) {
      contents[file.path] = try file.bytes(limits)
    }
    return try Tokenizer.load(from: directory, contents: contents)
  }

  /// What a conversion writes for the tokenizer of a preset, and the settings that name its family.
  private static let tokenizerFiles: Set<String> = [
    "config.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt",
  ]
}

extension CompanionPlan {
  /// The JSON document that would be written to a file; nil if there is none.
  func document(
    _ path: String, in directory: String, _ limits: ReadLimits
  ) throws(CheckpointError) -> JSONValue? {
    guard let bytes = try bytes(path, limits) else { return nil }
    return try locating(file: Directory.join(directory, path)) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "JSON", maximumDepth: limits.jsonDepth)
    }
  }

  /// The bytes of a file; nil if there is none.
  func bytes(_ path: String, _ limits: ReadLimits) throws(CheckpointError) -> [UInt8]? {
    try files.first { $0.path == path }?.bytes(limits)
  }
}

extension CompanionFile {
  fileprivate func bytes(_ limits: ReadLimits) throws(CheckpointError) -> [UInt8] {
    switch content {
    case .bytes(let bytes): return bytes
    case .copy(let path, _): return try ModelSource.bytes(path, limits) ?? []
    }
  }
}
