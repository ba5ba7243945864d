/// The architectures that layouts are known for.
public enum ModelFamily: String, Sendable, Hashable, CaseIterable {
  case bert
  case gpt2
  case roberta

  /// What stands before the names of the body in Transformers' models with a head (`base_model_prefix`, 5.23).
  public var bodyPrefix: String {
    switch self {
    case .bert: "bert."
    case .gpt2: "transformer."
    case .roberta: "roberta."
    }
  }

  /// The heads that Transformers has for this family, the body alone first.
  public var heads: [ModelHead] {
    ModelHead.allCases.filter { $0.className(in: self) != nil }
  }
}

/// What stands on top of a body.
public enum ModelHead: String, Sendable, Hashable, CaseIterable {
  case base
  case maskedLM
  case causalLM
  case preTraining
  case doubleHeads
  case nextSentence
  case sequenceClassification
  case tokenClassification
  case multipleChoice
  case questionAnswering

  /// The class in Transformers 5.23, as `config.json` names it in `architectures`; nil if the family has no such head.
  public func className(in family: ModelFamily) -> String? {
    switch (family, self) {
    case (.bert, .base): "BertModel"
    case (.bert, .maskedLM): "BertForMaskedLM"
    case (.bert, .causalLM): "BertLMHeadModel"
    case (.bert, .preTraining): "BertForPreTraining"
    case (.bert, .nextSentence): "BertForNextSentencePrediction"
    case (.bert, .sequenceClassification): "BertForSequenceClassification"
    case (.bert, .tokenClassification): "BertForTokenClassification"
    case (.bert, .multipleChoice): "BertForMultipleChoice"
    case (.bert, .questionAnswering): "BertForQuestionAnswering"
    case (.gpt2, .base): "GPT2Model"
    case (.gpt2, .causalLM): "GPT2LMHeadModel"
    case (.gpt2, .doubleHeads): "GPT2DoubleHeadsModel"
    case (.gpt2, .sequenceClassification): "GPT2ForSequenceClassification"
    case (.gpt2, .tokenClassification): "GPT2ForTokenClassification"
    case (.gpt2, .questionAnswering): "GPT2ForQuestionAnswering"
    case (.roberta, .base): "RobertaModel"
    case (.roberta, .maskedLM): "RobertaForMaskedLM"
    case (.roberta, .causalLM): "RobertaForCausalLM"
    case (.roberta, .sequenceClassification): "RobertaForSequenceClassification"
    case (.roberta, .tokenClassification): "RobertaForTokenClassification"
    case (.roberta, .multipleChoice): "RobertaForMultipleChoice"
    case (.roberta, .questionAnswering): "RobertaForQuestionAnswering"
    default: nil
    }
  }

  /// True if Transformers builds the body with a pooler for this head.
  public func usesPooler(in family: ModelFamily) -> Bool {
    switch (family, self) {
    case (.gpt2, _): false
    case (_, .base), (_, .multipleChoice): true
    case (.bert, .preTraining), (.bert, .nextSentence), (.bert, .sequenceClassification): true
    default: false
    }
  }
}
