/// The answers that scores of tokens make, of passages in several parts (`postprocess_qa_predictions` of `utils_qa.py`, Transformers 5.23).
package struct AnswerSearch {
  /// So many starts and so many ends are looked at, those of the highest scores.
  private static let bestCount = 20
  /// The most tokens of an answer.
  private static let mostTokens = 30

  /// A part of a passage.
  fileprivate struct Candidate {
    let start: Float
    let end: Float
    let context: String
    let place: Range<Int>

    var score: Float { start + end }
    var text: String {
      String(String.UnicodeScalarView(Array(context.unicodeScalars)[place]))
    }
  }

  /// What was found of an example.
  fileprivate struct Example {
    let answers: [String]
    var count = 0
    /// The best part, and the best of those that are not empty.
    var best: Candidate?
    var bestText: Candidate?
    /// The score of the first token as start and end, the lowest of all parts.
    var none = Float.infinity
  }

  private var examples: [Int: Example] = [:]

  package init() {}

  /// Takes the scores of a part of a passage.
  package mutating func take(_ passage: Passage, starts: [Float], ends: [Float]) {
    var example = examples[passage.number] ?? Example(answers: passage.answers)
    defer { examples[passage.number] = example }
    if let start = starts.first, let end = ends.first {
      example.none = min(example.none, start + end)
    }
    let lasts = Self.best(ends)
    for first in Self.best(starts) {
      for last in lasts where first <= last && last - first < Self.mostTokens {
        guard last < passage.offsets.count, let begin = passage.offsets[first]?.lowerBound,
          let end = passage.offsets[last]?.upperBound
        else { continue }
        let candidate = Candidate(
          start: starts[first], end: ends[last], context: passage.context,
          place: begin..<max(begin, end))
        example.count += 1
        if candidate.isBetter(than: example.best) { example.best = candidate }
        if !candidate.place.isEmpty, candidate.isBetter(than: example.bestText) {
          example.bestText = candidate
        }
      }
    }
  }

  /// The places of the highest scores, the highest first.
  private static func best(_ scores: [Float]) -> ArraySlice<Int> {
    scores.indices.sorted { (scores[$0], $0) > (scores[$1], $1) }.prefix(bestCount)
  }

  /// The examples in their order: the text of the answer, and those that count as right.
  ///
  /// - Parameter mayBeNone: Whether a passage may have no answer: an empty text stands for none, where the first token has a higher score.
  package func answers(mayBeNone: Bool) -> [(found: String, right: [String])] {
    examples.sorted { $0.key < $1.key }.map { _, example in
      (found: example.answer(mayBeNone: mayBeNone), right: example.answers)
    }
  }

  /// Exact matches and F1, as SQuAD 1.1 has them, or 2.0 where an example has no answer.
  package var metrics: [(name: String, value: Double)] {
    let mayBeNone = examples.values.contains { $0.answers.isEmpty }
    let all = answers(mayBeNone: mayBeNone)
    let (found, right) = (all.map(\.found), all.map(\.right))
    return mayBeNone ? Metrics.answersOrNone(found, right) : Metrics.answers(found, right)
  }
}

extension AnswerSearch.Candidate {
  fileprivate func isBetter(than other: Self?) -> Bool { other.map { $0.score < score } ?? true }
}

extension AnswerSearch.Example {
  /// What the reference answers where it finds nothing.
  private static let nothing = "empty"

  fileprivate func answer(mayBeNone: Bool) -> String {
    guard mayBeNone else {
      guard let best, count > 1 || !best.place.isEmpty else { return Self.nothing }
      return best.text
    }
    return none - (bestText?.start ?? 0) - (bestText?.end ?? 0) > 0
      ? "" : bestText?.text ?? Self.nothing
  }
}
