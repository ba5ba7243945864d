public import LanguageModels
public import LayoutRules

/// GPT-2 (`modeling_gpt2.py`, `configuration_gpt2.py`, Transformers 5.23).
public enum GPT2: DescribedFamily {
  /// `gpt2`.
  public static let family = ModelFamily(description)

  private static let decoder = DecoderDescription()

  private static let description: FamilyDescription = {
    var settings = SettingsTable(vocabulary: 50257)
    settings.hidden = SettingsTable.Count("n_embd", "hidden_size", default: 768)
    settings.layers = SettingsTable.Count("n_layer", "num_hidden_layers", default: 12)
    settings.heads = SettingsTable.Count("n_head", "num_attention_heads", default: 12)
    // Null in every published model.
    settings.intermediate = SettingsTable.Count("n_inner", default: 3072)
    settings.isIntermediateOptional = true
    settings.positions = SettingsTable.Count(
      "n_positions", "max_position_embeddings", default: 1024)
    settings.tokenTypes = nil
    settings.activation = ("activation_function", "gelu_new")
    settings.epsilon = .stated("layer_norm_epsilon", default: 1e-5)
    settings.publishedEpsilon = 1e-5
    settings.causality = .always
    settings.bosTokenID = 50256
    settings.eosTokenIDs = [50256]
    settings.dropout = ("resid_pdrop", "attn_pdrop", "classifier_dropout")
    settings.countsSpansAsLabels = false
    settings.summary = SettingsTable.Summary(
      type: "cls_index", activation: nil, projectsToLabels: true)
    settings.hasDecoderSettings = true
    let logits = HeadOutput("logits", of: .tokens, [.scores("lm_head")])
    return FamilyDescription(
      "gpt2", settings: settings, bodyPrefix: "transformer.", body: .decoder(decoder),
      heads: [
        .base: HeadDescription("GPT2Model", [HeadOutput("last_hidden_state", of: .tokens)]),
        .causalLM: HeadDescription("GPT2LMHeadModel", kerasHubTask: "GPT2CausalLM", [logits]),
        .doubleHeads: HeadDescription(
          "GPT2DoubleHeadsModel", ranks: [2, 3],
          [
            logits,
            HeadOutput(
              "mc_logits", of: .summaryAlongSecond,
              [
                .dropout(DropoutSetting("summary_first_dropout")),
                .linear("multiple_choice_head.summary", .fixed(1), .summary),
                .dropout(DropoutSetting("summary_last_dropout", default: 0)),
              ], form: .choices),
          ]),
        .sequenceClassification: HeadDescription(
          "GPT2ForSequenceClassification",
          [HeadOutput("logits", of: .lastToken, [.linear("score", .labels, hasBias: false)])]),
        .tokenClassification: HeadDescription(
          "GPT2ForTokenClassification", hasTensorFlow: false,
          [
            HeadOutput(
              "logits", of: .tokens,
              [
                .dropout(DropoutSetting("classifier_dropout", "hidden_dropout")),
                .linear("classifier", .labels),
              ])
          ]),
        .questionAnswering: HeadDescription(
          "GPT2ForQuestionAnswering", hasTensorFlow: false,
          [HeadOutput("logits", of: .tokens, [.linear("qa_outputs", .fixed(2))], form: .spans)]),
      ],
      tokenizer: FamilyTokenizer(
        .bytePair, classNames: ["GPT2Tokenizer"],
        roles: [
          FamilyTokenizer.Role("bos_token_id", "<|endoftext|>", 50_256),
          FamilyTokenizer.Role("eos_token_id", "<|endoftext|>", 50_256),
        ],
        needed: ["<|endoftext|>"]),
      kerasHub: KerasHubFamily(
        backbone: "GPT2Backbone", package: "gpt2", tokenizer: "GPT2Tokenizer",
        activation: "gelu_new", epsilon: 1e-5, tokenTypes: .constant(0), tasks: ["CausalLM"]),
      conventions: { family in
        LayoutTable.tensorFlow(
          family,
          TensorFlowNames(
            wordEmbeddings: "(embeddings|weight)",
            objects: KerasObjectNames(
              body: "(transformer|layers/tfgpt2_main_layer)/", layer: "tf_block",
              parts: [("classifier", "layers/dense")])))
          + [.kerasHub(family, decoder, backbone: "gpt2_backbone"), .openAI]
      })
  }()
}

extension ModelFamily {
  /// GPT-2.
  public static var gpt2: ModelFamily { GPT2.family }
}

/// Settings of GPT-2 (`configuration_gpt2.py`, Transformers 5.23).
public typealias GPT2Config = PretrainedConfig<GPT2>
/// GPT-2 without a head. Gives `last_hidden_state` `[batch, sequence, hidden]`.
public typealias GPT2Model = PretrainedModel<GPT2, BaseHead>
/// GPT-2 that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias GPT2LMHeadModel = PretrainedModel<GPT2, CausalLMHead>
/// GPT-2 that goes on with texts and chooses among them. Takes `[batch, choices, sequence]`, or `[batch, sequence]`; gives
/// `logits` with one extent more, of the vocabulary, and `mc_logits`: the extents without the sequence's, for
/// `summary_type` `cls_index`.
///
/// The other types look along the second extent, whatever it is: for choices that is not the sequence, but the reference
/// does it. Recorded hidden states count choices as sequences, but for the last, if that has gone through `ln_f`.
public typealias GPT2DoubleHeadsModel = PretrainedModel<GPT2, DoubleHeadsHead>
/// GPT-2 that labels texts. Gives `logits` `[batch, labels]`: those of the last token that is not `pad_token_id`, whatever
/// the mask; without such an id those of the last, and then for one text only.
public typealias GPT2ForSequenceClassification = PretrainedModel<GPT2, SequenceClassificationHead>
/// GPT-2 that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias GPT2ForTokenClassification = PretrainedModel<GPT2, TokenClassificationHead>
/// GPT-2 that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias GPT2ForQuestionAnswering = PretrainedModel<GPT2, QuestionAnsweringHead>
