internal import CKernels

/// Where the parts of a tile's memory begin, in floats.
struct AttentionScratch {
  /// The scores of a block of keys begin at 0.
  let queries: Int
  /// Scores as packed rows, where they are not.
  let weights: Int
  /// The product's own.
  let sums: Int
  /// The running maximum and sum of each row.
  let maxima: Int
  let total: Int

  init(_ layout: KeyValueLayout, queries rows: Int) {
    let products = layout.products
    let panels = Int(WEIGHBRIDGE_MOST_PANELS) * KeyValueLayout.panelColumns
    queries = rows * AttentionPass.blockStride
    weights = queries + products.blockSize(rows, layout.headSize)
    sums = weights + products.blockSize(rows, AttentionPass.depth)
    maxima = sums + rows * panels
    total = maxima + 2 * rows
  }
}

/// Some queries of one head of one sequence.
@safe struct AttentionTile {
  let pass: AttentionPass
  let sequence: Int
  let head: Int
  /// Of the sequence.
  let queries: Range<Int>
  let region: KeyValueRegion
  let keyCount: Int
  private let packedQueries: UnsafeMutablePointer<Float>
  private let scores: UnsafeMutablePointer<Float>
  private let packedScores: UnsafeMutablePointer<Float>
  private let productSums: UnsafeMutablePointer<Float>
  private let maxima: UnsafeMutablePointer<Float>
  private let sums: UnsafeMutablePointer<Float>

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
    let places = pass.scratchSizes
    unsafe scores = unsafe scratch
    unsafe packedQueries = unsafe scratch + places.queries
    unsafe packedScores = unsafe scratch + places.weights
    unsafe productSums = unsafe scratch + places.sums
    unsafe maxima = unsafe scratch + places.maxima
    unsafe sums = unsafe maxima + queries.count
  }

  private var rows: Int { queries.count }
  private var size: Int { pass.layout.headSize }
  private var kernels: weighbridge_kernels { unsafe pass.context.kernels.table.pointee }
  private var products: weighbridge_attention { unsafe pass.layout.products.table.pointee }

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
    unsafe pack(
      pass.query.pointer(row: pass.queries.starts[sequence] + queries.lowerBound) + head * size,
      stride: pass.query.stride, rows: rows, depth: size, to: packedQueries)
  }

  private func pack(
    _ source: UnsafePointer<Float>, stride: Int, rows: Int, depth: Int,
    to block: UnsafeMutablePointer<Float>
  ) {
    unsafe products.products.pointee.pack_rows(source, stride, 0, rows, rows, depth, block)
  }

  /// A product of packed rows with some panels.
  private func multiply(
    _ block: UnsafePointer<Float>, rows: Int, depth: Int, _ panel: UnsafePointer<Float>,
    panels: Int, to destination: UnsafeMutablePointer<Float>, stride: Int, columns: Int,
    accumulates: Bool
  ) {
    var target = unsafe weighbridge_target(
      destination: destination, stride: stride, columns: columns, bias: nil,
      residual: accumulates ? UnsafePointer(destination) : nil, residual_stride: stride,
      activation: CInt(WEIGHBRIDGE_IDENTITY.rawValue))
    unsafe products.products.pointee.multiply(
      block, rows, depth, panel, panels, productSums, &target)
  }

  /// scores = queries · keysᵀ for the keys from `start` on.
  private func score(_ start: Int, _ count: Int) {
    let width = KeyValueLayout.panelColumns
    unsafe multiply(
      packedQueries, rows: rows, depth: size, region.keyPanel(head: head, position: start),
      panels: (count + width - 1) / width, to: scores, stride: AttentionPass.blockStride,
      columns: count, accumulates: false)
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
    var block = unsafe scores
    if unsafe products.takes_plain_rows == 0 {
      unsafe pack(
        scores, stride: AttentionPass.blockStride, rows: rows, depth: count, to: packedScores)
      unsafe block = unsafe packedScores
    }
    for panel in 0..<pass.layout.featurePanels {
      unsafe multiply(
        block, rows: rows, depth: count,
        region.valuePanel(head: head, panel: panel, position: start), panels: 1,
        to: output + panel * width, stride: pass.result.output.stride,
        columns: min(width, size - panel * width), accumulates: accumulates)
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
