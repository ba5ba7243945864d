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

  /// A token that plays a part which only its model knows, such as `image_token`.
  struct Named: Sendable, Hashable {
    var name: String
    var token: AddedToken
  }

  var roles: [Role: AddedToken] = [:]
  var named: [Named] = []
  /// Those without a part (`extra_special_tokens`, formerly `additional_special_tokens`).
  var listed: [AddedToken] = []

  /// Further special tokens, in their order: those with a name of their own, then the others.
  public var additional: [AddedToken] { named.map(\.token) + listed }

  /// The text of the token that plays a part.
  public subscript(role: Role) -> String? { roles[role]?.content }

  /// All of them, each once, in the order in which Transformers adds them to a vocabulary. Of tokens with the same text and
  /// other properties the last one counts.
  var all: [AddedToken] {
    var seen: Set<AddedToken> = []
    return (Role.allCases.compactMap { roles[$0] } + additional).filter { seen.insert($0).inserted }
  }

  /// True if a token of this text has a name. Such a token is special, whatever a list of added tokens says of it.
  func names(_ text: String) -> Bool {
    (Array(roles.values) + named.map(\.token)).contains {
      $0.content.utf8.elementsEqual(text.utf8)
    }
  }
}
