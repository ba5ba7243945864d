internal import Synchronization

/// A named matrix of numbers that a model has learned, in the type that they are stored in; one row for a bias.
///
/// Models read parameters through what is made from them (``LinearWeights``, ``tensor(in:)``). What is computed from a parameter
/// that ``requiresGradient`` remembers how, and ``Tensor/backward()`` adds to ``gradient``. A parameter is an object: whoever
/// shares it shares its values and its gradient. It may be used from several threads.
public final class Parameter: Sendable {
  private struct State {
    var values: StoredMatrix
    var requiresGradient: Bool
  }

  /// The canonical name: `bert.encoder.layer.0.output.dense.weight`.
  public let name: String
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// What the numbers are stored as.
  public let element: StoredElement
  private let state: Mutex<State>
  let sum = GradientSum()

  /// A parameter with values; frozen if it requires no gradient.
  public init(_ name: String, _ values: StoredMatrix, requiresGradient: Bool = true) {
    self.name = name
    rows = values.rows
    columns = values.columns
    element = values.element
    state = Mutex(State(values: values, requiresGradient: requiresGradient))
  }

  /// The values. They never change themselves: ``replace(_:)`` sets others.
  public var values: StoredMatrix { state.withLock { $0.values } }

  /// Whether what is computed from now on with this parameter is recorded. A parameter that requires no gradient is frozen.
  public var requiresGradient: Bool {
    get { state.withLock { $0.requiresGradient } }
    set { state.withLock { $0.requiresGradient = newValue } }
  }

  /// Sets other values of the same shape and type. What was computed before keeps, for its gradients too, the values that it was
  /// computed with. Throws a mismatch.
  public func replace(_ values: StoredMatrix) throws(EngineError) {
    try expect(values.rows, equals: rows, "Parameter.replace", name, "rows")
    try expect(values.columns, equals: columns, "Parameter.replace", name, "columns")
    guard values.element == element else {
      throw EngineError(
        .mismatch, "Parameter.replace", name, "expected \(element), found \(values.element)")
    }
    state.withLock { $0.values = values }
  }

  /// The sum of all gradients since ``clearGradient()``, `[rows, columns]` in float32; nil if there were none.
  public var gradient: Tensor? { sum.value }

  /// Forgets the gradient.
  public func clearGradient() { sum.clear() }

  /// Where its gradient goes to, or nil if it is frozen.
  var gradientInput: GradientInput? { requiresGradient ? .parameter(sum) : nil }

  /// The values as float32, as an input of operators.
  public func tensor(in context: ExecutionContext) throws(EngineError) -> Tensor {
    let tensor = try values.tensor(in: context)
    guard let input = gradientInput else { return tensor }
    return tensor.recorded("Parameter", [input], ParameterDerivative(), in: context)
  }
}

private struct ParameterDerivative: Derivative {
  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(EngineError) -> [Tensor?] { [gradient] }
}
