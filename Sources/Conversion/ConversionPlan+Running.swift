public import CheckpointBytes
public import Checkpoints
internal import OrderedCollections
public import WeightGraph

extension ConversionPlan {
  /// Writes the destination, opens what was written, compares it with the source, and only then puts it in place.
  ///
  /// Every file is written beside its destination under a temporary name. If anything fails, nothing has changed: the
  /// temporary files are gone, and what stood at the destination still stands there. Shards are put in place one by one,
  /// the index last, while no other conversion puts files into the same directory.
  ///
  /// A conversion that goes on where another was ended (`ConversionOptions.resumes`) puts each shard in place as soon as it is
  /// written and compared, unless there is a `check`; a shard that is there already counts if each of its bytes is the one that
  /// would be written.
  /// - Parameters:
  ///   - progress: Is told how far it is.
  ///   - check: Is given the weights as they were written, read from the temporary files and from those that were there
  ///     already; what it throws ends the conversion like any failure.
  /// - Throws: `inputOutput`, what reading the source throws, `mismatch` if the comparison fails, what `check` throws.
  public func run(
    progress: ProgressHandler? = nil,
    checking check: ((_ written: WeightGraph) throws(CheckpointError) -> Void)? = nil
  ) throws(CheckpointError) -> ConversionReceipt {
    let clock = ContinuousClock()
    let start = clock.now
    var receipt = receipt
    if destination.makesDirectory { try Directory.makeUnlessThere(destination.directory) }
    do {
      receipt.files = []
      TemporaryFiles.removeAbandoned(of: files.weights.map(\.path))
      let written =
        if resumes { try resume(&receipt, progress, commits: check == nil) } else {
          try writeFiles(progress).map { WrittenFile.temporary($0) }
        }
      if verifies {
        if !resumes { receipt.casts = try verified(files.weights.indices, written, progress) }
        receipt.verification = .equal(tensors: receipt.tensorCount, bytes: receipt.byteCount)
      }
      if let check { try check(graph(of: written)) }
      let beside = try writeBeside()
      try withExtendedLifetime(DirectoryLock(destination.directory)) { () throws(CheckpointError) in
        if !replacesExisting, !resumes { try files.checkNothingExists() }
        for output in written.compactMap(\.temporary) + beside {
          receipt.files.append(try commit(output))
        }
        for path in files.superseded where try PathKind(path: path) == .file {
          try Directory.removeFile(path)
          receipt.notes.append("removed \(path), which this conversion replaces")
        }
      }
    } catch {
      removeMadeDirectories()
      throw error.site.file == nil ? error.inFile(receipt.source) : error
    }
    let elapsed = clock.now - start
    receipt.seconds =
      Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return receipt
  }

  /// True if each file that would be written is there: those beside the weights with the bytes that they would have, those of
  /// weights whatever is in them.
  ///
  /// - Throws: `inputOutput` for a path that cannot be looked at.
  package func isInPlace() throws(CheckpointError) -> Bool {
    for path in files.superseded where try PathKind(path: path) != .nothing { return false }
    for file in files.weights where try PathKind(path: file.path) != .file { return false }
    return beside.isEmpty
  }

  /// A file of weights that is written.
  private enum WrittenFile {
    case temporary(OutputFile)
    case inPlace(String)

    var temporary: OutputFile? {
      if case .temporary(let output) = self { output } else { nil }
    }

    func open() throws(CheckpointError) -> SourceFile {
      switch self {
      case .temporary(let output): try output.reopen()
      case .inPlace(let path): try SourceFile(path: path)
      }
    }
  }

  private func commit(_ output: OutputFile) throws(CheckpointError) -> (String, Int) {
    let size = try output.reopen().size
    try output.commit()
    return (output.path, size)
  }

  private func writeFiles(_ progress: ProgressHandler?) throws(CheckpointError) -> [OutputFile] {
    let meter = ProgressMeter(.writing, total: receipt.byteCount, progress)
    var outputs: [OutputFile] = []
    for index in files.weights.indices { outputs.append(try write(index, meter)) }
    return outputs
  }

  private func write(_ index: Int, _ meter: ProgressMeter) throws(CheckpointError) -> OutputFile {
    let output = try OutputFile(
      path: files.weights[index].path, reserving: images[index].byteCount, clearing: false)
    try pass(index, to: output, meter)
    return output
  }

  private func pass(
    _ index: Int, to output: any FileOutput, _ meter: ProgressMeter
  ) throws(CheckpointError) {
    try images[index].write(
      files.weights[index].ties.map { (name: $0.names[0], weight: $0.weight) }, to: output,
      meter: meter)
  }

  /// Writes the files that are not there yet, each compared before the next one is begun.
  ///
  /// - Parameter commits: True if each is put in place by then as well.
  private func resume(
    _ receipt: inout ConversionReceipt, _ progress: ProgressHandler?, commits: Bool
  ) throws(CheckpointError) -> [WrittenFile] {
    let meter = ProgressMeter(.writing, total: receipt.byteCount, progress)
    var written: [WrittenFile] = []
    var casts: [ExactName: ConversionReceipt.Cast] = [:]
    for (index, file) in files.weights.enumerated() {
      let isThere = try PathKind(path: file.path) == .file
      var whole = false
      if isThere {
        whole = try isWritten(index, meter)
        guard whole || replacesExisting else {
          throw CheckpointError(
            .inconsistent, file: file.path, "exists already, and is not what would be written",
            remedy: "use \(remedy: .replaceExisting) to replace it")
        }
      }
      let output = whole ? nil : try write(index, meter)
      let result = output.map { WrittenFile.temporary($0) } ?? .inPlace(file.path)
      if verifies {
        let padded = written + [result]
        for cast in try verified(index..<(index + 1), padded, progress)
        where cast.largestError != nil {
          casts[cast.name] = cast
        }
      }
      if whole {
        receipt.inPlace.append(file.path)
        receipt.notes.append("\(file.path) was there already, with the bytes that would be written")
      }
      guard let output, commits else {
        written.append(result)
        continue
      }
      let place = try withExtendedLifetime(DirectoryLock(destination.directory)) {
        () throws(CheckpointError) in try commit(output)
      }
      receipt.files.append(place)
      written.append(.inPlace(file.path))
    }
    receipt.casts = receipt.casts.map { casts[$0.name] ?? $0 }
    return written
  }

  /// True if a file holds what would be written, byte for byte.
  private func isWritten(_ index: Int, _ meter: ProgressMeter) throws(CheckpointError) -> Bool {
    let file = try SourceFile(path: files.weights[index].path)
    guard file.size == images[index].byteCount else { return false }
    do throws(CheckpointError) {
      try pass(index, to: FileComparison(file), meter)
      return true
    } catch {
      // What is wrong with the source is told as such.
      guard error.site.file == file.path, [.mismatch, .truncated].contains(error.kind) else {
        throw error
      }
      return false
    }
  }

  /// The weights of all written files, as opening the destination gives them.
  private func graph(of written: [WrittenFile]) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    for (file, output) in zip(files.weights, written) {
      let part = try Checkpoint.open(output.open(), options: openOptions).graph
      graph.facts.metadata = part.facts.metadata
      for (name, weight) in part.weights {
        try graph.insert(weight, as: ExactName(file.prefix + name.string))
      }
    }
    return graph
  }

  /// Compares what was written into some of the files with the source.
  ///
  /// - Returns: the casts, those of these files measured.
  private func verified(
    _ indices: Range<Int>, _ written: [WrittenFile], _ progress: ProgressHandler?
  ) throws(CheckpointError) -> [ConversionReceipt.Cast] {
    var verifier = ConversionVerifier(graph: graph)
    for index in indices {
      let file = files.weights[index]
      let checkpoint = try Checkpoint.open(written[index].open(), options: openOptions)
      try verifier.compareStructure(checkpoint.graph, with: file.ties, path: file.path)
    }
    return try verifier.compareBytes(casts: receipt.casts, progress)
  }
}
