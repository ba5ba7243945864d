public import LanguageModels
public import LayoutRules

/// CamemBERT (`modeling_camembert.py`, `configuration_camembert.py`, Transformers 5.23): RoBERTa by another
/// name and with another tokenizer.
public enum Camembert: DescribedFamily {
  /// `camembert`.
  public static let family = ModelFamily(
    .likeRoberta(
      "camembert", classes: "Camembert", keras: "tf_camembert",
      settings: robertaSettings(vocabulary: 30522),
      tokenizer: FamilyTokenizer(
        .unigram, classNames: ["CamembertTokenizer"], roles: roles,
        needed: ["<s>", "</s>", "<pad>", "<mask>"]),
      kerasHub: nil, variantOf: Roberta.family.name))

  /// The ids of the published models, whose vocabularies begin with two tokens that are not used.
  private static let roles = [
    FamilyTokenizer.Role("bos_token_id", "<s>", 5),
    FamilyTokenizer.Role("pad_token_id", "<pad>", 1),
    FamilyTokenizer.Role("eos_token_id", "</s>", 6),
  ]
}

extension ModelFamily {
  /// CamemBERT.
  public static var camembert: ModelFamily { Camembert.family }
}

/// Settings of CamemBERT (`configuration_camembert.py`, Transformers 5.23).
public typealias CamembertConfig = PretrainedConfig<Camembert>
/// CamemBERT without a head. Gives `last_hidden_state` and, if the checkpoint has a pooler, `pooler_output`.
public typealias CamembertModel = PretrainedModel<Camembert, BaseHead>
/// CamemBERT that fills masks. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias CamembertForMaskedLM = PretrainedModel<Camembert, MaskedLMHead>
/// CamemBERT that goes on with a text. Gives `logits` `[batch, sequence, vocabulary]`.
public typealias CamembertForCausalLM = PretrainedModel<Camembert, CausalLMHead>
/// CamemBERT that labels texts by two linear maps of the first token. Gives `logits` `[batch, labels]`.
public typealias CamembertForSequenceClassification = PretrainedModel<
  Camembert, SequenceClassificationHead
>
/// CamemBERT that labels tokens. Gives `logits` `[batch, sequence, labels]`.
public typealias CamembertForTokenClassification = PretrainedModel<
  Camembert, TokenClassificationHead
>
/// CamemBERT that finds answers. Gives `start_logits` and `end_logits`, `[batch, sequence]`.
public typealias CamembertForQuestionAnswering = PretrainedModel<Camembert, QuestionAnsweringHead>
/// CamemBERT that chooses. Takes `[batch, choices, sequence]`, gives `logits` `[batch, choices]`.
public typealias CamembertForMultipleChoice = PretrainedModel<Camembert, MultipleChoiceHead>
