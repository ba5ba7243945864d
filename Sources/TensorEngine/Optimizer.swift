internal import CKernels
public import CheckpointBytes

/// Changes parameters by their gradients.
///
/// The numbers of a parameter are changed where they are; frozen parameters, and those without a gradient, are left alone. Results have
/// the same bits for any number of threads.
public protocol Optimizer: AnyObject {
  /// What changes are multiplied by; schedules set it before each step.
  var learningRate: Double { get set }
  /// The parameters, each once.
  var parameters: [Parameter] { get }

  /// Changes each parameter by its gradient times a factor (that of clipping).
  ///
  /// Throws `unsupported` for a parameter of less than 32 bits, `limitExceeded` without memory.
  func step(gradientFactor: Double) throws(CheckpointError)

  /// What is remembered of the steps so far, by parameter.
  var state: [ParameterState?] { get }

  /// Goes on from what was remembered: one entry for each parameter.
  ///
  /// Throws a mismatch for another number of entries, other names or shapes.
  func restore(_ state: [ParameterState?]) throws(CheckpointError)
}

/// What an optimizer remembers of a parameter, under torch's names.
public struct ParameterState: Sendable {
  /// The number of steps.
  public let step: Int
  /// `momentum_buffer`, or `exp_avg` and `exp_avg_sq`: in that order, each of the parameter's shape.
  public var values: [(name: String, numbers: StoredMatrix)]

  /// What was saved before.
  public init(step: Int, values: [(name: String, numbers: StoredMatrix)]) {
    self.step = step
    self.values = values
  }
}

/// Parameters whose values are drawn towards 0 alike.
public struct ParameterGroup: Sendable {
  /// The parameters.
  public let parameters: [Parameter]
  /// The weight decay.
  public let weightDecay: Double

  /// A group.
  public init(_ parameters: [Parameter], weightDecay: Double = 0) {
    self.parameters = parameters
    self.weightDecay = weightDecay
  }

  /// Matrices with a weight decay and rows (biases and norms) without, as Transformers' `Trainer` groups them (5.23).
  public static func matrices(
    of parameters: some Sequence<Parameter>, weightDecay: Double
  ) -> [ParameterGroup] {
    let all = Array(parameters)
    return [
      ParameterGroup(all.filter { $0.extents.count > 1 }, weightDecay: weightDecay),
      ParameterGroup(all.filter { $0.extents.count <= 1 }),
    ]
  }
}

extension Optimizer {
  /// Changes each parameter by its gradient.
  public func step() throws(CheckpointError) { try step(gradientFactor: 1) }

  /// Forgets all gradients.
  public func zeroGradients() {
    for parameter in parameters { parameter.clearGradient() }
  }
}

/// The length of all gradients together as one vector.
public func gradientNorm(
  _ parameters: some Sequence<Parameter>, in context: ExecutionContext
) -> Double {
  var squares = 0.0
  for parameter in parameters {
    guard let gradient = parameter.sum.contents, gradient.numbers.columns > 0 else { continue }
    let values = gradient.numbers
    let sums = OrderedSums(rows: parameter.rows, columns: values.columns)
    // Rows of zeros add nothing.
    squares += sums.total(of: gradient.rows, in: context) { place in
      unsafe context.kernels.training.sum_of_squares(values.pointer(row: place), values.columns)
    }
    extendLifetime(values)
  }
  return squares.squareRoot()
}

/// What gradients are to be multiplied by so that their length is at most that (`torch.nn.utils.clip_grad_norm_`, 2.13).
public func clippingFactor(norm: Double, maximum: Double) -> Double {
  min(1, maximum / (norm + 1e-6))
}

/// Sums over rows that are added up in their order.
private struct OrderedSums {
  let rows: Int
  let columns: Int

  /// - Parameters:
  ///   - kept: The rows that count, in rising order; nil for all.
  ///   - row: The sum of a row, by its place among those that count.
  func total(
    of kept: [Int]?, in context: ExecutionContext, _ row: (Int) -> Double
  ) -> Double {
    let step = max(1, 65_536 / columns)
    let pieces = (rows + step - 1) / step
    // The places of each piece's rows.
    var bounds = (0...pieces).map { min(rows, $0 * step) }
    if let kept {
      var next = 0
      for piece in bounds.indices {
        while next < kept.count, kept[next] < bounds[piece] { next += 1 }
        bounds[piece] = next
      }
    }
    let places = bounds
    var sums = [Double](repeating: 0, count: pieces)
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      // Each piece writes a number of its own.
      nonisolated(unsafe) let sums = unsafe sums
      context.pool.run(pieces) { piece, _ in
        var sum = 0.0
        for index in places[piece]..<places[piece + 1] { sum += row(index) }
        unsafe sums[piece] = sum
      }
    }
    return sums.reduce(0, +)
  }
}

/// What becomes of numbers whose gradient is 0 and that nothing is remembered of.
enum UntouchedNumbers {
  /// They stay.
  case stay
  /// They are multiplied by something.
  case scale(Float)
  /// They are computed like all others.
  case compute
}

/// The parameters of an optimizer with what it remembers of each.
final class OptimizedParameters {
  let parameters: [Parameter]
  let decays: [Double]
  private(set) var states: [ParameterState?]
  /// Which rows something is remembered of, where gradients have only had some; nil if it may be all.
  private var touched: [[Bool]?]
  private let context: ExecutionContext
  private let names: [String]

  /// Numbers of a task.
  private static let pieceSize = 32_768

  /// - Parameter names: What is remembered.
  init(_ groups: [ParameterGroup], remembering names: [String], in context: ExecutionContext) {
    var known: Set<ObjectIdentifier> = []
    var all: [(Parameter, Double)] = []
    for group in groups {
      for parameter in group.parameters where known.insert(ObjectIdentifier(parameter)).inserted {
        all.append((parameter, group.weightDecay))
      }
    }
    parameters = all.map(\.0)
    decays = all.map(\.1)
    states = Array(repeating: nil, count: all.count)
    touched = all.map { Array(repeating: false, count: $0.0.rows) }
    self.names = names
    self.context = context
  }

  /// Calls a closure for pieces of every parameter that has a gradient: values, gradient, and what is remembered.
  ///
  /// - Parameter untouched: What the closure makes of a parameter's numbers whose gradient is 0 and that nothing is remembered of.
  func update(
    untouched: (_ place: Int) -> UntouchedNumbers,
    _ body: (
      _ place: Int, _ step: Int, _ values: UnsafeMutablePointer<Float>,
      _ gradient: UnsafePointer<Float>, _ remembered: [UnsafeMutablePointer<Float>], _ count: Int
    ) -> Void
  ) throws(CheckpointError) {
    for (place, parameter) in parameters.enumerated() {
      guard parameter.requiresGradient, let contents = parameter.sum.contents else { continue }
      var state = states[place] ?? ParameterState(step: 0, values: [])
      states[place] = nil
      if state.values.isEmpty {
        for name in names {
          let numbers = try StoredMatrix(
            rows: parameter.rows, columns: parameter.columns, element: .float32)
          unsafe weighbridge_fill(numbers.storage.memory, parameter.elementCount, 0)
          state.values.append((name, numbers))
        }
      }
      for index in state.values.indices {
        // Whoever was given the state keeps it as it was.
        guard !isKnownUniquelyReferenced(&state.values[index].numbers.storage) else { continue }
        let copy = try StoredMatrix(
          rows: parameter.rows, columns: parameter.columns, element: .float32)
        unsafe weighbridge_copy(
          state.values[index].numbers.storage.memory, copy.storage.memory, parameter.elementCount)
        state.values[index].numbers = copy
      }
      let step = state.step == .max ? state.step : state.step + 1
      let remembered = unsafe state.values.map { unsafe $0.numbers.storage.memory }
      if case .rows(let gradient) = contents, var marks = touched[place],
        let rest = untouched(place).factor
      {
        for row in gradient.rows { marks[row] = true }
        touched[place] = marks
        let zeros = [Float](repeating: 0, count: parameter.columns)
        try unsafe zeros.withUnsafeBufferPointer { (zeros) throws(CheckpointError) in
          guard let zeros = zeros.baseAddress else { return }
          try unsafe updateRows(parameter, gradient, marks, zeros, rest) {
            values, gradient, offset in
            unsafe body(
              place, step, values, gradient, remembered.map { unsafe $0 + offset },
              parameter.columns)
          }
        }
      } else {
        touched[place] = nil
        let gradient: Tensor
        switch contents {
        case .dense(let tensor): gradient = tensor
        case .rows(let rows): gradient = try rows.dense()
        }
        // All numbers as one row, if they follow each other.
        let isFlat = gradient.rows == 1 || gradient.stride == gradient.columns
        let rows = isFlat ? 1 : gradient.rows
        let columns = isFlat ? parameter.elementCount : gradient.columns
        let pieces = (columns + Self.pieceSize - 1) / Self.pieceSize
        try unsafe parameter.update { values in
          context.pool.run(rows * pieces) { index, _ in
            let (row, piece) = index.quotientAndRemainder(dividingBy: pieces)
            let first = piece * Self.pieceSize
            let start = row * columns + first
            unsafe body(
              place, step, values + start, gradient.pointer(row: row) + first,
              remembered.map { unsafe $0 + start }, min(Self.pieceSize, columns - first))
          }
        }
        extendLifetime(gradient)
      }
      extendLifetime(state)
      states[place] = ParameterState(step: step, values: state.values)
    }
  }

  /// Rows that have a gradient or something remembered are computed, the others multiplied.
  private func updateRows(
    _ parameter: Parameter, _ gradient: RowGradient, _ touched: [Bool],
    _ zeros: UnsafePointer<Float>, _ factor: Float,
    _ body: (
      _ values: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, _ offset: Int
    ) -> Void
  ) throws(CheckpointError) {
    let columns = parameter.columns
    let scale = unsafe context.kernels.table.pointee.scale
    // Only read, and by nobody after the call.
    nonisolated(unsafe) let nothing = unsafe zeros
    try unsafe parameter.update { values in
      nonisolated(unsafe) let values = unsafe values
      context.forEachRows(parameter.rows, columns: columns) { range in
        for row in range {
          let numbers = unsafe values + row * columns
          if touched[row] {
            let given = unsafe gradient.place(of: row)
              .map { unsafe UnsafePointer(gradient.values.pointer(row: $0)) }
            unsafe body(numbers, given ?? nothing, row * columns)
          } else if factor != 1 {
            unsafe scale(numbers, factor, numbers, columns)
          }
        }
      }
    }
    extendLifetime(gradient.values)
  }

  func restore(_ states: [ParameterState?]) throws(CheckpointError) {
    let name = "Optimizer.restore"
    try expect(states.count, equals: parameters.count, name, "state", "entries")
    for (parameter, state) in zip(parameters, states) {
      guard let state else { continue }
      guard state.values.map(\.name) == names else {
        throw CheckpointError(
          .mismatch, name, parameter.name,
          "expected \(names.joined(separator: " and ")), found "
            + state.values.map(\.name).joined(separator: " and "))
      }
      for (_, numbers) in state.values {
        try expect(numbers.rows, equals: parameter.rows, name, parameter.name, "rows")
        try expect(numbers.columns, equals: parameter.columns, name, parameter.name, "columns")
      }
    }
    self.states = states
    touched = zip(parameters, states).map { parameter, state in
      var rows = Array(repeating: false, count: parameter.rows)
      for (_, numbers) in state?.values ?? [] {
        for row in rows.indices where !rows[row] { rows[row] = numbers.hasNumbers(row) }
      }
      return rows
    }
  }
}

extension UntouchedNumbers {
  /// What the numbers are multiplied by; nil if they are to be computed.
  fileprivate var factor: Float? {
    switch self {
    case .stay: 1
    case .scale(let factor): factor
    case .compute: nil
    }
  }
}

extension StoredMatrix {
  /// True if a row of float32 numbers has one that is not 0.
  fileprivate func hasNumbers(_ row: Int) -> Bool {
    defer { extendLifetime(self) }
    let numbers = unsafe UnsafeBufferPointer(
      start: storage.memory + row * columns, count: columns)
    return unsafe numbers.contains { $0 != 0 }
  }
}
