internal import CKernels
internal import CheckpointBytes

/// One run of attention over packed keys and values, cut into tasks: some queries of one head of one sequence each.
struct AttentionPass {
  let query: Tensor
  let queries: RaggedBatch
  let keys: RaggedBatch
  let layout: KeyValueLayout
  let regions: [KeyValueRegion]
  let scale: Float
  let mask: AttentionMask
  let context: ExecutionContext
  let result: AttentionResult
  /// The mask's terms of the keys, as one row that has an address.
  let keyTerms: Tensor?
  /// Memory of the tiles, for each thread.
  private let scratch: TensorStorage
  let scratchSizes: AttentionScratch

  static let depth = Int(WEIGHBRIDGE_BLOCK_DEPTH)
  static let blockStride = Int(WEIGHBRIDGE_BLOCK_STRIDE)
  /// Blocks of queries of the longest sequence; a task is one block of one head.
  private let blocks: Int
  private let taskCount: Int
  /// Queries of a task, at most: their scores for a block of keys fit the first-level cache, and are two groups of a product in tiles.
  private static let taskQueries = 32

  init(
    query: Tensor, queries: RaggedBatch, keys: RaggedBatch, layout: KeyValueLayout,
    regions: [KeyValueRegion], scale: Float, mask: AttentionMask,
    probabilities: AttentionProbabilities, context: ExecutionContext
  ) throws(CheckpointError) {
    try expect(query.rows, equals: queries.tokenCount, "attention", "query", "rows")
    try mask.check(queries, keys, heads: layout.heads)
    blocks = ((queries.lengths.max() ?? 0) + Self.taskQueries - 1) / Self.taskQueries
    let (tasks, overflow) = (queries.count * layout.heads).multipliedReportingOverflow(by: blocks)
    guard !overflow else {
      throw CheckpointError(.inconsistent, "attention", "batch", "more queries than can be counted")
    }
    taskCount = tasks
    self.query = query
    self.queries = queries
    self.keys = keys
    self.layout = layout
    self.regions = regions
    self.scale = scale
    self.mask = mask
    self.context = context
    if let terms = mask.keyTerms {
      let row = try context.tensor(1, terms.count, "attention")
      for index in terms.indices { unsafe row.base[index] = terms[index] }
      keyTerms = row
    } else {
      keyTerms = nil
    }
    scratchSizes = AttentionScratch(layout, queries: Self.taskQueries)
    scratch = try context.workspace.take(
      TensorStorage.count(context.pool.threads, scratchSizes.total, "attention"), "attention")
    let output = try context.tensor(query.rows, query.columns, "attention")
    var returned: [Tensor] = []
    if probabilities == .returned {
      for sequence in 0..<queries.count {
        let rows = try TensorStorage.count(layout.heads, queries.lengths[sequence], "attention")
        returned.append(try context.tensor(rows, keys.lengths[sequence], "attention"))
      }
    }
    result = AttentionResult(output: output, probabilities: returned)
  }

  func run() {
    context.pool.run(taskCount) { index, thread in
      let (unit, block) = index.quotientAndRemainder(dividingBy: blocks)
      let (sequence, head) = unit.quotientAndRemainder(dividingBy: layout.heads)
      let first = block * Self.taskQueries
      let end = min(queries.lengths[sequence], first + Self.taskQueries)
      guard first < end else { return }
      unsafe AttentionTile(
        pass: self, sequence: sequence, head: head, queries: first..<end,
        scratch: scratch.memory + thread * scratchSizes.total
      ).run()
    }
    extendLifetime(scratch)
  }
}

extension AttentionMask {
  /// Throws unless the mask's parts have the batch's shape.
  func check(
    _ queries: RaggedBatch, _ keys: RaggedBatch, heads: Int
  ) throws(CheckpointError) {
    if let keptCount {
      try expect(keptCount, equals: keys.tokenCount, "attention", "keptKeys", "keys")
    }
    guard let added else { return }
    try expect(added.count, equals: queries.count, "attention", "added", "sequences")
    for (sequence, term) in added.enumerated() {
      let argument = "added[\(sequence)]"
      try expect(term.columns, equals: keys.lengths[sequence], "attention", argument, "columns")
      try term.refuseGradient("attention", argument)
      let rows = queries.lengths[sequence]
      guard term.rows == rows || term.rows == rows * heads else {
        throw CheckpointError(
          .mismatch, "attention", argument,
          "expected \(rows) rows or \(heads) times as many, found \(term.rows)")
      }
    }
  }
}
