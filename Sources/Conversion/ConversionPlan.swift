public import CheckpointBytes
public import Checkpoints
internal import LayoutRules
public import ModelDirectories
internal import ModelFamilies
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// A conversion thought through to the end, before anything is written. Making it reads structure only.
public struct ConversionPlan: Sendable {
  let graph: WeightGraph
  let destination: ConversionDestination
  let files: DestinationFiles
  /// How each file of weights is laid out.
  let images: [any FileImage]
  /// What goes beside the weights: the index of shards, the companions in a directory.
  let beside: [CompanionFile]
  let verifies: Bool
  private let limits: ReadLimits
  /// How what was written is opened again.
  var openOptions: OpenOptions {
    var options = OpenOptions()
    options.limits = limits
    // A file of PyTorch without tensors is refused otherwise, since mostly it is none of a model.
    options.keepsUnknownObjects = graph.weights.isEmpty
    return options
  }
  let replacesExisting: Bool
  let resumes: Bool
  /// What the configuration has to say of int8.
  package let quantization: QuantizationChange
  /// What would be done.
  public let receipt: ConversionReceipt

  /// Plans a conversion.
  ///
  /// - Parameters:
  ///   - source: The checkpoint to convert.
  ///   - sourcePath: Where it was read, for the receipt.
  ///   - path: The destination.
  ///   - options: What changes on the way.
  ///   - given: What lies beside the weights of a model that is in memory; nil for what is found at the source's path.
  /// - Throws: `inconsistent` for a request that contradicts the checkpoint (a rule that matches nothing, two names that
  ///   become one, an existing destination), `unsupported` for what the destination's format cannot hold.
  public init(
    _ source: Checkpoint, named sourcePath: String, to path: String, options: ConversionOptions,
    companions given: DirectoryCompanions? = nil
  ) throws(CheckpointError) {
    let isFromDirectory =
      if given != nil { true } else {
        try PathKind(path: HubCache.located(sourcePath)) == .directory
      }
    var destination = try ConversionDestination(
      path: path, isFromDirectory: isFromDirectory, format: options.format, layout: options.layout)
    let selected = try source.graph.selected(options, file: sourcePath)
    let renamed = try selected.graph.renamed(options.rename, file: sourcePath)
    let numbers = try renamed.graph.joiningBlocks(options) { () throws(CheckpointError) in
      if let given { return try given.settings() }
      return try DirectoryCompanions(sourcePath, weights: source.files).settings()
    }
    let (merged, isUntied) = try numbers.merging(
      options.adapter, as: options.dtype, without: selected.changes.remarks.omissions)
    lazy var recognition = Recognition.result(of: merged.graph)
    let laidOut = try merged.graph.laidOut(
      recognition, options, from: source.format, for: destination, file: sourcePath,
      companions: given)
    destination.name(
      for: laidOut.layout ?? (try? recognition.get())?.layoutAsItIs, from: source.files)
    // Of a directory it is known when its settings are.
    let isDirectory = destination.isDirectory
    try laidOut.checkUse(of: options, forSettings: (isDirectory, isDirectory), file: sourcePath)
    let quantized = try laidOut.quantized(options, file: sourcePath)
    let (cast, dtype) = try quantized.step.graph.cast(
      to: options.quantizes(laidOut.graph) ? nil : options.dtype,
      widens: laidOut.layout == .tensorFlow,
      file: sourcePath)
    var graph = cast.graph
    var remarks = graph.prepareFacts(for: destination.writer, from: source)
    for (first, second) in graph.overlaps {
      remarks.note(
        "\(quoted(first.string)) and \(quoted(second.string)) overlap in one storage; each gets its own bytes"
      )
    }
    if laidOut.layout == nil, !options.weightsOnly { remarks.note(graph.noteOfTraining) }
    let files = try destination.files(of: graph.ties, as: laidOut, from: source.files, options)
    for path in files.preferred {
      remarks.note(
        "\(path) stays, beside the source; readers of the directory take it before \(destination.fileName)"
      )
    }
    var images: [any FileImage] = []
    for (shard, file) in files.weights.enumerated() {
      let image = try destination.writer.image(
        file.ties, facts: graph.facts, shard: shard, of: files.weights.count, path: file.path)
      remarks += image.remarks
      images.append(image)
    }
    let companions = try Self.companions(
      of: source, named: sourcePath, given: given, as: laidOut, recognition, dtype: dtype,
      quantized.change, isUntied: isUntied, for: destination, options)

    self.graph = graph
    self.destination = destination
    self.files = files
    self.images = images
    var index = files.index.map { [$0] } ?? []
    // Two conversions that replace one another's shards each bring their index.
    if options.resumes {
      index = try index.missing(
        in: destination.directory, replacesExisting: options.replacesExisting)
    }
    beside = index + companions.files
    limits = options.limits
    verifies = options.verifies
    replacesExisting = options.replacesExisting
    resumes = options.resumes
    quantization = quantized.change
    receipt = ConversionReceipt(
      of: source, named: sourcePath, format: destination.format, ties: graph.ties,
      changes: [
        selected.changes, renamed.changes, merged.changes, laidOut.changes, quantized.step.changes,
        cast.changes,
        ConversionChanges(remarks: remarks), ConversionChanges(remarks: companions.remarks),
      ],
      files: zip(files.weights, images).map { ($0.path, $1.byteCount) }
        + beside.map { [directory = destination.directory] in (directory + $0.path, $0.byteCount) })
  }
}
