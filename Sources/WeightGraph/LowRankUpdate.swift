public import CheckpointBytes
internal import TensorValues

/// What low-rank adaptation adds to a weight: scale · up · down, and with a magnitude the row lengths that the sum gets (DoRA).
///
/// Shapes are those of PEFT's files (0.21, `tuners/lora/layer.py`): `down` is `[rank, inputs]`, `up` is `[outputs, rank]`. Weights
/// of a convolution have the extents of its window behind these, `[rank, inputs, 3, 3]` and `[outputs, rank, 1, 1]`.
public struct LowRankUpdate: Sendable {
  /// What inputs meet first: PEFT's `lora_A`.
  public let down: Weight
  /// What gives outputs: PEFT's `lora_B`.
  public let up: Weight
  /// What the product is multiplied by: α / r, or α / √r.
  public let scale: Double
  /// True if the weight has its inputs in rows: `Conv1D` of GPT-2, and tables that rows are looked up in.
  public let isTransposed: Bool
  /// The length that each output's row of the sum gets, `[outputs]`; nil where it keeps its own.
  public let magnitude: Weight?

  /// Puts an update together.
  ///
  /// - Throws: `mismatch` for factors of different ranks, of too few dimensions, or magnitudes of another number; `unsupported` for
  ///   numbers that are not real.
  public init(
    down: Weight, up: Weight, scale: Double, isTransposed: Bool = false, magnitude: Weight? = nil
  ) throws(CheckpointError) {
    guard down.shape.rank >= 2, up.shape.rank >= 2, down.shape.dimensions[0] > 0,
      down.shape.dimensions[0] == up.shape.dimensions[1],
      up.shape.dimensions[2...].allSatisfy({ $0 == 1 })
    else {
      throw CheckpointError(
        .mismatch,
        "factors of the shapes \(down.shape) and \(up.shape) have no product: expected [rank, inputs] and [outputs, rank]"
      )
    }
    for factor in [down, up, magnitude].compactMap({ $0 }) where factor.dtype.category != .real {
      throw CheckpointError(.unsupported, "a factor of \(factor.dtype), expected real numbers")
    }
    if let magnitude, magnitude.shape.elementCount != up.shape.dimensions[0] {
      throw CheckpointError(
        .mismatch,
        "\(magnitude.shape.elementCount) magnitudes for \(up.shape.dimensions[0]) outputs")
    }
    self.down = down
    self.up = up
    self.scale = scale
    self.isTransposed = isTransposed
    self.magnitude = magnitude
  }

  /// The number of rows of `down`.
  public var rank: Int { down.shape.dimensions[0] }

  /// The shape of the weights that it fits.
  var shape: [Int] {
    let (outputs, inputs) = (up.shape.dimensions[0], Array(down.shape.dimensions[1...]))
    return isTransposed ? inputs + [outputs] : [outputs] + inputs
  }
}

extension Weight {
  /// The weight with an update added, in the same type and shape. Nothing is computed until somebody reads.
  ///
  /// The sum is computed in float32 (float64 for such weights) and rounded once, after the update alone was rounded to the type
  /// of its factors where that has 16 bits: what `merge_and_unload` of PEFT 0.21 does.
  /// - Throws: `mismatch` for a weight of another shape than the update's, `unsupported` for numbers that are not floats.
  public func merging(_ update: LowRankUpdate) throws(CheckpointError) -> Weight {
    guard shape.dimensions == update.shape, update.magnitude == nil || shape.rank == 2 else {
      throw CheckpointError(
        .mismatch, "a weight \(shape) has no place for an update \(Shape(update.shape) ?? shape)")
    }
    guard dtype.isMergeable else {
      throw CheckpointError(
        .unsupported, "\(dtype) numbers, expected F64, F32, BF16 or F16",
        remedy: "cast the weights to one of these first")
    }
    return Weight(
      try StoredTensor(
        source: MergedBytes(self, update), dtype: dtype, layout: StridedLayout(packed: shape)))
  }

  /// The weight and what is added to it, of one that ``merging(_:)`` made and that nothing was done to since; nil of any other.
  package var mergedParts: (base: Weight, update: LowRankUpdate)? {
    guard case .stored(let stored) = expression, let bytes = stored.source as? MergedBytes,
      stored.layout == StridedLayout(packed: bytes.base.shape), stored.dtype == bytes.base.dtype
    else { return nil }
    return (bytes.base, bytes.update)
  }
}

extension DType {
  fileprivate var isMergeable: Bool { [.f64, .f32, .bf16, .f16].contains(self) }
}

extension Weight {
  /// A row with another one added, times a factor, in the same type: computed as ``merging(_:)`` computes.
  ///
  /// - Throws: `mismatch` for one of another shape; `unsupported` for numbers that are not floats.
  package func adding(_ other: Weight, times factor: Double) throws(CheckpointError) -> Weight {
    guard shape.rank == 1, other.shape == shape, let column = Shape([shape.dimensions[0], 1]),
      let one = Shape([1, 1])
    else {
      throw CheckpointError(.mismatch, "expected \(shape), found \(other.shape)")
    }
    // A matrix of one column: other · [1].
    let unit = Weight(
      try StoredTensor(
        source: MemoryBytes([0, 0, 0x80, 0x3F], origin: "one"), dtype: .f32,
        layout: StridedLayout(packed: one)))
    let update = try LowRankUpdate(
      down: try unit.cast(to: other.dtype), up: try other.reshaped(column), scale: factor)
    return try reshaped(column).merging(update).reshaped(shape)
  }
}
