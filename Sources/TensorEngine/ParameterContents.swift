internal import CKernels
package import CheckpointBytes

/// Where a parameter's numbers lie: a matrix of their own, some outputs of a packed one, or where they are stored. They never
/// change.
package enum ParameterContents: Sendable {
  case values(StoredMatrix)
  case packed(PackedPart)
  case distant(DistantValues)

  package var element: StoredElement {
    switch self {
    case .values(let values): values.element
    case .packed(let part): part.matrix.element
    case .distant(let values): values.element
    }
  }

  package var rows: Int {
    switch self {
    case .values(let values): values.rows
    case .packed(let part): part.isOutputFirst ? part.outputs.count : part.matrix.inputs
    case .distant(let values): values.rows
    }
  }

  package var columns: Int {
    switch self {
    case .values(let values): values.columns
    case .packed(let part): part.isOutputFirst ? part.matrix.inputs : part.outputs.count
    case .distant(let values): values.columns
    }
  }

  /// The bytes of all numbers.
  package var byteCount: Int { rows * columns * element.width }

  /// Copies numbers as they are stored, in row-major order, from number `first` on: as many as there is room for. There are so
  /// many. Throws what reading throws.
  package func copy(
    from first: Int, to bytes: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    switch self {
    case .values(let values):
      let offset = first * element.width
      unsafe bytes.copyMemory(
        from: UnsafeRawBufferPointer(start: values.pointer(row: 0) + offset, count: bytes.count))
      extendLifetime(values)
    case .packed(let part): unsafe part.copy(from: first, to: bytes)
    case .distant(let values): try unsafe values.read(first, bytes)
    }
  }

  /// The numbers as a matrix: the same memory if they are one; as float32 if they are steps.
  func values() throws(CheckpointError) -> StoredMatrix {
    if case .values(let values) = self { return values }
    if case .packed(let part) = self, part.matrix.packing.hasScales { return try part.widened() }
    let values = try StoredMatrix(rows: rows, columns: columns, element: element)
    try unsafe values.withBytes { (bytes) throws(CheckpointError) in
      try unsafe copy(from: 0, to: bytes)
    }
    return values
  }
}

/// Some outputs of a packed matrix, as the parameter that they were packed from.
package struct PackedPart: Sendable {
  package let matrix: PackedMatrix
  package let outputs: Range<Int>
  package let layout: PackedMatrix.Layout

  /// - Parameter outputs: Are within those of the matrix.
  package init(_ matrix: PackedMatrix, _ outputs: Range<Int>, _ layout: PackedMatrix.Layout) {
    self.matrix = matrix
    self.outputs = outputs
    self.layout = layout
  }

  var isOutputFirst: Bool { layout == .outputByInput }

  /// True if the part is the whole matrix, a row for each output.
  var isTable: Bool { isOutputFirst && outputs == 0..<matrix.outputs }

  func copy(from first: Int, to bytes: UnsafeMutableRawBufferPointer) {
    let columns = isOutputFirst ? matrix.inputs : outputs.count
    let width = matrix.packing.width
    guard columns > 0, var destination = bytes.baseAddress else { return }
    var place = first
    let end = first + bytes.count / width
    while place < end {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      // The rest of a row, or as many whole ones as there are.
      let rows = column == 0 ? max(1, (end - place) / columns) : 1
      let count = min(columns - column, end - place)
      if isOutputFirst {
        unsafe copyOutput(row, from: column, count, to: destination)
        place += count
        unsafe destination += count * width
      } else {
        unsafe copyInputs(row..<row + rows, column..<column + count, to: destination)
        place += rows * count
        unsafe destination += rows * count * width
      }
    }
    extendLifetime(matrix)
  }

  /// Weights of one output, which follow each other.
  func copyOutput(
    _ output: Int, from input: Int, _ count: Int, to destination: UnsafeMutableRawPointer
  ) {
    let (panel, column) = (outputs.lowerBound + output)
      .quotientAndRemainder(dividingBy: matrix.packing.panelColumns)
    unsafe matrix.packing.table.pointee.unpack(
      matrix.panel(panel), input, count, column, destination)
  }

  /// Weights of some inputs, a row of these outputs for each.
  private func copyInputs(
    _ inputs: Range<Int>, _ outputs: Range<Int>, to destination: UnsafeMutableRawPointer
  ) {
    let width = matrix.packing.width
    let most = 64
    unsafe withUnsafeTemporaryAllocation(byteCount: most * width, alignment: 16) { buffer in
      guard let numbers = buffer.baseAddress else { return }
      // A column of a panel after the other, cut so that what is written stays in the first-level cache.
      for start in stride(from: inputs.lowerBound, to: inputs.upperBound, by: most) {
        let count = min(most, inputs.upperBound - start)
        let rows = unsafe destination + (start - inputs.lowerBound) * outputs.count * width
        for output in outputs {
          let (panel, column) = (self.outputs.lowerBound + output)
            .quotientAndRemainder(dividingBy: matrix.packing.panelColumns)
          unsafe matrix.packing.table.pointee.unpack(
            matrix.panel(panel), start, count, column, numbers)
          let first = unsafe rows + (output - outputs.lowerBound) * width
          for place in 0..<count {
            unsafe (first + place * outputs.count * width).copyMemory(
              from: numbers + place * width, byteCount: width)
          }
        }
      }
    }
  }
}
