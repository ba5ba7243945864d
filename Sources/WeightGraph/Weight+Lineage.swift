internal import CheckpointBytes
internal import TensorValues

extension Weight {
  /// Where the weight comes from, outermost step first: `cast BF16 ← view [2, 3] strides [1, 2] ← model.bin: data/0 @ 64`.
  public var lineage: String {
    switch expression {
    case .stored(let stored):
      var steps: [String] = []
      if stored.isConjugated { steps.append("conjugate") }
      if stored.isNegated { steps.append("negate") }
      if stored.layout.isTransposed {
        steps.append("transpose")
      } else if !stored.layout.isPacked {
        steps.append("view \(stored.layout.shape) with strides \(stored.layout.strides)")
      }
      if stored.byteOrder == .big { steps.append("swap bytes") }
      var origin = stored.source.origin
      if stored.byteOffset > 0 { origin += " + \(stored.byteOffset)" }
      return (steps + [origin]).joined(separator: " ← ")
    case .concatenated(let parts, let axis):
      return "concatenate along \(axis) ← (" + parts.map(\.lineage).joined(separator: ", ") + ")"
    case .cast(let inner):
      return "cast \(inner.dtype) to \(dtype) ← " + inner.lineage
    case .scaled(let steps, let scales):
      return "steps times scales ← (\(steps.lineage), \(scales.lineage))"
    }
  }
}

extension StridedLayout {
  /// True for a packed matrix read by columns.
  fileprivate var isTransposed: Bool {
    shape.rank == 2 && !isPacked && strides == [1, shape.dimensions[0]]
  }
}
