/// Which keys a query may look at.
///
/// A key that is not permitted gets the weight 0. A row in which nothing is permitted (a causal row on left padding) comes out
/// as the average over all keys of its sequence, future ones too, as in Transformers, whose masks add the least float32; such
/// rows carry no meaning.
public struct AttentionMask: Sendable {
  /// How far a query may look.
  public enum Reach: Sendable, Hashable {
    /// At all keys of its sequence.
    case everywhere
    /// At its own position and what precedes it. Queries are the last ones of their sequence's keys: with a cache, query `i`
    /// of `q` stands at key `n - q + i` of `n`.
    case causal
  }

  /// How far a query may look.
  public let reach: Reach
  /// For each key of the batch 0 or -∞, or nil if all may be looked at.
  let keyTerms: [Float]?
  /// For each sequence a tensor added to its scores.
  let added: [Tensor]?

  /// A mask.
  ///
  /// `keptKeys` says for each key, the sequences one after the other, whether it may be looked at: false for padding.
  /// `added` is for each sequence a tensor of `[queries, keys]` or `[heads · queries, keys]` numbers that are added to the
  /// scaled scores; -∞ forbids.
  public init(_ reach: Reach = .everywhere, keptKeys: [Bool]? = nil, added: [Tensor]? = nil) {
    self.reach = reach
    self.added = added
    // A batch whose keys are all kept costs nothing.
    keyTerms = keptKeys.flatMap { kept in
      kept.allSatisfy { $0 } && !kept.isEmpty ? nil : kept.map { $0 ? 0 : -.infinity }
    }
    keptCount = keptKeys?.count
  }

  /// The number of flags that were given.
  let keptCount: Int?

  /// No restriction.
  public static let none = AttentionMask()
  /// Each query looks at its own position and what precedes it.
  public static let causal = AttentionMask(.causal)
}
