public import LayoutRules

/// A family as a type, so that its classes and settings are types.
public protocol DescribedFamily: Sendable {
  /// What is known of it.
  static var family: ModelFamily { get }
  /// The families among which weights are recognised.
  static var families: FamilyList { get }
}

/// A head as a type.
public protocol DescribedHead: Sendable {
  /// What stands on the body.
  static var head: ModelHead { get }
}

/// A head that goes on with texts.
public protocol GeneratingHead: DescribedHead {}

/// The body alone.
public enum BaseHead: DescribedHead {
  /// `base`.
  public static var head: ModelHead { .base }
}

/// Scores of tokens.
public enum MaskedLMHead: DescribedHead {
  /// `maskedLM`.
  public static var head: ModelHead { .maskedLM }
}

/// Scores of the next token.
public enum CausalLMHead: GeneratingHead {
  /// `causalLM`.
  public static var head: ModelHead { .causalLM }
}

/// Scores of tokens, and of the second text following the first.
public enum PreTrainingHead: DescribedHead {
  /// `preTraining`.
  public static var head: ModelHead { .preTraining }
}

/// A number for each token: above zero if it was replaced.
public enum ReplacedTokenDetectionHead: DescribedHead {
  /// `replacedTokenDetection`.
  public static var head: ModelHead { .replacedTokenDetection }
}

/// Scores of the next token, and a number for the choice.
public enum DoubleHeadsHead: DescribedHead {
  /// `doubleHeads`.
  public static var head: ModelHead { .doubleHeads }
}

/// Scores of the second text following the first.
public enum NextSentenceHead: DescribedHead {
  /// `nextSentence`.
  public static var head: ModelHead { .nextSentence }
}

/// Scores of labels for a text.
public enum SequenceClassificationHead: DescribedHead {
  /// `sequenceClassification`.
  public static var head: ModelHead { .sequenceClassification }
}

/// Scores of labels for each token.
public enum TokenClassificationHead: DescribedHead {
  /// `tokenClassification`.
  public static var head: ModelHead { .tokenClassification }
}

/// A score for each choice.
public enum MultipleChoiceHead: DescribedHead {
  /// `multipleChoice`.
  public static var head: ModelHead { .multipleChoice }
}

/// Scores of each token's being the start or the end of an answer.
public enum QuestionAnsweringHead: DescribedHead {
  /// `questionAnswering`.
  public static var head: ModelHead { .questionAnswering }
}

extension DescribedFamily {
  /// The family's classes, the body alone first.
  public static var classes: [any LanguageModel.Type] { family.heads.map(type) }

  /// The type of the models with a head.
  private static func type(of head: ModelHead) -> any LanguageModel.Type {
    switch head {
    case .base: PretrainedModel<Self, BaseHead>.self
    case .maskedLM: PretrainedModel<Self, MaskedLMHead>.self
    case .causalLM: PretrainedModel<Self, CausalLMHead>.self
    case .preTraining: PretrainedModel<Self, PreTrainingHead>.self
    case .replacedTokenDetection: PretrainedModel<Self, ReplacedTokenDetectionHead>.self
    case .doubleHeads: PretrainedModel<Self, DoubleHeadsHead>.self
    case .nextSentence: PretrainedModel<Self, NextSentenceHead>.self
    case .sequenceClassification: PretrainedModel<Self, SequenceClassificationHead>.self
    case .tokenClassification: PretrainedModel<Self, TokenClassificationHead>.self
    case .multipleChoice: PretrainedModel<Self, MultipleChoiceHead>.self
    case .questionAnswering: PretrainedModel<Self, QuestionAnsweringHead>.self
    }
  }
}
