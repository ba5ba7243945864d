internal import CheckpointBytes
internal import Checkpoints
internal import ModelDirectories
internal import LayoutRules
internal import ModelFamilies
internal import TensorValues

extension ConversionPlan {
  /// The files that go beside the weights: none for a single file.
  ///
  /// - Throws: `inconsistent` for one that exists with another content, unless existing files may be replaced.
  static func companions(
    of source: Checkpoint, named path: String, given: DirectoryCompanions?,
    as weights: LaidOutWeights,
    _ recognition: @autoclosure () -> Result<Recognition, CheckpointError>, dtype: DType?,
    _ quantization: QuantizationChange, isUntied: Bool, for destination: ConversionDestination,
    _ options: ConversionOptions
  ) throws(CheckpointError) -> CompanionPlan {
    guard destination.isDirectory, given != nil || !source.files.isEmpty else {
      return CompanionPlan()
    }
    // `??` would lose the type of the error.
    var companions =
      if let given { given } else {
        try DirectoryCompanions(
          path, weights: source.files, destination: destination.directory
        ).taking(headOf: options.adapter)
      }
    if isUntied { companions = try companions.untied() }
    var layout = weights.layout
    var architecture = try weights.model?.architecture(heads: options.attentionHeads)
    if layout == nil, options.layout == .automatic,
      destination.format.usualLayout == .transformers,
      let model = try? recognition().get().modelAsItIs(companions)
    {
      layout = .transformers
      architecture = model
    }
    var plan: CompanionPlan
    do throws(CheckpointError) {
      if weights.layout == nil, let model = architecture {
        architecture = try model.withHeads(
          options.attentionHeads,
          configuration: try? companions.configuration(family: model.family))
      }
      companions = try companions.taking(labelsOf: options.adapter, in: architecture)
      plan = try companions.plan(
        for: layout, of: architecture, attentionHeads: options.attentionHeads, dtype: dtype)
    } catch {
      throw error.site.file == nil ? error.inFile(path) : error
    }
    try weights.checkUse(
      of: options, forSettings: (losses: !plan.losses.isEmpty, heads: layout != nil), file: path)
    try plan.apply(quantization, companions.limits)
    if let layout { try plan.losses.check(mayLose: options.allowLoss, layout: layout) }
    plan.files = try plan.files.missing(
      in: destination.directory, replacesExisting: options.replacesExisting)
    return plan
  }

  /// Writes what goes beside the weights under temporary names.
  func writeBeside() throws(CheckpointError) -> [OutputFile] {
    var outputs: [OutputFile] = []
    for file in beside {
      let path = destination.directory + file.path
      try Directory.makeAll(splitPath(path).directory)
      let output = try OutputFile(path: path, reserving: file.byteCount)
      switch file.content {
      case .bytes(let bytes): try output.write(bytes, at: 0)
      case .copy(let source, let count):
        let source = try SourceFile(path: source)
        guard source.size == count else {
          throw CheckpointError(
            .mismatch, file: source.path, "it has \(source.size) bytes, and had \(count) before")
        }
        for start in stride(from: 0, to: count, by: Self.copiedPiece) {
          let piece = min(Self.copiedPiece, count - start)
          try output.write(try source.bytes(at: start, count: piece), at: start)
        }
      }
      outputs.append(output)
    }
    return outputs
  }

  /// Bytes in memory while a file is copied.
  private static let copiedPiece = 4 << 20

  /// After a failure: the directories that were made, as far as they are empty.
  func removeMadeDirectories() {
    let made = beside.map { splitPath(destination.directory + $0.path).directory }
    for directory in Set(made).sorted(by: { $0.utf8.count > $1.utf8.count })
    where destination.makesDirectory { Directory.removeIfEmpty(directory) }
    if destination.makesDirectory { Directory.removeIfEmpty(destination.directory) }
  }
}

extension Recognition {
  /// The model that the weights are, if they are one in Transformers' names and nothing else; nil otherwise.
  fileprivate func modelAsItIs(
    _ companions: DirectoryCompanions
  ) throws(CheckpointError) -> ModelArchitecture? {
    let configuration = try companions.configuration(
      family: (try? model())?.architecture.family)
    let model = try model(configuration: configuration)
    guard model.layout == .transformers, model.isAsWritten,
      try BoundModel(graph, as: model).report.problems.isEmpty
    else { return nil }
    return model.architecture
  }
}

extension [CompanionFile] {
  /// Those that do not stand in a directory with the same bytes; the source's directory may be the destination's.
  ///
  /// - Throws: `inconsistent` for one that exists with another content, unless existing files may be replaced.
  func missing(
    in directory: String, replacesExisting: Bool
  ) throws(CheckpointError) -> [CompanionFile] {
    var left: [CompanionFile] = []
    for file in self {
      let path = directory + file.path
      switch try PathKind(path: path) {
      case .nothing: left.append(file)
      case .file:
        if try file.isEqual(to: path) { continue }
        guard replacesExisting else {
          throw CheckpointError(
            .inconsistent, file: path, "exists already, with another content",
            remedy: "use \(remedy: .replaceExisting) to replace it")
        }
        left.append(file)
      case .directory, .other:
        throw CheckpointError(.inputOutput, file: path, "is not a regular file")
      }
    }
    return left
  }
}

extension CompanionFile {
  /// True if the file at a path has these bytes.
  fileprivate func isEqual(to path: String) throws(CheckpointError) -> Bool {
    let other = try SourceFile(path: path)
    guard other.size == byteCount else { return false }
    switch content {
    case .bytes(let bytes): return try other.bytes(at: 0, count: bytes.count) == bytes
    case .copy(let source, _):
      if Directory.identity(of: source) == other.identity { return true }
      let source = try SourceFile(path: source)
      let piece = 4 << 20
      for start in stride(from: 0, to: byteCount, by: piece) {
        let count = min(piece, byteCount - start)
        guard try source.bytes(at: start, count: count) == other.bytes(at: start, count: count)
        else { return false }
      }
      return true
    }
  }
}
