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
    let (needed, overflow) = layout.end.multipliedReportingOverflow(by: dtype.byteWidth)
    // Cannot overflow: the storage's size in bytes was compared with the file's.
    let available = view.count * view.type.element.byteWidth
    guard !overflow, needed <= available else {
      throw Fault(
        problem: "the tensor \(shape) with strides \(strides) at \(offset) needs \(layout.end) "
          + "elements of \(dtype.name), the storage has \(available) bytes")
    }
    guard let element = dtype.dtype, let placed = place(layout, in: view, dtype) else {
      return .special(SpecialValue(description: "\(dtype.name) \(shape)"))
    }
    return .tensor(
      TensorValue(
        dtype: element, storage: view.storage, layout: placed, isConjugated: isConjugated,
        isNegated: isNegated))
  }

  /// A layout in elements of PyTorch's type as one in elements of ours, counted from the beginning of the storage; nil
  /// if no layout expresses it.
  private func place(
    _ layout: StridedLayout, in view: StorageView, _ dtype: TorchDType
  ) -> StridedLayout? {
    // Cannot overflow: the part lies inside the storage.
    let start = view.offset * view.type.element.byteWidth
    guard start.isMultiple(of: dtype.byteWidth) else { return nil }
    let (offset, overflow) = layout.offset.addingReportingOverflow(start / dtype.byteWidth)
    guard !overflow else { return nil }
    guard dtype.packing > 1 else {
      return StridedLayout(shape: layout.shape, strides: layout.strides, offset: offset)
    }
    return unpacked(layout, offset: offset, dtype.packing)
  }

  /// Elements that hold several of ours each: the last dimension grows, which its stride has to allow.
  private func unpacked(
    _ layout: StridedLayout, offset: Int, _ packing: Int
  ) -> StridedLayout? {
    guard let last = layout.shape.dimensions.last, let step = layout.strides.last,
      step == 1 || last <= 1
    else { return nil }
    var numbers = layout.strides + [last, offset]
    for index in numbers.indices {
      let (product, overflow) = numbers[index].multipliedReportingOverflow(by: packing)
      guard !overflow else { return nil }
      numbers[index] = product
    }
    let rank = layout.shape.rank
    numbers[rank - 1] = 1
    let dimensions = layout.shape.dimensions.dropLast() + [numbers[rank]]
    return Shape(Array(dimensions)).flatMap {
      StridedLayout(shape: $0, strides: Array(numbers[..<rank]), offset: numbers[rank + 1])
    }
  }
}
