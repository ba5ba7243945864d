/// The numbers of a vector that are not zero, of which a vector over a vocabulary has few.
public struct SparseVector: Sendable, Hashable {
  /// How many numbers the vector has, the zeros included.
  public let width: Int
  /// The places of those that are not zero, ascending: of a vector over a vocabulary the ids of its tokens.
  public let indices: [Int]
  /// The numbers at these places.
  public let values: [Float]

  /// Leaves the zeros of a vector out.
  public init(_ vector: [Float]) {
    width = vector.count
    indices = vector.indices.filter { vector[$0] != 0 }
    values = indices.map { vector[$0] }
  }

  /// The vector with its zeros.
  public var vector: [Float] {
    var vector = [Float](repeating: 0, count: width)
    for (index, value) in zip(indices, values) { vector[index] = value }
    return vector
  }

  /// The sum of the products with the numbers of a vector of the same width.
  func product(with vector: [Float]) -> Float {
    Float(zip(indices, values).reduce(0) { $0 + Double(vector[$1.0]) * Double($1.1) })
  }
}
