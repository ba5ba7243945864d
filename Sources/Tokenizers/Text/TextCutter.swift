/// Cuts text, still in bytes, where the tokens on one side do not depend on the other side.
///
/// What lies between two cuts is mostly one word of ASCII, found by bit masks over 64 bytes at a time. Where a byte is not
/// ASCII, or the rules are not as simple, a chunk is longer; tokenizing it by itself says the rest. So a cutter decides
/// nothing but where text may be cut, and every chunk means the same wherever it is met.
struct TextCutter: Sendable {
  /// What is cut for.
  enum Rules: Sendable {
    /// The words of BertPreTokenizer: chunks are parted by white space, which is dropped, and each ASCII punctuation is one.
    /// Normalization by BertNormalizer does not reach over either: they are starters and stay as they are.
    case bert
    /// The words of GPT-2's pattern, see ``GPT2Words``. Text beyond ASCII is cut only before white space that follows
    /// something else.
    case gpt2
  }

  let rules: Rules
  /// What cuts the words of a chunk that is not the first of a text.
  let preTokenizer: PreTokenizer
  /// True if a text gets a space before it unless it begins with one.
  let prefixesSpace: Bool

  /// A cutter for these parts; nil if nothing is known of where their text may be cut.
  init?(_ parts: TokenizerParts, _ added: AddedVocabulary) {
    // Of Unigram's tokens some are written as the text that they stand for.
    if case .unigram = parts.model { return nil }
    switch (parts.normalizer, parts.preTokenizer) {
    case (nil, .bert), (.bert, .bert):
      rules = .bert
      preTokenizer = .bert
      prefixesSpace = false
    case (nil, .byteLevel(let addsPrefixSpace, usesPattern: true)):
      rules = .gpt2
      preTokenizer = .byteLevel(addsPrefixSpace: false, usesPattern: true)
      prefixesSpace = addsPrefixSpace
    default: return nil
    }
    // Tokens that are looked for in normalized text may lie across cuts.
    guard parts.normalizer == nil || added.hasNoNormalized else { return nil }
  }
}
