internal import PickleFormat

extension AllowedGlobals {
  /// Storage classes: named by persistent ids, never created. The twins in `torch.cuda` are the same on another device.
  static let storages: [(String, String, GlobalRole)] =
    StorageType.elementNames.flatMap { prefix, elementName -> [(String, String, GlobalRole)] in
      guard let element = TorchDType.named(elementName) else { return [] }
      let role = GlobalRole.storage(StorageType(element: element, isUntyped: false))
      return ["torch", "torch.cuda"].map { ($0, prefix + "Storage", role) }
    }
    + (TorchDType.named("uint8").map {
      let role = GlobalRole.storage(StorageType(element: $0, isUntyped: true))
      return [("torch.storage", "UntypedStorage", role), ("torch", "UntypedStorage", role)]
    } ?? [])

  /// Types of elements, by the names under which PyTorch pickles them.
  static let dtypes: [(String, String, GlobalRole)] =
    TorchDType.all.map { ("torch", $0.name, .dtype($0)) }

  /// Types and enumerations of PyTorch.
  static let torchTypes: [Group] =
    ["torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse"].map {
      Group($0, tensorClasses, .tensorClass)
    } + [
      Group("torch", "Tensor", .tensorClass),
      Group("torch.nn.parameter", parameterClasses, .tensorClass),
      Group("torch.nn", "Parameter Buffer", .tensorClass),
      Group("torch.autograd.variable", "Variable", .tensorClass),
      // Subclasses that PyTorch itself pickles; their parts are tensors of their own.
      Group("torch.masked.maskedtensor.core", "MaskedTensor", .tensorClass),
      Group("torch.nested._internal.nested_tensor", "NestedTensor", .tensorClass),
      Group("torch._dynamo.decorators", "_DimRange", .attributes),
      // One process's part of a tensor, and where the others lie, as FSDP2's state dicts have it: what `torch.load` takes as data too
      // (`torch/distributed/tensor/__init__.py`, `device_mesh.py`), and its names until torch 2.4 (`torch/distributed/_tensor/`).
      Group("torch.distributed.tensor", "DTensor", .tensorClass),
      Group("torch.distributed._tensor.api", "DTensor", .tensorClass),
      Group(
        "torch.distributed.tensor._dtensor_spec", "DTensorSpec TensorMeta ShardOrderEntry",
        .attributes),
      Group(
        "torch.distributed.tensor.placement_types", "Partial Replicate Shard _StridedShard",
        .attributes),
      Group(
        "torch.distributed._tensor.placement_types",
        "DTensorSpec TensorMeta Partial _Partial Replicate Shard", .attributes),
      Group("torch.distributed._mesh_layout", "_FlatLayout _MeshLayout", .attributes),
      Group("torch.distributed._tensor.device_mesh", "DeviceMesh", .attributesAlone),
      Group("torch.distributed.device_mesh", "DeviceMesh", .attributesAlone),
      Group("torch", "Size", .value(.size)),
      Group("torch", "device", .value(.device)),
      Group("torch.serialization", "_get_layout", .value(.layout)),
      Group(
        "torch",
        "per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric "
          + "per_channel_affine_float_qparams strided sparse_coo sparse_csr sparse_csc sparse_bsr "
          + "sparse_bsc jagged contiguous_format preserve_format channels_last channels_last_3d",
        .named),
      Group("torch._C", "Generator", .attributes),
      Group("torch.torch_version", "TorchVersion", .attributes),
    ]

  private static let tensorClasses =
    "FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor "
    + "ByteTensor BoolTensor"

  private static let parameterClasses =
    "Parameter Buffer UninitializedParameter UninitializedBuffer"

  /// The functions that put tensors together. Their arguments are read by structure in `ObjectResolver+Rebuild.swift`.
  static let torchRebuilds: [Group] = [
    Group("torch._utils", "_rebuild_tensor", .rebuild(.tensor)),
    Group("torch._utils", "_rebuild_tensor_v2", .rebuild(.tensorV2)),
    Group("torch._utils", "_rebuild_tensor_v3", .rebuild(.tensorV3)),
    Group("torch._utils", "_rebuild_parameter", .rebuild(.parameter)),
    Group("torch._utils", "_rebuild_parameter_with_state", .rebuild(.parameterWithState)),
    Group("torch._utils", "_rebuild_qtensor", .rebuild(.quantised)),
    Group("torch._utils", "_rebuild_sparse_tensor", .rebuild(.sparse)),
    Group("torch._utils", "_rebuild_nested_tensor", .rebuild(.nested)),
    Group("torch._utils", "_rebuild_meta_tensor_no_storage", .rebuild(.meta)),
    Group("torch._utils", "_rebuild_wrapper_subclass", .rebuild(.wrapperSubclass)),
    Group(
      "torch._utils", "_rebuild_device_tensor_from_numpy _rebuild_xla_tensor", .rebuild(.fromNumpy)),
    Group("torch._utils", "_rebuild_device_tensor_from_cpu_tensor", .rebuild(.fromCPUTensor)),
    Group("torch._tensor", "_rebuild_from_type_v2", .rebuild(.fromTypeV2)),
    Group("torch.nested._internal.nested_tensor", "_rebuild_njt", .rebuild(.jagged)),
    // How TorchScript writes typed lists (`torch/jit/_pickle.py`): the list, and a tag perhaps.
    Group(
      "torch.jit._pickle",
      "build_intlist build_tensorlist build_doublelist build_boollist restore_type_tag",
      .value(.typedContainer)),
  ]
}
