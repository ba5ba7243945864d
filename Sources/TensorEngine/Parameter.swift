public import CheckpointBytes
internal import Synchronization

/// A named matrix of numbers that a model has learned, in the type that they are stored in; one row for a bias.
///
/// Models read parameters through what is made from them (``LinearWeights``, ``tensor(in:)``). What is computed from a parameter
/// that ``requiresGradient`` remembers how, and ``Tensor/backward()`` adds to ``gradient``. A parameter is an object: whoever
/// shares it shares its values and its gradient. It may be used from several threads.
///
/// A parameter holds its numbers once. Those of a loaded model lie in the packed matrix that products read, and are taken out
/// of it again, bit for bit, where somebody asks for them (``values``).
public final class Parameter: Sendable {
  /// The canonical name: `bert.encoder.layer.0.output.dense.weight`.
  public let name: String
  /// The extents, one or two: `[rows, columns]` of a matrix, `[columns]` of a row.
  public let extents: [Int]
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// What the numbers are stored as.
  public let element: StoredElement
  let state: Mutex<ParameterContents>
  private let replacements = Atomic<Int>(0)
  private let learns: Atomic<Bool>
  let sum = GradientSum()

  /// A parameter with values; frozen if it requires no gradient.
  public convenience init(_ name: String, _ values: StoredMatrix, requiresGradient: Bool = true) {
    self.init(
      name, .values(values), isRow: values.rows == 1, requiresGradient: requiresGradient)
  }

  /// A parameter whose numbers lie somewhere.
  ///
  /// - Parameter isRow: True if it has one extent. It has one row then.
  package init(
    _ name: String, _ contents: ParameterContents, isRow: Bool, requiresGradient: Bool
  ) {
    self.name = name
    rows = contents.rows
    columns = contents.columns
    extents = isRow ? [contents.columns] : [contents.rows, contents.columns]
    element = contents.element
    state = Mutex(contents)
    learns = Atomic(requiresGradient)
  }

  /// The number of numbers.
  public var elementCount: Int { rows * columns }

  /// The bytes of the numbers as they are stored.
  public var byteCount: Int { elementCount * element.width }

  /// Where the numbers lie now.
  package var contents: ParameterContents { state.withLock { $0 } }

  /// How often the values were replaced.
  package var revision: Int { replacements.load(ordering: .acquiring) }

  /// The values. They never change themselves: ``replace(_:)`` sets others. Where they lie packed, this is a copy of its own;
  /// throws `limitExceeded` then. Of int8 it is float32: each step times the scale of its output.
  public var values: StoredMatrix {
    get throws(CheckpointError) { try contents.values() }
  }

  /// Whether what is computed from now on with this parameter is recorded. A parameter that requires no gradient is frozen.
  public var requiresGradient: Bool {
    get { learns.load(ordering: .relaxed) }
    set { learns.store(newValue, ordering: .relaxed) }
  }

  /// Sets other values of the same shape and type. What was computed before keeps, for its gradients too, the values that it was
  /// computed with; what packs the values packs them again when it needs them next. Throws a mismatch.
  public func replace(_ values: StoredMatrix) throws(CheckpointError) {
    try expect(values.rows, equals: rows, "Parameter.replace", name, "rows")
    try expect(values.columns, equals: columns, "Parameter.replace", name, "columns")
    guard values.element == element else {
      throw CheckpointError(
        .mismatch, "Parameter.replace", name, "expected \(element), found \(values.element)")
    }
    replace(.values(values))
  }

  /// Sets other values, wherever they lie: as many, of the same type, in the same shape.
  package func replace(_ contents: ParameterContents) {
    state.withLock { $0 = contents }
    countReplacement()
  }

  /// After the values: whoever sees the new number sees them, and whoever does not looks again.
  func countReplacement() { replacements.add(1, ordering: .acquiringAndReleasing) }

  /// The sum of all gradients since ``clearGradient()``, `[rows, columns]` in float32; nil if there were none.
  ///
  /// Of a table the rows that were taken are all that is kept: the others, which are zeros, are made here, and without memory for them
  /// there is nil too.
  public var gradient: Tensor? {
    switch sum.contents {
    case .dense(let tensor): tensor
    case .rows(let rows): try? rows.dense()
    case nil: nil
    }
  }

  /// Forgets the gradient.
  public func clearGradient() { sum.clear() }

  /// Where its gradient goes to, or nil if it is frozen.
  var gradientInput: GradientInput? {
    requiresGradient && GradientRecording.isOn ? .parameter(sum) : nil
  }

  /// The values as float32, as an input of operators.
  public func tensor(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    let tensor = try values.tensor(in: context)
    guard let input = gradientInput else { return tensor }
    return tensor.recorded("Parameter", [input], ParameterDerivative(), in: context)
  }
}

extension Sequence<Parameter> {
  /// A number that is another one once a value was replaced.
  var revision: Int { reduce(0) { $0 &+ $1.revision } }
}

private struct ParameterDerivative: Derivative {
  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] { [gradient] }
}
