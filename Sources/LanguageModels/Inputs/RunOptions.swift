package import CheckpointBytes
package import TensorEngine

/// What a run computes beside the head's results, and what it may leave out.
public struct RunOptions: Sendable, Hashable {
  /// Results beside those of the head.
  public struct Extras: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: Int

    /// A set of its bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// `hidden_states.0`…: the sum of the embeddings, and what each layer gives; `[batch, sequence, hidden]`. The last is the
    /// body's result, after GPT-2's `ln_f` too.
    public static let hiddenStates = Extras(rawValue: 1)
    /// `attentions.0`…: each layer's weights of keys, `[batch, heads, query, key]`.
    public static let attentions = Extras(rawValue: 2)
  }

  /// What happens at positions that the mask hides.
  public enum Padding: Sendable, Hashable {
    /// They are computed like all others, as the reference does, so that every position can be compared with it.
    case computed
    /// They are left out, and are zeros in the results: a ragged batch costs what its real tokens cost. All other positions
    /// are the same but for rounding.
    case skipped
  }

  /// What attention gives where a token may see nothing, not even itself: in a sequence whose mask is all zeros, and for
  /// padding on the left in causal models. Such positions carry no meaning, but the reference computes them.
  public enum BlindRows: Sendable, Hashable {
    /// Zeros, as with Transformers' default attention (`sdpa`).
    case zero
    /// The average of all values of the sequence, as with its `eager` attention, the only one that gives attentions.
    case average
  }

  /// What chooses the numbers that training leaves out.
  public struct Dropout: Sendable, Hashable {
    /// The seed of a run.
    public var seed: UInt64
    /// The number of the run: each leaves out others.
    public var step: UInt32

    /// Makes one; the same one leaves out the same numbers.
    public init(seed: UInt64, step: UInt32) {
      self.seed = seed
      self.step = step
    }
  }

  /// Results beside those of the head.
  public var extras: Extras
  /// What happens at positions that the mask hides.
  public var padding: Padding
  /// What attention gives where a token may see nothing; nil for what the reference does: what the configuration's
  /// `attn_implementation` gives, else the average if attentions are asked for, zeros otherwise.
  public var blindRows: BlindRows?
  /// Which tokens a head gives results for. What is left aside costs nothing: a vocabulary's worth of scores each.
  package enum ScoredTokens: Sendable, Hashable {
    case all
    /// Those whose labels count, one after the other: `[tokens, columns]`.
    case labelled
    /// Those at some places of the batch, where number i of a text is at `text · length + i`: `[places, columns]`, in this order.
    case places([Int])
  }

  /// Looks at the vectors of words before anything is made of them, and puts others in their place (`inputs_embeds`).
  package final class WordChange: Sendable, Hashable {
    private let change: @Sendable (Tensor) throws(CheckpointError) -> Tensor

    /// - Parameter change: Makes of the words' vectors, a row for each token, others of the same shape.
    package init(_ change: @escaping @Sendable (Tensor) throws(CheckpointError) -> Tensor) {
      self.change = change
    }

    /// What it makes of the words' vectors.
    package func callAsFunction(_ words: Tensor) throws(CheckpointError) -> Tensor {
      try change(words)
    }

    package static func == (left: WordChange, right: WordChange) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
  }

  /// Which tokens a head gives results for.
  package var scoredTokens = ScoredTokens.all
  /// Puts other vectors in the place of words'; nil for none.
  package var wordChange: WordChange?
  /// Leaves out numbers as the configuration says (`hidden_dropout_prob` and its like), for training; nil computes with all.
  public var dropout: Dropout?
  /// Whether layers keep their inputs alone for the way back, and compute what is between again then: less memory, more time, the same
  /// bits.
  public var recomputesLayers = false

  /// What attention gives where a token may see nothing: as these options say, else the configuration, else as the reference
  /// does for what is asked for.
  package func blindRows(of configuration: some ModelConfig) -> BlindRows {
    blindRows ?? configuration.blindRows ?? (extras.contains(.attentions) ? .average : .zero)
  }

  /// Makes options; those left out are the defaults.
  public init(
    extras: Extras = [], padding: Padding = .computed, blindRows: BlindRows? = nil,
    dropout: Dropout? = nil
  ) {
    self.extras = extras
    self.padding = padding
    self.blindRows = blindRows
    self.dropout = dropout
  }
}
