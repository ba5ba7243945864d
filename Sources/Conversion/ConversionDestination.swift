internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import TensorValues
internal import WeightGraph

/// Where a conversion writes: one file, or shards and an index, in a directory that may have to be made.
struct ConversionDestination: Sendable {
  let writer: any CheckpointWriter
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
    // A variable that is not set, mostly: it is no name of the root directory.
    guard !path.isEmpty else {
      throw CheckpointError(.inconsistent, "the destination's path is empty")
    }
    let kind = try PathKind(path: path)
    let (parent, name) = splitPath(path)
    let named = CheckpointFormat(fileName: name)
    isDirectory =
      kind == .directory || name.isEmpty
      || (kind == .nothing && named == nil && (format == nil || isFromDirectory)
        && !CheckpointFormat.isMistaken(fileName: name))
    if isDirectory {
      let chosen = format ?? layout.frameworkFormat ?? .safetensors
      writer = try Self.writer(of: chosen, path)
      directory = path.hasSuffix("/") ? path : path + "/"
      fileName = chosen.directoryFileName(nil)
      makesDirectory = kind == .nothing
    } else {
      guard let chosen = format ?? named else {
        throw CheckpointError(
          .inconsistent, file: path, "the extension names no format",
          remedy:
            "use .safetensors, .bin, .pt, .pth, .h5 or .hdf5, or say \(remedy: .format(CheckpointFormat.writers.map(\.format.rawValue))); a directory ends with /"
        )
      }
      writer = try Self.writer(of: chosen, path)
      directory = parent
      fileName = name
      makesDirectory = false
    }
  }

  /// The format of the files.
  var format: CheckpointFormat { writer.format }

  private static func writer(
    of format: CheckpointFormat, _ path: String
  ) throws(CheckpointError) -> any CheckpointWriter {
    guard let writer = format.writer else {
      throw CheckpointError(
        .unsupported, file: path, "\(format.rawValue) is read and not written",
        remedy: "say \(remedy: .format(CheckpointFormat.writers.map(\.format.rawValue)))")
    }
    return writer
  }

  /// Gives the file in a directory the name by which the layout's framework finds it.
  ///
  /// - Parameters:
  ///   - layout: What is written; nil for names that are no known layout's.
  ///   - sources: The files that are read: what a library finds by a name of its own keeps it.
  mutating func name(for layout: @autoclosure () -> Layout?, from sources: [String]) {
    guard isDirectory else { return }
    let layout = layout()
    let kept = sources.lazy.compactMap { CheckpointFormat.ownBaseName(of: splitPath($0).name) }
    if layout == nil, let base = kept.first {
      fileName = base + format.directoryFileExtension
    } else {
      fileName = format.directoryFileName(layout)
    }
  }

  /// True if Transformers looks for weights there: in a directory, or in a file of the name that it gives them.
  var isReadByTransformers: Bool {
    isDirectory || fileName == format.directoryFileName(.transformers)
  }
}
