public import CheckpointBytes
public import Checkpoints
public import LanguageModels

/// Loads the model of a directory as Transformers saves it, or of a file with its `config.json` beside it.
///
/// - Parameters:
///   - path: The directory or the file.
///   - className: One of ``ModelClass/names``; the first that the configuration names if nil.
/// - Throws: `notFound` if there is no `config.json`, `unsupported` for a class that is not implemented; what opening a
///   checkpoint and ``ModelClass/load(weights:configuration:file:options:)`` throw.
public func loadLanguageModel(
  from path: String, class className: String? = nil, options: LoadOptions = LoadOptions(),
  opening openOptions: OpenOptions = OpenOptions()
) throws(CheckpointError) -> any LanguageModel {
  let checkpoint = try Checkpoint.open(path, options: openOptions)
  let configurationPath =
    try PathKind(path: path) == .directory
    ? Directory.join(path, "config.json") : neighbour(of: path, "config.json")
  guard try PathKind(path: configurationPath) == .file else {
    throw CheckpointError(
      .notFound, file: configurationPath, "the settings of the model are not there",
      remedy: "expected the config.json that Transformers saves beside the weights")
  }
  let document = try jsonDocument(configurationPath, openOptions.limits)
  let modelClass: ModelClass
  if let className {
    guard let named = ModelClass(named: className) else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "class"),
        "there is no class \(quoted(className)) here",
        remedy: "there are \(ModelClass.names.joined(separator: ", "))")
    }
    modelClass = named
  } else {
    modelClass = try ModelClass(configuration: document, file: configurationPath)
  }
  return try modelClass.load(
    weights: checkpoint.graph, configuration: document, file: configurationPath, options: options)
}

private func neighbour(of path: String, _ name: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return name }
  return String(path[...slash]) + name
}

private func jsonDocument(
  _ path: String, _ limits: ReadLimits
) throws(CheckpointError) -> JSONValue {
  let file = try SourceFile(path: path)
  guard file.size <= limits.jsonBytes else {
    throw CheckpointError(
      .limitExceeded, file: path, "\(file.size) bytes, at most \(limits.jsonBytes) are read")
  }
  let bytes = try file.bytes(at: 0, count: file.size)
  return try locating(file: path) { () throws(ParseFailure) in
    try JSONValue(parsing: bytes, context: "JSON", maximumDepth: limits.jsonDepth)
  }
}
