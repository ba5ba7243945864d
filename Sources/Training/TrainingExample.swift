internal import CheckpointBytes
public import LanguageModels
internal import TensorEngine
public import Tokenizers

/// An example as tokens with its labels.
public struct TrainingExample: Sendable {
  /// What is to be learned of an example.
  public enum Label: Sendable, Hashable {
    /// A class.
    case text(Int)
    /// A number for each column: of a regression, or 0 and 1 for several classes.
    case numbers([Double])
    /// A class for each token; -100 is ignored.
    case tokens([Int])
    /// The first and the last token of an answer.
    case span(Int, Int)
    /// Whether the second text is one that follows the first (0) or not (1); tokens are labels too.
    case nextSentence(Int)
    /// None: tokens are their own labels.
    case none
  }

  /// The tokens.
  public let ids: [Int]
  /// The type of each token; nil for a model that takes none.
  public let typeIDs: [Int]?
  /// What is to be learned.
  public let label: Label
  /// What masked language modelling may replace, and words for it: nil where a token is none of the text.
  var words: [Int?]
  /// What question answering needs to find answers in texts.
  var passage: Passage?

  /// An example of tokens, of which masked language modelling hides none.
  public init(ids: [Int], typeIDs: [Int]? = nil, label: Label) {
    self.ids = ids
    self.typeIDs = typeIDs
    self.label = label
    words = Array(repeating: nil, count: ids.count)
  }

  /// An example of an encoded text, or of a pair of texts. Masked language modelling hides of its tokens those of the texts.
  ///
  /// - Parameters:
  ///   - encoding: The tokens.
  ///   - label: What is to be learned.
  ///   - takesTypes: True if token types are an input of the model.
  public init(_ encoding: Encoding, label: Label = .none, takesTypes: Bool) {
    self.init(ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil, label: label)
    words = encoding.maskableWords
  }

  /// How many terms the loss of the example has.
  var lossTerms: Int {
    switch label {
    case .text(let label), .nextSentence(let label): label == ignoredLabel ? 0 : 1
    case .numbers, .span: 1
    case .tokens(let classes): classes.count { $0 != ignoredLabel }
    case .none: max(0, ids.count - 1)
    }
  }
}

/// Examples as a model takes them, with their labels: those that are shorter are filled up, and the filling is masked.
public struct ExampleBatch: Sendable {
  /// Tokens, mask and types, `[examples, tokens of the longest]`, and the labels.
  public let inputs: ModelInputs
  /// The tokens of each example.
  public let lengths: [Int]
  /// How many terms the loss has: where several batches make a step, their losses count in this proportion. 0 if no label counts.
  public let lossTerms: Int
  /// What the means are made of that the loss is the sum of.
  let terms: LossTerms

  /// - Parameters:
  ///   - padding: The id that fills up.
  ///   - replacing: What masked language modelling makes of each example.
  init(
    _ examples: [TrainingExample], padding: Int,
    masking: ((TrainingExample) -> MaskedExample)? = nil
  ) throws(CheckpointError) {
    try Self.check(examples)
    let masked = masking.map { examples.map($0) }
    let length = examples.map(\.ids.count).max() ?? 0
    func filled(_ rows: [[Int]], _ value: Int) throws(CheckpointError) -> TokenArray {
      try TokenArray(rows.map { $0 + Array(repeating: value, count: length - $0.count) })
    }
    var inputs = ModelInputs(
      inputIDs: try filled(masked.map { $0.map(\.ids) } ?? examples.map(\.ids), padding))
    if examples.contains(where: { $0.ids.count < length }) {
      inputs.attentionMask = try filled(examples.map { $0.ids.map { _ in 1 } }, 0)
    }
    if examples.contains(where: { $0.typeIDs != nil }) {
      inputs.tokenTypeIDs = try filled(examples.map { $0.typeIDs ?? $0.ids.map { _ in 0 } }, 0)
    }
    var (classes, numbers, tokens): ([Int], [Double], [[Int]]) = ([], [], [])
    var (spans, followers): ([(Int, Int)], [Int]) = ([], [])
    for (place, example) in examples.enumerated() {
      switch example.label {
      case .text(let label): classes.append(label)
      case .numbers(let values): numbers += values
      case .tokens(let labels): tokens.append(labels)
      case .span(let start, let end): spans.append((start, end))
      case .nextSentence(let label):
        followers.append(label)
        tokens.append(masked?[place].labels ?? example.ids)
      case .none: tokens.append(masked?[place].labels ?? example.ids)
      }
    }
    func texts(_ values: [Int]) throws(CheckpointError) -> LabelArray {
      LabelArray(try TokenArray(dimensions: [values.count], elements: values))
    }
    if !classes.isEmpty { inputs.labels.labels = try texts(classes) }
    if !numbers.isEmpty {
      inputs.labels.labels = try LabelArray(
        dimensions: [examples.count, numbers.count / examples.count], numbers: numbers)
    }
    if !tokens.isEmpty { inputs.labels.labels = LabelArray(try filled(tokens, ignoredLabel)) }
    if !spans.isEmpty {
      inputs.labels.startPositions = try texts(spans.map(\.0))
      inputs.labels.endPositions = try texts(spans.map(\.1))
    }
    if !followers.isEmpty { inputs.labels.nextSentence = try texts(followers) }
    self.inputs = inputs
    lengths = examples.map(\.ids.count)
    let hidden = masked.map { $0.reduce(0) { $0 + $1.labels.count { $0 != ignoredLabel } } }
    let terms = examples.reduce(0) { $0 + $1.lossTerms }
    // The mean over texts counts for the two means of a pair's loss; without a hidden token there is none.
    lossTerms = followers.isEmpty ? hidden ?? terms : hidden == 0 ? 0 : terms
    let words = hidden ?? examples.reduce(0) { $0 + $1.ids.count }
    self.terms = LossTerms(
      labels: followers.isEmpty ? [hidden ?? terms] : [words, terms], tokens: lengths.reduce(0, +))
  }

  /// Refuses an example without tokens, and what belongs to each token, and is there for fewer or more.
  private static func check(_ examples: [TrainingExample]) throws(CheckpointError) {
    for (place, example) in examples.enumerated() {
      guard !example.ids.isEmpty else {
        throw CheckpointError(
          .inconsistent, CheckpointError.Site(field: "examples[\(place)]"), "it has no token")
      }
      var (name, count) = ("token types", example.typeIDs?.count ?? example.ids.count)
      if count == example.ids.count, case .tokens(let labels) = example.label {
        (name, count) = ("labels", labels.count)
      }
      guard count == example.ids.count else {
        throw CheckpointError(
          .mismatch, CheckpointError.Site(field: "examples[\(place)]"),
          "it has \(example.ids.count) tokens, and \(count) \(name)")
      }
    }
  }
}
