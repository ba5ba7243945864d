package import CheckpointBytes
package import WeightGraph

/// How checkpoints of a format are written, as a value. A format that is only read has none
/// (``CheckpointFormat/writer``).
package protocol CheckpointWriter: Sendable {
  /// The format.
  var format: CheckpointFormat { get }
  /// True if a large checkpoint may be written in shards.
  var writesShards: Bool { get }
  /// True if a file holds what Python calls objects: the tree of a state, module versions, attributes of a tensor.
  var holdsObjects: Bool { get }
  /// True if a tied weight has one of its names in a file, and the metadata tells the others; else it has all of them.
  var tellsTiesInMetadata: Bool { get }
  /// Where the attributes of a tensor go, for people.
  var placeOfAttributes: String { get }
  /// Lays one file out: all weights, or one shard's.
  func image(
    _ ties: [Tie], facts: CheckpointFacts, shard: Int, of count: Int, path: String
  ) throws(CheckpointError) -> any FileImage
}

extension CheckpointFormat {
  /// The formats that are written.
  package static let writers: [any CheckpointWriter] = [
    SafetensorsWriter(), TorchWriter(), HDF5Writer(),
  ]

  /// How the format is written; nil if it is only read.
  package var writer: (any CheckpointWriter)? { Self.writers.first { $0.format == self } }
}

private struct SafetensorsWriter: CheckpointWriter {
  let format = CheckpointFormat.safetensors
  let writesShards = true
  let holdsObjects = false
  let tellsTiesInMetadata = true
  let placeOfAttributes = "in the metadata \(FactNames.attributes)"

  func image(
    _ ties: [Tie], facts: CheckpointFacts, shard: Int, of count: Int, path: String
  ) throws(CheckpointError) -> any FileImage {
    // What concerns the whole stands in the first shard.
    let metadata = shard == 0 ? facts.safetensorsMetadata : facts.metadata.entries
    return try SafetensorsFileImage(ties, metadata: metadata, path: path)
  }
}

private struct TorchWriter: CheckpointWriter {
  let format = CheckpointFormat.pytorch
  let writesShards = true
  let holdsObjects = true
  let tellsTiesInMetadata = false
  let placeOfAttributes = "in the attribute \(TorchFacts.hdf5Attributes) of the whole"

  func image(
    _ ties: [Tie], facts: CheckpointFacts, shard: Int, of count: Int, path: String
  ) throws(CheckpointError) -> any FileImage {
    // Shards are flat lists of names; the first says so for all.
    try TorchFileImage(
      ties, facts: facts, keepsTree: count == 1, losesTree: count > 1 && shard == 0, path: path)
  }
}

private struct HDF5Writer: CheckpointWriter {
  let format = CheckpointFormat.hdf5
  let writesShards = false
  let holdsObjects = false
  let tellsTiesInMetadata = false
  let placeOfAttributes = "as attributes, where nothing else is said of them here"

  func image(
    _ ties: [Tie], facts: CheckpointFacts, shard: Int, of count: Int, path: String
  ) throws(CheckpointError) -> any FileImage {
    try HDF5FileImage(ties, facts: facts, path: path)
  }
}
