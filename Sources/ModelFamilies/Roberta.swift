public import LanguageModels
public import LayoutRules

/// RoBERTa (`modeling_roberta.py`, `configuration_roberta.py`, Transformers 5.23): BERT's body, with positions that count
/// from the padding token.
public enum Roberta: DescribedFamily {
  /// `roberta`.
  public static let family = ModelFamily(description)

  private static let encoder: EncoderDescription = {
    var encoder = EncoderDescription()
    encoder.makesPositionsLast = true
    encoder.positionRule = .afterPadding
    return encoder
  }()

  private static let description: FamilyDescription = {
    var settings = SettingsTable(vocabulary: 50265)
    settings.padTokenID = 1
    settings.bosTokenID = 0
    settings.eosTokenIDs = [2]
    settings.publishedEpsilon = 1e-5
    // Whatever hidden_act says: the reference calls gelu here.
    let scores: [HeadStep] = [
      .linear("lm_head.dense", .hidden, .gelu), .norm("lm_head.layer_norm"),
      .scores("lm_head.decoder", .tied(to: "lm_head.bias")),
    ]
    return FamilyDescription(
      "roberta", settings: settings, bodyPrefix: "roberta.", body: .encoder(encoder),
      heads: [
        .base: HeadDescription(
          "RobertaModel", usesPooler: true,
          [HeadOutput("last_hidden_state", of: .tokens), HeadOutput("pooler_output", of: .pooler)]),
        .maskedLM: HeadDescription(
          "RobertaForMaskedLM", kerasHubTask: "RobertaMaskedLM",
          [HeadOutput("logits", of: .tokens, scores)]),
        .causalLM: HeadDescription(
          "RobertaForCausalLM", [HeadOutput("logits", of: .tokens, scores)]),
        .sequenceClassification: HeadDescription(
          "RobertaForSequenceClassification", kerasHubTask: "RobertaTextClassifier",
          [
            HeadOutput(
              "logits", of: .firstToken,
              [
                .linear("classifier.dense", .hidden, .tanh),
                .linear("classifier.out_proj", .labels),
              ])
          ]),
        .tokenClassification: HeadDescription(
          "RobertaForTokenClassification",
          [HeadOutput("logits", of: .tokens, [.linear("classifier", .labels)])]),
        .multipleChoice: HeadDescription(
          "RobertaForMultipleChoice", usesPooler: true, ranks: [3],
          [HeadOutput("logits", of: .pooler, [.linear("classifier", .fixed(1))], form: .choices)]),
        .questionAnswering: HeadDescription(
          "RobertaForQuestionAnswering",
          [HeadOutput("logits", of: .tokens, [.linear("qa_outputs", .fixed(2))], form: .spans)]),
      ],
      tokenizer: FamilyTokenizer(
        .bytePair, classNames: ["RobertaTokenizer"],
        roles: [
          FamilyTokenizer.Role("bos_token_id", "<s>", 0),
          FamilyTokenizer.Role("pad_token_id", "<pad>", 1),
          FamilyTokenizer.Role("eos_token_id", "</s>", 2),
        ],
        needed: ["<s>", "</s>", "<pad>", "<mask>"]),
      kerasHub: KerasHubFamily(
        backbone: "RobertaBackbone", package: "roberta", tokenizer: "RobertaTokenizer",
        activation: "gelu", epsilon: 1e-5, tokenTypes: .constant(1),
        tasks: ["MaskedLM", "TextClassifier"], hasHiddenClassifier: true, classifierDropout: 0),
      // The names of BERT's body are the same; its models have two token types.
      usualSizes: [.tokenTypes: 1], conventions: conventions)
  }()

  private static let tensorFlow = TensorFlowNames(
    languageHead: "lm_head",
    objects: KerasObjectNames(
      body: "(roberta|layers/tf_roberta_main_layer)/",
      embeddings: "(roberta|layers/tf_roberta_main_layer)/embeddings/",
      layer: "tf_roberta_layer",
      parts: [
        // RoBERTa's layers have BERT's attribute names, `bert_output` among them.
        ("attention.self", "attention/self_attention"),
        ("attention.output", "attention/dense_output"), ("output", "bert_output"),
        ("classifier.dense", "layers/tf_roberta_classification_head/dense"),
        ("classifier.out_proj", "layers/tf_roberta_classification_head/out_proj"),
        ("classifier", "layers/dense"),
      ]))

  @Sendable private static func conventions(_ family: FamilyDescription) -> [LayoutTable] {
    LayoutTable.tensorFlow(family, tensorFlow) + [
      .kerasHub(
        family, encoder,
        KerasHubEncoder(
          backbone: "roberta_backbone", embeddings: "token_and_position_embedding",
          classifier: ["classifier.dense", "classifier.out_proj"],
          absent: [.tokenTypes(of: "KerasHub"), .pooler(of: "KerasHub")]))
    ] + LayoutTable.fairseq
  }
}

extension ModelFamily {
  /// RoBERTa.
  public static var roberta: ModelFamily { Roberta.family }
}

/// Settings of RoBERTa (`configuration_roberta.py`, Transformers 5.23).
public typealias RobertaConfig = PretrainedConfig<Roberta>
/// RoBERTa without a head. Gives `last_hidden_state` and, if the checkpoint has a pooler, `pooler_output`.
public typealias RobertaModel = PretrainedModel<Roberta, BaseHead>
/// RoBERTa that fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias RobertaForMaskedLM = PretrainedModel<Roberta, MaskedLMHead>
/// RoBERTa that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias RobertaForCausalLM = PretrainedModel<Roberta, CausalLMHead>
/// RoBERTa that labels texts by two linear maps of the first token. Gives `logits` `[batch, labels]`.
public typealias RobertaForSequenceClassification = PretrainedModel<
  Roberta, SequenceClassificationHead
>
/// RoBERTa that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias RobertaForTokenClassification = PretrainedModel<Roberta, TokenClassificationHead>
/// RoBERTa that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias RobertaForQuestionAnswering = PretrainedModel<Roberta, QuestionAnsweringHead>
/// RoBERTa that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias RobertaForMultipleChoice = PretrainedModel<Roberta, MultipleChoiceHead>
