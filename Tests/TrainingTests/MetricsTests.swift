import Testing
import Training

/// Metrics against scikit-learn's, seqeval's and SQuAD's.
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
}
