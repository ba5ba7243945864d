/// The tokens that have a part to play, by the names that Transformers gives the parts.
public struct SpecialTokens: Sendable, Hashable {
  /// A part that a token can play.
  public enum Role: String, Sendable, CaseIterable {
    /// The beginning of a text, for models that generate.
    case beginning = "bos_token"
    /// The end of a text, for models that generate.
    case end = "eos_token"
    /// What is not in the vocabulary.
    case unknown = "unk_token"
    /// What parts two texts and ends the last.
    case separator = "sep_token"
    /// What fills a batch up.
    case padding = "pad_token"
    /// What stands before a text and is classified.
    case classification = "cls_token"
    /// What is to be guessed.
    case mask = "mask_token"
  }

  var roles: [Role: AddedToken] = [:]
  /// Further special tokens, in their order (`additional_special_tokens`).
  public internal(set) var additional: [AddedToken] = []

  /// The text of the token that plays a part.
  public subscript(role: Role) -> String? { roles[role]?.content }

  /// All of them, in the order in which Transformers adds them to a vocabulary.
  var all: [AddedToken] { Role.allCases.compactMap { roles[$0] } + additional }
}
