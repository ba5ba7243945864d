package import CheckpointBytes
package import TensorValues
internal import ZipFormat

/// A PyTorch checkpoint laid out before a byte of it is written: the pickle, the archive's records, and the place of
/// every storage in the file.
///
/// ```
/// archive/data.pkl                    the structure, protocol 2
/// archive/.format_version             "0": storages are to be looked up, not computed (see below)
/// archive/.storage_alignment          "64"
/// archive/byteorder                   "little"
/// archive/data/0 … data/n             the storages, in the order in which the pickle names them
/// archive/version                     "3\n"
/// archive/.data/serialization_id      40 digits, derived from the pickle and the records' sizes
/// ```
///
/// The records, their order and their alignment are those of `torch.save` in torch 2.13 (`torch/serialization.py`,
/// `_save`). One thing differs: `.format_version` is "0" where torch writes "1", because with "1" torch may compute the
/// place of a storage from the sizes before it, counting on data descriptors that this archive does not have. The file
/// loads with `torch.load(weights_only=True)`, mapped or not. The same input gives the same bytes.
///
/// Tensors are packed, each at the beginning of its storage. Those with one storage are ties: torch gives them one
/// memory when it loads them.
///
/// A dtype that torch lacks (`F6_E2M3`, `F6_E3M2`, `F4` with an odd last extent) is written as a vector of `uint8`; the
/// truth is kept in the root's attribute `__dtypes__`, `{name: [dtype, extent, …]}`, and ``rawTensors`` lists the names.
package struct TorchArchivePlan: Sendable {
  /// A tensor to be written.
  package struct Tensor: Sendable {
    /// The name, which ``InertValue/weight(_:)`` leaves of the structure refer to.
    package let name: ExactName
    /// The element type.
    package let dtype: DType
    /// The extents.
    package let shape: Shape
    /// The index of the storage that holds the elements, packed, from its first byte on.
    package let storage: Int

    /// Describes a tensor.
    package init(name: ExactName, dtype: DType, shape: Shape, storage: Int) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.storage = storage
    }
  }

  /// A value of the structure that cannot be written so that torch's restricted reader takes it.
  package struct Omission: Sendable, Hashable {
    /// Where it stood: the keys and indices that lead there, joined by dots.
    package let path: String
    /// Why it was left out. In a list or tuple `None` stands in its place.
    package let reason: String
  }

  /// Bytes and their place in the file.
  package struct Piece: Sendable {
    /// The place of the first byte.
    package let offset: Int
    /// The bytes.
    package let bytes: [UInt8]
  }

  /// The attribute of the root that keeps the dtypes torch lacks.
  package static let dtypesAttribute = "__dtypes__"

  /// The contents of `data.pkl`.
  package let pickle: [UInt8]
  /// What had to be left out, in the order of the structure. Weights inside such a value are not lost: they stand at
  /// the top level.
  package let omissions: [Omission]
  /// The tensors that are written as vectors of bytes, because torch lacks their dtype.
  package let rawTensors: [ExactName]
  /// Where each storage goes in the file, by the index the caller gave it.
  package let storageOffsets: [Int]
  /// The size of the file.
  package let byteCount: Int

  let storageByteCounts: [Int]
  /// The caller's index of the storage that record `data/k` holds.
  let storageOrder: [Int]
  let records: [TorchRecord]
  let layout: ZipLayout

  /// Plans a checkpoint.
  ///
  /// - Parameters:
  ///   - tensors: The weights; names are unique.
  ///   - storageByteCounts: The size of each storage; each holds at least one tensor.
  ///   - tree: The structure, with `weight` leaves where tensors stand. Weights that it does not mention are added at
  ///     the top level under their names. Nil is an `OrderedDict` from name to tensor.
  ///   - attributes: Attributes of the root, which becomes an `OrderedDict` if it is a dictionary (`_metadata`). They
  ///     replace attributes of the same name that the tree's root has.
  /// - Throws: `inconsistent` if tensors and storages do not fit together, two names are one, or the root is no
  ///   dictionary and would have to take weights or attributes; `notFound` if the tree mentions a weight that is not
  ///   there; `limitExceeded` if the tree is deeper than the limit.
  package init(
    tensors: [Tensor], storageByteCounts: [Int], tree: InertValue? = nil,
    attributes: [(String, InertValue)] = [], limits: ReadLimits = ReadLimits()
  ) throws(CheckpointError) {
    let described = try TorchTensorTable(tensors, storageByteCounts: storageByteCounts)
    var filter = LoadableTree(names: Set(tensors.map(\.name)), maximumDepth: limits.pickleDepth)
    let root = try filter.root(
      tree, tensors: tensors,
      attributes: attributes.filter { ExactName($0.0) != ExactName(Self.dtypesAttribute) }
        + described.dtypesAttribute)

    var writer = TorchPickleWriter(table: described)
    do {
      pickle = try writer.pickle(of: root)
    } catch {
      throw CheckpointError(
        error.kind, CheckpointError.Site(member: "data.pkl", field: error.field), error.problem)
    }
    omissions = filter.omissions
    rawTensors = described.rawTensors
    self.storageByteCounts = storageByteCounts
    storageOrder = writer.storageOrder
    let records = TorchRecord.records(
      pickle: pickle, storageByteCounts: writer.storageOrder.map { storageByteCounts[$0] })
    let layout = try ZipLayout(
      members: records.map { (name: ExactName($0.name), byteCount: $0.byteCount) }, alignment: 64)
    var offsets = [Int](repeating: 0, count: storageByteCounts.count)
    for (index, storage) in writer.storageOrder.enumerated() {
      offsets[storage] = layout.dataOffset(of: TorchRecord.firstStorage + index)
    }
    storageOffsets = offsets
    byteCount = layout.byteCount
    self.records = records
    self.layout = layout
  }
}
