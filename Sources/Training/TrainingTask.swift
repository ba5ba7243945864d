public import CheckpointBytes
public import LanguageModels
public import LayoutRules
internal import TensorEngine
public import Tokenizers

/// What a model is to learn, from which columns.
public struct TrainingTask: Sendable {
  /// The kinds of tasks.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A label for a text or a pair of texts, several labels, or a number.
    case classification
    /// A label for each word.
    case tokenClassification = "token-classification"
    /// The part of a passage that answers a question.
    case questionAnswering = "question-answering"
    /// Tokens that are hidden.
    case maskedLM = "mlm"
    /// The next token.
    case causalLM = "lm"
    /// Tokens that are hidden, and whether the second of two texts follows the first: how BERT was made.
    case preTraining = "pretraining"
  }

  /// The kind.
  public let kind: Kind
  /// What a classifier is for.
  public let problem: ProblemType
  /// The labels; none for tasks without.
  public let labels: LabelSet
  /// True if all tokens of a word are hidden together.
  public var masksWholeWords = false

  /// What helps where labels are another classifier's than the model is.
  static let otherwise: Wording = "\(remedy: .problem) says what a classifier is for"

  static let textKeys = ["text", "sentence", "sentence1", "premise", "question1", "content"]
  static let pairKeys = ["text_pair", "sentence2", "hypothesis", "question2"]
  static let labelKeys = ["label", "labels", "score"]
  static let wordKeys = ["tokens", "words"]
  static let tagKeys = ["ner_tags", "tags", "labels", "pos_tags"]

  /// The task that examples are for.
  ///
  /// - Parameters:
  ///   - kind: What is learned.
  ///   - data: The examples.
  ///   - problem: What a classifier is for; nil for what the labels look like: numbers with a fraction make a regression, lists
  ///     several classes. A model that was a classifier already goes on as one with what its settings say (`ModelSource.problem`).
  ///   - known: The labels of the model, where it has some that are more than numbers.
  /// - Throws: `notFound` for examples without labels, `inconsistent` for a label that a model does not know that knows others of
  ///   them, with file and line.
  public init(
    _ kind: Kind, of data: TrainingData, problem: ProblemType? = nil, known: LabelSet? = nil
  ) throws(CheckpointError) {
    self.kind = kind
    switch kind {
    case .classification:
      self.problem = problem ?? Self.problem(of: data.rows)
      labels =
        self.problem == .regression
        ? LabelSet(["LABEL_0"]) : try Self.labels(data, Self.labelKeys, known)
    case .tokenClassification:
      self.problem = .singleLabelClassification
      labels = try Self.labels(data, Self.tagKeys, known)
    case .questionAnswering, .maskedLM, .causalLM, .preTraining:
      self.problem = .singleLabelClassification
      labels = LabelSet([])
    }
  }

  /// The task that a model's head is made for, with the labels of its settings.
  ///
  /// What a classifier is for is what its settings say (`problem_type`); where they do not, a regression if there is one label alone.
  /// - Throws: `unsupported` for a head that no task has.
  public init(of model: any LanguageModel) throws(CheckpointError) {
    guard let kind = Kind.allCases.first(where: { $0.head == type(of: model).head }) else {
      throw CheckpointError(
        .unsupported, CheckpointError.Site(field: "task"),
        "\(type(of: model).className) has no head that is trained")
    }
    let labels = model.configuration.labels
    self.kind = kind
    switch kind {
    case .classification:
      problem =
        model.configuration.problemType
        ?? (labels.count == 1 ? .regression : .singleLabelClassification)
      self.labels = LabelSet((0..<labels.count).map(labels.name))
    case .tokenClassification:
      problem = .singleLabelClassification
      self.labels = LabelSet((0..<labels.count).map(labels.name))
    case .questionAnswering, .maskedLM, .causalLM, .preTraining:
      problem = .singleLabelClassification
      self.labels = LabelSet([])
    }
  }

  /// What the labels look like. A table has texts alone, of which all are numbers where they are for a regression.
  private static func problem(of rows: [DataRow]) -> ProblemType {
    let values = rows.map { $0.value(labelKeys) }
    if values.contains(where: { $0?.elements != nil }) { return .multiLabelClassification }
    let areNumbers =
      rows.allSatisfy(\.isOfTexts) && values.allSatisfy { $0?.string?.decimal != nil }
    let hasFraction = values.contains { value in
      areNumbers
        ? value?.string.map { Int($0) == nil } ?? false : value?.isFraction ?? false
    }
    return hasFraction ? .regression : .singleLabelClassification
  }

  private static func labels(
    _ data: TrainingData, _ keys: [String], _ known: LabelSet?
  ) throws(CheckpointError) -> LabelSet {
    let found = try LabelSet(of: data.rows, keys)
    guard let known else { return found }
    func isKnown(_ label: String) -> Bool { known.index(of: label) != nil }
    guard found.names.contains(where: { !isKnown($0) }) else { return known }
    // Labels of which the model knows none are another task's, and `LABEL_0` is what a model has that was told none. Of labels that it
    // knows in part one is a mistake: a head that is drawn for all of them would throw away what was learned.
    let areNamed = known.names.indices.contains { known.names[$0] != "LABEL_\($0)" }
    guard areNamed, found.names.contains(where: isKnown) else { return found }
    for row in data.rows {
      for label in try LabelSet.labels(of: row, keys) where !isKnown(label) {
        throw row.failure(
          .inconsistent, keys[0],
          "the label \(quoted(label)) is none of the model's, which knows others of these examples: "
            + known.listed)
      }
    }
    return found
  }

  /// What a run that goes on has as it was begun with, by names for messages.
  var circumstances: [String: String] {
    ["task": kind.rawValue, "problem": problem.rawValue, "whole words": "\(masksWholeWords)"]
  }

  /// The head that the task takes.
  public var head: ModelHead { kind.head }

  /// True if tokens are hidden.
  var masks: Bool { kind == .maskedLM || kind == .preTraining }

  /// Examples as tokens: all of ``prepared(_:_:length:takesTypes:seed:)`` at once.
  public func examples(
    _ data: TrainingData, _ tokenizer: Tokenizer, length: Int, takesTypes: Bool, seed: UInt64 = 42
  ) throws(CheckpointError) -> [TrainingExample] {
    try prepared(data, tokenizer, length: length, takesTypes: takesTypes, seed: seed).all()
  }

  /// Examples that become tokens when they are needed, where an example is a row; the others are tokens at once.
  ///
  /// What is wrong with a row's columns is told here, what is wrong with its text when it is encoded.
  /// - Parameters:
  ///   - data: The examples.
  ///   - tokenizer: The model's tokenizer.
  ///   - length: The most tokens of a text.
  ///   - takesTypes: True if token types are an input of the model.
  ///   - seed: Of the pairs that are drawn, where examples are pairs of sentences.
  /// - Throws: What encoding throws; `notFound`, `malformed` and `inconsistent` for an example, with file and line.
  public func prepared(
    _ data: TrainingData, _ tokenizer: Tokenizer, length: Int, takesTypes: Bool, seed: UInt64 = 42
  ) throws(CheckpointError) -> TrainingExamples {
    switch kind {
    case .classification: TrainingExamples(try texts(data, tokenizer, length, takesTypes))
    case .tokenClassification: TrainingExamples(try words(data, tokenizer, length, takesTypes))
    case .questionAnswering: TrainingExamples(try passages(data, tokenizer, length, takesTypes))
    case .maskedLM: TrainingExamples(try lines(data, tokenizer, length, takesTypes))
    case .causalLM: TrainingExamples(try blocks(data, tokenizer, length))
    case .preTraining:
      TrainingExamples(try pairs(data, tokenizer, length, takesTypes, seed: seed))
    }
  }

  private func texts(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool
  ) throws(CheckpointError) -> TextExamples {
    let inputs = try data.rows.map { (row) throws(CheckpointError) in
      TokenizerInput(
        try row.text(Self.textKeys),
        pair: row.value(Self.pairKeys) == nil ? nil : try row.text(Self.pairKeys))
    }
    let labels = try data.rows.map { (row) throws(CheckpointError) in try label(of: row) }
    return TextExamples(
      rows: data.rows, inputs: inputs, tokenizer: tokenizer,
      options: Self.cut(to: length, tokenizer)
    ) { number, encoding in
      TrainingExample(
        ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil, label: labels[number])
    }
  }

  /// Cuts to a length, on the tokenizer's own side.
  static func cut(to length: Int, _ tokenizer: Tokenizer) -> EncodingOptions {
    EncodingOptions(
      truncation: Truncation(
        maximumLength: length, side: tokenizer.truncationSide, keepsOverflow: false))
  }

  private func label(of row: DataRow) throws(CheckpointError) -> TrainingExample.Label {
    let key = Self.labelKeys[0]
    guard problem == .regression else {
      let names = try LabelSet.labels(of: row, Self.labelKeys)
      guard Set(names.map { ExactName($0) }).count == names.count else {
        throw row.failure(
          .inconsistent, key,
          "a label is there twice: a list names the labels that hold, [0, 2] where a vector has [1, 0, 1]"
        )
      }
      let found = try names.map { (label) throws(CheckpointError) in
        try labels.index(of: label, row, key)
      }
      if problem == .multiLabelClassification {
        return .numbers(labels.names.indices.map { found.contains($0) ? 1 : 0 })
      }
      guard found.count == 1 else {
        throw row.failure(
          .inconsistent, key, "expected one label, found \(found.count)", remedy: Self.otherwise)
      }
      return .text(found[0])
    }
    let value = row.value(Self.labelKeys)
    var number: Double?
    if case .number(let found) = value { number = found.double }
    if let text = value?.string { number = text.decimal }
    if let number, number.isFinite { return .numbers([number]) }
    throw row.failure(
      value == nil ? .notFound : .malformed, key, "expected a number for a regression",
      remedy: Self.otherwise)
  }

  private func lines(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool
  ) throws(CheckpointError) -> TextExamples {
    let inputs = try data.rows.map { (row) throws(CheckpointError) in
      TokenizerInput(try row.text(Self.textKeys))
    }
    return TextExamples(
      rows: data.rows, inputs: inputs, tokenizer: tokenizer,
      options: Self.cut(to: length, tokenizer)
    ) { _, encoding in
      var example = TrainingExample(
        ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil, label: .none)
      example.words = encoding.maskableWords
      return example
    }
  }

  /// Texts one after the other, an end behind each, cut to blocks of one length (`group_texts` of `run_clm.py`, Transformers 5.23, which puts no
  /// end behind texts and packs a thousand at a time); what is left is a block if there is no other.
  private func blocks(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int
  ) throws(CheckpointError) -> [TrainingExample] {
    let texts = try data.rows.map { (row) throws(CheckpointError) in try row.text(Self.textKeys) }
    let encodings = try tokenizer.encodeBatch(texts, options: EncodingOptions())
    let end = tokenizer.endTokenID
    var ids: [Int] = []
    for encoding in encodings {
      ids += encoding.ids
      if let end, encoding.ids.last != end { ids.append(end) }
    }
    guard length > 0 else {
      throw CheckpointError(
        .inconsistent, CheckpointError.Site(field: "length"), "expected at least 1, found \(length)"
      )
    }
    let count = max(1, ids.count / length)
    return (0..<count).map { block in
      TrainingExample(
        ids: Array(ids[block * length..<min(ids.count, (block + 1) * length)]), typeIDs: nil,
        label: .none)
    }
  }
}

extension TrainingTask.Kind {
  /// The head that the task takes.
  fileprivate var head: ModelHead {
    switch self {
    case .classification: .sequenceClassification
    case .tokenClassification: .tokenClassification
    case .questionAnswering: .questionAnswering
    case .maskedLM: .maskedLM
    case .causalLM: .causalLM
    case .preTraining: .preTraining
    }
  }
}

extension JSONValue {
  /// True for a number that is not whole.
  fileprivate var isFraction: Bool {
    if case .number(let number) = self { return integer == nil && number.double.isFinite }
    return false
  }
}

extension String {
  /// The number that it is, written in digits; nil for any other text.
  fileprivate var decimal: Double? {
    let isOfDigits = utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
    return isOfDigits ? Double(self).flatMap { $0.isFinite ? $0 : nil } : nil
  }
}
