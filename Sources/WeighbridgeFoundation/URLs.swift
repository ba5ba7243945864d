// `URL` beside paths. A product of its own, so that nobody links Foundation who does not use it: the package itself does not.

public import Weighbridge

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

extension LanguageModel {
  /// Loads a model of this class; see `Weighbridge/LanguageModel/load(from:options:opening:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public static func load(
    from url: URL, options: LoadOptions = LoadOptions(),
    opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> Self {
    try load(from: url.filePath, options: options, opening: openOptions)
  }

  /// Saves the model; see `Weighbridge/LanguageModel/save(to:options:companions:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  @discardableResult
  public func save(
    to url: URL, options: ConversionOptions = ConversionOptions(),
    companions: SavedCompanions = .everything
  ) throws(CheckpointError) -> ConversionReceipt {
    try save(to: url.filePath, options: options, companions: companions)
  }
}

/// Loads a model of the class that its settings name; see `Weighbridge/loadLanguageModel(from:class:options:opening:)`.
///
/// - Throws: `unsupported` for a URL of something else than a file.
public func loadLanguageModel(
  from url: URL, class className: String? = nil, options: LoadOptions = LoadOptions(),
  opening openOptions: OpenOptions = OpenOptions()
) throws(CheckpointError) -> any LanguageModel {
  try loadLanguageModel(
    from: url.filePath, class: className, options: options, opening: openOptions)
}

extension Tokenizer {
  /// Loads the tokenizer of a model's directory; see `Tokenizers/Tokenizer/load(from:as:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public static func load(
    from directory: URL, as owner: TokenizerClass? = nil
  ) throws(CheckpointError) -> Tokenizer {
    try load(from: directory.filePath, as: owner)
  }
}

extension SentenceEmbedder {
  /// Loads model, tokenizer and settings; see `Weighbridge/SentenceEmbedder/load(from:options:opening:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public static func load(
    from url: URL, options: LoadOptions = LoadOptions(),
    opening openOptions: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> SentenceEmbedder {
    try load(from: url.filePath, options: options, opening: openOptions)
  }
}

extension Checkpoint {
  /// Opens a checkpoint; see `Checkpoints/Checkpoint/open(_:options:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public static func open(
    _ url: URL, options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> Checkpoint {
    try open(url.filePath, options: options)
  }
}

extension ConversionPlan {
  /// Thinks a conversion through; see `Conversion/ConversionPlan/init(_:named:to:options:companions:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public init(
    _ source: Checkpoint, at url: URL, to destination: URL,
    options: ConversionOptions = ConversionOptions()
  ) throws(CheckpointError) {
    try self.init(
      source, named: url.filePath, to: destination.filePath, options: options)
  }
}

extension WeightGraph {
  /// Writes the weights; see `Weighbridge/WeightGraph/write(to:options:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  @discardableResult
  public func write(
    to url: URL, options: ConversionOptions = ConversionOptions()
  ) throws(CheckpointError) -> ConversionReceipt {
    try write(to: url.filePath, options: options)
  }
}

extension GoldenRecord {
  /// Opens a recorded run; see `Weighbridge/GoldenRecord/init(opening:inputs:options:)`.
  ///
  /// - Throws: `unsupported` for a URL of something else than a file.
  public init(opening url: URL, inputs: URL? = nil) throws(CheckpointError) {
    try self.init(opening: url.filePath, inputs: try inputs?.filePath)
  }
}

extension URL {
  /// The path in the file system.
  fileprivate var filePath: String {
    get throws(CheckpointError) {
      guard isFileURL else {
        throw CheckpointError(
          .unsupported, file: absoluteString, "expected the URL of a file, found another scheme",
          remedy: "nothing is downloaded; give a place in the file system")
      }
      return path(percentEncoded: false)
    }
  }
}
