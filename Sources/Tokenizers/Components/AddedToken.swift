/// A token that is found in the text before the model sees it (`AddedToken`, tokenizer/added_vocabulary.rs).
public struct AddedToken: Sendable, Hashable {
  /// The text of the token.
  public var content: String
  /// Found only where no word scalar stands beside it.
  public var isSingleWord: Bool
  /// Takes the white space before it along.
  public var stripsLeft: Bool
  /// Takes the white space after it along.
  public var stripsRight: Bool
  /// Looked for in the normalized text, in its own normalized form. Where it is not said, special tokens are not.
  public var isNormalized: Bool {
    get { statesNormalized ?? !isSpecial }
    set { statesNormalized = newValue }
  }
  private var statesNormalized: Bool?
  /// A special token, left out by decoding on request.
  public var isSpecial: Bool

  /// Makes an added token. As in the reference, special tokens are not normalized unless it is said.
  public init(
    _ content: String, isSingleWord: Bool = false, stripsLeft: Bool = false,
    stripsRight: Bool = false, isNormalized: Bool? = nil, isSpecial: Bool = false
  ) {
    self.content = content
    self.isSingleWord = isSingleWord
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    statesNormalized = isNormalized
    self.isSpecial = isSpecial
  }
}
