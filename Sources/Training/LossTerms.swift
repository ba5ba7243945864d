internal import CheckpointBytes
internal import TensorEngine

/// How many terms the means have that a loss is the sum of: each is over something else, so that batches which make a step together count
/// differently in each of them.
struct LossTerms: Sendable {
  /// Of the labels' losses in the order of `ModelOutputs.lossParts`.
  var labels: [Int]
  /// All tokens, of which hidden states are compared.
  var tokens: Int

  /// True if a label counts.
  var haveLabels: Bool { labels.contains { $0 > 0 } }

  /// Those of several batches together, whose losses are of one head.
  init(sumOf batches: [LossTerms]) {
    let parts = batches.map(\.labels.count).min() ?? 0
    self.init(
      labels: (0..<parts).map { part in batches.reduce(0) { $0 + $1.labels[part] } },
      tokens: batches.reduce(0) { $0 + $1.tokens })
  }

  init(labels: [Int], tokens: Int) {
    self.labels = labels
    self.tokens = tokens
  }

  /// What the means of these terms count in those of all.
  func shares(of all: LossTerms) -> LossShares {
    func share(_ part: Int, _ whole: Int) -> Double {
      whole > 0 ? Double(part) / Double(whole) : 0
    }
    return LossShares(labels: zip(labels, all.labels).map(share), tokens: share(tokens, all.tokens))
  }
}

/// What the means of a batch count in those of its step.
struct LossShares: Sendable {
  /// Of the labels' losses in the order of `ModelOutputs.lossParts`.
  let labels: [Double]
  /// Of hidden states.
  let tokens: Double
}

/// The sum of some losses, each times its factor; those times 0 are left out, as they may be no numbers. Nil without any.
func weightedSum(
  _ losses: [(loss: Tensor, factor: Double)], in context: ExecutionContext
) throws(CheckpointError) -> Tensor? {
  var sum: Tensor?
  for (loss, factor) in losses where factor != 0 {
    let term = factor == 1 ? loss : try scale(loss, by: Float(factor), in: context)
    sum = if let sum { try add(sum, term, in: context) } else { term }
  }
  return sum
}
