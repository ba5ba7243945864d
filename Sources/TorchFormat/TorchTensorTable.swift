internal import CheckpointBytes
internal import TensorValues

/// The tensors of a plan by name, each with the way it is written, checked against the storages.
struct TorchTensorTable {
  /// A tensor and what the pickle says of it.
  struct Entry {
    let tensor: TorchArchivePlan.Tensor
    let representation: TorchRepresentation
  }

  /// The tensors by name.
  let entries: [ExactName: Entry]
  /// The size of each storage.
  let storageByteCounts: [Int]
  /// For each storage the one dtype of its tensors, or nil if they differ or torch has no storage class for it.
  ///
  /// torch gives a storage the type of the persistent identifier that it meets first; only an untyped storage can serve
  /// tensors of several types.
  let storageClasses: [String?]
  /// The names of tensors that are written as bytes, in the given order.
  let rawTensors: [ExactName]
  /// `__dtypes__`, if any tensor needs it.
  let dtypesAttribute: [(String, InertValue)]

  init(
    _ tensors: [TorchArchivePlan.Tensor], storageByteCounts: [Int]
  ) throws(CheckpointError) {
    var entries: [ExactName: Entry] = [:]
    var classes = [Set<String?>](repeating: [], count: storageByteCounts.count)
    var raw: [TorchArchivePlan.Tensor] = []
    for tensor in tensors {
      let byteCount = try Self.byteCount(of: tensor, in: storageByteCounts)
      let representation = TorchRepresentation(
        dtype: tensor.dtype, shape: tensor.shape, byteCount: byteCount)
      guard storageByteCounts[tensor.storage].isMultiple(of: representation.elementBytes) else {
        throw Self.inconsistent(
          tensor,
          "a storage of \(storageByteCounts[tensor.storage]) bytes is no whole number of elements")
      }
      let entry = Entry(tensor: tensor, representation: representation)
      guard entries.updateValue(entry, forKey: tensor.name) == nil else {
        throw Self.inconsistent(tensor, "two tensors have this name")
      }
      classes[tensor.storage].insert(representation.storageClass)
      if representation.isRaw { raw.append(tensor) }
    }
    if let unused = classes.firstIndex(where: \.isEmpty) {
      throw CheckpointError(
        .inconsistent, "storage \(unused) belongs to no tensor")
    }
    self.entries = entries
    self.storageByteCounts = storageByteCounts
    storageClasses = classes.map { $0.count == 1 ? $0.first ?? nil : nil }
    rawTensors = raw.map(\.name)
    dtypesAttribute = raw.isEmpty ? [] : [(TorchArchivePlan.dtypesAttribute, Self.dtypes(of: raw))]
  }

  private static func byteCount(
    of tensor: TorchArchivePlan.Tensor, in storageByteCounts: [Int]
  ) throws(CheckpointError) -> Int {
    guard storageByteCounts.indices.contains(tensor.storage) else {
      throw inconsistent(
        tensor, "its storage is \(tensor.storage), there are \(storageByteCounts.count)")
    }
    guard let byteCount = tensor.dtype.byteCount(elementCount: tensor.shape.elementCount) else {
      throw inconsistent(
        tensor, "\(tensor.shape) of \(tensor.dtype) is no whole number of bytes, or too large")
    }
    guard byteCount <= storageByteCounts[tensor.storage] else {
      throw inconsistent(
        tensor, "it takes \(byteCount) bytes, its storage has \(storageByteCounts[tensor.storage])")
    }
    return byteCount
  }

  private static func inconsistent(
    _ tensor: TorchArchivePlan.Tensor, _ problem: String
  ) -> CheckpointError {
    CheckpointError(.inconsistent, tensor: tensor.name.string, problem)
  }

  private static func dtypes(of tensors: [TorchArchivePlan.Tensor]) -> InertValue {
    .dictionary(
      tensors.map { tensor in
        let extents = tensor.shape.dimensions.map { InertValue.integer(Int64($0)) }
        return (tensor.name.string, .list([.string(tensor.dtype.rawValue)] + extents))
      })
  }
}
