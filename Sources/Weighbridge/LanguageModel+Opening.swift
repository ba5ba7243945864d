public import CheckpointBytes
public import Checkpoints
public import LanguageModels

extension LanguageModel {
  /// Loads a model of this class, from weights of any format and layout.
  ///
  ///     let model = try BertForMaskedLM.load(from: "models/bert-base-uncased")
  ///
  /// - Parameters:
  ///   - path: A directory, or a file with its `config.json` beside it; see ``ModelSource``.
  ///   - options: Threads, precision and what may be filled.
  ///   - openOptions: How files are opened.
  /// - Throws: What `ModelSource/init(_:options:)` and ``ModelSource/load(_:options:)`` throw.
  public static func load(
    from path: String, options: LoadOptions = LoadOptions(),
    opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> Self {
    try ModelSource(path, options: openOptions, fill: options.fill, class: className)
      .load(Self.self, options: options)
  }
}

/// Loads a model of the class that its settings name, as Transformers' `AutoModel…` do.
///
/// - Parameters:
///   - path: A directory, or a file with its `config.json` beside it; see ``ModelSource``.
///   - className: One of `ModelClass/names`; the first that the settings name if nil, or that of the weights where these
///     leave no choice.
///   - options: Threads, precision and what may be filled.
///   - openOptions: How files are opened.
/// - Throws: `unsupported` for a class that is not implemented; what `ModelSource/init(_:options:)` and
///   ``ModelSource/load(_:options:)`` throw.
public func loadLanguageModel(
  from path: String, class className: String? = nil, options: LoadOptions = LoadOptions(),
  opening openOptions: OpenOptions = OpenOptions()
) throws(CheckpointError) -> any LanguageModel {
  let source = try ModelSource(
    path, options: openOptions, fill: options.fill, class: className)
  return try source.load(try source.modelClass().type, options: options)
}
