internal import CheckpointBytes
internal import LayoutRules

extension PretrainedConfig {
  /// Every setting under the keys of the family's table; nil for one that is not to be there.
  var stated: [(key: String, value: JSONValue?)] {
    let table = Family.family.definition.settings
    var settings: [(key: String, value: JSONValue?)] = [
      ("architectures", .array(architectures.map(JSONValue.string))),
      ("pad_token_id", padTokenID.map { .integer($0) } ?? .null),
      ("bos_token_id", bosTokenID.map { .integer($0) } ?? .null),
      ("eos_token_id", Self.value(of: eosTokenIDs)),
      ("tie_word_embeddings", .boolean(tiesWordEmbeddings)),
      ("attn_implementation", blindRows == .average ? .string("eager") : nil),
      ("_attn_implementation", nil),
      ("problem_type", problemType.map { .string($0.rawValue) }),
      (table.activation.key, .string(activation)),
    ]
    for (setting, count) in [
      (table.vocabulary, vocabularySize), (table.hidden, hiddenSize), (table.layers, layerCount),
      (table.heads, headCount), (table.intermediate, intermediateSize),
      (table.positions, positionCount),
    ] { settings += Self.values(of: setting, count) }
    if let width = table.embedding { settings += Self.values(of: width, embeddingSize) }
    if let types = table.tokenTypes { settings += Self.values(of: types, tokenTypeCount) }
    if let key = table.epsilonKey { settings.append((key, .double(layerNormEpsilon))) }
    if case .stated(let key) = table.causality { settings.append((key, .boolean(isDecoder))) }
    return settings + labelSettings + (table.summary.map(summarySettings) ?? [])
      + (table.hasDecoderSettings ? decoderSettings : [])
  }

  /// The first key; others that mean the same are taken out, for they would count.
  private static func values(
    of setting: SettingsTable.Count, _ count: Int
  ) -> [(key: String, value: JSONValue?)] {
    setting.keys.map { ($0, $0 == setting.key ? .integer(count) : nil) }
  }

  private static func value(of tokens: [Int]) -> JSONValue {
    switch tokens.count {
    case 0: .null
    case 1: .integer(tokens[0])
    default: .array(tokens.map { .integer($0) })
    }
  }

  private var labelSettings: [(key: String, value: JSONValue?)] {
    let named = labels.names.sorted { $0.key < $1.key }
    guard !named.isEmpty else {
      return [("id2label", nil), ("label2id", nil), ("num_labels", .integer(labels.count))]
    }
    return [
      (
        "id2label",
        .object(named.map { JSONValue.Member(ExactName(String($0.key)), .string($0.value)) })
      ),
      (
        "label2id",
        .object(named.map { JSONValue.Member(ExactName($0.value), .integer($0.key)) })
      ),
      ("num_labels", nil),
    ]
  }

  private func summarySettings(
    _ table: SettingsTable.Summary
  ) -> [(key: String, value: JSONValue?)] {
    // Null is no activation where it is the default; everywhere an empty name is.
    let without = table.activation == nil ? JSONValue.null : .string("")
    return [
      ("summary_type", .string(summaryType.rawValue)),
      ("summary_use_proj", .boolean(projectsSummary)),
      ("summary_activation", summaryActivation.map { .string($0) } ?? without),
      ("summary_proj_to_labels", .boolean(projectsSummaryToLabels)),
    ]
  }

  private var decoderSettings: [(key: String, value: JSONValue?)] {
    [
      ("scale_attn_weights", .boolean(scalesAttention)),
      ("scale_attn_by_inverse_layer_idx", .boolean(scalesAttentionByLayer)),
      ("reorder_and_upcast_attn", .boolean(upcastsAttention)),
      ("tie_last_hidden_states", .boolean(normsLastHiddenState)),
      ("use_cache", .boolean(usesCache)),
    ]
  }
}

/// A value that does not count where what holds it is compared.
struct Unseen<Value: Sendable>: Hashable, Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }

  static func == (left: Self, right: Self) -> Bool { true }

  func hash(into hasher: inout Hasher) {}
}
