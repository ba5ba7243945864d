public import CheckpointBytes
public import LanguageModels
public import Tokenizers

/// A model that fills masks in texts: `BertForMaskedLM` and its like.
public protocol MaskFiller: LanguageModel {}

extension PretrainedModel: MaskFiller where Head == MaskedLMHead {}

/// A mask in a text, and what may stand there.
public struct MaskedPlace: Sendable, Hashable {
  /// A token for the mask.
  public struct Proposal: Sendable, Hashable {
    /// The token's id.
    public let tokenID: Int
    /// The token as text.
    public let token: String
    /// Its probability among all tokens of the vocabulary.
    public let probability: Double
    /// The text with the token in place of the mask. If there are several masks, the others stay, and special tokens too,
    /// as in the reference's pipeline.
    public let text: String
  }

  /// The place of the mask among the text's tokens.
  public let position: Int
  /// The most probable tokens, the best first.
  public let proposals: [Proposal]
}

extension MaskFiller {
  /// Fills the masks of a text as Transformers' pipeline `fill-mask` does (5.23).
  ///
  /// - Parameters:
  ///   - text: A text with at least one mask, written as the tokenizer's mask token.
  ///   - tokenizer: The model's tokenizer.
  ///   - count: How many tokens are proposed for each mask.
  /// - Returns: The masks in their order.
  /// - Throws: `notFound` if the tokenizer has no mask token, or the text no mask; what encoding and running throw.
  public func fillMasks(
    _ text: String, tokenizer: Tokenizer, top count: Int = 5
  ) throws(CheckpointError) -> [MaskedPlace] {
    try MaskFilling(TextModel(self, tokenizer: tokenizer), top: count).answer(to: text)
  }
}
