internal import OrderedCollections
internal import Weighbridge

/// What `inspect` prints.
struct InspectReport {
  /// A tensor's line.
  struct Row {
    let name: ExactName
    let weight: Weight
    let tiedTo: ExactName?
    let digest: String?
    /// Further hard links to the data set, where the file does not call them ties.
    let links: [ExactName]
    /// What of training it belongs to; nil if it may be the model's.
    let training: String?
    /// What its values are like, where that was asked for.
    var statistics: WeightStatistics?
  }

  /// What is to be shown.
  struct Options {
    var lineage = false
    var digests = false
    /// Whether text and JSON tell what values are like.
    var statistics = false
    /// Whether it is found out what they are like.
    var measures = false
    var tree = false
    var include: [NamePattern] = []
    var sort: Order?
    var limit: Int?
  }

  /// An order of the tensors other than the file's.
  enum Order: String, CaseIterable {
    case name, size, dtype, shape
  }

  let checkpoint: Checkpoint
  let source: String
  let options: Options
  /// The tensors that are shown, in their order.
  let rows: [Row]
  /// How many tensors match, those beyond the limit counted.
  let matchingCount: Int
  let totals: InspectTotals
  let ties: [Tie]
  /// What the names and shapes were recognised as; nil if they are no known model's.
  let model: RecognizedModel?
  /// Why not, if the names are a known model's and contradict each other.
  let recognitionFailure: String?
  /// How the configuration beside the weights differs from them.
  let configurationNotes: [String]
  /// What became of the names; nil without a model.
  let bound: BoundModel?
  /// The digest of the model, or of all weights, where digests were asked for; nil if there is one of neither (``undigested``).
  let modelDigest: ModelDigest?
  /// What is in the state and has no digest, where all weights were to have one: with another in its place theirs would be the same.
  let undigested: OtherObject?
  /// Why that is the digest of all weights, though they are a model; nil if it is the model's.
  let bindingFailure: String?

  init(
    _ checkpoint: Checkpoint, source: String, options: Options, progress: ProgressHandler?
  ) throws(CheckpointError) {
    self.checkpoint = checkpoint
    self.source = source
    self.options = options
    ties = checkpoint.graph.ties
    var digestOfName: [ExactName: String] = [:]
    if options.digests {
      let texts = try WeightDigest.sha256(
        ties.map { (name: $0.names[0], weight: $0.weight) }, progress: progress)
      for (tie, text) in zip(ties, texts) {
        for name in tie.names { digestOfName[name] = text }
      }
    }
    var recognized: RecognizedModel?
    var unreadable: [String] = []
    do throws(CheckpointError) {
      let recognition = Recognition.result(of: checkpoint.graph)
      var configuration: ModelConfiguration?
      do throws(CheckpointError) {
        let isDirectory = try PathKind(path: HubCache.located(source)) == .directory
        // Of files only Keras's archives have one.
        if isDirectory || checkpoint.format == .hdf5 {
          configuration = try ModelConfiguration(
            inDirectory: source,
            family: (try? recognition.get().model())?.architecture.family)
        }
      } catch {
        // Another kind of model is none that names could tell better; a faulty file leaves the names.
        guard error.kind != .unsupported else { throw error }
        unreadable = [error.toolLine]
      }
      let found = try recognition.get().model(configuration: configuration)
      recognized = found
      recognitionFailure = nil
      do throws(CheckpointError) {
        configurationNotes =
          try configuration?.check(against: found.architecture) ?? unreadable
      } catch {
        configurationNotes = [error.toolLine]
      }
    } catch {
      configurationNotes = unreadable
      // That nothing is known of the names is the rule for most checkpoints; contradictions are worth a line.
      recognitionFailure = error.kind == .notFound ? nil : error.toolLine
    }
    model = recognized
    bound = recognized.flatMap { try? BoundModel(checkpoint.graph, as: $0) }
    var whole: BoundModel?
    var failure: String?
    if options.digests, let bound {
      do throws(CheckpointError) {
        try bound.report.check()
        whole = try bound.settled()
      } catch {
        failure = error.toolLine
      }
    }
    bindingFailure = failure
    undigested =
      options.digests && whole == nil
      ? checkpoint.graph.facts.others.first { !$0.isOutsideState } : nil
    modelDigest =
      options.digests && undigested == nil
      ? try ModelDigest(
        whole, of: checkpoint.graph, known: digestOfName, progress: progress) : nil
    var aliases: [ExactName: ExactName] = [:]
    var links: [ExactName: [ExactName]] = [:]
    for tie in ties {
      for name in tie.names.dropFirst() { aliases[name] = tie.names[0] }
      let found = tie.names.filter(checkpoint.links.contains)
      if !found.isEmpty { links[tie.names[0]] = found }
    }
    var all: [Row] = []
    all.reserveCapacity(checkpoint.graph.weights.count)
    for (name, weight) in checkpoint.graph.weights
    where !checkpoint.links.contains(name) || aliases[name] == nil {
      all.append(
        Row(
          name: name, weight: weight, tiedTo: aliases[name], digest: digestOfName[name],
          links: links[name] ?? [], training: TrainingState.reason(for: name)))
    }
    totals = InspectTotals(all, ties)
    let matching = try options.selected(all, file: source)
    matchingCount = matching.count
    var shown = Array(matching.prefix(options.limit ?? .max))
    if options.tree, options.sort != nil {
      // The tree sorts its parts itself; layers that are alike are found in the file's order.
      let names = Set(shown.map(\.name))
      shown = all.filter { names.contains($0.name) }
    }
    rows = options.measures ? try InspectReport.measured(shown, progress) : shown
  }

  /// The rows with what their values are like. Names of one weight have the same.
  private static func measured(
    _ rows: [Row], _ progress: ProgressHandler?
  ) throws(CheckpointError) -> [Row] {
    let names = Set(rows.map(\.name))
    let own = rows.indices.filter { place in rows[place].tiedTo.map { !names.contains($0) } ?? true
    }
    let found = try WeightStatistics.of(
      own.map { (rows[$0].name, rows[$0].weight) }, progress: progress)
    let known = [ExactName: WeightStatistics](
      zip(own.map { rows[$0].name }, found), uniquingKeysWith: { first, _ in first })
    return rows.map { row in
      var row = row
      row.statistics = known[row.name] ?? row.tiedTo.flatMap { known[$0] }
      return row
    }
  }
}

extension InspectReport.Options {
  /// The rows of which a name matches, in the order that is wanted. Every pattern must match something.
  fileprivate func selected(
    _ rows: [InspectReport.Row], file: String
  ) throws(CheckpointError) -> [InspectReport.Row] {
    func matches(_ row: InspectReport.Row, _ pattern: NamePattern) -> Bool {
      pattern.matches(row.name) || row.links.contains(where: pattern.matches)
    }
    for pattern in include where !rows.contains(where: { matches($0, pattern) }) {
      throw CheckpointError(
        .inconsistent, file: file, "the pattern \(quoted(pattern.text)) matches no tensor")
    }
    let matching =
      include.isEmpty
      ? rows : rows.filter { row in include.contains { matches(row, $0) } }
    guard let sort else { return matching }
    // Stable: what is alike stays in the file's order.
    return matching.enumerated().sorted { left, right in
      let (first, second) = (left.element.weight, right.element.weight)
      switch sort {
      case .name where left.element.name != right.element.name:
        return left.element.name < right.element.name
      case .size where first.byteCount != second.byteCount:
        return first.byteCount > second.byteCount
      case .dtype where first.dtype != second.dtype:
        return first.dtype.rawValue < second.dtype.rawValue
      case .shape where first.shape != second.shape:
        return first.shape.dimensions.lexicographicallyPrecedes(second.shape.dimensions)
      default: return left.offset < right.offset
      }
    }.map(\.element)
  }
}
