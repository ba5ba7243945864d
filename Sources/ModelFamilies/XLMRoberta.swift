public import LanguageModels
public import LayoutRules

/// XLM-RoBERTa (`modeling_xlm_roberta.py`, `configuration_xlm_roberta.py`, Transformers 5.23): RoBERTa by another
/// name and with another tokenizer.
public enum XLMRoberta: DescribedFamily {
  /// `xlm-roberta`.
  public static let family = ModelFamily(
    .likeRoberta(
      "xlm-roberta", classes: "XLMRoberta", keras: "tfxlm_roberta",
      settings: robertaSettings(vocabulary: 30522),
      tokenizer: FamilyTokenizer(
        .unigram, classNames: ["XLMRobertaTokenizer"], roles: robertaRoles,
        needed: ["<s>", "</s>", "<pad>", "<mask>"]),
      kerasHub: KerasHubFamily(
        backbone: "XLMRobertaBackbone", package: "xlm_roberta", tokenizer: "XLMRobertaTokenizer",
        activation: "gelu", epsilon: 1e-5, tokenTypes: .constant(1),
        tasks: ["MaskedLM", "TextClassifier", "TextEmbedder"], hasHiddenClassifier: true,
        classifierDropout: 0),
      variantOf: Roberta.family.name))
}

extension ModelFamily {
  /// XLM-RoBERTa.
  public static var xlmRoberta: ModelFamily { XLMRoberta.family }
}

/// Settings of XLM-RoBERTa (`configuration_xlm_roberta.py`, Transformers 5.23).
public typealias XLMRobertaConfig = PretrainedConfig<XLMRoberta>
/// XLM-RoBERTa without a head. Gives `last_hidden_state` and, if the checkpoint has a pooler, `pooler_output`.
public typealias XLMRobertaModel = PretrainedModel<XLMRoberta, BaseHead>
/// XLM-RoBERTa that fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias XLMRobertaForMaskedLM = PretrainedModel<XLMRoberta, MaskedLMHead>
/// XLM-RoBERTa that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias XLMRobertaForCausalLM = PretrainedModel<XLMRoberta, CausalLMHead>
/// XLM-RoBERTa that labels texts by two linear maps of the first token. Gives `logits` `[batch, labels]`.
public typealias XLMRobertaForSequenceClassification = PretrainedModel<
  XLMRoberta, SequenceClassificationHead
>
/// XLM-RoBERTa that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias XLMRobertaForTokenClassification = PretrainedModel<
  XLMRoberta, TokenClassificationHead
>
/// XLM-RoBERTa that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias XLMRobertaForQuestionAnswering = PretrainedModel<XLMRoberta, QuestionAnsweringHead>
/// XLM-RoBERTa that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias XLMRobertaForMultipleChoice = PretrainedModel<XLMRoberta, MultipleChoiceHead>
