public import CheckpointBytes
public import Checkpoints
internal import LayoutRules
internal import ModelDirectories
internal import OrderedCollections
internal import TensorValues
internal import WeightGraph

/// A conversion thought through to the end, before anything is written. Making it reads structure only.
public struct ConversionPlan: Sendable {
  /// A file to be written.
  struct PlannedFile: Sendable {
    let path: String
    let ties: [Tie]
    let layout: any FileLayout
    /// What the names in the file leave out.
    let prefix: String
  }

  let source: Checkpoint
  let graph: WeightGraph
  let destination: ConversionDestination
  let files: [PlannedFile]
  /// What stood at the destination in another form and would be read instead of what is written now.
  let superseded: [String]
  /// What goes beside the weights in a directory.
  let companions: CompanionPlan
  /// The text of the index, if there are shards.
  let index: [UInt8]?
  let verifies: Bool
  /// What would be done.
  public let receipt: ConversionReceipt

  /// Plans a conversion.
  ///
  /// - Throws: `inconsistent` for a request that contradicts the checkpoint (a rule that matches nothing, two names that
  ///   become one, an existing destination), `unsupported` for what the destination's format cannot hold.
  public init(
    _ source: Checkpoint, named sourcePath: String, to path: String, options: ConversionOptions
  ) throws(CheckpointError) {
    var destination = try ConversionDestination(
      path: path, source: sourcePath, format: options.format, layout: options.layout)
    let sourceFormat = source.format.rawValue + " (\(source.container))"
    var receipt = ConversionReceipt(
      source: sourcePath, sourceFormat: sourceFormat, format: destination.format)
    receipt.notes = source.notes
    var graph = try source.graph.selected(options, file: sourcePath, receipt: &receipt)
    graph = try graph.renamed(options.rename, file: sourcePath, receipt: &receipt)
    let laidOut = try graph.laidOut(
      options, from: source.format, for: destination, file: sourcePath, receipt: &receipt)
    graph = laidOut.graph
    destination.name(for: laidOut.layout ?? graph.layoutAsItIs)
    graph = try graph.cast(to: options.dtype, file: sourcePath, receipt: &receipt)
    var options = options
    if laidOut.layout == .tensorFlow {
      graph = try graph.widened(for: &options.dtype, file: sourcePath, receipt: &receipt)
    }
    func remark(_ remarks: Remarks) {
      receipt.omissions += remarks.omissions
      receipt.notes += remarks.notes
    }
    remark(graph.prepareFacts(for: destination.format, from: source))

    let ties = graph.ties
    receipt.tensorCount = graph.weights.count
    receipt.byteCount = ties.reduce(0) { $0 + $1.weight.byteCount }
    receipt.ties = ties.map(\.names).filter { $0.count > 1 }
    for (first, second) in graph.overlaps {
      receipt.notes.append(
        "\(quoted(first.string)) and \(quoted(second.string)) overlap in one storage; each gets its own bytes"
      )
    }
    let shards = ShardAssignment(ties, maximumSize: options.maximumShardSize)
    try destination.checkExisting(shards: shards.count, allowed: options.replacesExisting)
    var files: [PlannedFile] = []
    let isPreset = laidOut.layout == .kerasHub && destination.isDirectory
    let groups =
      isPreset
      ? KerasPreset.files(of: ties).map { (destination.directory + $0.name, $0.ties, $0.prefix) }
      : shards.groups.enumerated().map {
        (destination.filePath(shard: $0.offset, of: shards.count), $0.element, "")
      }
    let others =
      isPreset
      ? KerasPreset.taskFiles(of: laidOut.model?.model.architecture.head).map {
        destination.directory + $0
      }
      : [destination.supersededPath(shards: shards.count)]
    if isPreset, !options.replacesExisting { try ConversionDestination.refuseExisting(others) }
    for (position, (path, ties, prefix)) in groups.enumerated() {
      let layout = try destination.format.layout(
        ties, facts: graph.facts, shard: position, of: groups.count, path: path)
      remark(layout.remarks)
      files.append(PlannedFile(path: path, ties: ties, layout: layout, prefix: prefix))
    }
    let companions = try Self.companions(
      of: source, named: sourcePath, as: laidOut, for: destination, options: options)
    receipt.omissions += companions.omissions
    receipt.notes += companions.notes.filter { [notes = receipt.notes] in !notes.contains($0) }
    self.source = source
    self.companions = companions
    self.graph = graph
    self.destination = destination
    self.files = files
    self.verifies = options.verifies
    superseded = others.filter { path in !files.contains { $0.path == path } }
    index = shards.count > 1 ? destination.index(of: shards) : nil
    receipt.files = files.map { ($0.path, $0.layout.byteCount) }
    if let index { receipt.files.append((destination.indexPath, index.count)) }
    receipt.files += companions.files.map { (destination.directory + $0.path, $0.byteCount) }
    self.receipt = receipt
  }
}

/// Which weights go into which file: in order, each file as full as it may be; a weight larger than that has a file to
/// itself (huggingface_hub 2.4, `split_state_dict_into_shards_factory`).
struct ShardAssignment {
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

  var count: Int { groups.count }
}
