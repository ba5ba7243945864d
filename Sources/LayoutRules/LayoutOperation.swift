internal import TensorValues
internal import WeightGraph

/// What happens to canonical weights on the way into a layout. Every step has an inverse, except that rows may be left
/// behind: those have to be given back by whoever reads.
///
/// The steps in their order: join, leave rows behind, split, transpose, give another shape.
struct LayoutOperation: Hashable {
  /// Several canonical weights become one along this axis.
  var joined: Int?
  /// So many first rows are not part of the layout.
  var droppedRows = 0
  /// One canonical weight becomes several along this axis, as many as there are foreign names.
  var split: Int?
  /// The two axes of a matrix change places.
  var isTransposed = false
  /// The shape in the layout, if it is not simply that of the matrix or vector.
  var shape: [Extent]?

  static let same = LayoutOperation()
  static let transposed = LayoutOperation(isTransposed: true)

  /// The extents of one weight in the layout, from those of one canonical weight.
  func extents(from canonical: [Extent]) -> [Extent] {
    if let shape { return shape }
    var extents = canonical
    if let joined, extents.indices.contains(joined) { extents[joined] = .tripleHidden }
    if droppedRows > 0, !extents.isEmpty { extents[0] = .positionsLess(droppedRows) }
    if let split, extents.indices.contains(split) { extents[split] = .hidden }
    return isTransposed ? extents.reversed() : extents
  }

  /// Canonical weights in the form of the layout.
  func applied(
    to weights: [Weight], count: Int, shapes: [Shape]
  ) throws(TransformError) -> [Weight] {
    var whole = try Weight.concatenated(weights, axis: joined ?? 0)
    if droppedRows > 0 {
      let rows = whole.shape.dimensions.first ?? 0
      whole = try whole.sliced(axis: 0, min(droppedRows, rows)..<rows)
    }
    let parts = try Self.cut(whole, into: count, axis: split ?? 0)
    var results: [Weight] = []
    for (part, shape) in zip(parts, shapes) {
      let turned = isTransposed ? try part.transposed([1, 0]) : part
      results.append(try turned.reshaped(shape))
    }
    return results
  }

  /// Weights of the layout in canonical form; `rows` are those that the layout does not have.
  func reverted(
    _ weights: [Weight], rows: Weight?, to canonical: [Shape]
  ) throws(TransformError) -> [Weight] {
    guard let first = canonical.first else { return [] }
    var parts: [Weight] = []
    for weight in weights {
      var flat = first.dimensions
      if let joined { flat[joined] = 3 * flat[joined] }
      if let split { flat[split] /= weights.count }
      if droppedRows > 0 { flat[0] -= droppedRows }
      guard let shape = Shape(isTransposed ? flat.reversed() : flat) else { continue }
      let matrix = try weight.reshaped(shape)
      parts.append(isTransposed ? try matrix.transposed([1, 0]) : matrix)
    }
    var whole = try Weight.concatenated(parts, axis: split ?? 0)
    if let rows { whole = try Weight.concatenated([rows, whole], axis: 0) }
    return try Self.cut(whole, into: canonical.count, axis: joined ?? 0)
  }

  private static func cut(
    _ weight: Weight, into count: Int, axis: Int
  ) throws(TransformError) -> [Weight] {
    if count == 1 { return [weight] }
    let size = weight.shape.dimensions[axis] / count
    var parts: [Weight] = []
    for index in 0..<count {
      parts.append(try weight.sliced(axis: axis, (index * size)..<((index + 1) * size)))
    }
    return parts
  }
}
