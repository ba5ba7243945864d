public import CheckpointBytes
public import LayoutRules

/// The settings of a family's models (`configuration_*.py`, Transformers 5.23), by the names that they share.
public struct PretrainedConfig<Family: DescribedFamily>: ModelConfig {
  /// How a sequence is summed up in one row (`summary_type`).
  public typealias SummaryType = LanguageModels.SummaryType

  /// The classes that the checkpoint was saved from.
  public var architectures: [String] = []
  /// The number of rows of the word embeddings.
  public var vocabularySize: Int
  /// The width of the model.
  public var hiddenSize: Int
  /// The width of the embeddings: the model's, where the family has no other (`embedding_size`).
  public var embeddingSize: Int
  /// The number of layers.
  public var layerCount: Int
  /// The number of attention heads.
  public var headCount: Int
  /// The width between the two matrices of a layer's feed-forward part.
  public var intermediateSize: Int
  /// The activation of that part, by the name that Transformers' `ACT2FN` gives it.
  public var activation: String
  /// The number of rows of the position embeddings, those that no token has included.
  public var positionCount: Int
  /// The number of rows of the token type embeddings; 0 if there are none.
  public var tokenTypeCount: Int
  /// The epsilon of the norms.
  public var layerNormEpsilon: Double
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `bos_token_id`.
  public var bosTokenID: Int?
  /// `eos_token_id`.
  public var eosTokenIDs: [Int]
  /// True if a token sees only itself and those before it: `is_decoder`, where the family has it. Whatever the class:
  /// Transformers warns where it does not suit, and does as it is told.
  public var isDecoder: Bool
  /// `tie_word_embeddings`.
  public var tiesWordEmbeddings: Bool
  /// `.average` where `attn_implementation` is `eager`.
  public var blindRows: RunOptions.BlindRows?
  /// `num_labels` and `id2label`.
  public var labels: ClassLabels
  /// `problem_type`.
  public var problemType: ProblemType?

  // What only some families have; elsewhere the values at which it changes nothing.

  /// `scale_attn_weights`: scores are divided by the square root of a head's width.
  public var scalesAttention = true
  /// `scale_attn_by_inverse_layer_idx`: scores of layer n, counted from 1, are divided by n.
  public var scalesAttentionByLayer = false
  /// `reorder_and_upcast_attn`: scores in float32, which here they always are.
  public var upcastsAttention = false
  /// `summary_type`.
  public var summaryType = SummaryType.classIndex
  /// `summary_use_proj`.
  public var projectsSummary = true
  /// `summary_activation`, by the name that Transformers' `ACT2FN` gives it; none if null or empty.
  public var summaryActivation: String?
  /// `summary_proj_to_labels`: the projection has as many rows as there are labels, and not as many as the model is wide.
  public var projectsSummaryToLabels = true
  /// `tie_last_hidden_states`: the last of the hidden states is what the norm behind the layers gives; otherwise what goes
  /// into it.
  public var normsLastHiddenState = false
  /// `use_cache`. Without it Transformers takes position ids that do not count up for packed sequences.
  public var usesCache = true

  /// The family.
  public static var family: ModelFamily { Family.family }
  /// The families among which weights are recognised.
  public static var families: FamilyList { Family.families }

  /// What the settings were read from.
  private let origin: Unseen<JSONValue>
  var stored: JSONValue { origin.value }

  /// `isDecoder`.
  public var isCausal: Bool { isDecoder }

  /// See ``ModelConfig/document``.
  public var document: JSONValue {
    get throws(CheckpointError) {
      let file = origin.value
      if try Self(file, file: nil) == self { return file.setting("model_type", to: modelType) }
      let written = stated.reduce(file.setting("model_type", to: modelType)) {
        $0.setting(ExactName($1.key), to: $1.value)
      }
      guard try Self(written, file: nil) == self else {
        throw CheckpointError(
          .unsupported, CheckpointError.Site(field: "config.json"),
          "a setting that was changed has no place in the configuration of \(Family.family.name)")
      }
      return written
    }
  }

  private var modelType: JSONValue { .string(Family.family.name) }

  /// Reads `config.json`; see ``ModelConfig/init(_:file:)``.
  public init(_ document: JSONValue, file: String? = nil) throws(CheckpointError) {
    let reader = try SettingsReader(document, file: file)
    origin = Unseen(document)
    try reader.requireModelType(Family.family.name)
    try reader.refuseUnsupported()
    let settings = try ModelSettings(reader, document, of: Family.family)
    architectures = settings.architectures
    vocabularySize = settings.sizes.vocabulary
    hiddenSize = settings.sizes.hidden
    embeddingSize = settings.sizes.embedding
    layerCount = settings.sizes.layers
    headCount = settings.sizes.heads ?? 0
    intermediateSize = settings.sizes.intermediate
    activation = settings.activation
    positionCount = settings.sizes.positions
    tokenTypeCount = settings.sizes.tokenTypes
    layerNormEpsilon = settings.epsilon
    padTokenID = settings.padTokenID
    bosTokenID = settings.bosTokenID
    eosTokenIDs = settings.eosTokenIDs
    isDecoder = settings.isCausal
    try reader.requireCausality(isDecoder)
    tiesWordEmbeddings = settings.tiesWordEmbeddings
    blindRows = try reader.blindRows()
    labels = settings.labels
    problemType = try reader.problemType()
    let table = Family.family.definition.settings
    if let summary = table.summary { try read(summary, reader) }
    if table.hasDecoderSettings { try readDecoderSettings(reader) }
  }

  private mutating func read(
    _ summary: SettingsTable.Summary, _ reader: SettingsReader
  ) throws(CheckpointError) {
    let name = try reader.string("summary_type", default: summary.type)
    guard let type = SummaryType(rawValue: name) else {
      throw reader.failure(
        .unsupported, "summary_type", "found \(quoted(name))",
        remedy: "supported are \(SummaryType.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    summaryType = type
    projectsSummary = try reader.boolean("summary_use_proj", default: true)
    // Null is a value where it is the default.
    if let standard = summary.activation {
      summaryActivation = try reader.string("summary_activation", default: standard)
    } else {
      summaryActivation = try reader.optionalString("summary_activation")
    }
    if summaryActivation == "" { summaryActivation = nil }
    projectsSummaryToLabels = try reader.boolean(
      "summary_proj_to_labels", default: summary.projectsToLabels)
  }

  private mutating func readDecoderSettings(
    _ reader: SettingsReader
  ) throws(CheckpointError) {
    scalesAttention = try reader.boolean("scale_attn_weights", default: true)
    scalesAttentionByLayer = try reader.boolean("scale_attn_by_inverse_layer_idx", default: false)
    upcastsAttention = try reader.boolean("reorder_and_upcast_attn", default: false)
    normsLastHiddenState = try reader.optionalBoolean("tie_last_hidden_states") ?? true
    usesCache = try reader.boolean("use_cache", default: true)
  }
}

/// How a sequence is summed up in one row (`summary_type`).
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

extension SettingsReader {
  /// What attention gives where a token may see nothing: elsewhere the reference's implementations agree but for rounding.
  /// It takes the name of one from the configuration too (`PreTrainedConfig.__post_init__`).
  func blindRows() throws(CheckpointError) -> RunOptions.BlindRows? {
    var isEager = false
    for key: ExactName in ["attn_implementation", "_attn_implementation"] {
      try require(
        key, oneOf: [.null, .string("sdpa"), .string("eager")],
        supported: "\"sdpa\" and \"eager\"")
      if value(key) == .string("eager") { isEager = true }
    }
    return isEager ? .average : nil
  }

  func problemType() throws(CheckpointError) -> ProblemType? {
    guard let text = try optionalString("problem_type") else { return nil }
    guard let problem = ProblemType(rawValue: text) else {
      throw failure(
        .malformed, "problem_type",
        "expected one of \(ProblemType.allCases.map(\.rawValue).joined(separator: ", ")), "
          + "found \(quoted(text))")
    }
    return problem
  }
}
