public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// The states of texts' tokens, as Transformers' pipeline `feature-extraction` gives them (5.23).
public struct FeatureExtraction: TextTask {
  /// What is found for a text.
  public struct Features: Sendable, Hashable {
    /// The tokens, special ones included.
    public let tokens: [String]
    /// Where each stands in the text, in Unicode scalars.
    public let offsets: [Range<Int>]
    /// The state of each: as many numbers as the model is wide.
    public let states: [[Float]]
  }

  private let model: TextModel

  /// Takes a model without a head.
  ///
  /// - Throws: `unsupported` for a model with one.
  public init(_ model: TextModel) throws(CheckpointError) {
    try model.require(.base, "gives no hidden state as its result")
    self.model = model
  }

  /// `text`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> String { try row.text("text") }

  /// The states of texts.
  public func answers(to inputs: [String]) -> [Result<Features, CheckpointError>] {
    model.run(model.encodings(of: inputs.map { TokenizerInput($0) })) {
      (outputs, encodings) throws(CheckpointError) in
      zip(encodings, try outputs.tokenRows("last_hidden_state", of: encodings)).map {
        Features(tokens: $0.tokens, offsets: $0.offsets, states: $1)
      }
    }
  }

  /// `tokens`, `offsets` and `features`.
  public func members(of output: Features) -> [JSONValue.Member] {
    [
      JSONValue.Member("tokens", .array(output.tokens.map { .string($0) })),
      JSONValue.Member(
        "offsets",
        .array(
          output.offsets.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) })),
      JSONValue.Member(
        "features", .array(output.states.map { .array($0.map { .double(Double($0)) }) })),
    ]
  }
}
