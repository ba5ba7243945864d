internal import CheckpointBytes
internal import TensorValues

/// What makes two weights one: the same elements of the same storage, made in the same way.
struct WeightIdentity: Hashable {
  private indirect enum Form: Hashable {
    case stored(ObjectIdentifier, StridedLayout, DType, ByteOrder, Bool, Bool)
    case concatenated([Form], axis: Int)
    case cast(Form, DType)
    case scaled(Form, Form)
  }

  private let form: Form

  init(_ weight: Weight) {
    form = WeightIdentity.form(of: weight)
  }

  private static func form(of weight: Weight) -> Form {
    switch weight.expression {
    case .stored(let stored):
      .stored(
        ObjectIdentifier(stored.source), stored.layout.normalised, stored.dtype, stored.byteOrder,
        stored.isConjugated, stored.isNegated)
    case .concatenated(let parts, let axis): .concatenated(parts.map(form(of:)), axis: axis)
    case .cast(let inner): .cast(form(of: inner), weight.dtype)
    case .scaled(let steps, let scales): .scaled(form(of: steps), form(of: scales))
    }
  }
}

extension StridedLayout {
  /// The layout with the strides of one-element dimensions, which address nothing, set to 0.
  fileprivate var normalised: StridedLayout {
    let strides = zip(shape.dimensions, strides).map { $0 == 1 ? 0 : $1 }
    return StridedLayout(shape: shape, strides: strides, offset: offset) ?? self
  }
}

extension Weight {
  /// The storage of the elements that it is made of, of several the first; weights that are one have it in common.
  var firstStorage: ObjectIdentifier? {
    switch expression {
    case .stored(let stored): ObjectIdentifier(stored.source)
    case .concatenated(let parts, _): parts.first?.firstStorage
    case .cast(let inner): inner.firstStorage
    case .scaled(let steps, _): steps.firstStorage
    }
  }

  /// The part of a storage that the weight takes, if it is stored as it is: for finding weights that overlap.
  var extent: (storage: ObjectIdentifier, bytes: Range<Int>)? {
    guard case .stored(let stored) = expression, shape.elementCount > 0,
      let start = dtype.byteCount(elementCount: stored.layout.offset),
      let end = dtype.byteCount(elementCount: stored.layout.end), start < end
    else { return nil }
    return (ObjectIdentifier(stored.source), start..<end)
  }
}
