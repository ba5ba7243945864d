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
    path: String, source: String, format: CheckpointFormat?, layout: LayoutChoice
  ) throws(CheckpointError) {
    let kind = try PathKind(path: path)
    let (parent, name) = splitPath(path)
    let named = CheckpointFormat(fileName: name)
    let isFromDirectory = try PathKind(path: source) == .directory
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
            "use .safetensors, .bin, .pt, .pth, .h5 or .hdf5, or say --format safetensors|pytorch|hdf5; a directory ends with /"
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
  mutating func name(for layout: Layout?) {
    if isDirectory { fileName = format.directoryFileName(layout) }
  }

  /// True if Transformers looks for weights there: in a directory, or in a file of the name that it gives them.
  var isReadByTransformers: Bool {
    isDirectory || fileName == format.directoryFileName(.transformers)
  }

  /// The path of a file: the name itself, or as huggingface_hub names shards, `model-00001-of-00003.safetensors`.
  func filePath(shard: Int, of count: Int) -> String {
    guard count > 1 else { return wholePath }
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    let (stem, suffix) = stemAndSuffix
    return directory + "\(stem)-\(padded(shard + 1))-of-\(padded(count))\(suffix)"
  }

  /// The path of the checkpoint in one file.
  var wholePath: String { directory + fileName }

  /// What stood at the destination in the other form and must not be read instead of what is written now: a single file
  /// beside new shards, or an index beside a new single file.
  func supersededPath(shards count: Int) -> String { count > 1 ? wholePath : indexPath }

  /// The path of the index of shards.
  var indexPath: String { directory + fileName + ".index.json" }

  private var stemAndSuffix: (stem: String, suffix: String) {
    guard let dot = fileName.lastIndex(of: "."), dot != fileName.startIndex else {
      return (fileName, "")
    }
    return (String(fileName[..<dot]), String(fileName[dot...]))
  }

  /// Refuses to replace what exists, unless that is allowed.
  func checkExisting(shards count: Int, allowed: Bool) throws(CheckpointError) {
    guard count == 1 || format != .hdf5 else {
      throw CheckpointError(
        .unsupported, file: directory + fileName, "HDF5 checkpoints are not written in shards",
        remedy: "leave out --max-shard-size, or write safetensors or PyTorch")
    }
    if allowed { return }
    try Self.refuseExisting(
      (0..<count).map { filePath(shard: $0, of: count) } + [wholePath, indexPath])
  }

  /// Refuses the first path at which something stands.
  static func refuseExisting(_ paths: [String]) throws(CheckpointError) {
    for path in paths where try PathKind(path: path) != .nothing {
      throw CheckpointError(
        .inconsistent, file: path, "exists already", remedy: "use --force to replace it")
    }
  }

  /// The text of the index.
  func index(of shards: ShardAssignment) -> [UInt8] {
    var places: [(name: ExactName, file: String)] = []
    var size = 0
    var parameters = 0
    for (position, shard) in shards.groups.enumerated() {
      let path = filePath(shard: position, of: shards.count)
      let file = splitPath(path).name
      for tie in shard {
        // Safetensors shards hold the tied names in their metadata only; PyTorch's hold all.
        let listed = format == .safetensors ? [tie.names.min() ?? tie.names[0]] : tie.names
        places += listed.map { ($0, file) }
        size += tie.weight.byteCount
        parameters += tie.weight.shape.elementCount
      }
    }
    return ShardIndex.text(
      shardOfTensor: places, totalSize: size, totalParameters: parameters)
  }
}
