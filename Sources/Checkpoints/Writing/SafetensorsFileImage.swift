internal import CheckpointBytes
internal import OrderedCollections
internal import SafetensorsFormat
internal import TensorValues
internal import WeightGraph

/// A safetensors file: header, then data. Of tied weights the first name in byte order is kept, as
/// `safetensors.torch.save_model` (0.8.0) keeps it; the others go into the metadata (``TieConvention``).
struct SafetensorsFileImage: FileImage {
  private let image: SafetensorsImage
  private(set) var remarks = Remarks()
  let needsChecksums = false
  var byteCount: Int { image.byteCount }

  init(
    _ ties: [Tie], metadata: OrderedDictionary<ExactName, String>?, path: String
  ) throws(CheckpointError) {
    var metadata = metadata
    var tensors: [SafetensorsImage.Tensor] = []
    var untold: [JSONValue] = []
    let convention = TieConvention(storedNames: ties.lazy.map { $0.names.min() ?? $0.names[0] })
    for tie in ties {
      let kept = tie.names.min() ?? tie.names[0]
      guard tie.weight.dtype.isSafetensorsType else {
        throw CheckpointError(
          .unsupported, file: path, tensor: kept.string,
          "safetensors has no dtype \(tie.weight.dtype)",
          remedy:
            "cast it with \(remedy: .cast(to: "C64")), or leave it out with \(remedy: .leaveOut([kept.string]))"
        )
      }
      tensors.append(
        SafetensorsImage.Tensor(name: kept, dtype: tie.weight.dtype, shape: tie.weight.shape))
      for alias in tie.names where alias != kept {
        guard metadata?[alias] == nil else {
          throw CheckpointError(
            .inconsistent, file: path, tensor: alias.string,
            "the metadata has a key of this name, where the tie to \(quoted(kept.string)) would stand"
          )
        }
        metadata = metadata ?? [:]
        metadata?[alias] = kept.string
        if !convention.tells(alias, isTiedTo: kept) { untold.append(.string(alias.string)) }
      }
    }
    if !untold.isEmpty { metadata?[FactNames.ties] = JSONWriter.text(.array(untold)) }
    image = try locating(file: path) { () throws(ParseFailure) in
      try SafetensorsImage(
        tensors: tensors, metadata: metadata.map { $0.map { (key: $0.key, value: $0.value) } })
    }
  }

  func begin(_ output: any FileOutput) throws(CheckpointError) -> [Int] {
    try output.write(image.headerBytes, at: 0)
    return image.offsets
  }

  func finish(_ output: any FileOutput, checksums: [UInt32]) throws(CheckpointError) {
    try output.setSize(image.byteCount)
  }
}
