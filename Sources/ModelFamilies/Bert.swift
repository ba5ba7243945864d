public import LanguageModels
public import LayoutRules

/// BERT (`modeling_bert.py`, `configuration_bert.py`, Transformers 5.23).
public enum Bert: DescribedFamily {
  /// `bert`.
  public static let family = ModelFamily(description)

  private static let encoder = EncoderDescription()

  private static let description: FamilyDescription = {
    var settings = SettingsTable(vocabulary: 30522)
    settings.padTokenID = 0
    let scores: [HeadStep] = [
      .linear("cls.predictions.transform.dense", .hidden, .configured),
      .norm("cls.predictions.transform.LayerNorm"),
      .scores("cls.predictions.decoder", .tied(to: "cls.predictions.bias")),
    ]
    let relationship: [HeadStep] = [.linear("cls.seq_relationship", .fixed(2))]
    return FamilyDescription(
      "bert", settings: settings, bodyPrefix: "bert.", body: .encoder(encoder),
      heads: [
        .base: HeadDescription(
          "BertModel", usesPooler: true,
          [HeadOutput("last_hidden_state", of: .tokens), HeadOutput("pooler_output", of: .pooler)]),
        .maskedLM: HeadDescription(
          "BertForMaskedLM", kerasHubTask: "BertMaskedLM",
          [HeadOutput("logits", of: .tokens, scores)]),
        .causalLM: HeadDescription(
          "BertLMHeadModel", [HeadOutput("logits", of: .tokens, scores)]),
        .preTraining: HeadDescription(
          "BertForPreTraining", usesPooler: true,
          [
            HeadOutput("prediction_logits", of: .tokens, scores),
            HeadOutput("seq_relationship_logits", of: .pooler, relationship),
          ]),
        .nextSentence: HeadDescription(
          "BertForNextSentencePrediction", usesPooler: true,
          [HeadOutput("logits", of: .pooler, relationship)]),
        .sequenceClassification: HeadDescription(
          "BertForSequenceClassification", usesPooler: true,
          kerasHubTask: "BertTextClassifier",
          [
            HeadOutput(
              "logits", of: .pooler, [.dropout(.classifier), .linear("classifier", .labels)])
          ]),
        .tokenClassification: HeadDescription(
          "BertForTokenClassification",
          [
            HeadOutput(
              "logits", of: .tokens, [.dropout(.classifier), .linear("classifier", .labels)])
          ]),
        .multipleChoice: HeadDescription(
          "BertForMultipleChoice", usesPooler: true, ranks: [3],
          [
            HeadOutput(
              "logits", of: .pooler, [.dropout(.classifier), .linear("classifier", .fixed(1))],
              form: .choices)
          ]),
        .questionAnswering: HeadDescription(
          "BertForQuestionAnswering",
          [HeadOutput("logits", of: .tokens, [.linear("qa_outputs", .fixed(2))], form: .spans)]),
      ],
      tokenizer: FamilyTokenizer(
        .wordPiece, classNames: ["BertTokenizer", "DistilBertTokenizer"], givesTokenTypes: true,
        roles: [FamilyTokenizer.Role("pad_token_id", "[PAD]", 0)],
        needed: ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"]),
      kerasHub: KerasHubFamily(
        backbone: "BertBackbone", package: "bert", tokenizer: "BertTokenizer",
        activation: "gelu_new", epsilon: 1e-12, tokenTypes: .stated,
        tasks: ["MaskedLM", "TextClassifier", "TextEmbedder"], hasHeadOfItsOwn: true),
      conventions: conventions)
  }()

  private static let tensorFlow = TensorFlowNames(
    heads: [
      ("cls.predictions", "mlm___cls/predictions"),
      ("cls.seq_relationship", "nsp___cls/seq_relationship"),
    ],
    languageHead: "mlm___cls",
    objects: KerasObjectNames(
      body: "layers/tf_bert_main_layer/",
      embeddings: "(layers/tf_bert_main_layer/embeddings|mlm/predictions/input_embeddings)/",
      layer: "tf_bert_layer",
      parts: [
        ("attention.self", "attention/self_attention"),
        ("attention.output", "attention/dense_output"), ("output", "bert_output"),
        ("cls.predictions", "mlm/predictions"), ("cls.seq_relationship", "nsp/seq_relationship"),
        ("classifier", "layers/dense"),
      ]))

  @Sendable private static func conventions(_ family: FamilyDescription) -> [LayoutTable] {
    LayoutTable.tensorFlow(family, tensorFlow) + [
      .kerasHub(
        family, encoder,
        KerasHubEncoder(
          backbone: "bert_backbone", hasPooler: true, classifier: ["classifier"],
          absent: [
            AbsentParameter(
              "cls.seq_relationship.(weight|bias)",
              "KerasHub's BertMaskedLM judges no next sentence"
            )
          ])),
      .google,
    ]
  }
}

extension ModelFamily {
  /// BERT.
  public static var bert: ModelFamily { Bert.family }
}

/// Settings of BERT (`configuration_bert.py`, Transformers 5.23).
public typealias BertConfig = PretrainedConfig<Bert>
/// BERT without a head. Gives `last_hidden_state` and, if the checkpoint has a pooler, `pooler_output`.
public typealias BertModel = PretrainedModel<Bert, BaseHead>
/// BERT that fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias BertForMaskedLM = PretrainedModel<Bert, MaskedLMHead>
/// BERT that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias BertLMHeadModel = PretrainedModel<Bert, CausalLMHead>
/// BERT with both heads of its training. Gives `prediction_logits` `[batch, sequence, vocabulary]` and
/// `seq_relationship_logits` `[batch, 2]`: follows, follows not.
public typealias BertForPreTraining = PretrainedModel<Bert, PreTrainingHead>
/// BERT that says whether one text follows another. Gives `logits` `[batch, 2]`: follows, follows not.
public typealias BertForNextSentencePrediction = PretrainedModel<Bert, NextSentenceHead>
/// BERT that labels texts. Gives `logits` `[batch, labels]`.
public typealias BertForSequenceClassification = PretrainedModel<Bert, SequenceClassificationHead>
/// BERT that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias BertForTokenClassification = PretrainedModel<Bert, TokenClassificationHead>
/// BERT that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias BertForQuestionAnswering = PretrainedModel<Bert, QuestionAnsweringHead>
/// BERT that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias BertForMultipleChoice = PretrainedModel<Bert, MultipleChoiceHead>
