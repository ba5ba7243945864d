/// The architectures that layouts are known for.
public enum ModelFamily: String, Sendable, Hashable, CaseIterable {
  case bert
  case gpt2
  case roberta

  /// All that is known of the family. A new family is a case above, a line here, and a file of its own.
  var definition: ModelDefinition {
    switch self {
    case .bert: .bert
    case .gpt2: .gpt2
    case .roberta: .roberta
    }
  }

  /// What stands before the names of the body in Transformers' models with a head (`base_model_prefix`, 5.23).
  public var bodyPrefix: String { definition.bodyPrefix }

  /// The heads that Transformers has for this family, the body alone first.
  public var heads: [ModelHead] {
    ModelHead.allCases.filter { definition.heads[$0] != nil }
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
    family.definition.heads[self]?.className
  }

  /// True if Transformers builds the body with a pooler for this head.
  public func usesPooler(in family: ModelFamily) -> Bool {
    family.definition.heads[self]?.usesPooler ?? false
  }
}
