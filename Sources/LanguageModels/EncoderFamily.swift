public import LayoutRules

/// What BERT and RoBERTa differ in.
public protocol EncoderFamily: Sendable {
  /// The family.
  static var family: ModelFamily { get }
  /// The default of `vocab_size`.
  static var vocabularySize: Int { get }
  /// The default of `pad_token_id`.
  static var padTokenID: Int { get }
  /// The default of `bos_token_id`.
  static var bosTokenID: Int? { get }
  /// The default of `eos_token_id`.
  static var eosTokenIDs: [Int] { get }
}

/// BERT.
public enum Bert: EncoderFamily {
  /// `ModelFamily.bert`.
  public static var family: ModelFamily { .bert }
  /// 30,522.
  public static var vocabularySize: Int { 30522 }
  /// 0.
  public static var padTokenID: Int { 0 }
  /// None.
  public static var bosTokenID: Int? { nil }
  /// None.
  public static var eosTokenIDs: [Int] { [] }
}

/// RoBERTa.
public enum Roberta: EncoderFamily {
  /// `ModelFamily.roberta`.
  public static var family: ModelFamily { .roberta }
  /// 50,265.
  public static var vocabularySize: Int { 50265 }
  /// 1.
  public static var padTokenID: Int { 1 }
  /// 0.
  public static var bosTokenID: Int? { 0 }
  /// 2.
  public static var eosTokenIDs: [Int] { [2] }
}
