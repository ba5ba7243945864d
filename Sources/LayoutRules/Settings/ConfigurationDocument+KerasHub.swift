internal import CheckpointBytes

extension ConfigurationDocument {
  /// Goes through the settings of a Transformers configuration that KerasHub (0.32) has a constant for.
  ///
  /// Each of its backbones computes one form of GELU and one epsilon (``KerasHubFamily``); the other form and another
  /// epsilon change outputs slightly and are losses; what computes something else is refused.
  mutating func addLosses(
    of configuration: ModelConfiguration, head: ModelHead
  ) throws(CheckpointError) {
    let family = configuration.family
    guard configuration.convention == .transformers, let keras = family.kerasHub else { return }
    let table = family.definition.settings
    let settings = KerasHubSettings(configuration)
    try settings.refuseWhatComputesOtherwise(head)
    let activation = configuration.activation
    let isExact = Self.exactGELU.contains(activation)
    guard isExact || Self.approximateGELU.contains(activation) else {
      throw settings.refusal(
        table.activation.key,
        "\(quoted(activation)), KerasHub computes GELU")
    }
    let constant = Self.exactGELU.contains(keras.activation)
    if isExact != constant {
      losses.append(
        SettingLoss(
          setting: "activation \(activation)",
          key: ExactName(table.activation.key),
          reason: "KerasHub's \(keras.backbone) computes "
            + (constant ? "the exact GELU" : "GELU by the tanh approximation (gelu_new)")))
    }
    let epsilon = keras.epsilon
    if configuration.normalizationEpsilon != epsilon {
      losses.append(
        SettingLoss(
          setting: "epsilon \(configuration.normalizationEpsilon)",
          key: table.epsilonKey.map { ExactName($0) },
          reason: "KerasHub's \(keras.backbone) computes with \(epsilon)"))
    }
    if keras.hasHeadOfItsOwn, head == .maskedLM || head == .preTraining {
      losses.append(
        SettingLoss(
          setting: "activation and epsilon of the masked language model's head",
          key: "masked_lm_head",
          reason: "KerasHub computes it with the exact GELU and 1e-5"))
    }
    if configuration.attentionDropout != configuration.dropout {
      losses.append(
        SettingLoss(
          setting: "the dropout of attention", key: nil,
          reason: "KerasHub has one dropout for all, which matters in training only"))
    }
    if head.hasLabels, configuration.hasLabelNames {
      losses.append(
        SettingLoss(
          setting: "the names of the labels (id2label)", key: nil,
          reason: "KerasHub has no place for them"))
    }
  }

  private static let exactGELU: Set<String> = ["gelu", "gelu_python"]
  private static let approximateGELU: Set<String> = [
    "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate",
  ]
}

/// The settings of a Transformers configuration that change what is computed and have no counterpart.
private struct KerasHubSettings {
  let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration) {
    self.configuration = configuration
  }

  func refusal(_ key: String, _ problem: String) -> CheckpointError {
    CheckpointError(
      .unsupported, file: configuration.file, field: key, "KerasHub cannot express it: " + problem)
  }

  func refuseWhatComputesOtherwise(_ head: ModelHead) throws(CheckpointError) {
    let document = configuration.document
    func isSet(_ key: ExactName, to value: Bool) -> Bool { document[key] == .boolean(value) }
    let family = configuration.family
    if case .stated(let key) = family.definition.settings.causality,
      isSet(ExactName(key), to: true)
    {
      throw refusal(key, "its \(family.kerasHub?.backbone ?? "backbone") attends both ways")
    }
    if isSet("add_cross_attention", to: true) {
      throw refusal("add_cross_attention", "it has no cross-attention here")
    }
    if let kind = document["position_embedding_type"]?.string, kind != "absolute" {
      throw refusal("position_embedding_type", quoted(kind))
    }
    if isSet("scale_attn_weights", to: false) {
      throw refusal("scale_attn_weights", "it always scales")
    }
    if isSet("scale_attn_by_inverse_layer_idx", to: true) {
      throw refusal("scale_attn_by_inverse_layer_idx", "it does not scale by layer")
    }
    if head == .maskedLM || head == .causalLM, !configuration.tiesWordEmbeddings {
      throw refusal("tie_word_embeddings", "its output is always the word embeddings")
    }
    if family.unusedPositions > 0, let padding = document["pad_token_id"], padding != .null,
      padding.integer != 1
    {
      throw refusal(
        "pad_token_id", "positions begin after the padding token, and only 1 leaves out two rows")
    }
  }
}

extension ModelConfiguration {
  /// The dropout of the hidden layers; the classes' default where there is none.
  var dropout: JSONValue { setting(family.definition.settings.dropout.hidden) }

  var attentionDropout: JSONValue { setting(family.definition.settings.dropout.attention) }

  /// The dropout before a classifier: that of the hidden layers unless it is stated.
  var classifierDropout: JSONValue {
    let key = family.definition.settings.dropout.classifier
    guard case .number(let number)? = document[ExactName(key)] else { return dropout }
    return .number(number)
  }

  private func setting(_ key: String) -> JSONValue {
    guard case .number(let number)? = document[ExactName(key)] else { return .double(0.1) }
    return .number(number)
  }

  /// True if the labels have names that say more than their number.
  var hasLabelNames: Bool {
    (document["id2label"]?.members ?? []).contains { member in
      member.value.string != "LABEL_" + member.key.string
    }
  }
}
