internal import CKernels
public import CheckpointBytes

extension Tensor {
  /// Whether the tensor remembers how it was made from parameters: an operator's result does if one of its inputs does, or a
  /// parameter that requires a gradient took part.
  public var requiresGradient: Bool { node != nil }

  /// The same numbers, as if they were given: nothing is remembered of how they were made.
  public var detached: Tensor { remembering(nil) }

  /// Adds the gradient of this tensor, a single number (a loss), to that of every parameter that it was computed from
  /// (``Parameter/gradient``).
  ///
  /// The results on the way are walked in the reverse order of their making, and what they remember is freed. Throws `inconsistent`
  /// if nothing was recorded, or the graph has been walked already; a mismatch if the tensor has more numbers than one. Gradients
  /// have the same bits for any number of threads of the context.
  public func backward() throws(CheckpointError) {
    let (node, gradient) = try startOfWalk(nil, "backward")
    try node.walk(from: gradient)
  }

  /// The same for a tensor of any shape, with the gradient of something computed from it: `[rows, columns]`.
  public func backward(from gradient: Tensor) throws(CheckpointError) {
    let (node, gradient) = try startOfWalk(gradient, "backward")
    try node.walk(from: gradient)
  }

  /// The node that a walk begins at, and its gradient: 1 for a single number if none is given.
  func startOfWalk(
    _ gradient: Tensor?, _ operation: String
  ) throws(CheckpointError) -> (GradientNode, Tensor) {
    if gradient == nil {
      guard rows == 1, columns == 1 else {
        throw CheckpointError(
          .mismatch, operation, "tensor",
          "expected a single number, found [\(rows), \(columns)]: state its gradient")
      }
    }
    guard let node else {
      throw CheckpointError(
        .inconsistent, operation, "tensor", "no parameter that requires a gradient took part")
    }
    guard let gradient else { return (node, try Tensor(rows: 1, columns: 1, [1])) }
    try expect(gradient.rows, equals: rows, operation, "gradient", "rows")
    try expect(gradient.columns, equals: columns, operation, "gradient", "columns")
    return (node, gradient.detached)
  }
}

extension Tensor {
  func remembering(_ node: GradientNode?) -> Tensor {
    Tensor(storage, offset: offset, rows: rows, columns: columns, stride: stride, node: node)
  }

  /// The tensor as the result of an operator that has inputs which need gradients.
  func recorded(
    _ operation: String, _ inputs: [GradientInput?], _ derivative: some Derivative,
    in context: ExecutionContext
  ) -> Tensor {
    remembering(GradientNode(operation, inputs, derivative, in: context))
  }

  /// Throws `unsupported` if the tensor needs a gradient, in operators that have no derivative.
  func refuseGradient(_ operation: String, _ argument: String) throws(CheckpointError) {
    guard isLearning else { return }
    throw CheckpointError(
      .unsupported, operation, argument,
      "it needs a gradient, and the operator has no derivative; detach it if that is meant")
  }

  /// A view of this tensor, whose gradient is a part of this one's.
  func viewed(_ view: Tensor, rows: Range<Int>, columns: Range<Int>) -> Tensor {
    guard isLearning, let node else { return view }
    return view.recorded(
      "view", [GradientInput(self)],
      ViewDerivative(
        wholeRows: self.rows, wholeColumns: self.columns, rows: rows, columns: columns),
      in: node.context)
  }
}

/// A view's gradient among zeros.
private struct ViewDerivative: Derivative {
  let wholeRows: Int
  let wholeColumns: Int
  let rows: Range<Int>
  let columns: Range<Int>

  func gradients(
    _ gradient: Tensor, in context: ExecutionContext
  ) throws(CheckpointError) -> [Tensor?] {
    let result = try context.tensor(wholeRows, wholeColumns, "view")
    context.forEachRows(wholeRows, columns: wholeColumns) { range in
      for row in range {
        let to = unsafe result.pointer(row: row)
        unsafe weighbridge_fill(to, wholeColumns, 0)
        if rows.contains(row) {
          unsafe weighbridge_copy(
            gradient.pointer(row: row - rows.lowerBound), to + columns.lowerBound, columns.count)
        }
      }
    }
    extendLifetime(gradient)
    return [result]
  }
}
