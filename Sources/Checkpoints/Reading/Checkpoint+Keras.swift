package import CheckpointBytes
internal import HDF5Format
package import ZipFormat

extension Checkpoint {
  /// Opens a ZIP archive: Keras's, or else one of PyTorch's.
  static func openArchive(
    _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    let archive = try ZipArchive(file, limits: options.limits)
    if archive[kerasWeights] != nil {
      return try openKerasArchive(archive, file, options: options)
    }
    if let foreign = ForeignContent(archive: archive) { throw foreign.failure(file.path) }
    return try openTorch(file, archive, options: options)
  }

  /// Opens a `.keras` archive: the weights lie in one of its members, an HDF5 file (`keras/src/saving/saving_lib.py`,
  /// 3.15), which may be deflated: it is copied out first.
  private static func openKerasArchive(
    _ archive: ZipArchive, _ file: SourceFile, options: OpenOptions
  ) throws(CheckpointError) -> Checkpoint {
    guard let member = archive[kerasWeights] else {
      throw CheckpointError(
        .notFound, file: file.path, member: kerasWeights.string, "the archive holds no weights")
    }
    let source = try archive.source(of: member)
    let shown = "\(file.path): \(kerasWeights)"
    let inner = try ScratchFile.copy(of: source, shownAs: shown) {
      (scratch) throws(CheckpointError) in
      try openHDF5(scratch, options: options)
    }
    return Checkpoint(
      format: .hdf5, container: "keras archive, " + inner.container, files: [file.path],
      graph: inner.graph, links: inner.links, notes: inner.notes,
      incompleteness: inner.incompleteness)
  }

  /// The archive at a path if it is a `.keras` one; nil for whatever else is there.
  package static func kerasArchive(
    at path: String, limits: ReadLimits
  ) throws(CheckpointError) -> ZipArchive? {
    guard try PathKind(path: path) == .file else { return nil }
    let file = try SourceFile(path: path)
    guard try CheckpointReader(of: file)?.name == CheckpointReader.archive.name else { return nil }
    let archive = try ZipArchive(file, limits: limits)
    return archive[kerasWeights] == nil ? nil : archive
  }

  /// The member of a `.keras` archive that holds the weights.
  static let kerasWeights: ExactName = "model.weights.h5"
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
