public import CheckpointBytes
internal import LanguageModels
public import Tokenizers

/// Labels texts and pairs of texts, as Transformers' pipeline `text-classification` does (5.23). A pair is what models for
/// inference (MNLI) and cross-encoders take.
public struct TextClassification: TextTask {
  /// What labels' numbers are made into.
  public enum Function: String, Sendable, Hashable, CaseIterable {
    /// Each by itself: 1 / (1 + e to the power of −x).
    case sigmoid
    /// Probabilities that sum to 1.
    case softmax
    /// They stay what they are.
    case none
  }

  private let model: TextModel
  private let labels: ClassLabels
  /// What labels' numbers are made into: by the configuration, unless it was said otherwise.
  public let function: Function
  /// So many labels are given, the highest first; nil for all.
  public let top: Int?

  /// Takes a model with a head for sequences.
  ///
  /// - Parameters:
  ///   - model: The model with its tokenizer.
  ///   - top: How many of the best are given; all if nil.
  ///   - function: Nil for what the configuration says (``TextClassifier/effectiveProblemType``).
  /// - Throws: `unsupported` for a model with another head.
  public init(
    _ model: TextModel, top: Int? = nil, function: Function? = nil
  ) throws(CheckpointError) {
    guard let classifier = model.model as? any TextClassifier else {
      throw CheckpointError(
        .unsupported, field: "class", "\(type(of: model.model).className) does not label texts")
    }
    self.model = model
    self.top = top
    labels = classifier.configuration.labels
    self.function = function ?? Function(classifier.effectiveProblemType)
  }

  /// `text`, and `pair` or `text_pair`; an empty one is none, as in the reference.
  public func input(_ row: TaskRow) throws(CheckpointError) -> TokenizerInput {
    let pair = try row.optionalText("pair", "text_pair")
    return TokenizerInput(try row.text("text"), pair: pair?.isEmpty == true ? nil : pair)
  }

  /// The labels of texts, the highest first.
  public func answers(to inputs: [TokenizerInput]) -> [Result<[LabelScore], CheckpointError>] {
    model.run(model.encodings(of: inputs)) { (outputs, _) throws(CheckpointError) in
      try outputs.rows("logits").map { scored($0) }
    }
  }

  /// `labels`: a list of `label` and `score`.
  public func members(of output: [LabelScore]) -> [JSONValue.Member] {
    [
      JSONValue.Member(
        "labels",
        .array(
          [JSONValue](
            output.map {
              [
                JSONValue.Member("label", .string($0.label)),
                JSONValue.Member("score", .double($0.score)),
              ]
            })))
    ]
  }

  private func scored(_ logits: [Float]) -> [LabelScore] {
    let scores = function(logits)
    return largestPlaces(top ?? scores.count, of: scores).map { row in
      LabelScore(label: labels.name(of: row), score: Double(scores[row]))
    }
  }
}

extension TextClassification.Function {
  /// What the pipeline does for a kind of problem.
  init(_ problem: ProblemType) {
    switch problem {
    case .regression: self = .none
    case .singleLabelClassification: self = .softmax
    case .multiLabelClassification: self = .sigmoid
    }
  }

  /// The function's values.
  func callAsFunction(_ logits: [Float]) -> [Float] {
    switch self {
    case .none: logits
    case .softmax: ScoreProcessor.probabilities(of: logits)
    // The sigmoid is the first of two probabilities, where the other's score is 0.
    case .sigmoid: logits.map { ScoreProcessor.probabilities(of: [$0, 0])[0] }
    }
  }
}
