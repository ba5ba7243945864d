public import CheckpointBytes
public import Checkpoints
internal import OrderedCollections
public import WeightGraph

extension ConversionPlan {
  /// Writes the destination, opens what was written, compares it with the source, and only then puts it in place.
  ///
  /// Every file is written beside its destination under a temporary name. If anything fails, nothing has changed: the
  /// temporary files are gone, and what stood at the destination still stands there. Shards are put in place one by one,
  /// the index last.
  /// - Parameters:
  ///   - progress: Is told how far it is.
  ///   - check: Is given the weights as they were written, read from the temporary files; what it throws ends the
  ///     conversion like any failure.
  /// - Throws: `inputOutput`, what reading the source throws, `mismatch` if the comparison fails, what `check` throws.
  public func run(
    progress: ProgressHandler? = nil,
    checking check: ((_ written: WeightGraph) throws(CheckpointError) -> Void)? = nil
  ) throws(CheckpointError) -> ConversionReceipt {
    let clock = ContinuousClock()
    let start = clock.now
    var receipt = receipt
    if destination.makesDirectory { try Directory.make(destination.directory) }
    do {
      let outputs = try writeFiles(progress)
      if verifies {
        receipt.casts = try verified(outputs, progress)
        receipt.verification = .equal(tensors: receipt.tensorCount, bytes: receipt.byteCount)
      }
      if let check { try check(written(outputs)) }
      let beside = try writeBeside()
      receipt.files = []
      for output in outputs + beside {
        let size = try output.reopen().size
        try output.commit()
        receipt.files.append((output.path, size))
      }
      for path in files.superseded where try PathKind(path: path) == .file {
        try Directory.removeFile(path)
        receipt.notes.append("removed \(path), which this conversion replaces")
      }
    } catch {
      removeMadeDirectories()
      throw error
    }
    let elapsed = clock.now - start
    receipt.seconds =
      Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return receipt
  }

  private func writeFiles(_ progress: ProgressHandler?) throws(CheckpointError) -> [OutputFile] {
    let meter = ProgressMeter(.writing, total: receipt.byteCount, progress)
    var outputs: [OutputFile] = []
    for (file, image) in zip(files.weights, images) {
      let output = try OutputFile(path: file.path, reserving: image.byteCount)
      try image.write(
        file.ties.map { (name: $0.names[0], weight: $0.weight) }, to: output, meter: meter)
      outputs.append(output)
    }
    return outputs
  }

  /// The weights of all written files, as opening the destination gives them.
  private func written(_ outputs: [OutputFile]) throws(CheckpointError) -> WeightGraph {
    var graph = WeightGraph()
    for (file, output) in zip(files.weights, outputs) {
      let part = try Checkpoint.open(output.reopen(), options: OpenOptions()).graph
      graph.facts.metadata = part.facts.metadata
      for (name, weight) in part.weights {
        try graph.insert(weight, as: ExactName(file.prefix + name.string))
      }
    }
    return graph
  }

  /// Compares what was written with the source.
  ///
  /// - Returns: the casts, measured.
  private func verified(
    _ outputs: [OutputFile], _ progress: ProgressHandler?
  ) throws(CheckpointError) -> [ConversionReceipt.Cast] {
    var verifier = ConversionVerifier(graph: graph)
    for (file, output) in zip(files.weights, outputs) {
      let written = try Checkpoint.open(output.reopen(), options: OpenOptions())
      try verifier.compareStructure(written.graph, with: file.ties, path: file.path)
    }
    return try verifier.compareBytes(casts: receipt.casts, progress)
  }
}
