import Testing
import Training

/// Metrics against those of scikit-learn 1.9, seqeval 1.2.2 and, for answers, torchmetrics 1.9 (`SQuAD`).
@Suite struct MetricsTests {
  private func expect(
    _ found: [(name: String, value: Double)], _ wanted: [(String, Double)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.map(\.name) == wanted.map(\.0), sourceLocation: sourceLocation)
    for (one, other) in zip(found, wanted) {
      #expect(abs(one.value - other.1) < 1e-9, "\(one)", sourceLocation: sourceLocation)
    }
  }

  @Test("Accuracy, F1 and Matthews' correlation of classes")
  func classification() {
    expect(
      Metrics.classification([0, 1, 2, 2, 1, 0, 2], [0, 1, 2, 1, 1, 2, 2], classes: 4),
      [
        ("accuracy", 5.0 / 7), ("f1_macro", (2.0 / 3 + 0.8 + 2.0 / 3) / 3), ("f1_micro", 5.0 / 7),
        ("matthews_correlation", 18 / 960.0.squareRoot()),
      ])
  }

  @Test("Several classes at a time")
  func severalClasses() {
    func sets(_ rows: [[Int]]) -> [[Bool]] { rows.map { $0.map { $0 > 0 } } }
    expect(
      Metrics.severalClasses(
        sets([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]]),
        sets([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])),
      [("accuracy", 0.25), ("f1_macro", 0.5), ("f1_micro", 2.0 / 3)])
  }

  @Test("Entities of the schemes IOB, IOBES and BILOU")
  func entities() {
    let labels = [
      ["B-PER", "I-PER", "O", "B-LOC"], ["I-ORG", "I-ORG", "E-ORG", "S-LOC", "O"],
      ["B-X-Y", "I-X-Y", "O", "I-LOC", "B-LOC"], ["U-PER", "O", "B-LOC", "I-LOC", "L-LOC"],
    ]
    let predictions = [
      ["B-PER", "I-PER", "O", "I-LOC"], ["B-ORG", "I-ORG", "E-ORG", "E-LOC", "O"],
      ["B-X-Y", "I-X-Z", "O", "B-LOC", "I-LOC"], ["S-PER", "O", "B-LOC", "L-LOC", "L-LOC"],
    ]
    let third = 2.0 / 3
    expect(
      Metrics.entities(predictions, labels),
      [("precision", third), ("recall", third), ("f1", third), ("accuracy", 11.0 / 19)])
  }

  @Test("Answers")
  func answers() {
    expect(
      Metrics.answers(
        ["The Eiffel Tower!", "in Paris, France", "a cat and a dog", "no"],
        [["eiffel tower", "tower"], ["Paris"], ["the dog and the cat"], ["yes"]]),
      [("exact_match", 25), ("f1", 62.5)])
  }
}
