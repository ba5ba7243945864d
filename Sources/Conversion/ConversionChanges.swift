internal import CheckpointBytes
internal import Checkpoints
internal import OrderedCollections
internal import WeightGraph

/// What a step of a conversion changed. Each step returns its own; the receipt is their sum.
struct ConversionChanges {
  var renamed: [(from: ExactName, to: ExactName)] = []
  var casts: [ConversionReceipt.Cast] = []
  var layout: ConversionReceipt.LayoutChange?
  var remarks = Remarks()
}

/// The weights after a step of a conversion, and what it changed.
struct ConversionStep {
  let graph: WeightGraph
  var changes = ConversionChanges()
}

extension ConversionReceipt {
  /// What a conversion does, put together of what its steps changed.
  init(
    of source: Checkpoint, named path: String, format: CheckpointFormat, ties: [Tie],
    changes: [ConversionChanges], files: [(path: String, byteCount: Int)]
  ) {
    self.source = path
    sourceFormat = source.format.rawValue + " (\(source.container))"
    self.format = format
    self.files = files
    tensorCount = ties.reduce(0) { $0 + $1.names.count }
    byteCount = ties.reduce(0) { $0 + $1.weight.byteCount }
    self.ties = ties.map(\.names).filter { $0.count > 1 }
    layout = changes.lazy.compactMap(\.layout).first
    renamed = changes.flatMap(\.renamed)
    casts = changes.flatMap(\.casts)
    omissions = changes.flatMap(\.remarks.omissions)
    // Two steps may have the same to say, such as of a configuration.
    var said: Set<Wording> = []
    notes = (source.notes.map { Wording($0) } + changes.flatMap(\.remarks.notes)).filter {
      said.insert($0).inserted
    }
  }
}
