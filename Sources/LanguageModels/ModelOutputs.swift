internal import TensorEngine

/// What a model gives, under Transformers' names, in the order of computation.
public struct ModelOutputs: Sendable {
  /// One result: float32 numbers in row-major order.
  public struct Output: Sendable {
    /// `last_hidden_state`, `logits`, `hidden_states.0`…
    public let name: String
    /// The extents, outermost first.
    public let dimensions: [Int]
    /// The numbers, one part after the other.
    let parts: [Tensor]

    /// The numbers, as a copy.
    public var values: [Float] {
      parts.count == 1 ? parts[0].values : Array(parts.map(\.values).joined())
    }
  }

  /// The results: hidden states and attentions if they were asked for, then what the head gives.
  public private(set) var all: [Output] = []

  /// The result of a name.
  public subscript(name: String) -> Output? { all.first { $0.name == name } }

  /// `[batch, sequence, hidden]`: the body's result.
  public var lastHiddenState: Output? { self["last_hidden_state"] }
  /// `[batch, hidden]`: what BERT's and RoBERTa's pooler makes of the first token.
  public var poolerOutput: Output? { self["pooler_output"] }
  /// `[batch, sequence, vocabulary]` of a language model, `[batch, labels]` or `[batch, sequence, labels]` of a classifier,
  /// `[batch, choices]` of a multiple choice.
  public var logits: Output? { self["logits"] }

  /// One name for several results that have a number each: `hidden_states`, `attentions`.
  public func numbered(_ name: String) -> [Output] {
    all.filter { $0.name.hasPrefix(name + ".") }
  }

  mutating func append(_ name: String, _ dimensions: [Int], _ parts: [Tensor]) {
    all.append(Output(name: name, dimensions: dimensions, parts: parts))
  }

  /// Gives the last of some numbered results other extents of the same product.
  mutating func reshapeLast(_ name: String, _ dimensions: [Int]) {
    guard let place = all.lastIndex(where: { $0.name.hasPrefix(name + ".") }) else { return }
    all[place] = Output(name: all[place].name, dimensions: dimensions, parts: all[place].parts)
  }
}
