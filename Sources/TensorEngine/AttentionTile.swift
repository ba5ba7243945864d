internal import CKernels

/// The queries of one tile: as many as the product takes at once, of one head of one sequence.
@safe struct AttentionTile {
  let pass: AttentionPass
  let sequence: Int
  let head: Int
  /// Of the sequence.
  let queries: Range<Int>
  let region: KeyValueRegion
  let keyCount: Int
  // Scratch: the packed queries, the scores of a block of keys, and for each row its running maximum and sum.
  private let packedQueries: UnsafeMutablePointer<Float>
  private let scores: UnsafeMutablePointer<Float>
  private let maxima: UnsafeMutablePointer<Float>
  private let sums: UnsafeMutablePointer<Float>

  /// Floats of scratch that a tile needs.
  static func scratchSize(_ kernels: KernelSet) -> Int {
    unsafe Int(kernels.table.pointee.tile_rows) * 2 * (AttentionPass.blockStride + 8)
  }

  init(
    pass: AttentionPass, sequence: Int, head: Int, queries: Range<Int>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    self.pass = pass
    self.sequence = sequence
    self.head = head
    self.queries = queries
    region = pass.regions[sequence]
    keyCount = pass.keys.lengths[sequence]
    let tile = queries.count * AttentionPass.blockStride
    unsafe packedQueries = unsafe scratch
    unsafe scores = unsafe scratch + tile
    unsafe maxima = unsafe scratch + 2 * tile
    unsafe sums = unsafe maxima + queries.count
  }

  private var rows: Int { queries.count }
  private var size: Int { pass.layout.headSize }
  private var kernels: weighbridge_kernels { unsafe pass.context.kernels.table.pointee }

  /// The head's features of the tile's first query in the output.
  @unsafe private var output: UnsafeMutablePointer<Float> {
    unsafe pass.result.output.pointer(row: pass.queries.starts[sequence] + queries.lowerBound)
      + head * size
  }

  /// One row of the returned probabilities, or nil.
  private func probabilities(_ row: Int) -> UnsafeMutablePointer<Float>? {
    guard sequence < pass.result.probabilities.count else { return nil }
    return unsafe pass.result.probabilities[sequence].pointer(
      row: head * pass.queries.lengths[sequence] + queries.lowerBound + row)
  }

  /// How many keys a row may look at.
  private func reach(_ row: Int) -> Int {
    switch pass.mask.reach {
    case .everywhere: keyCount
    case .causal:
      max(
        0, min(keyCount, keyCount - pass.queries.lengths[sequence] + queries.lowerBound + row + 1))
    }
  }

  func run() {
    prepare()
    // What no row of the tile may look at is not computed.
    let last = reach(rows - 1)
    for start in stride(from: 0, to: last, by: AttentionPass.depth) {
      let count = min(AttentionPass.depth, last - start)
      score(start, count)
      for row in 0..<rows { weigh(row, start, count) }
      unsafe addValues(start, count, rows: rows, to: output, accumulates: start > 0)
    }
    for row in 0..<rows { finish(row, last) }
  }

  private func prepare() {
    for row in 0..<rows {
      unsafe maxima[row] = -.infinity
      unsafe sums[row] = 0
      unsafe weighbridge_fill(output + row * pass.result.output.stride, size, 0)
    }
    if size <= AttentionPass.depth { packQueries(0, size) }
  }

  private func packQueries(_ feature: Int, _ depth: Int) {
    let first = pass.queries.starts[sequence] + queries.lowerBound
    unsafe weighbridge_pack_block(
      pass.query.pointer(row: first) + head * size + feature, pass.query.stride, rows, depth,
      packedQueries)
  }

  /// scores = queries · keysᵀ for the keys from `start` on; whole panels, of which only `count` keys are looked at.
  private func score(_ start: Int, _ count: Int) {
    let width = KeyValueLayout.panelColumns
    for feature in stride(from: 0, to: max(1, size), by: AttentionPass.depth) {
      let depth = min(AttentionPass.depth, size - feature)
      if size > AttentionPass.depth { packQueries(feature, depth) }
      for key in stride(from: 0, to: count, by: width) {
        unsafe kernels.product(
          packedQueries, region.keyPanel(head: head, position: start + key) + feature * width,
          depth, scores + key, AttentionPass.blockStride, rows, width, feature > 0 ? 1 : 0)
      }
    }
  }

  /// Scores of a row to weights against the row's maximum so far, and what was computed before to the new maximum.
  private func weigh(_ row: Int, _ start: Int, _ count: Int) {
    let weights = unsafe scores + row * AttentionPass.blockStride
    let factor = unsafe kernels.attention_row(
      weights, count, max(0, min(count, reach(row) - start)), pass.scale, keyTerm(start),
      rowTerm(row, start), maxima + row, sums + row)
    if start > 0, factor != 1 {
      let values = unsafe output + row * pass.result.output.stride
      unsafe kernels.scale(values, factor, values, size)
    }
    if let probabilities = unsafe probabilities(row) {
      if factor != 1 { unsafe kernels.scale(probabilities, factor, probabilities, start) }
      unsafe weighbridge_copy(weights, probabilities + start, count)
    }
  }

  private func keyTerm(_ start: Int) -> UnsafePointer<Float>? {
    unsafe pass.keyTerms.map { unsafe UnsafePointer($0.base + pass.keys.starts[sequence] + start) }
  }

  private func rowTerm(_ row: Int, _ start: Int) -> UnsafePointer<Float>? {
    guard let term = pass.mask.added?[sequence] else { return nil }
    let heads = term.rows == pass.queries.lengths[sequence] ? 0 : head
    return unsafe UnsafePointer(
      term.pointer(row: heads * pass.queries.lengths[sequence] + queries.lowerBound + row) + start)
  }

  /// Adds weights · values to some rows of the output.
  private func addValues(
    _ start: Int, _ count: Int, rows: Int, to output: UnsafeMutablePointer<Float>, accumulates: Bool
  ) {
    let width = KeyValueLayout.panelColumns
    for panel in 0..<pass.layout.featurePanels {
      unsafe kernels.product(
        scores, region.valuePanel(head: head, panel: panel, position: start), count,
        output + panel * width, pass.result.output.stride, rows, min(width, size - panel * width),
        accumulates ? 1 : 0)
    }
  }

  /// Divides by the sum of the weights. A row that had nothing to look at becomes the average.
  private func finish(_ row: Int, _ last: Int) {
    let values = unsafe output + row * pass.result.output.stride
    let probabilities = unsafe probabilities(row)
    if unsafe sums[row] == 0 {
      unsafe average(values)
      if let probabilities = unsafe probabilities {
        unsafe weighbridge_fill(probabilities, keyCount, 1 / Float(keyCount))
      }
      return
    }
    let factor = unsafe 1 / sums[row]
    unsafe kernels.scale(values, factor, values, size)
    if let probabilities = unsafe probabilities {
      unsafe kernels.scale(probabilities, factor, probabilities, last)
      unsafe weighbridge_fill(probabilities + last, keyCount - last, 0)
    }
  }

  /// The average of all values; zeros if there are none.
  private func average(_ values: UnsafeMutablePointer<Float>) {
    unsafe weighbridge_fill(values, size, 0)
    guard keyCount > 0 else { return }
    unsafe weighbridge_fill(scores, AttentionPass.depth, 1)
    for start in stride(from: 0, to: keyCount, by: AttentionPass.depth) {
      let count = min(AttentionPass.depth, keyCount - start)
      unsafe addValues(start, count, rows: 1, to: values, accumulates: true)
    }
    unsafe kernels.scale(values, 1 / Float(keyCount), values, size)
  }
}
