internal import CheckpointBytes
internal import TensorEngine
internal import Tokenizers

/// Where answers are looked for.
package struct Passage: Sendable {
  /// The number of the example in the file: a long passage makes several of one.
  let number: Int
  let context: String
  /// Which part of the context each token stands for, in Unicode scalars; nil for tokens of the question.
  let offsets: [Range<Int>?]
  /// The answers that count as right; none for a question that the passage does not answer.
  let answers: [String]

  package init(number: Int, context: String, offsets: [Range<Int>?], answers: [String]) {
    self.number = number
    self.context = context
    self.offsets = offsets
    self.answers = answers
  }

  /// The first and the last token of a part of the context: the last that begins before it or with it, and the first that ends with it or
  /// behind it; nil if it is not within the tokens (`prepare_train_features` of `run_qa.py`, Transformers 5.23).
  ///
  /// Where that is a start behind the end, as of one character that is several tokens, they are exchanged, and tokens that are none of the
  /// context are never taken: the reference's loops go on behind a passage whose last token is the start.
  func tokens(of part: Range<Int>) -> (first: Int, last: Int)? {
    guard let begin = offsets.firstIndex(where: { $0 != nil }),
      let end = offsets.lastIndex(where: { $0 != nil }), begin <= end,
      let first = offsets[begin], let last = offsets[end],
      first.lowerBound <= part.lowerBound, last.upperBound >= part.upperBound
    else { return nil }
    let behind = offsets[begin...end].firstIndex {
      $0.map { $0.lowerBound > part.lowerBound } ?? true
    }
    let before = offsets[begin...end].lastIndex {
      $0.map { $0.upperBound < part.upperBound } ?? true
    }
    let found = ((behind ?? end + 1) - 1, (before ?? begin - 1) + 1)
    return (min(found.0, found.1), max(found.0, found.1))
  }
}

extension TrainingTask {
  /// Tokens that the parts of a long passage have in common, where there is room (`doc_stride` of `run_qa.py`, Transformers 5.23).
  private static let greatestStride = 128

  /// The tokens that parts of so many tokens have in common: those of `run_qa.py` for its 384 tokens and more, fewer for less.
  package static func stride(length: Int) -> Int { min(greatestStride, length / 3) }

  /// Questions with passages and answers: `question`, `context`, and `answers` with `text` and `answer_start`, as SQuAD has them. An answer that is
  /// not within a part of a passage, or none, is the first token.
  ///
  /// - Throws: `inconsistent` for a question that leaves no room for a token of its passage, and what ``answers(of:_:)`` throws.
  func passages(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool
  ) throws(CheckpointError) -> [TrainingExample] {
    let added = try tokenizer.encode("", pair: "", options: EncodingOptions()).count
    var examples: [TrainingExample] = []
    for (number, row) in data.rows.enumerated() {
      let (question, context) = (try row.text(["question"]), try row.text(["context"]))
      // White space before a question would take room and say nothing.
      let asked = String(
        String.UnicodeScalarView(question.unicodeScalars.drop(while: \.isSpaceOfPython)))
      let (texts, starts) = try answers(of: row, context)
      for encoding in try Self.parts(
        of: context, asked, tokenizer, length, room: length - added, row)
      {
        let sequences = encoding.sequenceIDs
        let passage = Passage(
          number: number, context: context,
          offsets: encoding.offsets.enumerated().map { sequences[$0] == 1 ? $1 : nil },
          answers: texts)
        var span = (first: 0, last: 0)
        if let text = texts.first, let start = starts.first,
          let found = passage.tokens(of: start..<start + text.unicodeScalars.count)
        {
          span = found
        }
        var example = TrainingExample(
          ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil,
          label: .span(span.first, span.last))
        example.passage = passage
        examples.append(example)
      }
    }
    return examples
  }

  /// The parts of a passage, each behind the question.
  private static func parts(
    of context: String, _ question: String, _ tokenizer: Tokenizer, _ length: Int, room: Int,
    _ row: DataRow
  ) throws(CheckpointError) -> [Encoding] {
    let asked = try tokenizer.encode(question, options: EncodingOptions(addsSpecialTokens: false))
    let left = room - asked.count
    guard left > 0 || left == 0 && context.isEmpty else {
      throw row.failure(
        .inconsistent, "question",
        "its \(asked.count) tokens leave no room for the context in \(length)",
        remedy: "a greater length may help")
    }
    // Where the question leaves less room than parts have in common, they have half of it.
    let stride = stride(length: length)
    do throws(CheckpointError) {
      let whole = try tokenizer.encode(
        question, pair: context,
        options: EncodingOptions(
          truncation: Truncation(
            maximumLength: length, strategy: .onlySecond, side: tokenizer.truncationSide,
            stride: stride < left ? stride : left / 2)))
      return [whole] + whole.overflowing
    } catch {
      throw row.failure(error.kind, nil, error.problem, remedy: error.remedy)
    }
  }

  private func answers(
    of row: DataRow, _ context: String
  ) throws(CheckpointError) -> (texts: [String], starts: [Int]) {
    guard let answers = row.value(["answers"]) else { return ([], []) }
    guard let found = answers["text"]?.elements, let places = answers["answer_start"]?.elements,
      found.count == places.count
    else {
      throw row.failure(
        .malformed, "answers", "expected as many of \"text\" as of \"answer_start\"")
    }
    let (texts, starts) = (found.compactMap(\.string), places.compactMap(\.integer))
    guard texts.count == found.count, starts.count == places.count else {
      throw row.failure(.malformed, "answers", "expected texts, and whole numbers for their places")
    }
    let scalars = Array(context.unicodeScalars)
    for (text, start) in zip(texts, starts) {
      let wanted = Array(text.unicodeScalars)
      guard !wanted.isEmpty else {
        throw row.failure(
          .inconsistent, "answers", "an answer is empty",
          remedy: "a question without an answer has an empty list of texts")
      }
      guard start >= 0, wanted.count <= scalars.count, start <= scalars.count - wanted.count,
        Array(scalars[start..<start + wanted.count]) == wanted
      else {
        throw row.failure(
          .inconsistent, "answers", "\(quoted(text)) is not at place \(start) of the context")
      }
    }
    return (texts, starts)
  }
}
