internal import LanguageModels

/// What is asked of the scores of one row: ``LanguageModels/ModelOutputs/Output/row(_:)``.
extension [Float] {
  /// Probabilities that sum to 1: e to the power of each score, over the sum of these (`torch.softmax`). Zeros where all
  /// scores are −∞.
  public func softmax() -> [Float] { ScoreProcessor.probabilities(of: self) }

  /// The place of the highest score, the first of equal ones, and of what is no number before all (`torch.argmax`); nil if there is
  /// none.
  public func argmax() -> Int? { topK(1).first }

  /// The places of the highest scores, the highest first, of equal ones the first (`torch.topk`). All of them if there are no
  /// more than `count`.
  public func topK(_ count: Int) -> [Int] { largestPlaces(Swift.max(0, count), of: self) }

  /// The cosine of the angle between two vectors: 1 for the same direction, 0 for nothing in common, and 0 if one of them is
  /// zero; lengths below 1e-8 count as that (`torch.nn.functional.cosine_similarity`). No number (NaN) if they have not as many
  /// elements, or one of these is none.
  public func cosineSimilarity(to other: [Float]) -> Double {
    guard count == other.count else { return .nan }
    func product(_ left: [Float], _ right: [Float]) -> Double {
      zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    func length(_ vector: [Float]) -> Double {
      let length = product(vector, vector).squareRoot()
      return length < 1e-8 ? 1e-8 : length
    }
    return product(self, other) / (length(self) * length(other))
  }
}
