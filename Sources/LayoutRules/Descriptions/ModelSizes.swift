/// The numbers that fix every shape of a model. All but ``heads`` follow from shapes.
public struct ModelSizes: Sendable, Hashable {
  /// The width of the model.
  public var hidden: Int
  /// The width of the embeddings: the model's, unless a linear map leads from one to the other.
  public var embedding: Int
  /// The number of layers.
  public var layers: Int
  /// The width between the two matrices of a layer's feed-forward part.
  public var intermediate: Int
  /// The rows of the word embeddings.
  public var vocabulary: Int
  /// The rows of the position embeddings; RoBERTa's two unused ones included.
  public var positions: Int
  /// The rows of the token type embeddings; 0 for GPT-2, which has none.
  public var tokenTypes: Int
  /// The rows of a classifier; 0 where the head has none.
  public var labels: Int
  /// The number of attention heads, where it is known: only KerasHub's shapes show it.
  public var heads: Int?

  /// Makes sizes of their numbers; embeddings are as wide as the model unless their width is stated.
  public init(
    hidden: Int, embedding: Int? = nil, layers: Int, intermediate: Int, vocabulary: Int,
    positions: Int, tokenTypes: Int = 0, labels: Int = 0, heads: Int? = nil
  ) {
    self.hidden = hidden
    self.embedding = embedding ?? hidden
    self.layers = layers
    self.intermediate = intermediate
    self.vocabulary = vocabulary
    self.positions = positions
    self.tokenTypes = tokenTypes
    self.labels = labels
    self.heads = heads
  }
}

/// One extent of a shape, by what it means.
package enum Extent: Hashable, Sendable {
  case hidden
  /// The width of the embeddings, where it may be another.
  case embedding
  /// Query, key and value beside each other.
  case tripleHidden
  case intermediate
  case vocabulary
  case positions
  /// The positions without RoBERTa's first two, which no token has.
  case usedPositions
  case tokenTypes
  case labels
  case heads
  case headSize
  case fixed(Int)
}

extension ModelSizes {
  /// The rows that no token has where positions count from the padding index on, which is 1:
  /// `create_position_ids_from_input_ids`, `modeling_roberta.py`, Transformers 5.23.
  package static let unusedPositions = 2

  /// The number that an extent stands for; nil if it is not known or cannot be counted.
  func value(of extent: Extent) -> Int? {
    switch extent {
    case .hidden: return hidden
    case .embedding: return embedding
    case .tripleHidden:
      let (product, overflow) = hidden.multipliedReportingOverflow(by: 3)
      return overflow ? nil : product
    case .intermediate: return intermediate
    case .vocabulary: return vocabulary
    case .positions: return positions
    case .usedPositions:
      return positions > Self.unusedPositions ? positions - Self.unusedPositions : nil
    case .tokenTypes: return tokenTypes
    case .labels: return labels
    case .heads: return heads
    case .headSize:
      guard let heads, heads > 0, hidden.isMultiple(of: heads) else { return nil }
      return hidden / heads
    case .fixed(let number): return number
    }
  }
}
