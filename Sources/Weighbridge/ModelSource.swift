public import Adapters
public import CheckpointBytes
public import Checkpoints
internal import LanguageModels
internal import LayoutRules
internal import ModelDirectories
internal import ModelFamilies
public import Tokenizers
internal import WeightGraph

/// A model as it lies on disk: its weights, its settings in Transformers' form, and the directory that holds them.
///
/// Whatever `Checkpoint/open(_:options:)` reads will do, in any layout, if a `config.json` lies beside the weights:
/// Transformers' own, or that of a KerasHub preset, which is put into Transformers' form. Weights are not read yet.
public struct ModelSource: Sendable {
  /// The path that was given, or that of a model in the Hub's cache: a directory, a file or an index of shards.
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

  /// The model that the weights are of; what keeps them from being one matters when it is loaded.
  let recognition: Result<Recognition, CheckpointError>
  let settings: ModelConfiguration
  let limits: ReadLimits
  /// The files of a KerasHub preset in Transformers' form; nil where they lie in the directory as they are.
  private let files: CompanionPlan?
  /// The parameters that become zeros where the layout does not hold them.
  let fill: [NamePattern]
  /// The class that was named instead of what the settings name.
  let className: String?
  /// The adapter that the model has.
  let adapter: LowRankAdapter?

  /// Opens weights and settings.
  ///
  /// - Parameters:
  ///   - path: A directory, a file of weights with its configuration beside it, or a model's name in the Hub's cache.
  ///   - options: How files are opened.
  ///   - fill: The parameters that become zeros where the checkpoint's layout has no place for them, beside those of
  ///     `LoadOptions/fill`.
  ///   - className: One of `ModelClass/names`, which goes before what the settings name. A `config.json` of 2018 or 2019 names
  ///     no model at all: the family is then that of this class, or that of the weights where they leave no choice.
  ///   - adapter: A low-rank adapter that the model runs with. It is computed beside the products of the layers; tables of
  ///     embeddings, magnitudes and biases are merged.
  /// - Throws: `notFound` without `config.json`; `mismatch` for an adapter, which is no model; what `Checkpoint/open(_:options:)` and `ModelConfiguration` throw.
  public init(
    _ path: String, options: OpenOptions = OpenOptions(),
    fill: [NamePattern] = LoadOptions.everything, class className: String? = nil,
    adapter: LowRankAdapter? = nil
  ) throws(CheckpointError) {
    let path = try HubCache.located(path)
    let found = try Checkpoint.open(path, options: options)
    let directory = try Self.directory(of: path)
    try Self.refuseAdapter(found, in: directory, options)
    let checkpoint = try found.adapted(by: adapter)
    let companions = try DirectoryCompanions(
      path, weights: checkpoint.files, limits: options.limits, followsLinks: true
    ).taking(headOf: adapter)
    let recognition = Recognition.result(of: checkpoint.graph)
    guard
      let settings = try companions.configuration(
        family: className.flatMap { ModelClass(named: $0)?.family }
          ?? (try? recognition.get())?.certainFamily)
    else {
      let configurationFile = Directory.join(directory, "config.json")
      throw CheckpointError(
        .notFound, file: configurationFile,
        "the settings of the model are not there, and weights alone do not run",
        remedy:
          "put the model's config.json there, or \(remedy: .convert) the weights to a directory, which writes one"
      )
    }
    try self.init(
      path, directory: directory, checkpoint: checkpoint, recognition: recognition,
      settings: settings, companions: settings.convention == .kerasHub ? companions : nil,
      limits: options.limits,
      fill: fill, className: className, adapter: adapter)
  }

  /// Takes weights and settings that need not lie in files.
  ///
  /// - Parameters:
  ///   - recognition: The model that the weights are of, where they were looked at already.
  ///   - companions: Where the tokenizer of a KerasHub preset is, which tells the ids of special tokens.
  init(
    _ path: String, directory: String, checkpoint: Checkpoint,
    recognition: Result<Recognition, CheckpointError>? = nil, settings: ModelConfiguration,
    companions: DirectoryCompanions?, limits: ReadLimits,
    fill: [NamePattern] = LoadOptions.everything, className: String? = nil,
    adapter: LowRankAdapter? = nil
  ) throws(CheckpointError) {
    self.path = path
    self.adapter = adapter
    self.directory = directory
    self.checkpoint = checkpoint
    self.recognition = recognition ?? Recognition.result(of: checkpoint.graph)
    self.settings = settings
    self.limits = limits
    self.fill = fill
    self.className = className
    configurationFile = settings.file
    switch settings.convention {
    case .transformers:
      configuration = settings.document
      notes = []
      files = nil
    case .kerasHub:
      let model = try self.recognition.get().model(configuration: settings)
      try settings.check(against: model.architecture)
      let architecture = try model.architecture.withHeads(configuration: settings)
      let plan = try companions?.plan(for: .transformers, of: architecture)
      let document = ConfigurationDocument.transformers(for: architecture, from: settings)
      configuration =
        try plan?.document("config.json", in: directory, limits) ?? document.value
      notes = document.losses.map { "\($0.setting): \($0.reason)" }
      files = plan
    }
  }

  /// Refuses the weights of an adapter in the place of a model's.
  private static func refuseAdapter(
    _ checkpoint: Checkpoint, in directory: String, _ options: OpenOptions
  ) throws(CheckpointError) {
    guard let file = checkpoint.files.first,
      LowRankAdapter.weightNames.contains(splitPath(file).name),
      try LowRankAdapter.isAdapter(directory)
    else { return }
    let base = try LowRankAdapter.settings(in: directory, options)["base_model_name_or_path"]?
      .string
    throw CheckpointError(
      .mismatch, file: directory,
      "it is an adapter" + (base.map { " of \(quoted($0))" } ?? "") + ", and no model",
      remedy: "name the model, and beside it \(remedy: .adapter(directory))")
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
    return try SourceFile(path: path).documentBytes(limits)
  }
}

extension Checkpoint {
  /// The checkpoint with an adapter, of which a note says if it changes nothing.
  fileprivate func adapted(by adapter: LowRankAdapter?) throws(CheckpointError) -> Checkpoint {
    guard let adapter else { return self }
    var notes = notes
    if try adapter.isIdentity() {
      notes.append("the adapter \(adapter.path) is the identity: it changes nothing")
    }
    return Checkpoint(
      format: format, container: container, files: files,
      graph: try adapter.applied(to: graph).graph, notes: notes, incompleteness: incompleteness)
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
    return try JSONValue(parsing: bytes, file: file, limits: limits)
  }
}

extension ModelSource {
  /// The model's tokenizer.
  ///
  /// - Throws: What `Tokenizer/load(from:as:)` throws.
  public func tokenizer() throws(CheckpointError) -> Tokenizer {
    guard let files else {
      return try Tokenizer.load(from: directory, as: try unnamedTokenizerClass())
    }
    var contents: [String: [UInt8]] = [:]
    for file in files.files where Self.tokenizerFiles.contains(file.path) {
      contents[file.path] = try file.content.bytes(limits)
    }
    return try Tokenizer.load(from: directory, contents: contents)
  }

  /// The class of a tokenizer where no file names one: beside a `config.json` of 2018 or 2019.
  private func unnamedTokenizerClass() throws(CheckpointError) -> TokenizerClass? {
    guard configuration["model_type"] == nil, configuration["tokenizer_class"] == nil,
      try document("tokenizer_config.json")?["tokenizer_class"] == nil
    else { return nil }
    return settings.family.definition.tokenizer.classNames.first.flatMap {
      TokenizerClass(named: $0)
    }
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
    return try JSONValue(parsing: bytes, file: Directory.join(directory, path), limits: limits)
  }
}
