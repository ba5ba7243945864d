internal import CKernels
internal import CheckpointBytes

/// A linear layer that remembers how it was computed. The result has the same bits as one that does not.
func recordedLinear(
  _ input: Tensor, _ packed: PackedWeights, of parameters: ParameterWeights?,
  activation: Activation, adding residual: Tensor?, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  if input.requiresGradient, packed.matrix.packing.hasScales {
    throw CheckpointError(
      .unsupported, "linear", "weights", "int8 has no derivative; detach the input")
  }
  let weights = parameters?.weights.map(\.gradientInput) ?? []
  let biases = parameters?.biases.map(\.gradientInput) ?? []
  let inputs = [GradientInput(input), GradientInput(residual)]
  var sums: Tensor?
  let result: Tensor
  if activation == .identity {
    result = try product(input, packed, activation: .identity, adding: residual, in: context)
  } else {
    // The activation's derivative is one of its argument, which the fused product would not keep.
    let argument = try product(input, packed, activation: .identity, adding: nil, in: context)
    result = try finished(argument, activation, adding: residual, in: context)
    sums = argument
  }
  let derivative = LinearDerivative(
    input: weights.contains { $0 != nil } ? KeptTensor(input) : nil,
    matrix: input.requiresGradient ? packed.matrix : nil,
    values: input.requiresGradient ? parameters?.values : nil,
    activation: activation, argument: sums, isRepeatable: sums != nil && residual == nil,
    addsResidual: inputs[1] != nil,
    weights: (parameters?.weights ?? []).enumerated().map { index, weight in
      LinearDerivative.Part(
        outputs: parameters?.layout.outputs(of: weight) ?? 0, needsWeight: weights[index] != nil,
        needsBias: index < biases.count && biases[index] != nil)
    },
    hasBias: !biases.isEmpty, layout: parameters?.layout ?? .outputByInput)
  return result.recorded("linear", inputs + weights + biases, derivative, in: context)
}

/// activation(argument) + residual, as a product finishes its tiles.
private func finished(
  _ argument: Tensor, _ activation: Activation, adding residual: Tensor?,
  in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(argument.rows, argument.columns, "linear")
  context.forEachRows(argument.rows, columns: argument.columns) { rows in
    var target = unsafe weighbridge_target(
      destination: result.pointer(row: rows.lowerBound), stride: result.stride,
      columns: argument.columns, bias: nil,
      residual: residual.map { unsafe UnsafePointer($0.pointer(row: rows.lowerBound)) },
      residual_stride: residual?.stride ?? 0, activation: CInt(activation.code.rawValue))
    unsafe context.kernels.table.pointee.finish(
      argument.pointer(row: rows.lowerBound), argument.stride, rows.count, &target)
  }
  extendLifetime((argument, residual))
  return result
}

/// With z = x · W + b and y = activation(z) + r, and G for the gradient of y:
///
///     of r   G
///     of z   D = G ⊙ activation'(z)
///     of x   D · Wᵀ
///     of W   Dᵀ · x, as `[outputs, inputs]` or its transpose
///     of b   the sums of D's columns
///
/// All of these are the product of the way forward, so that the order of every sum is fixed by the shapes. Inputs are recorded as x, r,
/// weights, biases.
private struct LinearDerivative: RepeatableDerivative {
  /// One of the weights whose outputs stand side by side.
  struct Part {
    let outputs: Int
    let needsWeight: Bool
    let needsBias: Bool
  }

  /// x, if a weight needs its gradient.
  let input: KeptTensor?
  /// W, if x needs its gradient.
  let matrix: PackedMatrix?
  /// The weights that W was packed from, if they are in memory too.
  let values: [StoredMatrix]?
  let activation: Activation
  /// z, if there is an activation.
  let argument: Tensor?
  /// Whether y is the activation of z, and nothing else.
  let isRepeatable: Bool
  /// Whether r needs its gradient.
  let addsResidual: Bool
  let weights: [Part]
  let hasBias: Bool
  let layout: PackedMatrix.Layout

  func result(in context: ExecutionContext) throws(CheckpointError) -> Tensor {
    guard let argument else {
      throw CheckpointError(.inconsistent, "linear", "result", "its argument was not kept")
    }
    return try finished(argument, activation, adding: nil, in: context)
  }

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let sums =
      try argument.map { (argument) throws(CheckpointError) in
        try activationGradient(gradient, argument, activation, in: context)
      } ?? gradient
    let ofInput = try matrix.map { (matrix) throws(CheckpointError) in
      let transposed =
        if let values {
          try PackedMatrix(transposing: values, layout, like: matrix, in: context)
        } else { try matrix.transposed(in: context) }
      return try product(
        sums, PackedWeights(matrix: transposed, bias: nil), activation: .identity, adding: nil,
        in: context)
    }
    return [ofInput, addsResidual ? gradient : nil]
      + (try ofWeights(sums, in: context)) + (try ofBiases(sums, in: context))
  }

  private func ofWeights(
    _ sums: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    guard let input = try input?.tensor() else { return weights.map { _ in nil } }
    // What all weights share: x as the right side.
    let right = layout == .outputByInput ? try PackedMatrix(packing: input, in: context) : nil
    var start = 0
    var gradients: [Tensor?] = []
    for part in weights {
      let columns = try sums.columns(start..<start + part.outputs)
      start += part.outputs
      guard part.needsWeight else {
        gradients.append(nil)
        continue
      }
      if let right {
        gradients.append(try productOfColumns(columns, right, in: context))
      } else {
        gradients.append(
          try productOfColumns(
            input, try PackedMatrix(packing: columns, in: context), in: context))
      }
    }
    return gradients
  }

  private func ofBiases(
    _ sums: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    guard hasBias else { return [] }
    guard weights.contains(where: \.needsBias) else { return weights.map { _ in nil } }
    let totals = try columnSums(sums, in: context)
    var start = 0
    return try weights.map { (part) throws(CheckpointError) in
      defer { start += part.outputs }
      return part.needsBias ? try totals.columns(start..<start + part.outputs) : nil
    }
  }
}

/// gradient ⊙ activation'(argument).
func activationGradient(
  _ gradient: Tensor, _ argument: Tensor, _ activation: Activation, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(argument.rows, argument.columns, "linear")
  context.forEachRows(argument.rows, columns: argument.columns) { rows in
    for row in rows {
      unsafe context.kernels.table.pointee.activation_gradient(
        gradient.pointer(row: row), argument.pointer(row: row), result.pointer(row: row),
        argument.columns, CInt(activation.code.rawValue))
    }
  }
  extendLifetime((gradient, argument))
  return result
}

/// The sum of each column, as one row.
func columnSums(
  _ input: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(1, input.columns, "linear")
  let width = 64
  context.pool.run((input.columns + width - 1) / width) { index, _ in
    let first = index * width
    unsafe context.kernels.table.pointee.column_sums(
      input.base + first, input.stride, input.rows, min(width, input.columns - first),
      result.base + first)
  }
  extendLifetime(input)
  return result
}

/// The transpose, as numbers of its own.
func transposed(
  _ input: Tensor, in context: ExecutionContext
) throws(CheckpointError) -> Tensor {
  let result = try context.tensor(input.columns, input.rows, "linear")
  context.forEachRows(result.rows, columns: result.columns) { rows in
    unsafe weighbridge_transpose(
      input.base + rows.lowerBound, input.stride, input.rows, rows.count,
      result.pointer(row: rows.lowerBound))
  }
  extendLifetime(input)
  return result
}

extension PackedMatrix {
  /// The rows of a tensor as the inputs of a product, for as long as it is needed.
  fileprivate init(packing tensor: Tensor, in context: ExecutionContext) throws(CheckpointError) {
    try self.init(
      temporary: tensor.columns, inputs: tensor.rows, element: .float32, in: context)
    unsafe pack(
      tensor.base, stride: tensor.stride, 0..<outputs, .inputByOutput, in: context)
    extendLifetime(tensor)
  }

  /// The matrix that maps the outputs of another one to its inputs, for as long as it is needed, from what that one was packed
  /// from: rows of `[outputs, inputs]` are copied in pieces, which is all that packing them the other way takes.
  fileprivate init(
    transposing values: [StoredMatrix], _ layout: Layout, like matrix: PackedMatrix,
    in context: ExecutionContext
  ) throws(CheckpointError) {
    try self.init(
      temporary: matrix.inputs, inputs: matrix.outputs, element: matrix.element, in: context)
    let (result, width) = (self, packing.panelColumns)
    var starts = [0]
    for part in values {
      let outputs = layout == .outputByInput ? part.rows : part.columns
      starts.append(starts[starts.count - 1] + outputs)
    }
    context.pool.run(panels) { panel, _ in
      let outputs = panel * width..<min(matrix.inputs, (panel + 1) * width)
      for (part, start) in zip(values, starts) {
        switch layout {
        case .outputByInput:
          unsafe result.place(
            part.pointer(row: 0) + outputs.lowerBound * part.element.width, stride: part.columns,
            .inputByOutput, rows: start..<start + part.rows, columns: outputs)
        case .inputByOutput:
          unsafe result.place(
            part.pointer(row: outputs.lowerBound), stride: part.columns, .outputByInput,
            rows: outputs, columns: start..<start + part.columns)
        }
      }
    }
    extendLifetime(values)
  }

  /// The matrix that maps the outputs to the inputs, for as long as it is needed.
  fileprivate func transposed(in context: ExecutionContext) throws(CheckpointError) -> PackedMatrix
  {
    let result = try PackedMatrix(
      temporary: inputs, inputs: outputs, element: element, in: context)
    let buffers = try PieceBuffers(in: context)
    let pieces = RowPieces(rows: outputs, columns: inputs, multiple: packing.panelColumns)
    unsafe buffers.forEach(pieces, width: packing.width) { rows, columns, bytes in
      guard let base = bytes.baseAddress else { return }
      for (place, output) in rows.enumerated() {
        let (index, column) = output.quotientAndRemainder(dividingBy: packing.panelColumns)
        unsafe packing.table.pointee.unpack(
          panel(index), columns.lowerBound, columns.count, column,
          base + place * columns.count * packing.width)
      }
      unsafe result.place(
        base, stride: columns.count, .inputByOutput, rows: rows, columns: columns)
    }
    extendLifetime(self)
    return result
  }
}
