internal import CKernels
public import CheckpointBytes

/// A function applied to each number, fused to a product or alone, by the names of Transformers' `ACT2FN`
/// (`activations.py`, 5.23).
///
/// The table's `prelu` and `xielu` have parameters and are not among them. Names that mean one function in different roundings
/// (`gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`…) are one case.
public enum Activation: Sendable, Hashable, CaseIterable {
  /// x.
  case identity
  /// x (1 + erf(x / √2)) / 2.
  case gelu
  /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
  case geluTanh
  /// x · sigmoid(1.702 x).
  case quickGELU
  /// ``gelu``, held within -10 and 10.
  case clippedGELU
  /// max(x, 0).
  case relu
  /// max(x, 0)².
  case reluSquared
  /// x held within 0 and 6.
  case relu6
  /// x, or x / 100 below 0.
  case leakyReLU
  /// x · sigmoid(x).
  case silu
  /// x · relu6(x + 3) / 6.
  case hardSwish
  /// 1 / (1 + exp(-x)).
  case sigmoid
  /// tanh(x).
  case tanh
  /// x · tanh(ln(1 + exp(x))).
  case mish
  /// (1 + erf((x - 0.707107) / (0.282095 √2))) / 2.
  case laplace
  /// √ln(1 + exp(x)).
  case sqrtSoftplus

  /// The activation that Transformers knows by a name, or nil.
  public init?(transformersName name: String) {
    guard let match = Self.byName.first(where: { $0.name == name }) else { return nil }
    self = match.activation
  }

  /// All names that ``init(transformersName:)`` knows, for messages.
  public static var transformersNames: [String] { byName.map(\.name) }

  private static let byName: [(name: String, activation: Activation)] = [
    ("gelu", .gelu), ("gelu_10", .clippedGELU), ("gelu_fast", .geluTanh), ("gelu_new", .geluTanh),
    ("gelu_python", .gelu), ("gelu_pytorch_tanh", .geluTanh), ("gelu_python_tanh", .geluTanh),
    ("gelu_accurate", .geluTanh), ("hardswish", .hardSwish), ("laplace", .laplace),
    ("leaky_relu", .leakyReLU), ("linear", .identity), ("mish", .mish), ("quick_gelu", .quickGELU),
    ("relu", .relu), ("relu2", .reluSquared), ("relu6", .relu6), ("sigmoid", .sigmoid),
    ("silu", .silu), ("sqrtsoftplus", .sqrtSoftplus), ("swish", .silu), ("tanh", .tanh),
  ]

  var code: weighbridge_activation {
    switch self {
    case .identity: WEIGHBRIDGE_IDENTITY
    case .gelu: WEIGHBRIDGE_GELU
    case .geluTanh: WEIGHBRIDGE_GELU_TANH
    case .quickGELU: WEIGHBRIDGE_GELU_QUICK
    case .clippedGELU: WEIGHBRIDGE_GELU_CLIPPED
    case .relu: WEIGHBRIDGE_RELU
    case .reluSquared: WEIGHBRIDGE_RELU_SQUARED
    case .relu6: WEIGHBRIDGE_RELU6
    case .leakyReLU: WEIGHBRIDGE_LEAKY_RELU
    case .silu: WEIGHBRIDGE_SILU
    case .hardSwish: WEIGHBRIDGE_HARD_SWISH
    case .sigmoid: WEIGHBRIDGE_SIGMOID
    case .tanh: WEIGHBRIDGE_TANH
    case .mish: WEIGHBRIDGE_MISH
    case .laplace: WEIGHBRIDGE_LAPLACE
    case .sqrtSoftplus: WEIGHBRIDGE_SQRT_SOFTPLUS
    }
  }
}

/// The activation of each number.
public func activate(
  _ input: Tensor, _ activation: Activation, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  try map(input, code: activation.code, "activate", in: context).recorded(
    "activate", from: input,
    ActivationDerivative(argument: input.detached, activation: activation), in: context)
}

/// exp or erf of each number, so that tests can measure them alone.
package enum MeasuredFunction: Sendable, CaseIterable {
  case exp
  case erf
}

/// The function of each number.
package func measure(
  _ input: Tensor, _ function: MeasuredFunction, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let code =
    switch function {
    case .exp: WEIGHBRIDGE_EXP
    case .erf: WEIGHBRIDGE_ERF
    }
  try input.refuseGradient("measure", "input")
  return try map(input, code: code, "measure", in: context)
}

private func map(
  _ input: Tensor, code: weighbridge_activation, _ operation: String, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(input.rows, input.columns, operation)
  context.forEachRows(input.rows, columns: input.columns) { rows in
    var target = unsafe weighbridge_target(
      destination: result.pointer(row: rows.lowerBound), stride: result.stride,
      columns: input.columns, bias: nil, residual: nil, residual_stride: 0,
      activation: CInt(code.rawValue))
    unsafe context.kernels.table.pointee.finish(
      input.pointer(row: rows.lowerBound), input.stride, rows.count, &target)
  }
  extendLifetime(input)
  return result
}
