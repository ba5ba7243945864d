internal import CKernels

extension PackedMatrix {
  /// Packs the weights of some outputs, which a closure reads piece by piece and on all threads: `read(first, bytes)` fills
  /// `bytes` with the numbers from number `first` on, in the matrix' element type and in the row-major order of `layout`.
  ///
  /// Beside the matrix nothing but the buffers is in memory. Every piece is asked for; what is thrown is the failure of the first
  /// one in that order, and the matrix is of no use then. `outputs` is within those that there are.
  package func pack<Failure: Error>(
    _ outputs: Range<Int>, _ layout: Layout, through buffers: PieceBuffers,
    reading read: (_ first: Int, _ bytes: UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    let isOutputFirst = layout == .outputByInput
    let pieces = RowPieces(
      rows: isOutputFirst ? outputs.count : inputs, columns: isOutputFirst ? inputs : outputs.count,
      multiple: packing.panelColumns)
    try unsafe buffers.forEach(pieces, width: packing.width) {
      (rows, columns, bytes) throws(Failure) in
      guard let base = bytes.baseAddress else { return }
      try unsafe read(rows.lowerBound * pieces.columns + columns.lowerBound, bytes)
      unsafe place(
        base, stride: columns.count, layout, at: outputs.lowerBound, rows: rows, columns: columns)
    }
  }

  /// Packs the weights of some outputs from a matrix that is in memory, its rows `stride` numbers apart.
  func pack(
    _ source: UnsafeRawPointer, stride: Int, _ outputs: Range<Int>, _ layout: Layout,
    in context: ExecutionContext
  ) {
    guard inputs > 0 else { return }
    let step = packing.panelColumns
    context.pool.run((outputs.count + step - 1) / step) { index, _ in
      let part = index * step..<min(outputs.count, (index + 1) * step)
      switch layout {
      case .outputByInput:
        unsafe place(
          source + part.lowerBound * stride * packing.width, stride: stride, layout,
          at: outputs.lowerBound, rows: part, columns: 0..<inputs)
      case .inputByOutput:
        unsafe place(
          source + part.lowerBound * packing.width, stride: stride, layout, at: outputs.lowerBound,
          rows: 0..<inputs, columns: part)
      }
    }
  }

  /// Packs a part of a matrix as `layout` has it, whose outputs are those from `base` on. `source` has the part's first number.
  func place(
    _ source: UnsafeRawPointer, stride: Int, _ layout: Layout, at base: Int = 0, rows: Range<Int>,
    columns: Range<Int>
  ) {
    let isOutputFirst = layout == .outputByInput
    let (outputs, inputs) = isOutputFirst ? (rows, columns) : (columns, rows)
    let (inputStride, outputStride) = isOutputFirst ? (1, stride) : (stride, 1)
    var output = outputs.lowerBound
    while output < outputs.upperBound {
      let (index, column) = (base + output).quotientAndRemainder(dividingBy: packing.panelColumns)
      let count = min(packing.panelColumns - column, outputs.upperBound - output)
      unsafe packing.table.pointee.pack(
        source + (output - outputs.lowerBound) * outputStride * packing.width, inputStride,
        outputStride, panel(index), inputs.lowerBound, inputs.count, column, count)
      output += count
    }
  }
}
