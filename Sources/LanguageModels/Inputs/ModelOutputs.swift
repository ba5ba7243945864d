internal import CheckpointBytes
public import TensorEngine

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
    /// The numbers as what they were computed as, where that is one matrix; it remembers how it was made.
    package var tensor: Tensor? { parts.count == 1 ? parts[0] : nil }
    /// The matrices that follow each other in it: of attentions `[heads · queries, keys]` for each text.
    package var matrices: [Tensor] { parts }

    /// The numbers, as a copy.
    public var values: [Float] {
      parts.count == 1 ? parts[0].values : Array(parts.map(\.values).joined())
    }

    /// The numbers cut along the last dimension: of `[batch, sequence, labels]` the labels of each token, one text after the
    /// other.
    public var rows: [[Float]] {
      guard let width = dimensions.last, width > 0 else { return [] }
      let values = values
      return stride(from: 0, to: values.count, by: width).map {
        Array(values[$0..<min($0 + width, values.count)])
      }
    }

    /// The numbers along the last dimension at one place of the others: of `[batch, sequence, labels]` the labels of a
    /// token is `row(text, token)`. Copies no more than these.
    ///
    /// - Returns: nil where there is no such place, or where the indices are not one less than the dimensions.
    public func row(_ indices: Int...) -> [Float]? {
      guard let width = dimensions.last, indices.count == dimensions.count - 1 else { return nil }
      var place = 0
      for (index, extent) in zip(indices, dimensions) {
        guard (0..<extent).contains(index) else { return nil }
        place = place * extent + index
      }
      var start = place * width
      var row: [Float] = []
      row.reserveCapacity(width)
      for part in parts {
        let count = part.rows * part.columns
        for number in start..<max(start, min(start + width - row.count, count)) {
          if let value = part[number / part.columns, number % part.columns] { row.append(value) }
        }
        start = max(0, start - count)
      }
      return row
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

  /// How far the outputs are from the labels, a single number, as a tensor that remembers how it was made; nil without labels.
  public var loss: Tensor? { self["loss"]?.parts.first }

  /// What ``loss`` is the sum of, each a mean over what it is the loss of: for pretraining hidden tokens, then pairs of texts.
  package private(set) var lossParts: [Tensor] = []

  /// The loss of the choices of `GPT2DoubleHeadsModel`; nil without labels for them.
  public var choiceLoss: Tensor? { self["mc_loss"]?.parts.first }

  /// One name for several results that have a number each: `hidden_states`, `attentions`.
  public func numbered(_ name: String) -> [Output] {
    all.filter { $0.name.hasPrefix(name + ".") }
  }

  mutating func append(_ name: String, _ dimensions: [Int], _ parts: [Tensor]) {
    all.append(Output(name: name, dimensions: dimensions, parts: parts))
  }

  /// Adds a loss, before all others as in the reference.
  mutating func insertFirst(
    _ name: String, sumOf terms: [Tensor], in context: ExecutionContext
  ) throws(CheckpointError) {
    guard var sum = terms.first else { return }
    for term in terms.dropFirst() { sum = try add(sum, term, in: context) }
    all.insert(Output(name: name, dimensions: [], parts: [sum]), at: 0)
    if name == "loss" { lossParts = terms }
  }

  /// Gives the last of some numbered results other extents of the same product.
  mutating func reshapeLast(_ name: String, _ dimensions: [Int]) {
    guard let place = all.lastIndex(where: { $0.name.hasPrefix(name + ".") }) else { return }
    all[place] = Output(name: all[place].name, dimensions: dimensions, parts: all[place].parts)
  }
}

extension ModelOutputs: CustomStringConvertible {
  /// A line for each result: `logits [1, 8, 30522]`.
  public var description: String { all.map(\.description).joined(separator: "\n") }
}

extension ModelOutputs.Output: CustomStringConvertible {
  /// Name and extents: `logits [1, 8, 30522]`.
  public var description: String { "\(name) \(dimensions)" }
}
