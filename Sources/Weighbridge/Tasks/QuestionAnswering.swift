public import CheckpointBytes
internal import LanguageModels
internal import Tokenizers

/// A question about a text.
public struct Question: Sendable, Hashable {
  /// What is asked.
  public var question: String
  /// The text that the answer stands in.
  public var context: String

  /// Asks about a text.
  public init(_ question: String, context: String) {
    self.question = question
    self.context = context
  }
}

/// Finds the answers to questions in texts, as the pipeline `question-answering` of Transformers 4 does (4.41; 5 has none):
/// a long text in overlapping parts, of which each gives its best spans.
public struct QuestionAnswering: TextTask {
  /// A part of the text that answers the question.
  public struct Answer: Sendable, Hashable {
    /// The part; empty for no answer.
    public let text: String
    /// The product of the probabilities that it begins and ends there.
    public let score: Double
    /// Where it stands in the text, in Unicode scalars.
    public let place: Range<Int>
  }

  private let model: TextModel
  /// How many answers are given at most, the most probable first.
  public var top = 1
  /// The most tokens of question, special tokens and a part of the text; nil for what model and tokenizer take, and at most 384.
  public var maximumLength: Int?
  /// How many tokens the parts of a long text have in common; nil for half of `maximumLength`, and at most 128.
  public var stride: Int?
  /// The most tokens of an answer.
  public var longestAnswer = 15
  /// True if no answer may be the answer.
  public var mayHaveNoAnswer = false
  /// True if answers are made of whole words, where the tokenizer knows words.
  public var takesWholeWords = true

  /// Takes a model with a head for spans.
  ///
  /// - Throws: `unsupported` for a model with another head.
  public init(_ model: TextModel) throws(CheckpointError) {
    try model.require(.questionAnswering, "does not find answers")
    self.model = model
  }

  /// `question` and `context`.
  public func input(_ row: TaskRow) throws(CheckpointError) -> Question {
    Question(try row.text("question", "text"), context: try row.text("context"))
  }

  /// The answers to questions; `inconsistent` where the scores of a text are no numbers, which tell no place from another.
  public func answers(to inputs: [Question]) -> [Result<[Answer], CheckpointError>] {
    let spans = model.run(inputs.map(parts)) { (outputs, encodings) throws(CheckpointError) in
      let starts = try outputs.rows("start_logits")
      let ends = try outputs.rows("end_logits")
      return encodings.indices.map { text in
        let count = encodings[text].count
        return (
          encodings[text],
          SpanScores(
            starts: starts[text].prefix(count), ends: ends[text].prefix(count),
            allowed: allowed(encodings[text]))
        )
      }
    }
    return zip(inputs, spans).map { input, parts in
      parts.flatMap { parts in
        guard !parts.contains(where: { _, scores in scores.areNoNumbers }) else {
          return .failure(
            CheckpointError(
              .inconsistent, field: "context", "the scores of its tokens are no numbers",
              remedy: "other weights"))
        }
        return .success(best(of: parts, in: Array(input.context.unicodeScalars)))
      }
    }
  }

  /// `answers`: a list of `answer`, `score`, `start` and `end`.
  public func members(of output: [Answer]) -> [JSONValue.Member] {
    let answers = output.map { answer in
      [
        JSONValue.Member("answer", .string(answer.text)),
        JSONValue.Member("score", .double(answer.score)),
        JSONValue.Member("start", .integer(answer.place.lowerBound)),
        JSONValue.Member("end", .integer(answer.place.upperBound)),
      ]
    }
    return [JSONValue.Member("answers", .array([JSONValue](answers)))]
  }

  /// The question comes first where padding would come last.
  private var questionIsFirst: Bool { model.tokenizer.paddingSide == .right }

  /// The question with each part of the text (`preprocess`).
  private func parts(of question: Question) -> Result<[Encoding], CheckpointError> {
    Result { () throws(CheckpointError) in
      for (text, name) in [(question.question, "question"), (question.context, "context")]
      where text.isEmpty {
        throw CheckpointError(.inconsistent, field: name, "it is empty")
      }
      let length = maximumLength ?? min(model.maximumLength, 384)
      let encoding = try model.tokenizer.encode(
        questionIsFirst ? question.question : question.context,
        pair: questionIsFirst ? question.context : question.question,
        options: EncodingOptions(
          truncation: Truncation(
            maximumLength: length, strategy: questionIsFirst ? .onlySecond : .onlyFirst,
            side: model.tokenizer.truncationSide, stride: stride ?? min(length / 2, 128))))
      try model.check(encoding)
      return [encoding] + encoding.overflowing
    }
  }

  /// The tokens that may be in an answer: those of the text, and the token that stands for no answer.
  private func allowed(_ encoding: Encoding) -> [Bool] {
    let sequences = encoding.sequenceIDs
    return encoding.ids.indices.map { token in
      !questionIsFirst || sequences[token] == 1
        || encoding.ids[token] == model.tokenizer.classificationTokenID
    }
  }

  /// The best answers of all parts (`postprocess`).
  private func best(
    of parts: [(encoding: Encoding, scores: SpanScores)], in text: [Unicode.Scalar]
  ) -> [Answer] {
    var answers: [Answer] = []
    for (encoding, scores) in parts {
      for span in scores.best(top, longest: longestAnswer) {
        let place = place(of: span, in: encoding).clamped(to: 0..<text.count)
        answers.append(
          Answer(
            text: String(String.UnicodeScalarView(text[place])), score: Double(span.score),
            place: place))
      }
    }
    if mayHaveNoAnswer, let score = parts.map(\.scores.none).min() {
      answers.append(Answer(text: "", score: Double(score), place: 0..<0))
    }
    return answers.enumerated().sorted {
      ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
    }
    .prefix(max(0, top)).map(\.element)
  }

  /// Where a span stands in the text (`get_indices`).
  private func place(of span: SpanScores.Span, in encoding: Encoding) -> Range<Int> {
    func range(_ start: Int, _ end: Int) -> Range<Int> { start..<max(start, end) }
    let sequence = questionIsFirst ? 1 : 0
    if takesWholeWords, let first = encoding.wordIDs[span.first],
      let last = encoding.wordIDs[span.last],
      let start = encoding.place(ofWord: first, in: sequence)?.lowerBound,
      let end = encoding.place(ofWord: last, in: sequence)?.upperBound
    {
      return range(start, end)
    }
    return range(encoding.offsets[span.first].lowerBound, encoding.offsets[span.last].upperBound)
  }
}

extension Encoding {
  /// Where a word of one of the texts stands in it.
  fileprivate func place(ofWord word: Int, in sequence: Int) -> Range<Int>? {
    let sequences = sequenceIDs
    let tokens = ids.indices.filter { wordIDs[$0] == word && sequences[$0] == sequence }
    guard let first = tokens.first, let last = tokens.last else { return nil }
    let start = offsets[first].lowerBound
    return start..<max(start, offsets[last].upperBound)
  }
}

/// How probable it is that an answer begins and ends at each token of a text (`select_starts_ends` and `decode_spans`).
struct SpanScores {
  /// Tokens that are an answer.
  struct Span {
    let first: Int
    let last: Int
    let score: Float
  }

  private var starts: [Float]
  private var ends: [Float]
  private let allowed: [Bool]
  /// The probability of no answer.
  let none: Float

  /// True if no place is more probable than another, as a score is no number.
  var areNoNumbers: Bool { none.isNaN }

  init(starts: ArraySlice<Float>, ends: ArraySlice<Float>, allowed: [Bool]) {
    func probabilities(_ scores: ArraySlice<Float>) -> [Float] {
      ScoreProcessor.probabilities(of: zip(scores, allowed).map { $1 ? $0 : -10_000 })
    }
    self.allowed = allowed
    self.starts = probabilities(starts)
    self.ends = probabilities(ends)
    none = (self.starts.first ?? 0) * (self.ends.first ?? 0)
    // The first token stands for no answer.
    if !self.starts.isEmpty { self.starts[0] = 0 }
    if !self.ends.isEmpty { self.ends[0] = 0 }
  }

  /// The best spans, the best first.
  func best(_ count: Int, longest: Int) -> [Span] {
    var spans: [Span] = []
    let length = min(max(1, longest), ends.count)
    for first in starts.indices {
      for last in first..<min(ends.count, first + length) {
        let score = starts[first] * ends[last]
        if spans.count == count {
          guard let worst = spans.last, score > worst.score else { continue }
          spans.removeLast()
        }
        let place = spans.firstIndex { $0.score < score } ?? spans.count
        spans.insert(Span(first: first, last: last, score: score), at: place)
      }
    }
    // The first token is no part of the text: its probability is that of no answer.
    return spans.filter { $0.first > 0 && allowed[$0.first] && allowed[$0.last] }
  }
}
