internal import CheckpointBytes
internal import LayoutRules
internal import ModelDirectories

/// A file of settings beside a model.
struct SettingsFile {
  let document: JSONValue
  /// Where it is.
  let path: String

  /// Reads a file; nil if it is not there.
  init?(_ name: String, in directory: String, _ limits: ReadLimits) throws(CheckpointError) {
    path = Directory.join(directory, name)
    guard let bytes = try ModelSource.bytes(path, limits) else { return nil }
    document = try JSONValue(parsing: bytes, file: path, limits: limits)
  }

  /// Reads a file that must be there.
  init(
    required name: String, in directory: String, _ limits: ReadLimits
  ) throws(CheckpointError) {
    guard let file = try SettingsFile(name, in: directory, limits) else {
      throw CheckpointError(
        .notFound, file: Directory.join(directory, name), "modules.json names it")
    }
    self = file
  }

  /// Typed access to what it says.
  func reader() throws(CheckpointError) -> SettingsReader {
    try SettingsReader(document, file: path)
  }

  /// Refuses a module that takes or gives anything else than the vectors of texts.
  func requireSentenceVectors() throws(CheckpointError) {
    for key in ["module_input_name", "module_output_name"] {
      let stated = document[ExactName(key)] ?? .null
      guard stated == .null || stated == .string("sentence_embedding") else {
        throw failure(
          .unsupported, key,
          "\(singleLine(JSONWriter.text(stated), limit: 60)) is not sentence_embedding")
      }
    }
  }

  /// An error about a key.
  func failure(
    _ kind: FailureKind, _ field: String?, _ problem: String, remedy: Wording? = nil
  ) -> CheckpointError {
    CheckpointError(kind, file: path, field: field, problem, remedy: remedy)
  }
}
