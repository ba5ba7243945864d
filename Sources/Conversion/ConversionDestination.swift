internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import TensorValues
internal import WeightGraph

/// Where a conversion writes: one file, or shards and an index, in a directory that may have to be made.
struct ConversionDestination: Sendable {
  let format: CheckpointFormat
  /// The directory, with its slash; empty for the working directory.
  let directory: String
  /// The name of the file if there is one.
  private(set) var fileName: String
  /// True if the destination is a directory as Transformers saves it, with files beside the weights.
  let isDirectory: Bool
  /// True if the directory does not exist yet.
  let makesDirectory: Bool

  init(
    path: String, isFromDirectory: Bool, format: CheckpointFormat?, layout: LayoutChoice
  ) throws(CheckpointError) {
    let kind = try PathKind(path: path)
    let (parent, name) = splitPath(path)
    let named = CheckpointFormat(fileName: name)
    isDirectory =
      kind == .directory || name.isEmpty
      || (kind == .nothing && named == nil && (format == nil || isFromDirectory)
        && !CheckpointFormat.isMistaken(fileName: name))
    if isDirectory {
      self.format = format ?? layout.frameworkFormat ?? .safetensors
      directory = path.hasSuffix("/") ? path : path + "/"
      fileName = self.format.directoryFileName(nil)
      makesDirectory = kind == .nothing
    } else {
      guard let chosen = format ?? named else {
        throw CheckpointError(
          .inconsistent, file: path, "the extension names no format",
          remedy:
            "use .safetensors, .bin, .pt, .pth, .h5 or .hdf5, or say \(remedy: .format(CheckpointFormat.allCases.map(\.rawValue))); a directory ends with /"
        )
      }
      self.format = chosen
      directory = parent
      fileName = name
      makesDirectory = false
    }
  }

  /// Gives the file in a directory the name by which the layout's framework finds it.
  ///
  /// - Parameter layout: What is written; nil for names that are no known layout's.
  mutating func name(for layout: @autoclosure () -> Layout?) {
    if isDirectory { fileName = format.directoryFileName(layout()) }
  }

  /// True if Transformers looks for weights there: in a directory, or in a file of the name that it gives them.
  var isReadByTransformers: Bool {
    isDirectory || fileName == format.directoryFileName(.transformers)
  }
}
