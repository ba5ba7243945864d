internal import CheckpointBytes
internal import TensorValues
internal import WeightGraph

extension Weight {
  /// Zeros that take no memory: one element, repeated.
  ///
  /// - Throws: `unsupported` for a type whose elements share bytes, or that has no zero.
  static func zeros(_ dtype: DType, _ shape: Shape) throws(CheckpointError) -> Weight {
    let strides = [Int](repeating: 0, count: shape.rank)
    guard let width = dtype.byteWidth, dtype != .f8E8M0,
      let layout = StridedLayout(shape: shape, strides: strides, offset: 0)
    else {
      throw CheckpointError(.unsupported, "zeros of type \(dtype)")
    }
    let source = MemoryBytes([UInt8](repeating: 0, count: width), origin: "zeros")
    return Weight(try StoredTensor(source: source, dtype: dtype, layout: layout))
  }
}
