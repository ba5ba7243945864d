internal import CheckpointBytes

/// The file formats that checkpoints are read from and written to.
public enum CheckpointFormat: String, Sendable, Hashable, CaseIterable {
  /// A safetensors file.
  case safetensors
  /// A PyTorch checkpoint: zip archive, legacy stream, tar, TorchScript archive.
  case pytorch
  /// An HDF5 file, or a `.keras` archive that holds one.
  case hdf5

  /// The format that a file name's extension stands for, if it stands for one.
  public init?(fileName: String) {
    let lowercase = fileName.lowercased()
    guard
      let format = Self.allCases.first(where: { $0.suffixes.contains(where: lowercase.hasSuffix) })
    else { return nil }
    self = format
  }

  /// The ends of the names of such files, in lower case.
  package var suffixes: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    case .pytorch: [".bin", ".pt", ".pth", ".ckpt"]
    case .hdf5: [".h5", ".hdf5"]
    }
  }

  /// Whether a file of this name would be expected where a directory of the name would be a surprise: one of a format that
  /// cannot be written, or a slip of the pen.
  package static func isMistaken(fileName: String) -> Bool {
    let lowercase = fileName.lowercased()
    guard let dot = lowercase.lastIndex(of: "."), dot != lowercase.startIndex else { return false }
    let suffix = String(lowercase[lowercase.index(after: dot)...])
    return unwritten.contains(suffix)
      || ExactName(suffix).distance(to: ExactName(CheckpointFormat.safetensors.rawValue)) <= 2
  }

  private static let unwritten: Set<String> = [
    "gguf", "hdf", "index", "json", "keras", "msgpack", "npy", "npz", "onnx", "pickle", "pkl",
    "tar",
    "tflite", "zip",
  ]
}
