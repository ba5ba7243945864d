public import CheckpointBytes
public import LayoutRules

/// Settings of GPT-2 (`configuration_gpt2.py`, Transformers 5.23).
public struct GPT2Config: ModelConfig {
  /// How `GPT2DoubleHeadsModel` makes one row of a sequence (`summary_type`).
  public enum SummaryType: String, Sendable, Hashable, CaseIterable {
    /// The last token's.
    case last
    /// The first token's.
    case first
    /// The mean over tokens.
    case mean
    /// That of the token at `mc_token_ids`, the last unless stated.
    case classIndex = "cls_index"
  }

  /// The classes that the checkpoint was saved from.
  public var architectures: [String] = []
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `n_positions`.
  public var positionCount: Int
  /// `n_embd`.
  public var hiddenSize: Int
  /// `n_layer`.
  public var layerCount: Int
  /// `n_head`.
  public var headCount: Int
  /// `n_inner`; 4 · `n_embd` where that is null.
  public var intermediateSize: Int
  /// `activation_function`, by the name that Transformers' `ACT2FN` gives it.
  public var activation: String
  /// `layer_norm_epsilon`.
  public var layerNormEpsilon: Double
  /// `scale_attn_weights`: scores are divided by the square root of a head's width.
  public var scalesAttention: Bool
  /// `scale_attn_by_inverse_layer_idx`: scores of layer n, counted from 1, are divided by n.
  public var scalesAttentionByLayer: Bool
  /// `reorder_and_upcast_attn`: scores in float32, which here they always are.
  public var upcastsAttention: Bool
  /// `summary_type`.
  public var summaryType: SummaryType
  /// `summary_use_proj`.
  public var projectsSummary: Bool
  /// `summary_activation`, by the name that Transformers' `ACT2FN` gives it; none if null or empty.
  public var summaryActivation: String?
  /// `summary_proj_to_labels`: the projection has one row, and not `n_embd`.
  public var projectsSummaryToLabels: Bool
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `bos_token_id`.
  public var bosTokenID: Int?
  /// `eos_token_id`.
  public var eosTokenIDs: [Int]
  /// `tie_word_embeddings`.
  public var tiesWordEmbeddings: Bool
  /// `tie_last_hidden_states`: the last of the hidden states is what `ln_f` gives; otherwise what goes into it.
  public var normsLastHiddenState: Bool
  /// `use_cache`. Without it Transformers takes position ids that do not count up for packed sequences.
  public var usesCache: Bool
  /// `.average` where `attn_implementation` is `eager`.
  public var blindRows: RunOptions.BlindRows?
  /// `num_labels` and `id2label`.
  public var labels: ClassLabels
  /// `problem_type`.
  public var problemType: ProblemType?

  /// GPT-2.
  public static var family: ModelFamily { .gpt2 }

  /// True.
  public var isCausal: Bool { true }

  /// Reads `config.json`; see ``ModelConfig/init(_:file:)``.
  public init(_ document: JSONValue, file: String? = nil) throws(CheckpointError) {
    let reader = try SettingsReader(document, file: file)
    try reader.requireModelType("gpt2")
    try reader.refuseUnsupported()
    try reader.requireCausality(true)
    architectures = try reader.strings("architectures")
    vocabularySize = try reader.count("vocab_size", default: 50257)
    // `attribute_map`: where both names are there, the general one is set last.
    func count(_ general: ExactName, _ own: ExactName, _ fallback: Int) throws(CheckpointError)
      -> Int
    {
      try reader.count(general, default: try reader.count(own, default: fallback))
    }
    positionCount = try count("max_position_embeddings", "n_positions", 1024)
    hiddenSize = try count("hidden_size", "n_embd", 768)
    layerCount = try count("num_hidden_layers", "n_layer", 12)
    headCount = try count("num_attention_heads", "n_head", 12)
    let (fourfold, overflow) = hiddenSize.multipliedReportingOverflow(by: 4)
    let inner = try reader.optionalInteger("n_inner", default: nil) ?? (overflow ? 0 : fourfold)
    guard inner > 0 else {
      throw reader.failure(.malformed, "n_inner", "expected null or at least 1, found \(inner)")
    }
    intermediateSize = inner
    activation = try reader.string("activation_function", default: "gelu_new")
    layerNormEpsilon = try reader.number("layer_norm_epsilon", default: 1e-5)
    scalesAttention = try reader.boolean("scale_attn_weights", default: true)
    scalesAttentionByLayer = try reader.boolean("scale_attn_by_inverse_layer_idx", default: false)
    upcastsAttention = try reader.boolean("reorder_and_upcast_attn", default: false)
    let summary = try reader.string("summary_type", default: SummaryType.classIndex.rawValue)
    guard let type = SummaryType(rawValue: summary) else {
      throw reader.failure(
        .unsupported, "summary_type", "found \(quoted(summary))",
        remedy: "supported are \(SummaryType.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    summaryType = type
    projectsSummary = try reader.boolean("summary_use_proj", default: true)
    summaryActivation = try reader.optionalString("summary_activation")
    if summaryActivation == "" { summaryActivation = nil }
    projectsSummaryToLabels = try reader.boolean("summary_proj_to_labels", default: true)
    padTokenID = try reader.optionalInteger("pad_token_id", default: nil)
    bosTokenID = try reader.optionalInteger("bos_token_id", default: 50256)
    eosTokenIDs = try reader.integers("eos_token_id", default: [50256])
    tiesWordEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    normsLastHiddenState = try reader.optionalBoolean("tie_last_hidden_states") ?? true
    usesCache = try reader.boolean("use_cache", default: true)
    blindRows = try reader.blindRows()
    labels = try ClassLabels(document, file: file)
    problemType = try reader.problemType()
    guard hiddenSize.isMultiple(of: headCount) else {
      throw reader.failure(
        .inconsistent, "n_head", "n_embd \(hiddenSize) is no multiple of \(headCount) heads")
    }
  }
}
