internal import CheckpointBytes

/// How good predictions are, under the names that Transformers' examples and seqeval give them.
public enum Metrics {
  /// Accuracy, F1 (mean over classes, and of all together) and Matthews' correlation of classes.
  public static func classification(
    _ predictions: [Int], _ labels: [Int], classes: Int
  ) -> [(name: String, value: Double)] {
    // A label that is none counts nowhere, as in the loss.
    let pairs = zip(predictions, labels).filter {
      (0..<max(0, classes)).contains($0) && (0..<max(0, classes)).contains($1)
    }
    guard !pairs.isEmpty else { return [] }
    var matrix = Array(repeating: Array(repeating: 0.0, count: classes), count: classes)
    for (prediction, label) in pairs { matrix[label][prediction] += 1 }
    let total = Double(pairs.count)
    let right = matrix.indices.reduce(0.0) { $0 + matrix[$1][$1] }
    let actual = matrix.map { $0.reduce(0, +) }
    let predicted = matrix.indices.map { column in matrix.reduce(0.0) { $0 + $1[column] } }
    // A class that is neither there nor predicted is left out, as in scikit-learn.
    let present = matrix.indices.filter { actual[$0] + predicted[$0] > 0 }
    let scores = present.map { 2 * matrix[$0][$0] / (actual[$0] + predicted[$0]) }
    // The correlation of several classes (Gorodkin, 2004).
    let covariance = right * total - zip(actual, predicted).reduce(0) { $0 + $1.0 * $1.1 }
    let ofPredicted = total * total - predicted.reduce(0) { $0 + $1 * $1 }
    let ofActual = total * total - actual.reduce(0) { $0 + $1 * $1 }
    let divisor = (ofPredicted * ofActual).squareRoot()
    return [
      ("accuracy", right / total),
      ("f1_macro", scores.reduce(0, +) / Double(max(1, scores.count))),
      ("f1_micro", right / total),
      ("matthews_correlation", divisor == 0 ? 0 : covariance / divisor),
    ]
  }

  /// Accuracy of whole sets and F1 of several classes at a time.
  package static func severalClasses(
    _ predictions: [[Bool]], _ labels: [[Bool]]
  ) -> [(name: String, value: Double)] {
    guard let classes = labels.first?.count, classes > 0 else { return [] }
    var (right, found, there) = (
      [Double](repeating: 0, count: classes), [Double](repeating: 0, count: classes),
      [Double](repeating: 0, count: classes)
    )
    for (prediction, label) in zip(predictions, labels) {
      for index in 0..<classes {
        if prediction[index] && label[index] { right[index] += 1 }
        if prediction[index] { found[index] += 1 }
        if label[index] { there[index] += 1 }
      }
    }
    func score(_ right: Double, _ all: Double) -> Double { all == 0 ? 0 : 2 * right / all }
    let macro = (0..<classes).map { score(right[$0], found[$0] + there[$0]) }.reduce(0, +)
    return [
      ("accuracy", Double(zip(predictions, labels).count { $0 == $1 }) / Double(labels.count)),
      ("f1_macro", macro / Double(classes)),
      ("f1_micro", score(right.reduce(0, +), found.reduce(0, +) + there.reduce(0, +))),
    ]
  }

  /// Mean squared error and the correlation of numbers.
  package static func regression(
    _ predictions: [Double], _ labels: [Double]
  ) -> [(name: String, value: Double)] {
    guard !labels.isEmpty else { return [] }
    let count = Double(labels.count)
    let squares = zip(predictions, labels).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let (first, second) = (predictions.reduce(0, +) / count, labels.reduce(0, +) / count)
    let both = zip(predictions, labels).reduce(0) { $0 + ($1.0 - first) * ($1.1 - second) }
    let (own, other) = (
      predictions.reduce(0) { $0 + ($1 - first) * ($1 - first) },
      labels.reduce(0) { $0 + ($1 - second) * ($1 - second) }
    )
    let divisor = (own * other).squareRoot()
    return [("mse", squares / count), ("pearson", divisor == 0 ? 0 : both / divisor)]
  }

  /// Precision, recall and F1 of entities that labels `B-X`, `I-X` and `O` make of words, as seqeval counts them, and the accuracy of words.
  package static func entities(
    _ predictions: [[String]], _ labels: [[String]]
  ) -> [(name: String, value: Double)] {
    var (right, found, there, words, rightWords) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for (prediction, label) in zip(predictions, labels) {
      let (ours, theirs) = (Set(chunks(prediction)), Set(chunks(label)))
      right += Double(ours.intersection(theirs).count)
      found += Double(ours.count)
      there += Double(theirs.count)
      words += Double(label.count)
      rightWords += Double(zip(prediction, label).count { ExactName($0) == ExactName($1) })
    }
    let (precision, recall) = (found == 0 ? 0 : right / found, there == 0 ? 0 : right / there)
    return [
      ("precision", precision), ("recall", recall),
      ("f1", precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)),
      ("accuracy", words == 0 ? 0 : rightWords / words),
    ]
  }

  private struct Chunk: Hashable {
    let kind: ExactName
    let start: Int
    let end: Int
  }

  /// seqeval's chunks of the default scheme (`get_entities`, 1.2): `B` and `S` begin one, `E` and `S` end one, and so does another kind.
  private static func chunks(_ tags: [String]) -> [Chunk] {
    var chunks: [Chunk] = []
    var open: (kind: ExactName, start: Int)?
    var before = (letter: Unicode.Scalar("O"), kind: ExactName(""))
    for (place, tag) in (tags + ["O"]).enumerated() {
      let letters = Array(tag.unicodeScalars)
      let letter = letters.first ?? "O"
      let rest = letters.dropFirst()
      let named = rest.firstIndex(of: "-").map { rest[($0 + 1)...] } ?? rest
      let kind = ExactName(named.isEmpty ? "_" : String(String.UnicodeScalarView(named)))
      func isOne(_ letter: Unicode.Scalar, of letters: String) -> Bool {
        letters.unicodeScalars.contains(letter)
      }
      let isOther = kind != before.kind
      let ends =
        isOne(before.letter, of: "ES")
        || isOne(before.letter, of: "BI") && isOne(letter, of: "BSO")
        || !isOne(before.letter, of: "O.") && isOther
      if ends, let current = open {
        chunks.append(Chunk(kind: current.kind, start: current.start, end: place))
        open = nil
      }
      let begins =
        isOne(letter, of: "BS")
        || isOne(before.letter, of: "ESO") && isOne(letter, of: "EI")
        || !isOne(letter, of: "O.") && isOther
      if begins { open = (kind, place) }
      before = (letter, kind)
    }
    return chunks
  }

  /// Exact matches and F1 of answers, in percent, as the script of SQuAD 1.1 counts them: each example has an answer that is right.
  package static func answers(
    _ predictions: [String], _ answers: [[String]]
  ) -> [(name: String, value: Double)] {
    let scores = zip(predictions, answers).map { prediction, answers in
      let found = normalized(prediction)
      return Score(
        exact: answers.contains { normalized($0) == found } ? 1 : 0,
        overlap: answers.map { overlap(found, normalized($0)) }.max() ?? 0)
    }
    return mean(of: scores).map { [("exact_match", $0.exact), ("f1", $0.overlap)] } ?? []
  }

  /// Exact matches and F1 of answers, in percent, as the script of SQuAD 2.0 counts them, where some examples have no answer and an empty
  /// text says so: of all examples, and of those with an answer and without one.
  package static func answersOrNone(
    _ predictions: [String], _ answers: [[String]]
  ) -> [(name: String, value: Double)] {
    let scores = zip(predictions, answers).map { prediction, answers in
      let found = normalized(prediction)
      var right = answers.map { normalized($0) }.filter { !$0.isEmpty }
      if right.isEmpty { right = [[]] }
      return Score(
        exact: right.contains(found) ? 1 : 0,
        overlap: right.map {
          $0.isEmpty || found.isEmpty ? ($0 == found ? 1 : 0) : overlap(found, $0)
        }.max() ?? 0)
    }
    let parts: [(String, [Score])] = [
      ("", scores), ("HasAns_", zip(scores, answers).filter { !$1.isEmpty }.map(\.0)),
      ("NoAns_", zip(scores, answers).filter { $1.isEmpty }.map(\.0)),
    ]
    return parts.flatMap { prefix, scores -> [(name: String, value: Double)] in
      guard let mean = mean(of: scores) else { return [] }
      return [
        (prefix + "exact", mean.exact), (prefix + "f1", mean.overlap),
        (prefix + "total", Double(scores.count)),
      ]
    }
  }

  private struct Score {
    var exact = 0.0
    var overlap = 0.0
  }

  /// In percent; nil for none.
  private static func mean(of scores: [Score]) -> Score? {
    guard !scores.isEmpty else { return nil }
    let factor = 100 / Double(scores.count)
    return scores.reduce(Score()) {
      Score(exact: $0.exact + factor * $1.exact, overlap: $0.overlap + factor * $1.overlap)
    }
  }

  /// `normalize_answer` of SQuAD's scripts: the words in lower case, without the punctuation of ASCII and then without articles.
  private static func normalized(_ text: String) -> [ExactName] {
    let lower = text.unicodeScalars.flatMap { $0.properties.lowercaseMapping.unicodeScalars }
    var kept: [Unicode.Scalar] = []
    // Where a run of letters and digits began.
    var start: Int?
    func leaveOutArticle() {
      defer { start = nil }
      guard let begin = start,
        ["a", "an", "the"].contains(where: { $0.unicodeScalars.elementsEqual(kept[begin...]) })
      else { return }
      kept.replaceSubrange(begin..., with: [" "])
    }
    for scalar in lower where !scalar.isPunctuationOfASCII {
      if !scalar.isAlphanumericOfPython {
        leaveOutArticle()
      } else if start == nil {
        start = kept.count
      }
      kept.append(scalar)
    }
    leaveOutArticle()
    return kept.split(whereSeparator: \.isSpaceOfPython)
      .map { ExactName(String(String.UnicodeScalarView($0))) }
  }

  private static func overlap(_ found: [ExactName], _ wanted: [ExactName]) -> Double {
    var counts: [ExactName: Int] = [:]
    for word in wanted { counts[word, default: 0] += 1 }
    var common = 0.0
    for word in found where counts[word, default: 0] > 0 {
      counts[word]? -= 1
      common += 1
    }
    guard common > 0 else { return 0 }
    let (precision, recall) = (common / Double(found.count), common / Double(wanted.count))
    return 2 * precision * recall / (precision + recall)
  }
}
