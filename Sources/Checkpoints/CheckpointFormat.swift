internal import CheckpointBytes
package import LayoutRules

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
    guard let dot = lowercase.lastIndex(of: ".") else { return nil }
    switch lowercase[dot...] {
    case ".safetensors": self = .safetensors
    case ".bin", ".pt", ".pth", ".ckpt": self = .pytorch
    case ".h5", ".hdf5": self = .hdf5
    default: return nil
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

  /// The name that Transformers, or KerasHub for its own layout, gives such a file in a model directory.
  ///
  /// - Parameter layout: That of the names in the file; nil for one that no framework reads.
  package func directoryFileName(_ layout: Layout?) -> String {
    switch (self, layout) {
    case (.safetensors, _): "model.safetensors"
    case (.pytorch, _): "pytorch_model.bin"
    case (.hdf5, .tensorFlow): "tf_model.h5"
    case (.hdf5, .kerasHub): "model.weights.h5"
    case (.hdf5, _): "model.h5"
    }
  }
}
