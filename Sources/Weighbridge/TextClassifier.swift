public import CheckpointBytes
public import LanguageModels
public import Tokenizers

/// A model that labels texts: `BertForSequenceClassification`, `RobertaForSequenceClassification`,
/// `GPT2ForSequenceClassification`.
public protocol TextClassifier: LanguageModel {}

extension PretrainedModel: TextClassifier where Head == SequenceClassificationHead {}

/// A label, and how much of it is in a text.
public struct LabelScore: Sendable, Hashable {
  /// The label, by `id2label`.
  public let label: String
  /// Its probability; for a regression the number itself.
  public let score: Double
}

extension TextClassifier {
  /// What the classes' numbers are made into, as Transformers' pipeline `text-classification` has it (5.23): what the
  /// configuration states, else a softmax over several labels; the sigmoid of a single one in both cases, unless it is
  /// for a regression.
  public var effectiveProblemType: ProblemType {
    let stated = configuration.problemType ?? .singleLabelClassification
    return stated == .singleLabelClassification && configuration.labels.count == 1
      ? .multiLabelClassification : stated
  }

  /// Labels a text, or a pair of texts.
  ///
  /// - Returns: All labels, the highest first.
  /// - Throws: What encoding and running throw.
  public func classify(
    _ text: String, pair: String? = nil, tokenizer: Tokenizer
  ) throws(CheckpointError) -> [LabelScore] {
    try TextClassification(TextModel(self, tokenizer: tokenizer))
      .answer(to: TokenizerInput(text, pair: pair))
  }
}
