public import CheckpointBytes
public import LayoutRules

/// Settings of BERT (`configuration_bert.py`, Transformers 5.23).
public typealias BertConfig = EncoderConfig<Bert>
/// Settings of RoBERTa (`configuration_roberta.py`, Transformers 5.23).
public typealias RobertaConfig = EncoderConfig<Roberta>

/// The settings that BERT and RoBERTa share: names and types are the same, the special tokens' defaults are not.
public struct EncoderConfig<Family: EncoderFamily>: ModelConfig {
  /// The classes that the checkpoint was saved from.
  public var architectures: [String] = []
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `hidden_size`.
  public var hiddenSize: Int
  /// `num_hidden_layers`.
  public var layerCount: Int
  /// `num_attention_heads`.
  public var headCount: Int
  /// `intermediate_size`.
  public var intermediateSize: Int
  /// `hidden_act`, by the name that Transformers' `ACT2FN` gives it.
  public var activation: String
  /// `max_position_embeddings`: RoBERTa's rows up to its padding token's included.
  public var positionCount: Int
  /// `type_vocab_size`.
  public var tokenTypeCount: Int
  /// `layer_norm_eps`.
  public var layerNormEpsilon: Double
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `bos_token_id`.
  public var bosTokenID: Int?
  /// `eos_token_id`.
  public var eosTokenIDs: [Int]
  /// `is_decoder`: a token sees only itself and those before it. Whatever the class: Transformers warns where it does
  /// not suit, and does as it is told.
  public var isDecoder: Bool
  /// `tie_word_embeddings`.
  public var tiesWordEmbeddings: Bool
  /// `.average` where `attn_implementation` is `eager`.
  public var blindRows: RunOptions.BlindRows?
  /// `num_labels` and `id2label`.
  public var labels: ClassLabels
  /// `problem_type`.
  public var problemType: ProblemType?

  /// The family.
  public static var family: ModelFamily { Family.family }

  /// `isDecoder`.
  public var isCausal: Bool { isDecoder }

  /// Reads `config.json`; see ``ModelConfig/init(_:file:)``.
  public init(_ document: JSONValue, file: String? = nil) throws(CheckpointError) {
    let reader = try SettingsReader(document, file: file)
    try reader.requireModelType(Family.family.rawValue)
    try reader.refuseUnsupported()
    architectures = try reader.strings("architectures")
    vocabularySize = try reader.count("vocab_size", default: Family.vocabularySize)
    hiddenSize = try reader.count("hidden_size", default: 768)
    layerCount = try reader.count("num_hidden_layers", default: 12)
    headCount = try reader.count("num_attention_heads", default: 12)
    intermediateSize = try reader.count("intermediate_size", default: 3072)
    activation = try reader.string("hidden_act", default: "gelu")
    positionCount = try reader.count("max_position_embeddings", default: 512)
    tokenTypeCount = try reader.count("type_vocab_size", default: 2)
    layerNormEpsilon = try reader.number("layer_norm_eps", default: 1e-12)
    padTokenID = try reader.optionalInteger("pad_token_id", default: Family.padTokenID)
    bosTokenID = try reader.optionalInteger("bos_token_id", default: Family.bosTokenID)
    eosTokenIDs = try reader.integers("eos_token_id", default: Family.eosTokenIDs)
    isDecoder = try reader.boolean("is_decoder", default: false)
    try reader.requireCausality(isDecoder)
    tiesWordEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    blindRows = try reader.blindRows()
    labels = try ClassLabels(document, file: file)
    problemType = try reader.problemType()
    guard hiddenSize.isMultiple(of: headCount) else {
      throw reader.failure(
        .inconsistent, "num_attention_heads",
        "hidden_size \(hiddenSize) is no multiple of \(headCount) heads")
    }
  }
}
