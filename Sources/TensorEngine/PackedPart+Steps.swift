internal import CKernels
internal import CheckpointBytes

extension PackedPart {
  /// What a step of each output is worth; nil if the matrix is none of int8.
  package var scales: [Float]? {
    guard matrix.packing.hasScales else { return nil }
    defer { extendLifetime(matrix) }
    return outputs.map { unsafe matrix.scale($0).pointee }
  }

  /// The numbers that steps and scales stand for.
  func widened() throws(CheckpointError) -> StoredMatrix {
    let contents = ParameterContents.packed(self)
    let values = try StoredMatrix(
      rows: contents.rows, columns: contents.columns, element: .float32)
    let scales = scales ?? []
    unsafe withUnsafeTemporaryAllocation(of: Int8.self, capacity: contents.columns) { steps in
      for row in 0..<contents.rows {
        unsafe copy(from: row * contents.columns, to: UnsafeMutableRawBufferPointer(steps))
        let numbers = unsafe values.pointer(row: row).assumingMemoryBound(to: Float.self)
        for column in 0..<contents.columns {
          unsafe numbers[column] =
            Float(steps[column]) * scales[isOutputFirst ? row : column]
        }
      }
    }
    extendLifetime(values)
    return values
  }
}

extension PackedMatrix {
  /// Takes over steps and scales of another matrix, as some outputs of this one. Throws a mismatch.
  func copySteps(of part: PackedPart, to outputs: Range<Int>) throws(CheckpointError) {
    try expect(part.outputs.count, equals: outputs.count, "PackedMatrix", "steps", "outputs")
    try expect(part.matrix.inputs, equals: inputs, "PackedMatrix", "steps", "inputs")
    unsafe withUnsafeTemporaryAllocation(byteCount: inputs, alignment: 64) { steps in
      guard let base = steps.baseAddress else { return }
      for output in 0..<outputs.count {
        unsafe part.copyOutput(output, from: 0, inputs, to: base)
        unsafe place(
          base, stride: inputs, .outputByInput, at: outputs.lowerBound, rows: output..<output + 1,
          columns: 0..<inputs)
      }
    }
    extendLifetime(part.matrix)
    try setScales(part.scales ?? [], outputs)
  }
}
