public import CheckpointBytes

extension Checkpoint {
  /// Opens a checkpoint: a file, an index of shards, or a directory as Transformers saves it, or a model of the Hub's cache by
  /// its name (`HubCache`).
  ///
  /// What a file is, its content decides; its name serves for better messages only. Structure is read, tensor data is
  /// not, unless ``OpenOptions/manifest`` asks for it.
  /// - Throws: what the formats throw; `unsupported` if the content is of no known format, `notFound` if a directory
  ///   holds no checkpoint, `mismatch` or `inconsistent` if the checkpoint is not what the manifest has.
  public static func open(
    _ path: String, options: OpenOptions = OpenOptions()
  ) throws(CheckpointError) -> Checkpoint {
    var unpinned = options
    unpinned.manifest = nil
    let checkpoint = try openUnpinned(path, options: unpinned)
    try options.manifest?.check(checkpoint, at: path)
    return checkpoint
  }

  private static func openUnpinned(
    _ path: String, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let path = try HubCache.located(path)
    switch try PathKind(path: path) {
    case .directory:
      var checkpoint = try openDirectory(path, options: options)
      checkpoint.modules = Result { () throws(CheckpointError) in
        try ModuleWeights.weights(in: path, options)
      }
      return checkpoint
    case .nothing where try ForeignContent.isTensorFlowPrefix(path):
      throw ForeignContent.tensorFlowCheckpoint.failure(path)
    default: break
    }
    return try open(SourceFile(path: path), options: options)
  }

  /// Opens a file by its content.
  package static func open(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    guard let reader = try CheckpointReader(of: file) else {
      throw try ForeignContent(file).failure(file.path)
    }
    return try reader.open(file, options)
  }

  /// The files by which a directory is opened, each before those behind it: Transformers' own order of preference (`modeling_utils.py`,
  /// 5.23), then what else a directory may hold.
  package static let preferredNames =
    [
      "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
      "pytorch_model.bin.index.json", "tf_model.h5", "tf_model.h5.index.json",
    ] + KerasPreset.backboneFiles

  /// What a run of training keeps beside its model, where ``runState`` lies: none of it is a model.
  private static let filesOfRuns: Set<String> = [
    "optimizer.safetensors", "best.safetensors", "distillation.safetensors", "optimizer.pt",
    "scheduler.pt", "scaler.pt", "training_args.bin",
  ]
  private static let runState = "trainer_state.json"

  /// Opens the one checkpoint of a directory.
  static func openDirectory(
    _ path: String, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let names = try Directory.names(in: path)
    if let name = preferredNames.first(where: names.contains) {
      var checkpoint = try openUnpinned(Directory.join(path, name), options: options)
      if names.contains(name + ".index.json") {
        checkpoint.notes.append(
          "\(name) is taken, as Transformers takes it, and not the shards of the index beside it")
      }
      guard KerasPreset.backboneFiles.contains(name), names.contains(KerasPreset.taskDescription)
      else {
        return checkpoint
      }
      return try KerasPreset.open(path, backbone: checkpoint, options: options)
    }
    let indices = names.filter(ShardIndex.isIndex)
    let others = names.contains(runState) ? filesOfRuns : []
    let files = names.filter { name in
      !others.contains(name) && CheckpointReader.all.contains { $0.claims(name) }
    }
    let candidates = indices.isEmpty ? files : indices
    guard let name = candidates.first else {
      if let foreign = ForeignContent(directory: names) { throw foreign.failure(path) }
      if let name = try Directory.unreadableNames(in: path).first {
        throw CheckpointError(
          .unsupported, file: path,
          "of \(quoted(name)) the name is no UTF-8, and nothing else in the directory is a checkpoint"
        )
      }
      throw CheckpointError(
        .notFound, file: path, "the directory holds no checkpoint",
        remedy: "expected model.safetensors, pytorch_model.bin, tf_model.h5 or an index of shards")
    }
    if indices.isEmpty, let shard = files.first(where: ShardIndex.isShard) {
      throw CheckpointError(
        .notFound, file: path,
        "the directory holds \(quoted(shard)), one of the shards of a checkpoint, and no index that says what they hold",
        remedy: "put the index there, such as model.safetensors.index.json")
    }
    guard candidates.count == 1 else {
      throw CheckpointError(
        .inconsistent, file: path,
        "the directory holds \(candidates.count) checkpoints: \(candidates.prefix(5).joined(separator: ", "))",
        remedy: "name one of the files")
    }
    return try openUnpinned(Directory.join(path, name), options: options)
  }
}
