package import CheckpointBytes
internal import Checkpoints

/// A directory as sentence-transformers (6) saves it: `modules.json`, the model's files with `sentence_bert_config.json`,
/// and the pooling's `config.json`.
package struct SentenceDirectory {
  private let path: String
  private let limits: ReadLimits
  private let modules: SettingsFile
  /// The model that makes the tokens' states: what was given, or a directory of its own.
  package let modelPath: String
  /// The file of the module that makes one vector of them.
  private let poolingName: String
  private let normalizes: Bool

  /// Reads `modules.json`; nil if it is not there.
  ///
  /// - Parameter given: The directory, or a file of weights in it.
  /// - Throws: `unsupported`, naming the place, for modules that are not implemented; `malformed` for values of the wrong
  ///   type, and for a path that leads out of the directory.
  package init?(
    _ given: String, _ limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    let path = try ModelSource.directory(of: given)
    guard let modules = try SettingsFile("modules.json", in: path, limits) else { return nil }
    guard let entries = modules.document.elements else {
      throw modules.failure(.malformed, nil, "expected a list of modules")
    }
    var found: [Kind: String] = [:]
    for (place, entry) in entries.enumerated() {
      let type = entry["type"]?.string ?? ""
      guard let kind = Kind(type: type) else {
        throw modules.failure(
          .unsupported, "[\(place)].type", "a module of type \(quoted(type))",
          remedy: "supported are Transformer, Pooling and Normalize")
      }
      guard found[kind] == nil else {
        throw modules.failure(.unsupported, "[\(place)].type", "a second \(kind.rawValue)")
      }
      guard let folder = entry["path"]?.string, Self.isInside(folder) else {
        throw modules.failure(
          .malformed, "[\(place)].path", "expected a path inside the directory")
      }
      found[kind] = folder
    }
    guard let model = found[.transformer], let pooling = found[.pooling] else {
      let missing = found[.transformer] == nil ? Kind.transformer : .pooling
      throw modules.failure(.unsupported, nil, "there is no module \(missing.rawValue)")
    }
    self.path = path
    self.limits = limits
    self.modules = modules
    modelPath = model.isEmpty ? given : Directory.join(path, model)
    poolingName = Directory.join(pooling, "config.json")
    normalizes = found[.normalize] != nil
  }

  /// The modules that are known.
  private enum Kind: String {
    case transformer = "Transformer"
    case pooling = "Pooling"
    case normalize = "Normalize"

    /// A module of sentence-transformers by its class, wherever a version keeps it.
    init?(type: String) {
      let parts = type.split(separator: ".")
      guard parts.count > 1, parts.first == "sentence_transformers", let name = parts.last else {
        return nil
      }
      self.init(rawValue: String(name))
    }
  }

  private static func isInside(_ path: String) -> Bool {
    !path.hasPrefix("/") && !path.split(separator: "/").contains("..")
  }

  /// An error about `modules.json`.
  func failure(_ problem: String) -> CheckpointError {
    modules.failure(.unsupported, nil, problem)
  }

  /// The settings.
  ///
  /// - Throws: `unsupported`, naming file and key, for a pooling or a setting that is not implemented; `malformed` for
  ///   values of the wrong type; `notFound` if the pooling's file is not there.
  package func settings() throws(CheckpointError) -> EmbeddingSettings {
    var settings = EmbeddingSettings()
    settings.normalizes = normalizes
    settings.pooling = try pooling()
    settings.maximumLength = try maximumLength()
    try refusePrompt()
    return settings
  }

  /// `Pooling`: the names of the ways, or one, or a flag for each as it was written up to 5.3; the mean if nothing is said.
  private func pooling() throws(CheckpointError) -> EmbeddingSettings.Pooling {
    guard let file = try SettingsFile(poolingName, in: path, limits) else {
      throw CheckpointError(
        .notFound, file: Directory.join(path, poolingName), "modules.json names it")
    }
    var modes: [String] = []
    if let stated = file.document["pooling_mode"], stated != .null {
      let names = stated.elements ?? [stated]
      modes = names.compactMap(\.string)
      guard modes.count == names.count, !modes.isEmpty else {
        throw file.failure(.malformed, "pooling_mode", "expected a name or a list of names")
      }
    } else {
      let flag = "pooling_mode_"
      for member in file.document.members ?? []
      where member.key.string.hasPrefix(flag) && member.value == .boolean(true) {
        modes.append(String(member.key.string.dropFirst(flag.count)))
      }
    }
    switch modes {
    case [], ["mean"], ["mean_tokens"]: return .mean
    case ["cls"], ["cls_token"]: return .cls
    default:
      throw file.failure(
        .unsupported, "pooling_mode", modes.map { quoted($0) }.joined(separator: ", "),
        remedy: "supported are mean and cls")
    }
  }

  /// The most tokens of a text, as the model's settings have it; of other settings only those that change nothing are
  /// taken.
  private func maximumLength() throws(CheckpointError) -> Int? {
    guard let file = try transformerSettings() else { return nil }
    guard file.document["do_lower_case"] ?? .boolean(false) == .boolean(false) else {
      throw file.failure(
        .unsupported, "do_lower_case", "expected false", remedy: "let the tokenizer do it")
    }
    for (key, value) in Self.plainSettings {
      let stated = file.document[ExactName(key)] ?? .null
      guard stated == .null || stated == value || stated.members?.isEmpty == true else {
        throw file.failure(
          .unsupported, key,
          "\(singleLine(JSONWriter.text(stated), limit: 60)) changes what is computed")
      }
    }
    guard let length = file.document["max_seq_length"], length != .null else { return nil }
    guard let number = length.integer, number > 0 else {
      throw file.failure(.malformed, "max_seq_length", "expected a number above 0 or null")
    }
    return number
  }

  /// Settings that would make another model or another text of it, with what they say if they do not.
  private static let plainSettings: [(String, JSONValue)] = [
    ("transformer_task", .string("feature-extraction")),
    ("module_output_name", .string("token_embeddings")),
    ("model_args", .null), ("model_kwargs", .null), ("tokenizer_args", .null),
    ("processor_kwargs", .null), ("config_args", .null), ("config_kwargs", .null),
    ("processing_kwargs", .null), ("query_length", .null), ("document_length", .null),
    ("query_expansion", .null),
  ]

  /// The first of these files that is there and says something (`Transformer.load_config`).
  private func transformerSettings() throws(CheckpointError) -> SettingsFile? {
    for model in ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"] {
      let file = try SettingsFile("sentence_\(model)_config.json", in: modelPath, limits)
      if let file, file.document.members?.isEmpty != true { return file }
    }
    return nil
  }

  /// Refuses a text that sentence-transformers would put before each text by itself.
  private func refusePrompt() throws(CheckpointError) {
    guard let file = try SettingsFile("config_sentence_transformers.json", in: path, limits),
      let name = file.document["default_prompt_name"], name != .null
    else { return }
    let prompt = name.string.flatMap { file.document["prompts"]?[ExactName($0)]?.string }
    guard prompt == "" else {
      throw file.failure(
        .unsupported, "default_prompt_name",
        "\(singleLine(JSONWriter.text(name), limit: 60)) puts a prompt before each text",
        remedy: "put it there yourself, and let the setting be null")
    }
  }
}

/// A file of settings beside a model.
private struct SettingsFile {
  let document: JSONValue
  private let path: String

  /// Reads a file; nil if it is not there.
  init?(_ name: String, in directory: String, _ limits: ReadLimits) throws(CheckpointError) {
    path = Directory.join(directory, name)
    guard let bytes = try ModelSource.bytes(path, limits) else { return nil }
    document = try locating(file: path) { () throws(ParseFailure) in
      try JSONValue(parsing: bytes, context: "JSON", maximumDepth: limits.jsonDepth)
    }
  }

  func failure(
    _ kind: FailureKind, _ field: String?, _ problem: String, remedy: String? = nil
  ) -> CheckpointError {
    CheckpointError(kind, file: path, field: field, problem, remedy: remedy)
  }
}
