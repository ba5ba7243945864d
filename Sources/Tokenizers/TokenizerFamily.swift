/// The model families whose tokenizers are known by their vocabulary files alone.
public enum TokenizerFamily: String, Sendable, CaseIterable {
  case bert
  case gpt2
  case roberta

  /// The family of a tokenizer class of Transformers, with or without `Fast`.
  init?(className: String) {
    let name = className.hasSuffix("Fast") ? String(className.dropLast(4)) : className
    switch name {
    case "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer": self = .bert
    case "GPT2Tokenizer": self = .gpt2
    case "RobertaTokenizer": self = .roberta
    default: return nil
    }
  }

  /// The special tokens that Transformers gives a tokenizer of the family when its files name none.
  var specialTokens: [SpecialTokens.Role: AddedToken] {
    func special(_ text: String) -> AddedToken { AddedToken(text, isSpecial: true) }
    switch self {
    case .bert:
      return [
        .unknown: special("[UNK]"), .separator: special("[SEP]"), .padding: special("[PAD]"),
        .classification: special("[CLS]"), .mask: special("[MASK]"),
      ]
    case .gpt2:
      let end = special("<|endoftext|>")
      return [.unknown: end, .beginning: end, .end: end]
    case .roberta:
      return [
        .beginning: special("<s>"), .end: special("</s>"), .separator: special("</s>"),
        .classification: special("<s>"), .unknown: special("<unk>"), .padding: special("<pad>"),
        .mask: special("<mask>"),
      ]
    }
  }
}
