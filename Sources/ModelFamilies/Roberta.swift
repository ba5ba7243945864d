public import LanguageModels
public import LayoutRules

/// RoBERTa (`modeling_roberta.py`, `configuration_roberta.py`, Transformers 5.23): BERT's body, with positions that count
/// from the padding token.
public enum Roberta: DescribedFamily {
  /// `roberta`.
  public static let family = ModelFamily(description)

  private static let description = FamilyDescription.likeRoberta(
    "roberta", classes: "Roberta", keras: "tf_roberta",
    settings: robertaSettings(vocabulary: 50265),
    tokenizer: FamilyTokenizer(
      .bytePair, classNames: ["RobertaTokenizer"], roles: robertaRoles,
      needed: ["<s>", "</s>", "<pad>", "<mask>"]),
    kerasHub: KerasHubFamily(
      backbone: "RobertaBackbone", package: "roberta", tokenizer: "RobertaTokenizer",
      activation: "gelu", epsilon: 1e-5, tokenTypes: .constant(1),
      tasks: ["MaskedLM", "TextClassifier"], hasHiddenClassifier: true, classifierDropout: 0),
    others: LayoutTable.fairseq)
}

// MARK: RoBERTa under other names

/// The special tokens of RoBERTa and of what has its body.
let robertaRoles = [
  FamilyTokenizer.Role("bos_token_id", "<s>", 0),
  FamilyTokenizer.Role("pad_token_id", "<pad>", 1),
  FamilyTokenizer.Role("eos_token_id", "</s>", 2),
]

/// The settings of RoBERTa and of what has its body.
func robertaSettings(vocabulary: Int) -> SettingsTable {
  var settings = SettingsTable(vocabulary: vocabulary)
  settings.padTokenID = 1
  settings.bosTokenID = 0
  settings.eosTokenIDs = [2]
  settings.publishedEpsilon = 1e-5
  return settings
}

extension FamilyDescription {
  /// A family with RoBERTa's body and heads, which differ in nothing but the names of the classes.
  ///
  /// - Parameters:
  ///   - classes: What the names of its classes begin with.
  ///   - keras: What Keras makes of the beginning of its TensorFlow classes.
  ///   - variant: The family that its weights are recognised as; nil for RoBERTa itself.
  ///   - others: Tables of further programs.
  static func likeRoberta(
    _ name: String, classes prefix: String, keras: String, settings: SettingsTable,
    tokenizer: FamilyTokenizer, kerasHub: KerasHubFamily?, variantOf variant: String? = nil,
    others: [LayoutTable] = []
  ) -> FamilyDescription {
    var encoder = EncoderDescription()
    encoder.makesPositionsLast = true
    encoder.positionRule = .afterPadding
    // Whatever hidden_act says: the reference calls gelu here.
    let scores: [HeadStep] = [
      .linear("lm_head.dense", .hidden, .gelu), .norm("lm_head.layer_norm"),
      .scores("lm_head.decoder", .tied(to: "lm_head.bias")),
    ]
    func task(_ kind: String) -> String? { kerasHub == nil ? nil : prefix + kind }
    let tensorFlow = TensorFlowNames(
      languageHead: "lm_head",
      objects: KerasObjectNames(
        body: "(roberta|layers/\(keras)_main_layer)/",
        embeddings: "(roberta|layers/\(keras)_main_layer)/embeddings/",
        layer: "\(keras)_layer",
        parts: [
          // RoBERTa's layers have BERT's attribute names, `bert_output` among them.
          ("attention.self", "attention/self_attention"),
          ("attention.output", "attention/dense_output"), ("output", "bert_output"),
          ("classifier.dense", "layers/\(keras)_classification_head/dense"),
          ("classifier.out_proj", "layers/\(keras)_classification_head/out_proj"),
          ("classifier", "layers/dense"),
        ]))
    return FamilyDescription(
      name, settings: settings, bodyPrefix: "roberta.", body: .encoder(encoder),
      heads: [
        .base: HeadDescription(
          prefix + "Model", usesPooler: true,
          [HeadOutput("last_hidden_state", of: .tokens), HeadOutput("pooler_output", of: .pooler)]),
        .maskedLM: HeadDescription(
          prefix + "ForMaskedLM", kerasHubTask: task("MaskedLM"),
          [HeadOutput("logits", of: .tokens, scores)]),
        .causalLM: HeadDescription(
          prefix + "ForCausalLM", [HeadOutput("logits", of: .tokens, scores)]),
        .sequenceClassification: HeadDescription(
          prefix + "ForSequenceClassification", kerasHubTask: task("TextClassifier"),
          [
            HeadOutput(
              "logits", of: .firstToken,
              [
                .dropout(.classifier), .linear("classifier.dense", .hidden, .tanh),
                .dropout(.classifier), .linear("classifier.out_proj", .labels),
              ])
          ]),
        .tokenClassification: HeadDescription(
          prefix + "ForTokenClassification",
          [
            HeadOutput(
              "logits", of: .tokens, [.dropout(.classifier), .linear("classifier", .labels)])
          ]),
        .multipleChoice: HeadDescription(
          prefix + "ForMultipleChoice", usesPooler: true, ranks: [3],
          [
            HeadOutput(
              "logits", of: .pooler,
              [
                .dropout(DropoutSetting("hidden_dropout_prob")), .linear("classifier", .fixed(1)),
              ], form: .choices)
          ]),
        .questionAnswering: HeadDescription(
          prefix + "ForQuestionAnswering",
          [HeadOutput("logits", of: .tokens, [.linear("qa_outputs", .fixed(2))], form: .spans)]),
      ],
      tokenizer: tokenizer, kerasHub: kerasHub,
      // The names of BERT's body are the same; its models have two token types.
      usualSizes: [.tokenTypes: 1], variantOf: variant,
      conventions: { [encoder] family in
        var tables = LayoutTable.tensorFlow(family, tensorFlow)
        if let kerasHub {
          tables.append(
            .kerasHub(
              family, encoder,
              KerasHubEncoder(
                backbone: kerasHub.package + "_backbone",
                embeddings: "token_and_position_embedding",
                classifier: ["classifier.dense", "classifier.out_proj"],
                absent: [.tokenTypes(of: "KerasHub"), .pooler(of: "KerasHub")])))
        }
        return tables + others
      })
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
