public import CheckpointBytes
internal import Checkpoints

/// How the states of a text's tokens become one vector, and what is done to the text before.
public struct EmbeddingSettings: Sendable, Hashable {
  /// Which tokens count.
  public enum Pooling: String, Sendable, Hashable, CaseIterable {
    /// The mean over all tokens.
    case mean
    /// The first token.
    case cls
  }

  /// Which tokens count.
  public var pooling = Pooling.mean
  /// True if vectors get the length 1.
  public var normalizes = false
  /// The most tokens of a text; longer ones are cut. Nil for what the model can take.
  public var maximumLength: Int?
  /// True if white space at both ends of a text is taken away.
  public var stripsTexts = false

  /// The mean over tokens, as it is.
  public init() {}
}

extension EmbeddingSettings {
  /// The settings of a directory as sentence-transformers (5) saves it: `modules.json`, the pooling's `config.json` and
  /// `sentence_bert_config.json` (or as it was called for RoBERTa). Of any other directory the defaults.
  ///
  /// - Throws: `unsupported`, naming file and key, for a module, a pooling or a setting that is not implemented;
  ///   `malformed` for values of the wrong type.
  public init(_ source: ModelSource) throws(CheckpointError) {
    self.init()
    guard let modules = try SettingsFile("modules.json", in: source) else { return }
    stripsTexts = true
    guard let entries = modules.document.elements else {
      throw modules.failure(.malformed, nil, "expected a list of modules")
    }
    for (place, entry) in entries.enumerated() {
      let type = entry["type"]?.string ?? ""
      switch type.split(separator: ".").last {
      case "Transformer":
        guard entry["path"]?.string == "" else {
          throw modules.failure(
            .unsupported, "[\(place)].path", "a model in a directory of its own",
            remedy: "give that directory, and --pooling")
        }
      case "Pooling": try readPooling(source, entry["path"]?.string ?? "")
      case "Normalize": normalizes = true
      default:
        throw modules.failure(
          .unsupported, "[\(place)].type", "a module of type \(quoted(type))",
          remedy: "supported are Transformer, Pooling and Normalize")
      }
    }
    try Self.refusePrompt(source)
    var lengths = try SettingsFile("sentence_bert_config.json", in: source)
    if lengths == nil { lengths = try SettingsFile("sentence_roberta_config.json", in: source) }
    guard let file = lengths else { return }
    guard file.document["do_lower_case"] ?? .boolean(false) == .boolean(false) else {
      throw file.failure(
        .unsupported, "do_lower_case", "expected false", remedy: "let the tokenizer do it")
    }
    guard let length = file.document["max_seq_length"], length != .null else { return }
    guard let number = length.integer, number > 0 else {
      throw file.failure(.malformed, "max_seq_length", "expected a number above 0 or null")
    }
    maximumLength = number
  }

  /// Refuses a text that sentence-transformers would put before each text by itself.
  private static func refusePrompt(_ source: ModelSource) throws(CheckpointError) {
    guard let file = try SettingsFile("config_sentence_transformers.json", in: source),
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

  /// `sentence_transformers.models.Pooling`: one flag for each way, or its name.
  private mutating func readPooling(
    _ source: ModelSource, _ path: String
  ) throws(CheckpointError) {
    let name = Directory.join(path, "config.json")
    guard let file = try SettingsFile(name, in: source) else {
      throw CheckpointError(
        .notFound, file: Directory.join(source.directory, name), "modules.json names it")
    }
    var modes: [String] = []
    for member in file.document.members ?? [] {
      let key = member.key.string
      if key == "pooling_mode", let mode = member.value.string {
        modes = [mode]
      } else if key.hasPrefix("pooling_mode_"), member.value == .boolean(true) {
        modes.append(String(key.dropFirst("pooling_mode_".count)))
      }
    }
    switch modes {
    case ["mean"], ["mean_tokens"]: pooling = .mean
    case ["cls"], ["cls_token"]: pooling = .cls
    default:
      throw file.failure(
        .unsupported, "pooling_mode",
        "\(modes.isEmpty ? "none is stated" : modes.map { quoted($0) }.joined(separator: ", "))",
        remedy: "supported are mean and cls")
    }
  }
}

/// A file of settings beside a model.
private struct SettingsFile {
  let document: JSONValue
  private let path: String

  /// Reads a file; nil if it is not there.
  init?(_ name: String, in source: ModelSource) throws(CheckpointError) {
    guard let document = try source.document(name) else { return nil }
    self.document = document
    path = Directory.join(source.directory, name)
  }

  func failure(
    _ kind: FailureKind, _ field: String?, _ problem: String, remedy: String? = nil
  ) -> CheckpointError {
    CheckpointError(kind, file: path, field: field, problem, remedy: remedy)
  }
}
