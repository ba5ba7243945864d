public import TensorValues

/// A weight: a dtype, a shape, and an expression over stored bytes. Nothing is read until bytes are asked for.
///
/// Transposing, slicing, reshaping and concatenating make new weights; adjacent transforms fold into one
/// (``Weight/Expression``).
public struct Weight: Sendable {
  /// The type of the elements.
  public let dtype: DType
  /// The extents.
  public let shape: Shape
  /// How the elements are made.
  public let expression: Expression

  /// How a weight's elements are made. Views are folded into the leaves, casts stand outermost.
  public indirect enum Expression: Sendable {
    /// Elements in a storage.
    case stored(StoredTensor)
    /// Several weights, one after the other along an axis.
    case concatenated([Weight], axis: Int)
    /// Another weight's elements in another type.
    case cast(Weight)
    /// A matrix of steps, times the scale (F32) of each row or column; see `Weight/scaled(_:by:)`.
    case scaled(Weight, scales: Weight)
  }

  init(dtype: DType, shape: Shape, expression: Expression) {
    self.dtype = dtype
    self.shape = shape
    self.expression = expression
  }

  /// A weight that is what is stored.
  public init(_ stored: StoredTensor) {
    self.init(dtype: stored.dtype, shape: stored.layout.shape, expression: .stored(stored))
  }

  /// The number of bytes of the packed elements.
  public var byteCount: Int { dtype.byteCount(elementCount: shape.elementCount) ?? 0 }
}
