package import CheckpointBytes
internal import LayoutRules
internal import ModelDirectories

/// A directory as sentence-transformers (6) saves it: `modules.json`, the model's files with `sentence_bert_config.json`,
/// and a folder for each further module.
package struct SentenceDirectory {
  /// What the modules make.
  package enum Purpose: Sendable {
    /// A vector of each text, by a Transformer, a Pooling and what follows them.
    case vectors
    /// A number for each pair of texts, by a Transformer alone (`CrossEncoder`).
    case scores
  }

  private let path: String
  private let limits: ReadLimits
  private let modules: SettingsFile
  /// The model that makes the tokens' states: what was given, or a directory of its own.
  package let modelPath: String
  private let purpose: Purpose
  /// True if the checkpoint that is opened as the model is the directory's own, with the weights of the modules.
  private let isWhole: Bool
  /// The folder of the module that makes one vector of them; nil for scores.
  private let poolingFolder: String?
  /// What the vector goes through, with the folders.
  private let layers: [(kind: Kind, folder: String)]

  /// Reads `modules.json`; nil if it is not there.
  ///
  /// - Parameters:
  ///   - given: The directory, or a file of weights in it.
  ///   - purpose: What is wanted of the modules.
  /// - Throws: `unsupported`, naming the place, for modules that are not implemented or stand elsewhere; `malformed` for
  ///   values of the wrong type, and for a path that leads out of the directory.
  package init?(
    _ given: String, _ limits: ReadLimits = ReadLimits(), for purpose: Purpose = .vectors
  ) throws(CheckpointError) {
    let path = try ModelSource.directory(of: given)
    guard let modules = try SettingsFile("modules.json", in: path, limits) else { return nil }
    guard let entries = modules.document.elements else {
      throw modules.failure(.malformed, nil, "expected a list of modules")
    }
    var found: [(kind: Kind, folder: String)] = []
    for (place, entry) in entries.enumerated() {
      let type = entry["type"]?.string ?? ""
      guard let kind = Kind(type: type) else {
        throw modules.failure(
          .unsupported, "[\(place)].type", "a module of type \(quoted(type))",
          remedy: "supported are \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      guard kind.mayStand(at: place, for: purpose) else {
        let expected =
          purpose == .vectors
          ? "a Transformer and a Pooling come first, once each" : "scores need a Transformer alone"
        throw modules.failure(
          .unsupported, "[\(place)].type",
          "a \(kind.rawValue) as module \(place); \(expected)")
      }
      guard let folder = entry["path"]?.string, Self.isInside(folder) else {
        throw modules.failure(
          .malformed, "[\(place)].path", "expected a path inside the directory")
      }
      found.append((kind, folder))
    }
    guard found.count > (purpose == .vectors ? 1 : 0) else {
      let missing = found.isEmpty ? Kind.transformer : .pooling
      throw modules.failure(.unsupported, nil, "there is no module \(missing.rawValue)")
    }
    self.path = path
    self.limits = limits
    self.modules = modules
    modelPath = found[0].folder.isEmpty ? given : Directory.join(path, found[0].folder)
    self.purpose = purpose
    isWhole = found[0].folder.isEmpty && given == path
    poolingFolder = found.count > 1 ? Directory.join(path, found[1].folder) : nil
    layers = found.dropFirst(2).map { ($0.kind, Directory.join(path, $0.folder)) }
  }

  /// The modules that are known.
  private enum Kind: String, CaseIterable {
    case transformer = "Transformer"
    case pooling = "Pooling"
    case dense = "Dense"
    case layerNorm = "LayerNorm"
    case normalize = "Normalize"
    case dropout = "Dropout"

    /// A module of sentence-transformers by its class, wherever a version keeps it.
    init?(type: String) {
      let parts = type.split(separator: ".")
      guard parts.count > 1, parts.first == "sentence_transformers", let name = parts.last else {
        return nil
      }
      self.init(rawValue: String(name))
    }

    /// The model, the pooling, and then what takes vectors of texts.
    func mayStand(at place: Int, for purpose: Purpose) -> Bool {
      switch self {
      case .transformer: place == 0
      case .pooling: place == 1 && purpose == .vectors
      default: place > 1 && purpose == .vectors
      }
    }
  }

  /// Read byte by byte, as systems do: a mark behind `/` makes one character of both.
  private static func isInside(_ path: String) -> Bool {
    let slash = UInt8(ascii: "/")
    return path.utf8.first != slash
      && !path.utf8.split(separator: slash).contains { $0.elementsEqual("..".utf8) }
  }

  /// An error about `modules.json`.
  func failure(_ problem: String) -> CheckpointError {
    modules.failure(.unsupported, nil, problem)
  }

  /// The settings.
  ///
  /// - Parameter isPinned: True if the model is to be what a manifest has: one of a directory has the modules' weights, one of a file
  ///   or a folder in it has not.
  /// - Throws: `unsupported`, naming file and key, for a setting that is not implemented; `malformed` for values of the
  ///   wrong type; `notFound` if a module's file is not there; `inconsistent` for weights of modules that a manifest cannot have; what opening
  ///   the weights of a module throws.
  package func settings(isPinned: Bool = false) throws(CheckpointError) -> EmbeddingSettings {
    var settings = EmbeddingSettings()
    guard let poolingFolder else { throw failure("there is no module Pooling") }
    let pooling = try SettingsFile(required: "config.json", in: poolingFolder, limits)
    settings.pooling = try Self.pooling(pooling)
    settings.includesPrompt = try pooling.reader().boolean("include_prompt", default: true)
    for (kind, folder) in layers {
      switch kind {
      case .dense: settings.layers.append(try .dense(in: folder, limits))
      case .layerNorm: settings.layers.append(try .layerNorm(in: folder, limits))
      case .normalize:
        try SettingsFile("config.json", in: folder, limits)?.requireSentenceVectors()
        settings.layers.append(.normalize)
      // Nothing is dropped unless a model is trained.
      case .dropout, .transformer, .pooling: break
      }
    }
    settings.maximumLength = try maximumLength()
    guard !isPinned || isWhole || !settings.layers.contains(where: \.hasWeights) else {
      throw CheckpointError(
        .inconsistent, file: path, "a manifest has no weights of the modules that follow the model",
        remedy: "give a directory with the model's own weights in it, and its manifest")
    }
    settings.lowercases = try lowercases()
    settings.roleLengths = try roleLengths()
    settings.prompts = try prompts()
    settings.prompt = try prompt(of: settings.prompts)
    settings.dimensions = try ownSettings().flatMap { (file) throws(CheckpointError) in
      try Self.count("truncate_dim", of: file)
    }
    return settings
  }

  /// What is said of the whole, if there is such a file.
  private func ownSettings() throws(CheckpointError) -> SettingsFile? {
    try SettingsFile("config_sentence_transformers.json", in: path, limits)
  }

  /// The names of the ways, or one, or a flag for each as it was written up to 5.3; the mean if nothing is said.
  private static func pooling(
    _ file: SettingsFile
  ) throws(CheckpointError) -> [EmbeddingSettings.Pooling] {
    typealias Pooling = EmbeddingSettings.Pooling
    let key = "pooling_mode"
    guard let stated = file.document[ExactName(key)], stated != .null else {
      var flagged: [Pooling] = []
      let reader = try file.reader()
      for pooling in Pooling.allCases
      where try reader.boolean(ExactName(pooling.flag), default: false) {
        flagged.append(pooling)
      }
      return flagged.isEmpty ? [.mean] : flagged
    }
    let names = (stated.elements ?? [stated]).map(\.string)
    guard !names.isEmpty else { throw file.failure(.malformed, key, "expected a name or names") }
    return try names.map { (name) throws(CheckpointError) in
      guard let name else { throw file.failure(.malformed, key, "expected a name or names") }
      guard let pooling = Pooling(rawValue: name) else {
        throw file.failure(
          .unsupported, key, "there is no \(quoted(name)) here",
          remedy: "there are \(Pooling.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return pooling
    }
  }

  /// The most tokens of a text, as the model's settings have it; of other settings only those that change nothing are
  /// taken.
  private func maximumLength() throws(CheckpointError) -> Int? {
    guard let file = try transformerSettings() else { return nil }
    for (key, value) in purpose.outputSettings + Self.plainSettings {
      let stated = file.document[ExactName(key)] ?? .null
      guard stated == .null || stated == value || stated.members?.isEmpty == true else {
        throw file.failure(
          .unsupported, key,
          "\(singleLine(JSONWriter.text(stated), limit: 60)) changes what is computed")
      }
    }
    return try Self.count("max_seq_length", of: file)
  }

  /// Whether texts are made lower case before they are tokenized.
  private func lowercases() throws(CheckpointError) -> Bool {
    try transformerSettings()?.reader().boolean("do_lower_case", default: false) ?? false
  }

  /// The most tokens of the texts of a search, where they have another number than other texts.
  private func roleLengths() throws(CheckpointError) -> [EmbeddingSettings.Role: Int] {
    guard let file = try transformerSettings() else { return [:] }
    var lengths: [EmbeddingSettings.Role: Int] = [:]
    for role in EmbeddingSettings.Role.allCases {
      lengths[role] = try Self.count("\(role.rawValue)_length", of: file)
    }
    return lengths
  }

  private static func count(
    _ key: String, of file: SettingsFile
  ) throws(CheckpointError) -> Int? {
    guard let stated = file.document[ExactName(key)], stated != .null else { return nil }
    guard let number = stated.integer, number > 0 else {
      throw file.failure(.malformed, key, "expected a number above 0 or null")
    }
    return number
  }

  /// Settings that would make another model or another text of it, with what they say if they do not.
  private static let plainSettings: [(String, JSONValue)] = [
    ("model_args", .null), ("model_kwargs", .null), ("tokenizer_args", .null),
    ("processor_kwargs", .null), ("config_args", .null), ("config_kwargs", .null),
    ("processing_kwargs", .null), ("query_expansion", .null),
  ]

  /// What `Transformer.load_config` looks for, in its order.
  private static let transformerFiles = [
    "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
    "sentence_camembert_config.json", "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
  ]

  /// The first of these files that is there and says something (`Transformer.load_config`).
  private func transformerSettings() throws(CheckpointError) -> SettingsFile? {
    // Of a file of weights the directory that it lies in.
    let folder = try ModelSource.directory(of: modelPath)
    for name in Self.transformerFiles {
      let file = try SettingsFile(name, in: folder, limits)
      if let file, file.document.members?.isEmpty != true { return file }
    }
    return nil
  }

  /// What may be put before texts, by name; for vectors these two are empty where nothing else is said.
  private func prompts() throws(CheckpointError) -> [String: String] {
    var prompts = purpose == .vectors ? ["query": "", "document": ""] : [:]
    guard let file = try ownSettings(), let stated = file.document["prompts"], stated != .null
    else { return prompts }
    guard let members = stated.members else {
      throw file.failure(.malformed, "prompts", "expected an object")
    }
    for member in members {
      guard let prompt = member.value == .null ? "" : member.value.string else {
        throw file.failure(.malformed, "prompts.\(member.key.string)", "expected a text")
      }
      prompts[member.key.string] = prompt
    }
    return prompts
  }

  /// What is put before each text by itself: the prompt of `default_prompt_name`.
  private func prompt(of prompts: [String: String]) throws(CheckpointError) -> String {
    let key = "default_prompt_name"
    guard let file = try ownSettings(),
      let name = file.document[ExactName(key)], name != .null
    else { return "" }
    guard let name = name.string else { throw file.failure(.malformed, key, "expected a name") }
    guard let prompt = prompts[name] else {
      throw file.failure(.inconsistent, key, "there is no prompt \(quoted(name))")
    }
    return prompt
  }
}

/// How a cross-encoder makes its numbers, as far as files beside the model's own say so.
package struct CrossEncoderSettings: Sendable {
  /// What the label's number is made into; nil for what `config.json` says.
  package var function: TextClassification.Function?
  /// What is put before the first text of each pair.
  package var prompt = ""
  /// The most tokens of a pair, whatever the tokenizer says; nil for what it says.
  package var maximumLength: Int?
  /// True if texts are made lower case, whatever the tokenizer does.
  package var lowercases = false

  /// What no file says.
  package init() {}

  /// The model with the greatest length that is stated, and with texts in lower case if that is.
  package func applied(to model: TextModel) throws(CheckpointError) -> TextModel {
    var model = model
    if lowercases { model.tokenizer = try model.tokenizer.lowercasing() }
    if let maximumLength { model.maximumLength = min(maximumLength, model.model.longestInput) }
    return model
  }
}

extension SentenceDirectory {
  /// The settings of a directory that `CrossEncoder` saved.
  ///
  /// - Throws: As ``settings()``; `unsupported` for an activation that is neither the sigmoid nor the identity.
  package func crossEncoderSettings() throws(CheckpointError) -> CrossEncoderSettings {
    var settings = CrossEncoderSettings()
    settings.maximumLength = try maximumLength()
    settings.lowercases = try lowercases()
    // Of another kind of model the reference takes the Transformer alone.
    guard let file = try ownSettings(), file.document["model_type"]?.string == "CrossEncoder" else {
      return settings
    }
    settings.prompt = try prompt(of: try prompts())
    if let stated = file.document["activation_fn"], stated != .null {
      settings.function = try Reranking.function(activation: stated, file.path)
    }
    return settings
  }
}

extension SentenceDirectory.Purpose {
  /// Settings of the model's module that say what it gives.
  fileprivate var outputSettings: [(String, JSONValue)] {
    switch self {
    case .vectors:
      [
        ("transformer_task", .string("feature-extraction")),
        ("module_output_name", .string("token_embeddings")),
      ]
    case .scores:
      [
        ("transformer_task", .string("sequence-classification")),
        ("module_output_name", .string("scores")),
      ]
    }
  }
}
