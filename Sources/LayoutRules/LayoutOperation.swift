internal import TensorValues
internal import WeightGraph

/// What happens to a canonical weight on the way into a layout. Every step has an inverse.
///
/// The steps in their order: split, transpose, give another shape.
struct LayoutOperation: Hashable {
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
    if let split, extents.indices.contains(split) { extents[split] = .hidden }
    return isTransposed ? extents.reversed() : extents
  }

  /// A canonical weight in the form of the layout: as many weights as there are shapes.
  func applied(to weight: Weight, shapes: [Shape]) throws(TransformError) -> [Weight] {
    let parts = try Self.cut(weight, into: shapes.count, axis: split ?? 0)
    var results: [Weight] = []
    for (part, shape) in zip(parts, shapes) {
      let turned = isTransposed ? try part.transposed([1, 0]) : part
      results.append(try turned.reshaped(shape))
    }
    return results
  }

  /// Weights of the layout in canonical form.
  func reverted(_ weights: [Weight], to canonical: Shape) throws(TransformError) -> Weight {
    var part = canonical.dimensions
    if let split, part.indices.contains(split) { part[split] /= max(1, weights.count) }
    var parts: [Weight] = []
    for weight in weights {
      guard let shape = Shape(isTransposed ? part.reversed() : part) else { continue }
      let matrix = try weight.reshaped(shape)
      parts.append(isTransposed ? try matrix.transposed([1, 0]) : matrix)
    }
    return try Weight.concatenated(parts, axis: split ?? 0)
  }

  private static func cut(
    _ weight: Weight, into count: Int, axis: Int
  ) throws(TransformError) -> [Weight] {
    guard count > 1, weight.shape.dimensions.indices.contains(axis) else { return [weight] }
    let size = weight.shape.dimensions[axis] / count
    var parts: [Weight] = []
    for index in 0..<count {
      parts.append(try weight.sliced(axis: axis, (index * size)..<((index + 1) * size)))
    }
    return parts
  }
}
