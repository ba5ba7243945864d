/// Where the elements of a tensor lie in a one-dimensional storage: element `(i, j, …)` is at
/// `offset + i·strides[0] + j·strides[1] + …`, counted in elements.
///
/// Strides are never negative; 0 repeats a dimension (an expanded tensor), and elements may overlap. The element
/// furthest back has an index that fits an `Int`.
public struct StridedLayout: Sendable, Hashable {
  /// The tensor's extents.
  public let shape: Shape
  /// The step of each dimension, in elements; one per dimension.
  public let strides: [Int]
  /// The index of the first element.
  public let offset: Int
  /// One more than the index of the last element addressed; 0 if there is no element.
  public let end: Int

  /// Takes a layout as it is, or nil if the number of strides is not the number of dimensions, anything is negative, or
  /// an index overflows.
  public init?(shape: Shape, strides: [Int], offset: Int = 0) {
    guard strides.count == shape.rank, offset >= 0, strides.allSatisfy({ $0 >= 0 }) else {
      return nil
    }
    var last = offset
    if shape.elementCount > 0 {
      for (extent, stride) in zip(shape.dimensions, strides) {
        let (step, stepOverflow) = (extent - 1).multipliedReportingOverflow(by: stride)
        let (sum, sumOverflow) = last.addingReportingOverflow(step)
        guard !stepOverflow, !sumOverflow else { return nil }
        last = sum
      }
      guard last < Int.max else { return nil }
    }
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.end = shape.elementCount == 0 ? 0 : last + 1
  }

  /// The packed row-major layout of a shape.
  public init(packed shape: Shape) {
    self.shape = shape
    self.strides = StridedLayout.packedStrides(of: shape)
    self.offset = 0
    self.end = shape.elementCount
  }

  /// The strides of packed row-major storage: 1 for the last dimension.
  public static func packedStrides(of shape: Shape) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.rank)
    var step = 1
    for axis in shape.dimensions.indices.reversed() {
      strides[axis] = step
      // Overflows only where another extent is 0, and then no element is ever addressed.
      step = step.multipliedReportingOverflow(by: max(shape.dimensions[axis], 1)).partialValue
      if step < 0 { step = 0 }
    }
    return strides
  }

  /// True if the elements lie packed in row-major order, beginning at `offset`. Dimensions of one element may have any
  /// stride.
  public var isPacked: Bool {
    guard shape.elementCount > 0 else { return true }
    var expected = 1
    for (extent, stride) in zip(shape.dimensions, strides).reversed() where extent != 1 {
      guard stride == expected else { return false }
      expected *= extent
    }
    return true
  }
}

// MARK: Views

extension StridedLayout {
  /// The layout with its dimensions in another order: new dimension `i` is old dimension `order[i]`.
  ///
  /// Nil if `order` is not a permutation of the dimensions.
  public func permuted(_ order: [Int]) -> StridedLayout? {
    guard order.count == shape.rank, Set(order) == Set(0..<shape.rank) else { return nil }
    guard let permuted = Shape(order.map { shape.dimensions[$0] }) else { return nil }
    return StridedLayout(shape: permuted, strides: order.map { strides[$0] }, offset: offset)
  }

  /// The layout of the elements whose index along `axis` lies in `range`, or nil if that is not inside the shape.
  public func sliced(axis: Int, _ range: Range<Int>) -> StridedLayout? {
    guard shape.dimensions.indices.contains(axis), range.lowerBound >= 0,
      range.upperBound <= shape.dimensions[axis]
    else { return nil }
    var dimensions = shape.dimensions
    dimensions[axis] = range.count
    guard let sliced = Shape(dimensions) else { return nil }
    let start = sliced.elementCount == 0 ? offset : offset + range.lowerBound * strides[axis]
    return StridedLayout(shape: sliced, strides: strides, offset: start)
  }

  /// The layout of the same elements in the same row-major order under another shape, or nil if no strides express it
  /// (the elements would have to be copied) or the number of elements differs.
  public func reshaped(_ newShape: Shape) -> StridedLayout? {
    guard newShape.elementCount == shape.elementCount else { return nil }
    if shape.elementCount == 0 {
      return StridedLayout(
        shape: newShape, strides: StridedLayout.packedStrides(of: newShape), offset: offset)
    }
    // Runs of old dimensions that step as one, innermost last: (extent, stride of the innermost).
    let runs = merged()
    var strides = [Int](repeating: 0, count: newShape.rank)
    var run = runs.count - 1
    var taken = 1
    for axis in stride(from: newShape.rank - 1, through: 0, by: -1) {
      let extent = newShape.dimensions[axis]
      if extent == 1 {
        // Addresses nothing, so that any stride will do; what would continue the run may not fit an `Int`.
        let (step, overflow) =
          run >= 0 ? runs[run].stride.multipliedReportingOverflow(by: taken) : (1, false)
        strides[axis] = overflow ? 1 : step
        continue
      }
      if run >= 0, taken == runs[run].extent {
        run -= 1
        taken = 1
      }
      guard run >= 0, runs[run].extent.isMultiple(of: taken * extent) else { return nil }
      strides[axis] = runs[run].stride * taken
      taken *= extent
    }
    return StridedLayout(shape: newShape, strides: strides, offset: offset)
  }

  /// A dimension, or several that step as one.
  public struct Run: Sendable, Hashable {
    /// The number of steps.
    public let extent: Int
    /// The distance of a step in elements.
    public let stride: Int
  }

  /// The dimensions with more than one element, outermost first, neighbours joined where one continues the other.
  /// Empty for a single element; one run of no steps where there is no element.
  public func merged() -> [Run] {
    guard shape.elementCount > 0 else { return [Run(extent: 0, stride: 1)] }
    var runs: [Run] = []
    for (extent, stride) in zip(shape.dimensions, strides) where extent != 1 {
      // Where the product overflows it is negative, and no stride is.
      if let outer = runs.last,
        outer.stride == stride.multipliedReportingOverflow(by: extent).partialValue
      {
        runs[runs.count - 1] = Run(extent: outer.extent * extent, stride: stride)
      } else {
        runs.append(Run(extent: extent, stride: stride))
      }
    }
    return runs
  }
}
