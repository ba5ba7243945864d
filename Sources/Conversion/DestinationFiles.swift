internal import CheckpointBytes
internal import Checkpoints
internal import LayoutRules
internal import ModelDirectories
internal import TensorValues
internal import WeightGraph

/// The files that a destination is made of, before anything is laid out.
struct DestinationFiles {
  /// A file of weights.
  struct File: Sendable {
    let path: String
    let ties: [Tie]
    /// What the names in the file leave out.
    var prefix = ""
  }

  /// The files of weights, in the order in which they are put in place.
  let weights: [File]
  /// The index of shards, if there are any.
  var index: CompanionFile?
  /// What may stand at the destination in another form and would be read instead of what is written now, or with it.
  var superseded: [String]
  /// What would be read instead as well, and stays: it lies beside the source, of which this is another form.
  var preferred: [String] = []

  /// Refuses to replace what exists.
  ///
  /// - Parameter inPart: True if the files of weights may be there already.
  func checkNothingExists(inPart: Bool = false) throws(CheckpointError) {
    for path in (inPart ? [] : weights.map(\.path)) + superseded {
      let kind = try PathKind(path: path)
      if kind == .nothing { continue }
      guard kind != .other else {
        throw CheckpointError(.inputOutput, file: path, "is not a regular file and is not replaced")
      }
      throw CheckpointError(
        .inconsistent, file: path, "exists already",
        remedy: "use \(remedy: .replaceExisting) to replace it")
    }
  }
}

extension ConversionDestination {
  /// The files for these weights: two for a preset of KerasHub, else one, or shards and their index.
  ///
  /// - Parameters:
  ///   - ties: The weights.
  ///   - weights: What they were laid out as.
  ///   - sources: The files that are read.
  ///   - options: What is asked for.
  /// - Throws: `unsupported` for shards of a format that is not written in shards, `inconsistent` if something is there
  ///   that may not be replaced.
  func files(
    of ties: [Tie], as weights: LaidOutWeights, from sources: [String],
    _ options: ConversionOptions
  ) throws(CheckpointError) -> DestinationFiles {
    var files = try files(of: ties, as: weights, maximumShardSize: options.maximumShardSize)
    if isDirectory {
      let rivals = try rivals()
      if isPlace(ofAnyOf: sources) { files.preferred = rivals } else { files.superseded += rivals }
    }
    if !options.replacesExisting { try files.checkNothingExists(inPart: options.resumes) }
    return files
  }

  /// What is there and readers of a directory take before what is written, in other formats.
  private func rivals() throws(CheckpointError) -> [String] {
    var rivals: [String] = []
    for name in preferredNames where try PathKind(path: directory + name) != .nothing {
      rivals.append(directory + name)
    }
    return rivals
  }

  /// The names that readers of a directory take before what is written there, in other formats.
  private var preferredNames: [String] {
    if let base = CheckpointFormat.ownBaseName(of: fileName) {
      let name = base + CheckpointFormat.safetensors.directoryFileExtension
      return format == .safetensors ? [] : [name, name + ".index.json"]
    }
    let names = Checkpoint.preferredNames
    return Array(names.prefix(upTo: names.firstIndex(of: fileName) ?? names.endIndex))
  }

  /// True if one of some files lies in the directory.
  private func isPlace(ofAnyOf files: [String]) -> Bool {
    guard let place = Directory.identity(of: directory) else { return false }
    let directories = Set(files.map { splitPath($0).directory })
    return directories.contains { Directory.identity(of: $0.isEmpty ? "." : $0) == place }
  }

  private func files(
    of ties: [Tie], as weights: LaidOutWeights, maximumShardSize: Int?
  ) throws(CheckpointError) -> DestinationFiles {
    let whole = directory + fileName
    let groups = ShardAssignment(ties, maximumSize: maximumShardSize).groups
    guard groups.count == 1 || writer.writesShards else {
      throw CheckpointError(
        .unsupported, file: whole, "HDF5 checkpoints are not written in shards",
        remedy: "leave out \(remedy: .shardSize), or write safetensors or PyTorch")
    }
    let indexName = fileName + ".index.json"
    if weights.layout == .kerasHub, isDirectory {
      let files = KerasPreset.files(of: ties).map {
        DestinationFiles.File(path: directory + $0.name, ties: $0.ties, prefix: $0.prefix)
      }
      let others = [indexName] + KerasPreset.taskFiles(of: weights.model?.model.architecture.head)
      return DestinationFiles(
        weights: files,
        superseded: others.map { directory + $0 }.filter { path in
          !files.contains { $0.path == path }
        })
    }
    guard groups.count > 1 else {
      return DestinationFiles(
        weights: [DestinationFiles.File(path: whole, ties: ties)],
        superseded: [directory + indexName])
    }
    let names = groups.indices.map { shardName($0, of: groups.count) }
    return DestinationFiles(
      weights: zip(names, groups).map {
        DestinationFiles.File(path: directory + $0, ties: $1)
      },
      index: CompanionFile(path: indexName, content: .bytes(index(of: groups, in: names))),
      superseded: [whole])
  }

  /// As huggingface_hub names shards: `model-00001-of-00003.safetensors`.
  private func shardName(_ shard: Int, of count: Int) -> String {
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    let dot = fileName.lastIndex(of: ".").flatMap { $0 == fileName.startIndex ? nil : $0 }
    let end = dot ?? fileName.endIndex
    return "\(fileName[..<end])-\(padded(shard + 1))-of-\(padded(count))\(fileName[end...])"
  }

  private func index(of shards: [[Tie]], in names: [String]) -> [UInt8] {
    var places: [(name: ExactName, file: String)] = []
    for (file, shard) in zip(names, shards) {
      for tie in shard {
        let listed = writer.tellsTiesInMetadata ? [tie.names.min() ?? tie.names[0]] : tie.names
        places += listed.map { ($0, file) }
      }
    }
    let weights = shards.joined().map(\.weight)
    return ShardIndex.text(
      shardOfTensor: places, totalSize: weights.reduce(0) { $0 + $1.byteCount },
      totalParameters: weights.reduce(0) { $0 + $1.shape.elementCount })
  }
}

/// Which weights go into which file: in order, each file as full as it may be; a weight larger than that has a file to
/// itself (huggingface_hub 2.4, `split_state_dict_into_shards_factory`).
private struct ShardAssignment {
  let groups: [[Tie]]

  init(_ ties: [Tie], maximumSize: Int?) {
    guard let maximumSize else {
      groups = [ties]
      return
    }
    var groups: [[Tie]] = []
    var current: [Tie] = []
    var size = 0
    for tie in ties {
      if tie.weight.byteCount > maximumSize {
        groups.append([tie])
        continue
      }
      if size + tie.weight.byteCount > maximumSize, !current.isEmpty {
        groups.append(current)
        current = []
        size = 0
      }
      current.append(tie)
      size += tie.weight.byteCount
    }
    if !current.isEmpty || groups.isEmpty { groups.append(current) }
    self.groups = groups
  }
}
