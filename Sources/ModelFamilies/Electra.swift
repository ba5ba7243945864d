public import LanguageModels
public import LayoutRules

/// ELECTRA (`modeling_electra.py`, `configuration_electra.py`, Transformers 5.23): BERT's body without a pooler, with embeddings
/// that may be narrower than it, which a linear map then widens.
public enum Electra: DescribedFamily {
  /// `electra`.
  public static let family = ModelFamily(description)

  private static let encoder: EncoderDescription = {
    var encoder = EncoderDescription()
    encoder.projection = "embeddings_project"
    encoder.pooler = nil
    return encoder
  }()

  private static let description: FamilyDescription = {
    var settings = SettingsTable(vocabulary: 30522)
    settings.embedding = SettingsTable.Count("embedding_size", default: 128)
    settings.hidden = SettingsTable.Count("hidden_size", default: 256)
    settings.heads = SettingsTable.Count("num_attention_heads", default: 4)
    settings.intermediate = SettingsTable.Count("intermediate_size", default: 1024)
    settings.padTokenID = 0
    settings.summary = SettingsTable.Summary(
      type: "first", activation: "gelu", projectsToLabels: false)
    // Whatever hidden_act says: the reference calls gelu here.
    let scores: [HeadStep] = [
      .linear("generator_predictions.dense", .embedding, .gelu),
      .norm("generator_predictions.LayerNorm", isMadeFirst: true),
      .scores("generator_lm_head", .own),
    ]
    return FamilyDescription(
      "electra", settings: settings, bodyPrefix: "electra.", body: .encoder(encoder),
      heads: [
        .base: HeadDescription("ElectraModel", [HeadOutput("last_hidden_state", of: .tokens)]),
        .maskedLM: HeadDescription(
          "ElectraForMaskedLM", [HeadOutput("logits", of: .tokens, scores)]),
        .causalLM: HeadDescription(
          "ElectraForCausalLM", hasTensorFlow: false, [HeadOutput("logits", of: .tokens, scores)]),
        .replacedTokenDetection: HeadDescription(
          "ElectraForPreTraining",
          [
            HeadOutput(
              "logits", of: .tokens,
              [
                .linear("discriminator_predictions.dense", .hidden, .configured),
                .linear("discriminator_predictions.dense_prediction", .fixed(1)),
              ], form: .numbers)
          ]),
        .sequenceClassification: HeadDescription(
          "ElectraForSequenceClassification",
          [
            HeadOutput(
              "logits", of: .firstToken,
              [
                .dropout(.classifier), .linear("classifier.dense", .hidden, .gelu),
                .dropout(.classifier), .linear("classifier.out_proj", .labels),
              ])
          ]),
        .tokenClassification: HeadDescription(
          "ElectraForTokenClassification",
          [
            HeadOutput(
              "logits", of: .tokens, [.dropout(.classifier), .linear("classifier", .labels)])
          ]),
        .multipleChoice: HeadDescription(
          "ElectraForMultipleChoice", ranks: [3],
          [
            HeadOutput(
              "logits", of: .summary,
              [
                .dropout(DropoutSetting("summary_first_dropout", default: 0)),
                .linear("sequence_summary.summary", .hidden, .summary),
                .dropout(DropoutSetting("summary_last_dropout")),
                .linear("classifier", .fixed(1)),
              ], form: .choices)
          ]),
        .questionAnswering: HeadDescription(
          "ElectraForQuestionAnswering",
          [HeadOutput("logits", of: .tokens, [.linear("qa_outputs", .fixed(2))], form: .spans)]),
      ],
      tokenizer: FamilyTokenizer(
        .wordPiece, classNames: ["ElectraTokenizer", "BertTokenizer"], givesTokenTypes: true,
        roles: [FamilyTokenizer.Role("pad_token_id", "[PAD]", 0)],
        needed: ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"]),
      kerasHub: KerasHubFamily(
        backbone: "ElectraBackbone", package: "electra", tokenizer: "ElectraTokenizer",
        activation: "gelu_new", epsilon: 1e-12, tokenTypes: .stated, vocabulary: "vocab_size",
        embedding: "embedding_dim", tasks: []),
      conventions: conventions)
  }()

  private static let tensorFlow = TensorFlowNames(
    languageHead: "generator_lm_head",
    objects: KerasObjectNames(
      body: "layers/tf_electra_main_layer/",
      embeddings: "layers/tf_electra_main_layer/embeddings/",
      layer: "tf_electra_layer",
      parts: [
        ("attention.self", "attention/self_attention"),
        ("attention.output", "attention/dense_output"), ("output", "bert_output"),
        ("generator_predictions", "layers/tf_electra_generator_predictions"),
        ("generator_lm_head", "layers/tf_electra_masked_lm_head"),
        ("discriminator_predictions", "layers/tf_electra_discriminator_predictions"),
        ("classifier.dense", "layers/tf_electra_classification_head/dense"),
        ("classifier.out_proj", "layers/tf_electra_classification_head/out_proj"),
        ("classifier", "layers/dense"),
      ]))

  @Sendable private static func conventions(_ family: FamilyDescription) -> [LayoutTable] {
    LayoutTable.tensorFlow(family, tensorFlow) + [
      .kerasHub(
        family, encoder,
        KerasHubEncoder(
          backbone: "electra_backbone",
          poolerIsSurplus: "Transformers' ELECTRA has no pooler, and KerasHub's has one"))
    ]
  }
}

extension ModelFamily {
  /// ELECTRA.
  public static var electra: ModelFamily { Electra.family }
}

/// Settings of ELECTRA (`configuration_electra.py`, Transformers 5.23).
public typealias ElectraConfig = PretrainedConfig<Electra>
/// ELECTRA without a head. Gives `last_hidden_state` `[batch, sequence, hidden]`.
public typealias ElectraModel = PretrainedModel<Electra, BaseHead>
/// ELECTRA's generator, which fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias ElectraForMaskedLM = PretrainedModel<Electra, MaskedLMHead>
/// ELECTRA that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias ElectraForCausalLM = PretrainedModel<Electra, CausalLMHead>
/// ELECTRA's discriminator, which tells tokens that were replaced. Gives `logits` `[batch, sequence]`: above zero for replaced.
public typealias ElectraForPreTraining = PretrainedModel<Electra, ReplacedTokenDetectionHead>
/// ELECTRA that labels texts by two linear maps of the first token. Gives `logits` `[batch, labels]`.
public typealias ElectraForSequenceClassification = PretrainedModel<
  Electra, SequenceClassificationHead
>
/// ELECTRA that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias ElectraForTokenClassification = PretrainedModel<Electra, TokenClassificationHead>
/// ELECTRA that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias ElectraForQuestionAnswering = PretrainedModel<Electra, QuestionAnsweringHead>
/// ELECTRA that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias ElectraForMultipleChoice = PretrainedModel<Electra, MultipleChoiceHead>
