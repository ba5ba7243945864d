internal import CheckpointBytes
internal import TensorValues

/// Where a file says that a tensor's elements lie in its storage, in elements of its type.
struct TensorGeometry {
  /// Why there is no such tensor.
  struct Fault: Error {
    let problem: String
  }

  let sizes: [Int]
  let strides: [Int]
  let offset: Int

  /// The tensor over a storage; its type is the storage's unless another is stated. All of it must lie inside.
  func view(
    of view: StorageView, dtype stated: TorchDType?, isConjugated: Bool = false,
    isNegated: Bool = false
  ) throws(Fault) -> Resolved {
    let dtype = stated ?? view.type.element
    guard let shape = Shape(sizes),
      let layout = StridedLayout(shape: shape, strides: strides, offset: offset)
    else {
      throw Fault(
        problem: "size \(sizes), stride \(strides), offset \(offset) describe no tensor")
    }
    // Whole bytes; a packed row of few bits each begins with a byte of its own, so that it may be some more.
    let units = layout.end / dtype.sharing + (layout.end.isMultiple(of: dtype.sharing) ? 0 : 1)
    let (needed, overflow) = units.multipliedReportingOverflow(by: dtype.byteWidth)
    // Cannot overflow: the storage's size in bytes was compared with the file's.
    let available = view.count * view.type.element.byteWidth
    guard !overflow, needed <= available else {
      throw Fault(
        problem: "the tensor \(shape) with strides \(strides) at \(offset) needs \(layout.end) "
          + "elements of \(dtype.name), the storage has \(available) bytes")
    }
    guard let element = dtype.dtype, let placed = place(layout, in: view, dtype),
      shape.unpacked(by: dtype.packing) != nil
    else {
      return .special(SpecialValue(description: "\(dtype.name) \(shape)"))
    }
    return .tensor(
      TensorValue(
        dtype: element, storage: view.storage, layout: placed, packing: dtype.packing,
        isConjugated: isConjugated, isNegated: isNegated))
  }

  /// A layout counted from the beginning of the storage; nil if no layout expresses it.
  private func place(
    _ layout: StridedLayout, in view: StorageView, _ dtype: TorchDType
  ) -> StridedLayout? {
    // Cannot overflow: the part lies inside the storage.
    let start = view.offset * view.type.element.byteWidth
    guard start.isMultiple(of: dtype.byteWidth) else { return nil }
    let (offset, overflow) = layout.offset.addingReportingOverflow(start / dtype.byteWidth)
    guard !overflow else { return nil }
    return StridedLayout(shape: layout.shape, strides: layout.strides, offset: offset)
  }
}

extension Shape {
  /// The shape of elements of which so many lie in each element of this one: the last dimension grows. Nil for a single
  /// element, which has no dimension, and for what is too large.
  func unpacked(by packing: Int) -> Shape? {
    guard packing > 1 else { return self }
    guard let last = dimensions.last,
      case let (extent, overflow) = last.multipliedReportingOverflow(by: packing), !overflow
    else { return nil }
    return Shape(dimensions.dropLast() + [extent])
  }
}
