public import CheckpointBytes
public import TensorValues

extension CheckpointError {
  /// A transform that a weight does not admit: `unsupported`, without a place. It is the caller's request that is wrong, not the
  /// file; who asked knows the weight's name.
  fileprivate init(transform problem: String) { self.init(.unsupported, problem) }
}

extension Weight {
  /// The weight with its dimensions in another order: new dimension `i` is old dimension `order[i]`.
  ///
  /// - Throws: `unsupported` if that is no order of its dimensions.
  public func transposed(_ order: [Int]) throws(CheckpointError) -> Weight {
    let refusal = CheckpointError(transform: "\(dtype) \(shape) cannot be transposed to \(order)")
    guard order.count == shape.rank, Set(order) == Set(0..<shape.rank) else { throw refusal }
    switch expression {
    case .stored(let stored):
      guard let view = stored.viewed(stored.layout.permuted(order)) else { throw refusal }
      return Weight(view)
    case .concatenated(let parts, let axis):
      guard let newAxis = order.firstIndex(of: axis) else { throw refusal }
      return try Weight.concatenated(
        try parts.map { (part) throws(CheckpointError) in try part.transposed(order) },
        axis: newAxis)
    case .cast(let inner):
      return try inner.transposed(order).cast(to: dtype)
    case .scaled(let steps, let scales):
      return try Weight.scaledUnchecked(
        try steps.transposed(order), try scales.transposed(order))
    }
  }

  /// The elements whose index along `axis` lies in `range`.
  ///
  /// - Throws: `unsupported` if there is no such dimension or range.
  public func sliced(axis: Int, _ range: Range<Int>) throws(CheckpointError) -> Weight {
    let refusal = CheckpointError(
      transform: "\(dtype) \(shape) cannot be cut to \(range) along dimension \(axis)")
    guard shape.dimensions.indices.contains(axis), range.lowerBound >= 0,
      range.upperBound <= shape.dimensions[axis]
    else { throw refusal }
    switch expression {
    case .stored(let stored):
      guard let view = stored.viewed(stored.layout.sliced(axis: axis, range)) else { throw refusal }
      return Weight(view)
    case .concatenated(let parts, let joint) where joint != axis:
      return try Weight.concatenated(
        try parts.map { (part) throws(CheckpointError) in try part.sliced(axis: axis, range) },
        axis: joint)
    case .concatenated(let parts, _):
      var pieces: [Weight] = []
      var start = 0
      for part in parts {
        let extent = part.shape.dimensions[axis]
        let wanted = range.clamped(to: start..<(start + extent))
        if !wanted.isEmpty {
          pieces.append(
            try part.sliced(
              axis: axis, (wanted.lowerBound - start)..<(wanted.upperBound - start)))
        }
        start += extent
      }
      if pieces.isEmpty { pieces = [try parts[0].sliced(axis: axis, 0..<0)] }
      return try Weight.concatenated(pieces, axis: axis)
    case .cast(let inner):
      return try inner.sliced(axis: axis, range).cast(to: dtype)
    case .scaled(let steps, let scales):
      let isOne = scales.shape.dimensions[axis] == 1
      return try Weight.scaledUnchecked(
        try steps.sliced(axis: axis, range), isOne ? scales : try scales.sliced(axis: axis, range))
    }
  }

  /// The same elements in the same row-major order under another shape.
  ///
  /// - Throws: `unsupported` for a shape of another number of elements.
  public func reshaped(_ newShape: Shape) throws(CheckpointError) -> Weight {
    let refusal = CheckpointError(transform: "\(dtype) \(shape) cannot be reshaped to \(newShape)")
    guard newShape.elementCount == shape.elementCount else { throw refusal }
    if newShape == shape { return self }
    switch expression {
    case .stored(let stored):
      if let view = stored.viewed(stored.layout.reshaped(newShape)) { return Weight(view) }
    case .concatenated, .scaled: break
    case .cast(let inner): return try inner.reshaped(newShape).cast(to: dtype)
    }
    // No strides express it.
    return try reinterpreted(as: dtype, newShape)
  }

  /// The same bytes in a storage of its own: a tie to no other name.
  package func apart() throws(CheckpointError) -> Weight { try reinterpreted(as: dtype, shape) }

  /// The weight's own packed bytes as the storage of elements of a type, which take exactly these bytes.
  ///
  /// - Throws: `unsupported` if they take other than these.
  public func reinterpreted(as dtype: DType, _ shape: Shape) throws(CheckpointError) -> Weight {
    guard dtype.byteCount(elementCount: shape.elementCount) == byteCount,
      let stored = try? StoredTensor(
        source: WeightBytes(self), dtype: dtype, layout: StridedLayout(packed: shape))
    else {
      throw CheckpointError(
        transform: "\(self.dtype) \(self.shape) cannot be taken for \(dtype) \(shape)")
    }
    return Weight(stored)
  }

  /// Several weights of one type, one after the other along an axis. All other extents must agree.
  ///
  /// - Throws: `unsupported` if they do not, or there is no weight.
  public static func concatenated(_ parts: [Weight], axis: Int) throws(CheckpointError) -> Weight {
    guard let first = parts.first else {
      throw CheckpointError(transform: "nothing to concatenate")
    }
    if parts.count == 1 { return first }
    guard first.shape.dimensions.indices.contains(axis), first.dtype.byteWidth != nil else {
      throw CheckpointError(
        transform: "\(first.dtype) \(first.shape) cannot be concatenated along dimension \(axis)")
    }
    var dimensions = first.shape.dimensions
    dimensions[axis] = 0
    for part in parts {
      var others = part.shape.dimensions
      guard part.dtype == first.dtype, others.count == dimensions.count else {
        throw CheckpointError(
          transform: "\(part.dtype) \(part.shape) does not continue \(first.dtype) \(first.shape)"
        )
      }
      let (sum, overflow) = dimensions[axis].addingReportingOverflow(others[axis])
      others[axis] = dimensions[axis]
      guard others == dimensions, !overflow else {
        throw CheckpointError(
          transform: "\(part.shape) does not continue \(first.shape) along dimension \(axis)")
      }
      dimensions[axis] = sum
    }
    guard let shape = Shape(dimensions),
      first.dtype.byteCount(elementCount: shape.elementCount) != nil
    else {
      throw CheckpointError(transform: "\(first.dtype) \(dimensions) takes too many bytes")
    }
    return Weight(dtype: first.dtype, shape: shape, expression: .concatenated(parts, axis: axis))
  }

  /// The same elements in another type; see `ElementConversion` for the rounding.
  ///
  /// - Throws: `unsupported` if nothing converts the one into the other.
  public func cast(to newType: DType) throws(CheckpointError) -> Weight {
    if newType == dtype { return self }
    guard ElementConversion(from: dtype, to: newType) != nil,
      newType.byteCount(elementCount: shape.elementCount) != nil
    else {
      throw CheckpointError(transform: "\(dtype) cannot be cast to \(newType)")
    }
    return Weight(dtype: newType, shape: shape, expression: .cast(self))
  }
}
