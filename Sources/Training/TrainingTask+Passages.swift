internal import CheckpointBytes
internal import TensorEngine
internal import Tokenizers

/// Where answers are looked for.
struct Passage: Sendable {
  /// The number of the example in the file: a long passage makes several of one.
  let number: Int
  let context: String
  /// Which part of the context each token stands for, in Unicode scalars; nil for tokens of the question.
  let offsets: [Range<Int>?]
  /// The answers that count as right.
  let answers: [String]
}

extension TrainingTask {
  /// Tokens that the parts of a long passage have in common (`run_qa.py`, Transformers 5.23).
  private static let stride = 128

  /// Questions with passages and answers: `question`, `context`, and `answers` with `text` and `answer_start`, as SQuAD has them. An answer that is
  /// not within a part of a passage, or none, is the first token.
  func passages(
    _ data: TrainingData, _ tokenizer: Tokenizer, _ length: Int, _ takesTypes: Bool
  ) throws(CheckpointError) -> [TrainingExample] {
    var examples: [TrainingExample] = []
    for (number, row) in data.rows.enumerated() {
      let (question, context) = (try row.text(["question"]), try row.text(["context"]))
      let (texts, starts) = try answers(of: row, context)
      let stride = min(Self.stride, max(0, length / 4))
      let whole = try tokenizer.encode(
        question, pair: context,
        options: EncodingOptions(
          truncation: Truncation(maximumLength: length, strategy: .onlySecond, stride: stride)))
      let parts = [whole] + whole.overflowing
      for encoding in parts {
        let sequences = encoding.sequenceIDs
        let offsets = encoding.offsets.enumerated().map { sequences[$0] == 1 ? $1 : nil }
        var span = (0, 0)
        if let text = texts.first, let start = starts.first {
          let end = start + text.unicodeScalars.count
          let first = offsets.firstIndex { $0.map { $0.contains(start) } ?? false }
          let last = offsets.lastIndex { $0.map { $0.contains(end - 1) } ?? false }
          if let first, let last, first <= last { span = (first, last) }
        }
        var example = TrainingExample(
          ids: encoding.ids, typeIDs: takesTypes ? encoding.typeIDs : nil,
          label: .span(span.0, span.1))
        example.passage = Passage(
          number: number, context: context, offsets: offsets, answers: texts)
        examples.append(example)
      }
    }
    return examples
  }

  private func answers(
    of row: DataRow, _ context: String
  ) throws(CheckpointError) -> (texts: [String], starts: [Int]) {
    guard let answers = row.value(["answers"]) else { return ([], []) }
    let texts = answers["text"]?.elements?.compactMap(\.string)
    let starts = answers["answer_start"]?.elements?.compactMap(\.integer)
    guard let texts, let starts, texts.count == starts.count else {
      throw row.failure(
        .malformed, "answers", "expected as many of \"text\" as of \"answer_start\"")
    }
    let scalars = Array(context.unicodeScalars)
    for (text, start) in zip(texts, starts) {
      let wanted = Array(text.unicodeScalars)
      guard start >= 0, wanted.count <= scalars.count, start <= scalars.count - wanted.count,
        !wanted.isEmpty,
        Array(scalars[start..<start + wanted.count]) == wanted
      else {
        throw row.failure(
          .inconsistent, "answers", "\(quoted(text)) is not at place \(start) of the context")
      }
    }
    return (texts, starts)
  }
}
