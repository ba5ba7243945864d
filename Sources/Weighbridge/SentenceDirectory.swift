package import CheckpointBytes
internal import LayoutRules
internal import ModelDirectories

/// A directory as sentence-transformers (6) saves it: `modules.json`, the model's files with `sentence_bert_config.json`,
/// and a folder for each further module.
package struct SentenceDirectory {
  /// What the modules make.
  package enum Purpose: Sendable {
    /// A vector of each text, by a Transformer, a Pooling or SpladePooling, and what follows them.
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
  /// True if it gives states where its settings do not say another task.
  private let givesStates: Bool
  /// The module that makes one vector of them, with its folder; nil for scores.
  private let pooling: (kind: Kind, folder: String)?
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
      guard kind.mayStand(behind: found.map(\.kind), for: purpose) else {
        let expected =
          purpose == .vectors
          ? "a Transformer and a Pooling or SpladePooling come first, once each; behind the latter none has weights"
          : "scores need a Transformer alone"
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
    givesStates = found[0].kind == .transformer
    pooling = found.count > 1 ? (found[1].kind, Directory.join(path, found[1].folder)) : nil
    layers = found.dropFirst(2).map { ($0.kind, Directory.join(path, $0.folder)) }
  }

  /// The modules that are known.
  private enum Kind: String, CaseIterable {
    case transformer = "Transformer"
    /// A Transformer whose task is to fill masks, as models were saved up to 5.3.
    case mlmTransformer = "MLMTransformer"
    case pooling = "Pooling"
    case spladePooling = "SpladePooling"
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

    /// The model, the pooling, and then what takes vectors of texts: of those over a vocabulary what leaves each number its token.
    func mayStand(behind others: [Kind], for purpose: Purpose) -> Bool {
      guard purpose == .vectors else { return self == .transformer && others.isEmpty }
      return switch self {
      case .transformer, .mlmTransformer: others.isEmpty
      case .pooling: others == [.transformer]
      case .spladePooling: others.count == 1
      case .normalize, .dropout: others.count > 1
      case .dense, .layerNorm: others.count > 1 && others[1] == .pooling
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
    guard let pooling else { throw failure("there is no module Pooling") }
    let poolingFile = try SettingsFile(required: "config.json", in: pooling.folder, limits)
    if pooling.kind == .spladePooling {
      try setSplade(poolingFile, in: &settings)
    } else {
      settings.pooling = try Self.pooling(poolingFile)
      settings.includesPrompt = try poolingFile.reader().boolean("include_prompt", default: true)
      settings.dimensions = try ownCount("truncate_dim")
    }
    for (kind, folder) in layers {
      switch kind {
      case .dense: settings.layers.append(try .dense(in: folder, limits))
      case .layerNorm: settings.layers.append(try .layerNorm(in: folder, limits))
      case .normalize:
        try SettingsFile("config.json", in: folder, limits)?.requireSentenceVectors()
        settings.layers.append(.normalize)
      // Nothing is dropped unless a model is trained.
      case .dropout, .transformer, .mlmTransformer, .pooling, .spladePooling: break
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
    return settings
  }

  /// What `SparseEncoder` takes of the files.
  private func setSplade(
    _ file: SettingsFile, in settings: inout EmbeddingSettings
  ) throws(CheckpointError) {
    let task = try transformerSettings()?.document["transformer_task"]
    guard !givesStates || task == .string(Self.maskTask) else {
      throw failure("a SpladePooling needs scores: the Transformer's task is not \(Self.maskTask)")
    }
    settings.splade = SpladePooling(
      try Self.choice("pooling_strategy", of: file) ?? .max,
      activation: try Self.choice("activation_function", of: file) ?? .relu)
    settings.maximumActive = try ownCount("max_active_dims")
    // One that is not known is passed over, as in the reference.
    let name = try ownSettings()?.document["similarity_fn_name"]?.string
    settings.similarity = name.flatMap { EmbeddingSettings.Similarity(rawValue: $0) } ?? .dot
  }

  /// One of several names; nil if there is none.
  private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, of file: SettingsFile
  ) throws(CheckpointError) -> Choice? {
    guard let stated = file.document[ExactName(key)] else { return nil }
    guard let name = stated.string else { throw file.failure(.malformed, key, "expected a name") }
    guard let choice = Choice(rawValue: name) else {
      throw file.failure(
        .unsupported, key, "there is no \(quoted(name)) here",
        remedy: "there are \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
  }

  private func ownCount(_ key: String) throws(CheckpointError) -> Int? {
    try ownSettings().flatMap { (file) throws(CheckpointError) in try Self.count(key, of: file) }
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
    for (key, value) in outputSettings + Self.plainSettings {
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

  /// The task of models that fill masks.
  private static let maskTask = "fill-mask"

  /// Settings of the model's module that say what it gives.
  private var outputSettings: [(String, JSONValue)] {
    let (task, output) =
      switch (purpose, pooling?.kind) {
      case (.scores, _): ("sequence-classification", "scores")
      case (.vectors, .spladePooling): (Self.maskTask, "token_embeddings")
      case (.vectors, _): ("feature-extraction", "token_embeddings")
      }
    return [("transformer_task", .string(task)), ("module_output_name", .string(output))]
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
