public import CheckpointBytes

/// A language model that can go on with texts.
///
///     var settings = GenerationSettings()
///     settings.maxNewTokens = 40
///     let texts = try model.generate(ModelInputs(inputIDs: TokenArray([prompt])), settings)
public protocol CausalLanguageModel: LanguageModel {
  /// The search for tokens.
  var generator: TextGenerator { get }
}

extension CausalLanguageModel {
  /// Texts that go on from prompts; see ``TextGenerator/generate(_:_:ends:received:)``.
  ///
  /// - Parameter settings: nil for the defaults, with the configuration's special tokens.
  public func generate(
    _ inputs: ModelInputs, _ settings: GenerationSettings? = nil,
    ends: (_ tokens: [Int]) -> Bool = { _ in false },
    received: (_ tokens: [Int]) throws(CheckpointError) -> Void = { _ in }
  ) throws(CheckpointError) -> [[Int]] {
    try generator.generate(inputs, settings ?? defaultSettings, ends: ends, received: received)
  }

  /// The tokens of the texts as they are chosen; see ``TextGenerator/stream(_:_:ends:)``.
  public func stream(
    _ inputs: ModelInputs, _ settings: GenerationSettings? = nil,
    ends: @escaping @Sendable (_ tokens: [Int]) -> Bool = { _ in false }
  ) -> AsyncThrowingStream<[Int], any Error> {
    generator.stream(inputs, settings ?? defaultSettings, ends: ends)
  }

  /// Settings in which nothing is stated but the configuration's special tokens: what the reference begins with where there is
  /// no `generation_config.json`.
  public var defaultSettings: GenerationSettings {
    var settings = GenerationSettings()
    settings.padTokenID = configuration.padTokenID
    settings.bosTokenID = configuration.bosTokenID
    settings.eosTokenIDs = configuration.eosTokenIDs
    return settings
  }
}
