public import LanguageModels
public import LayoutRules

/// DistilBERT (`modeling_distilbert.py`, `configuration_distilbert.py`, Transformers 5.23): an encoder without token types
/// and pooler.
public enum DistilBert: DescribedFamily {
  /// `distilbert`.
  public static let family = ModelFamily(description)

  private static let encoder: EncoderDescription = {
    var encoder = EncoderDescription()
    encoder.tokenTypes = nil
    encoder.layers = "transformer.layer"
    encoder.attention = "attention"
    encoder.query = "attention.q_lin"
    encoder.key = "attention.k_lin"
    encoder.value = "attention.v_lin"
    encoder.attentionDense = "attention.out_lin"
    encoder.attentionNorm = "sa_layer_norm"
    encoder.intermediate = "ffn.lin1"
    encoder.output = "ffn.lin2"
    encoder.outputNorm = "output_layer_norm"
    encoder.pooler = nil
    encoder.embeddingDropout = DropoutSetting("dropout")
    encoder.attentionDropout = DropoutSetting("attention_dropout")
    encoder.attentionOutputDropout = nil
    encoder.outputDropout = DropoutSetting("dropout")
    return encoder
  }()

  private static let description: FamilyDescription = {
    var settings = SettingsTable(vocabulary: 30522)
    settings.hidden = SettingsTable.Count("dim", "hidden_size", default: 768)
    settings.layers = SettingsTable.Count("n_layers", "num_hidden_layers", default: 6)
    settings.heads = SettingsTable.Count("n_heads", "num_attention_heads", default: 12)
    settings.intermediate = SettingsTable.Count("hidden_dim", default: 3072)
    settings.tokenTypes = nil
    settings.activation = ("activation", "gelu")
    settings.epsilon = .constant(1e-12)
    settings.causality = .never
    settings.padTokenID = 0
    settings.dropout = ("dropout", "attention_dropout", "seq_classif_dropout")
    let choice: [HeadStep] = [
      .linear("pre_classifier", .hidden, .relu),
      .dropout(DropoutSetting("seq_classif_dropout", default: 0.2)),
    ]
    return FamilyDescription(
      "distilbert", settings: settings, bodyPrefix: "distilbert.", body: .encoder(encoder),
      heads: [
        .base: HeadDescription("DistilBertModel", [HeadOutput("last_hidden_state", of: .tokens)]),
        .maskedLM: HeadDescription(
          "DistilBertForMaskedLM", kerasHubTask: "DistilBertMaskedLM",
          [
            HeadOutput(
              "logits", of: .tokens,
              [
                .linear("vocab_transform", .hidden, .configured), .norm("vocab_layer_norm"),
                .scores("vocab_projector", .own),
              ])
          ]),
        .sequenceClassification: HeadDescription(
          "DistilBertForSequenceClassification", kerasHubTask: "DistilBertTextClassifier",
          [HeadOutput("logits", of: .firstToken, choice + [.linear("classifier", .labels)])]),
        .tokenClassification: HeadDescription(
          "DistilBertForTokenClassification",
          [
            HeadOutput(
              "logits", of: .tokens,
              [.dropout(DropoutSetting("dropout")), .linear("classifier", .labels)])
          ]),
        .multipleChoice: HeadDescription(
          "DistilBertForMultipleChoice", ranks: [3],
          [
            HeadOutput(
              "logits", of: .firstToken, choice + [.linear("classifier", .fixed(1))],
              form: .choices)
          ]),
        .questionAnswering: HeadDescription(
          "DistilBertForQuestionAnswering",
          [
            HeadOutput(
              "logits", of: .tokens,
              [.dropout(DropoutSetting("qa_dropout")), .linear("qa_outputs", .fixed(2))],
              form: .spans)
          ]),
      ],
      tokenizer: FamilyTokenizer(
        .wordPiece, classNames: ["DistilBertTokenizer", "BertTokenizer"],
        roles: [FamilyTokenizer.Role("pad_token_id", "[PAD]", 0)],
        needed: ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"]),
      kerasHub: KerasHubFamily(
        backbone: "DistilBertBackbone", package: "distil_bert", tokenizer: "DistilBertTokenizer",
        activation: "gelu", epsilon: 1e-12, tokenTypes: .constant(0),
        tasks: ["MaskedLM", "TextClassifier"], hasHiddenClassifier: true, classifierDropout: 0.2,
        hasHeadOfItsOwn: true),
      conventions: conventions)
  }()

  private static let tensorFlow = TensorFlowNames(
    languageHead: "vocab_projector",
    objects: KerasObjectNames(
      body: "layers/tf_distil_bert_main_layer/",
      embeddings:
        "(layers/tf_distil_bert_main_layer/embeddings|vocab_projector/input_embeddings)/",
      layer: "tf_transformer_block", parts: [("classifier", "layers/dense")]))

  @Sendable private static func conventions(_ family: FamilyDescription) -> [LayoutTable] {
    LayoutTable.tensorFlow(family, tensorFlow) + [
      .kerasHub(
        family, encoder,
        KerasHubEncoder(
          backbone: "distil_bert_backbone", embeddings: "token_and_position_embedding",
          classifier: ["pre_classifier", "classifier"]))
    ]
  }
}

extension ModelFamily {
  /// DistilBERT.
  public static var distilBert: ModelFamily { DistilBert.family }
}

/// Settings of DistilBERT (`configuration_distilbert.py`, Transformers 5.23).
public typealias DistilBertConfig = PretrainedConfig<DistilBert>
/// DistilBERT without a head. Gives `last_hidden_state` `[batch, sequence, hidden]`.
public typealias DistilBertModel = PretrainedModel<DistilBert, BaseHead>
/// DistilBERT that fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias DistilBertForMaskedLM = PretrainedModel<DistilBert, MaskedLMHead>
/// DistilBERT that labels texts by two linear maps of the first token. Gives `logits` `[batch, labels]`.
public typealias DistilBertForSequenceClassification = PretrainedModel<
  DistilBert, SequenceClassificationHead
>
/// DistilBERT that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias DistilBertForTokenClassification = PretrainedModel<
  DistilBert, TokenClassificationHead
>
/// DistilBERT that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias DistilBertForQuestionAnswering = PretrainedModel<DistilBert, QuestionAnsweringHead>
/// DistilBERT that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias DistilBertForMultipleChoice = PretrainedModel<DistilBert, MultipleChoiceHead>
