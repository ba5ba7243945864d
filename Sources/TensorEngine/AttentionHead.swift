internal import CKernels

/// One head of one sequence on the way back, and on the way forward where weights are left out: whole rows of weights, for some queries
/// at a time.
@safe struct AttentionHead {
  private typealias Memory = UnsafeMutablePointer<Float>

  /// Floats of scratch.
  struct Sizes {
    let headSize: Int
    /// The distance between rows of weights: not a multiple of the cache's sets.
    let stride: Int
    /// Floats of the panels of all keys, of a block of queries, and of a packed block.
    let keys: Int
    let queries: Int
    let block: Int
    /// Floats of sums of a block with one panel.
    let sums: Int
    /// Floats of a block's weights.
    let weights: Int

    init(length: Int, headSize: Int, _ context: ExecutionContext) {
      let rounded = KeyValueLayout.rounded(length)
      let features = KeyValueLayout.rounded(headSize)
      self.headSize = headSize
      stride = rounded + 16
      keys = rounded * features
      queries = AttentionHead.mostQueries * features
      block = unsafe AttentionProducts(table: context.kernels.table.pointee.plain_attention)
        .blockSize(AttentionHead.mostQueries, max(rounded, features, AttentionHead.mostQueries))
      sums = AttentionHead.mostQueries * KeyValueLayout.panelColumns
      weights = AttentionHead.mostQueries * stride
    }

    /// Three sorts of panels of keys, one of queries, two matrices of weights, a block with its sums, and two numbers.
    var total: Int { 3 * keys + queries + 2 * weights + block + sums + 16 }
  }

  /// Queries that are taken at a time, and rows of a packed block, at most: a multiple of 16.
  private static let mostQueries = 112

  private let attention: AttentionDerivative
  private let context: ExecutionContext
  private let head: Int
  private let sizes: Sizes
  /// The sequence's rows of keys and values.
  private let rows: Range<Int>
  /// Those of queries.
  private let queryRows: Range<Int>
  private let sequence: Int
  /// Keys and values with positions as columns, keys with features as columns.
  private let keyColumns: Memory
  private let valueColumns: Memory
  private let features: Memory
  private let queryPanels: Memory
  private let weights: Memory
  private let slopes: Memory
  private let block: Memory
  private let sums: Memory
  private let extremes: Memory

  init(
    _ attention: AttentionDerivative, sequence: Int, head: Int, _ sizes: Sizes,
    _ context: ExecutionContext, scratch: UnsafeMutablePointer<Float>
  ) {
    self.attention = attention
    self.context = context
    self.head = head
    self.sizes = sizes
    self.sequence = sequence
    rows = attention.batch.starts[sequence]..<attention.batch.starts[sequence + 1]
    let starts = attention.queries.starts
    queryRows = starts[sequence]..<starts[sequence + 1]
    unsafe keyColumns = unsafe scratch
    unsafe valueColumns = unsafe keyColumns + sizes.keys
    unsafe features = unsafe valueColumns + sizes.keys
    unsafe queryPanels = unsafe features + sizes.keys
    unsafe weights = unsafe queryPanels + sizes.queries
    unsafe slopes = unsafe weights + sizes.weights
    unsafe block = unsafe slopes + sizes.weights
    unsafe sums = unsafe block + sizes.block
    unsafe extremes = unsafe sums + sizes.sums
  }

  private var size: Int { sizes.headSize }
  private var kernels: weighbridge_kernels { unsafe context.kernels.table.pointee }

  /// The head's columns of a row.
  @unsafe private func place(_ tensor: Tensor, _ row: Int) -> Memory {
    unsafe tensor.pointer(row: row) + head * size
  }

  // MARK: What is computed

  /// Writes the head's rows of the output.
  func write(to output: Tensor) {
    unsafe packColumns(attention.key, to: keyColumns)
    unsafe packFeatures(attention.value, rows, to: features)
    forEachBlock { queries, width in
      unsafe drop(weights, queries, width)
      unsafe multiply(
        weights, sizes.stride, rows: queries.count, depth: width, features,
        panelStride: rows.count * KeyValueLayout.panelColumns,
        to: place(output, queries.lowerBound),
        output.stride, columns: size, accumulates: false)
    }
  }

  /// Writes the head's rows of the gradients of queries, keys and values.
  func addGradients(_ gradient: Tensor, query: Tensor, key: Tensor, value: Tensor) {
    unsafe packColumns(attention.key, to: keyColumns)
    unsafe packColumns(attention.value, to: valueColumns)
    unsafe packFeatures(attention.key, rows, to: features)
    for row in rows {
      unsafe weighbridge_fill(place(key, row), size, 0)
      unsafe weighbridge_fill(place(value, row), size, 0)
    }
    let panel = KeyValueLayout.panelColumns
    forEachBlock { queries, width in
      unsafe multiply(
        place(gradient, queries.lowerBound), gradient.stride, rows: queries.count, depth: size,
        valueColumns, panelStride: size * panel, to: slopes, sizes.stride, columns: width,
        accumulates: false)
      unsafe drop(slopes, queries, width)
      for row in 0..<queries.count {
        let slope = unsafe slopes + row * sizes.stride
        unsafe kernels.training.pointee.softmax_gradient(
          weights + row * sizes.stride, slope, slope, width, attention.scale)
      }
      unsafe drop(weights, queries, width)
      unsafe multiply(
        slopes, sizes.stride, rows: queries.count, depth: width, features,
        panelStride: rows.count * panel, to: place(query, queries.lowerBound), query.stride,
        columns: size, accumulates: false)
      unsafe addTurned(weights, queries, width, times: gradient, to: value)
      unsafe addTurned(slopes, queries, width, times: attention.query, to: key)
    }
  }

  /// Adds matrixᵀ · the queries' rows of a tensor to the keys' rows of another.
  private func addTurned(
    _ matrix: Memory, _ queries: Range<Int>, _ width: Int, times other: Tensor, to sum: Tensor
  ) {
    unsafe packFeatures(other, queries, to: queryPanels)
    unsafe multiply(
      columnsOf: matrix, sizes.stride, rows: width, depth: queries.count, queryPanels,
      panelStride: queries.count * KeyValueLayout.panelColumns, to: place(sum, rows.lowerBound),
      sum.stride, columns: size, accumulates: true)
  }

  /// Computes the weights of some queries after the other, and has a closure go on with them: rows of the tensor, and how many keys
  /// they look at, at most.
  private func forEachBlock(_ body: (Range<Int>, Int) -> Void) {
    let blocks = Split(queryRows.count, atMost: Self.mostQueries, multiple: 1)
    for number in 0..<blocks.count {
      let part = blocks[number]
      let last = reach(part.upperBound - 1)
      let first = queryRows.lowerBound
      let queries = first + part.lowerBound..<first + part.upperBound
      unsafe multiply(
        place(attention.query, queries.lowerBound), attention.query.stride, rows: part.count,
        depth: size, keyColumns, panelStride: size * KeyValueLayout.panelColumns, to: weights,
        sizes.stride, columns: last, accumulates: false)
      var isBlind: [Bool] = []
      for row in part { isBlind.append(weigh(row, part.lowerBound, last)) }
      // A row that had nothing to look at takes all keys alike.
      let width = isBlind.contains(true) ? rows.count : last
      for (row, isBlind) in isBlind.enumerated() {
        let values = unsafe weights + row * sizes.stride
        if isBlind {
          unsafe weighbridge_fill(values, width, 1 / Float(width))
        } else if width > last {
          unsafe weighbridge_fill(values + last, width - last, 0)
        }
      }
      body(queries, width)
    }
  }

  /// Scores of a query of the sequence to weights; true if there were none.
  private func weigh(_ query: Int, _ first: Int, _ last: Int) -> Bool {
    let values = unsafe weights + (query - first) * sizes.stride
    unsafe extremes[0] = -.infinity
    unsafe extremes[1] = 0
    unsafe withKeyTerms { terms in
      _ = unsafe kernels.attention_row(
        values, last, reach(query), attention.scale, terms, rowTerm(query), extremes, extremes + 1)
    }
    let sum = unsafe extremes[1]
    if sum == 0 { return true }
    unsafe kernels.scale(values, 1 / sum, values, last)
    return false
  }

  private func reach(_ query: Int) -> Int {
    attention.mask.reach == .causal ? rows.count - queryRows.count + query + 1 : rows.count
  }

  private func withKeyTerms(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let terms = attention.mask.keyTerms else { return body(nil) }
    unsafe terms.withUnsafeBufferPointer { buffer in
      unsafe body(buffer.baseAddress.map { unsafe $0 + rows.lowerBound })
    }
  }

  private func rowTerm(_ query: Int) -> UnsafePointer<Float>? {
    guard let term = attention.mask.added?[sequence] else { return nil }
    let first = term.rows == queryRows.count ? 0 : head * queryRows.count
    return unsafe UnsafePointer(term.pointer(row: first + query))
  }

  /// Leaves out the same weights on both ways.
  private func drop(_ matrix: Memory, _ queries: Range<Int>, _ width: Int) {
    guard let dropout = attention.dropout else { return }
    unsafe withUnsafePointer(to: dropout.code) { code in
      for (row, query) in queries.enumerated() {
        let values = unsafe matrix + row * sizes.stride
        unsafe kernels.training.pointee.drop(
          values, values, width, UInt64(head * attention.queries.tokenCount + query), code)
      }
    }
  }

  // MARK: Products

  /// Packs all rows of a tensor as columns.
  private func packColumns(_ tensor: Tensor, to panels: Memory) {
    let width = KeyValueLayout.panelColumns
    for first in stride(from: 0, to: rows.count, by: width) {
      let count = min(width, rows.count - first)
      let panel = unsafe panels + first * size
      if count < width { unsafe weighbridge_fill(panel, size * width, 0) }
      unsafe weighbridge_pack_panel(
        place(tensor, rows.lowerBound + first), 1, tensor.stride, size, count, panel)
    }
  }

  /// Packs some rows of a tensor, with features as columns.
  private func packFeatures(_ tensor: Tensor, _ range: Range<Int>, to panels: Memory) {
    let width = KeyValueLayout.panelColumns
    for feature in stride(from: 0, to: size, by: width) {
      let count = min(width, size - feature)
      let panel = unsafe panels + feature * range.count
      if count < width { unsafe weighbridge_fill(panel, range.count * width, 0) }
      unsafe weighbridge_pack_panel(
        place(tensor, range.lowerBound) + feature, tensor.stride, 1, range.count, count, panel)
    }
  }

  /// destination (rows × columns) = left (rows × depth) · what is packed, or that is added to it.
  private func multiply(
    _ left: Memory, _ leftStride: Int, rows: Int, depth: Int, _ panels: Memory, panelStride: Int,
    to destination: Memory, _ stride: Int, columns: Int, accumulates: Bool
  ) {
    unsafe multiply(
      rows: rows, depth: depth, panels, panelStride: panelStride, to: destination, stride,
      columns: columns, accumulates: accumulates
    ) { products, part in
      unsafe products.pack_rows(
        left + part.lowerBound * leftStride, leftStride, 0, part.count, part.count, depth, block)
    }
  }

  /// The same with the transpose of left (depth × rows).
  private func multiply(
    columnsOf left: Memory, _ leftStride: Int, rows: Int, depth: Int, _ panels: Memory,
    panelStride: Int, to destination: Memory, _ stride: Int, columns: Int, accumulates: Bool
  ) {
    unsafe multiply(
      rows: rows, depth: depth, panels, panelStride: panelStride, to: destination, stride,
      columns: columns, accumulates: accumulates
    ) { products, part in
      // Products of float32 that round nothing pack rows as they are.
      unsafe products.pack_columns?(
        left + part.lowerBound, leftStride, 0, part.count, part.count, depth, block)
    }
  }

  /// - Parameter pack: Packs some rows to the block.
  private func multiply(
    rows: Int, depth: Int, _ panels: Memory, panelStride: Int, to destination: Memory,
    _ stride: Int, columns: Int, accumulates: Bool,
    packing pack: (weighbridge_weights, Range<Int>) -> Void
  ) {
    let width = KeyValueLayout.panelColumns
    let products = unsafe kernels.plain_attention.pointee.products.pointee
    let blocks = Split(rows, atMost: Self.mostQueries, multiple: 1)
    for number in 0..<blocks.count {
      let part = blocks[number]
      let first = unsafe destination + part.lowerBound * stride
      unsafe pack(products, part)
      for column in Swift.stride(from: 0, to: columns, by: width) {
        let place = unsafe first + column
        var target = unsafe weighbridge_target(
          destination: place, stride: stride, columns: min(width, columns - column), bias: nil,
          residual: accumulates ? UnsafePointer(place) : nil, residual_stride: stride,
          activation: CInt(WEIGHBRIDGE_IDENTITY.rawValue))
        unsafe products.multiply(
          block, part.count, depth, panels + column / width * panelStride, 1, sums, &target)
      }
    }
  }
}
