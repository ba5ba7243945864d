public import CheckpointBytes

/// A linear layer of one's own: x · Wᵀ + b.
///
///     let first = try Linear("first", 2, 5, in: context)
///     let hidden = try first(x, activation: .relu)
public struct Linear: Sendable {
  /// The weights.
  public let weights: LinearWeights
  private let context: ExecutionContext

  /// A layer whose weight and bias are evenly drawn between ∓1 / √inputs (`torch.nn.Linear`, 2.13, with random numbers of its own).
  ///
  /// - Parameters:
  ///   - name: What stands before `.weight` and `.bias`.
  ///   - inputs: The length of a row that goes in.
  ///   - outputs: The length of a row that comes out.
  ///   - hasBias: False for a layer without a bias.
  ///   - seed: Layers of other names have other numbers.
  ///   - context: What computes.
  public init(
    _ name: String, _ inputs: Int, _ outputs: Int, hasBias: Bool = true, seed: UInt64 = 0,
    in context: ExecutionContext
  ) throws(CheckpointError) {
    let count = try TensorStorage.count(outputs, inputs, "Linear")
    // FNV-1a: a stream for each name.
    let number = name.utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 }
    var generator = CounterGenerator(seed: seed, .parameters, number: number)
    let bound = 1 / Double(max(1, inputs)).squareRoot()
    func numbers(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float((2 * generator.uniform() - 1) * bound) }
    }
    let weight = Parameter(
      name + ".weight",
      .values(try StoredMatrix(rows: outputs, columns: inputs, numbers(count))), isRow: false,
      requiresGradient: true)
    let bias =
      hasBias
      ? [
        Parameter(
          name + ".bias", try StoredMatrix(rows: 1, columns: outputs, numbers(outputs)))
      ] : []
    weights = try LinearWeights([weight], biases: bias)
    self.context = context
  }

  /// The weight, and the bias if there is one.
  public var parameters: [Parameter] { weights.parameters }

  /// What the layer makes of rows.
  public func callAsFunction(
    _ input: Tensor, activation: Activation = .identity, adding residual: Tensor? = nil
  ) throws(CheckpointError) -> Tensor {
    try linear(input, weights, activation: activation, adding: residual, in: context)
  }
}
