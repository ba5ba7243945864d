internal import CheckpointBytes
internal import HDF5Format
internal import ZipFormat

extension Checkpoint {
  /// Opens a `.keras` archive: the weights lie in one of its members, an HDF5 file (`keras/src/saving/saving_lib.py`,
  /// 3.15, stores all members as they are).
  static func openKerasArchive(
    _ archive: ZipArchive, _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    throw CheckpointError(.unsupported, file: file.path, "x")
  }
}

extension KerasLayout {
  /// The layout in words.
  var words: String {
    switch self {
    case .keras2(let root, _): root.string.isEmpty ? "keras 2 weights" : "keras 2 model"
    case .keras3: "keras 3 weights"
    case .plain: "plain"
    }
  }
}
