#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif
internal import TensorEngine

/// How the scores that a masked language model gives for each token of a text become one vector, a number for each token of the
/// vocabulary and most of them zero (`SpladePooling`, sentence-transformers 6.2).
public struct SpladePooling: Sendable, Hashable {
  /// What is taken of the numbers that all tokens of a text give for one of the vocabulary.
  public enum Strategy: String, Sendable, Hashable, CaseIterable {
    /// The greatest.
    case max
    /// The sum.
    case sum
  }

  /// What a score above 0 becomes; others become 0.
  public enum Activation: String, Sendable, Hashable, CaseIterable {
    /// log(1 + score).
    case relu
    /// log(1 + log(1 + score)).
    case log1pReLU = "log1p_relu"
  }

  /// What is taken of all tokens' numbers.
  public var strategy: Strategy
  /// What scores become before that.
  public var activation: Activation

  /// Puts both together.
  public init(_ strategy: Strategy = .max, activation: Activation = .relu) {
    self.strategy = strategy
    self.activation = activation
  }
}

extension SpladePooling {
  /// The numbers and what is taken of them, in words.
  package var description: String {
    let number = activation == .relu ? "log(1 + score)" : "log(1 + log(1 + score))"
    return "\(number), " + (strategy == .max ? "the greatest of all tokens" : "the sum over tokens")
  }

  /// One vector of the scores of a text's tokens.
  ///
  /// - Parameters:
  ///   - scores: `[tokens, vocabulary]`.
  ///   - tokens: The text's rows of it.
  func vector(_ scores: Tensor, tokens: Range<Int>) -> [Float] {
    var numbers = [Double](repeating: 0, count: scores.columns)
    for token in tokens {
      unsafe scores.withRow(token) { row in
        // What is no number goes on, as in torch.
        for column in row.indices where unsafe !(row[column] <= 0) {
          let score = unsafe Double(row[column])
          switch strategy {
          case .max: if score > numbers[column] || score.isNaN { numbers[column] = score }
          case .sum: numbers[column] += activated(score)
          }
        }
      }
    }
    // The greatest number is the greatest score's.
    return numbers.map { Float(strategy == .max ? activated($0) : $0) }
  }

  private func activated(_ score: Double) -> Double {
    let number = log1p(score)
    return activation == .relu ? number : log1p(number)
  }
}
