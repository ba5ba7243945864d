internal import CheckpointBytes
internal import TensorValues
internal import WeightGraph

/// What happens to canonical weights on the way into a layout. Every step but leaving out rows has an inverse.
///
/// The steps in their order: several become one whole, rows are left out, the whole is cut, each part is transposed and
/// given another shape.
package struct LayoutOperation: Hashable, Sendable {
  /// The axis of the canonical weights along which several are one whole, on either side.
  var axis = 0
  /// The two axes of a matrix change places.
  var isTransposed = false
  /// The shape in the layout, if it is not simply that of the matrix or vector.
  var shape: [Extent]?
  /// The first rows that the layout does not hold.
  var absentRows: AbsentRows?

  package init(
    axis: Int = 0, isTransposed: Bool = false, shape: [Extent]? = nil,
    absentRows: AbsentRows? = nil
  ) {
    self.axis = axis
    self.isTransposed = isTransposed
    self.shape = shape
    self.absentRows = absentRows
  }

  package static let same = LayoutOperation()
  package static let transposed = LayoutOperation(isTransposed: true)

  /// Canonical weights in the form of the layout: as many weights as there are shapes.
  func applied(to weights: [Weight], shapes: [Shape]) throws(CheckpointError) -> [Weight] {
    var whole = try Weight.concatenated(weights, axis: axis)
    if let absentRows {
      let rows = whole.shape.dimensions.first ?? 0
      whole = try whole.sliced(axis: 0, min(absentRows.count, rows)..<rows)
    }
    var results: [Weight] = []
    for (part, shape) in zip(try Self.cut(whole, into: shapes.count, axis: axis), shapes) {
      let turned = isTransposed ? try part.transposed([1, 0]) : part
      results.append(try turned.reshaped(shape))
    }
    return results
  }

  /// Weights of the layout in canonical form, as many as there are shapes, which are equal.
  ///
  /// - Parameter absent: The rows that the layout does not hold.
  func reverted(
    _ weights: [Weight], to canonical: [Shape], absent: Weight? = nil
  ) throws(CheckpointError) -> [Weight] {
    guard var part = canonical.first?.dimensions else { return [] }
    if part.indices.contains(axis) {
      // Of the two counts one is 1, and both sides' shapes were counted before.
      part[axis] = part[axis] * canonical.count / max(1, weights.count)
    }
    if let absentRows, !part.isEmpty { part[0] -= min(absentRows.count, part[0]) }
    var parts = absent.map { [$0] } ?? []
    for weight in weights {
      guard let shape = Shape(isTransposed ? part.reversed() : part) else { continue }
      let matrix = try weight.reshaped(shape)
      parts.append(isTransposed ? try matrix.transposed([1, 0]) : matrix)
    }
    return try Self.cut(
      try Weight.concatenated(parts, axis: axis), into: canonical.count, axis: axis)
  }

  private static func cut(
    _ weight: Weight, into count: Int, axis: Int
  ) throws(CheckpointError) -> [Weight] {
    guard count > 1, weight.shape.dimensions.indices.contains(axis) else { return [weight] }
    let size = weight.shape.dimensions[axis] / count
    var parts: [Weight] = []
    for index in 0..<count {
      parts.append(try weight.sliced(axis: axis, (index * size)..<((index + 1) * size)))
    }
    return parts
  }
}

/// Rows that a layout leaves out, and why.
package struct AbsentRows: Hashable, Sendable {
  let count: Int
  let reason: String

  package init(count: Int, reason: String) {
    self.count = count
    self.reason = reason
  }
}
