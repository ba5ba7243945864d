public import CheckpointBytes

/// How the states of a text's tokens become one vector.
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
  /// The most tokens of a text, whatever the tokenizer says; longer ones are cut. Nil for what tokenizer and model take.
  public var maximumLength: Int?

  /// The mean over tokens, as it is.
  public init() {}
}

extension EmbeddingSettings {
  /// The settings of a directory as sentence-transformers (6) saves it; of any other directory the defaults.
  ///
  /// - Throws: `unsupported`, naming file and key, for a module, a pooling or a setting that is not implemented, and for a
  ///   model in a directory of its own, which ``SentenceEmbedder/load(from:options:opening:)`` finds; `malformed` for
  ///   values of the wrong type.
  public init(_ source: ModelSource) throws(CheckpointError) {
    self.init()
    guard let directory = try SentenceDirectory(source.directory, source.limits) else { return }
    guard directory.modelPath == source.directory else {
      throw directory.failure("names a model in a directory of its own")
    }
    self = try directory.settings()
  }
}
