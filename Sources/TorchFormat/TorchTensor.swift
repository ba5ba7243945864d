package import CheckpointBytes
package import TensorValues

/// The bytes that one or more tensors share. Tensors with the same storage object share memory in PyTorch too.
package final class TorchStorage: Sendable {
  /// The storage's key in its file: the number of a ZIP record, or what used to be an address. It means nothing outside.
  package let key: String
  /// The type of the elements, or nil where the file stores plain bytes (`UntypedStorage`) or quantised numbers.
  package let dtype: DType?
  /// The order of the bytes of a number.
  package let byteOrder: ByteOrder
  /// The bytes; they are read when asked for.
  package let source: any ByteSource

  init(key: String, dtype: DType?, byteOrder: ByteOrder, source: any ByteSource) {
    self.key = key
    self.dtype = dtype
    self.byteOrder = byteOrder
    self.source = source
  }
}

/// One tensor of a checkpoint: a name, and a view of a storage.
package struct TorchTensor: Sendable {
  /// The keys that lead to the tensor, joined by dots; empty for a file that holds one tensor and nothing else.
  package let name: ExactName
  /// The type of the elements.
  package let dtype: DType
  /// The extents, in elements of ``dtype``.
  package let shape: Shape
  /// The bytes it is a view of.
  package let storage: TorchStorage
  /// Where its elements lie in the storage, in elements of ``dtype``; in bytes for types whose elements share bytes: each
  /// byte holds two of the last dimension's (`float4_e2m1fn_x2`). The view lies inside the storage.
  package let layout: StridedLayout
  /// True if the stored numbers are the complex conjugates of the values.
  package let isConjugated: Bool
  /// True if the stored numbers are the negatives of the values.
  package let isNegated: Bool
  /// The type that the stored numbers are to be converted to when they are loaded; nil for ``dtype``. TPUs' `bfloat16` is
  /// stored as `float32`.
  package let conversion: DType?
  /// The class of the tensor or array, if it is none for plain numbers: `numpy.matrix`, a subclass of `torch.Tensor`.
  package let className: String?
  /// True for a `torch.nn.Parameter`, and for what requires a gradient.
  package let isTrained: Bool
}

/// What a tensor was given as attributes of its own: `parameter.partition_dim = 0`.
package struct TorchTensorAttributes: Sendable {
  /// The tensor's name.
  package let name: ExactName
  /// The attributes, by name. Tensors among them are tensors of the checkpoint, with names of their own, and are not
  /// repeated; in lists and dictionaries they stand as `.weight`.
  package let values: [(name: String, value: InertValue)]
}

/// Something like a tensor that is no plain view of numbers: quantised, sparse, nested, on the `meta` device, of a type
/// that no other format has, or outside the state dict of the module that holds it.
package struct TorchSpecialTensor: Sendable {
  /// The keys that lead to it, joined by dots.
  package let name: ExactName
  /// What it is: `sparse_coo float32 [3, 4], 2 values`.
  package let description: String
  /// True for a plain tensor that is no part of the state: what the `state_dict()` of the saved module leaves out.
  package let isOutsideState: Bool
}
