internal import PickleFormat

/// What the `.metadata` of a distributed checkpoint names (`torch/distributed/checkpoint/metadata.py` and `filesystem.py`,
/// torch 2.13; `torch/distributed/_shard` before 2.3): data classes of names, sizes and offsets, and one enumeration.
///
/// They are known as data, but not to the reader, which has no use for them.
enum DistributedMetadata {
  private static let names: Set<GlobalName> = Set(
    [
      (
        "torch.distributed.checkpoint.metadata",
        "Metadata MetadataIndex StorageMeta TensorStorageMetadata BytesStorageMetadata "
          + "ChunkStorageMetadata TensorProperties _MEM_FORMAT_ENCODING"
      ),
      ("torch.distributed.checkpoint.filesystem", "_StorageInfo _StoragePrefix"),
      (
        "torch.distributed._shard.sharded_tensor.metadata", "TensorProperties MEM_FORMAT_ENCODING"
      ),
      ("torch.distributed._shard.metadata", "ShardMetadata"),
      ("torch.distributed.remote_device", "_remote_device"),
    ].flatMap { module, names in
      names.split(separator: " ").map { GlobalName(module, String($0)) }
    })

  /// True if a global is one of them.
  static func contains(_ global: GlobalName) -> Bool { names.contains(global) }
}
