internal import CKernels
public import CheckpointBytes

extension PackedMatrix {
  /// A matrix of int8: the weights of each output as steps of a scale, its largest magnitude ÷ 127, the nearest step each.
  ///
  /// Throws a mismatch if the weights are int8 already. An output with a weight that is infinite or no number has such results.
  public init(
    quantizing weights: StoredMatrix, layout: Layout = .outputByInput, in context: ExecutionContext
  ) throws(CheckpointError) {
    let (outputs, inputs) =
      layout == .outputByInput ? (weights.rows, weights.columns) : (weights.columns, weights.rows)
    try self.init(outputs: outputs, inputs: inputs, element: .int8, in: context)
    try quantize(0..<outputs, weights, layout, in: context)
  }

  /// Sets the weights of some outputs of a matrix of int8. They are within those that there are, and `weights` has their shape.
  package func quantize(
    _ outputs: Range<Int>, _ weights: StoredMatrix, _ layout: Layout, in context: ExecutionContext
  ) throws(CheckpointError) {
    // For each thread the float32 numbers of an output, and the steps of all outputs of a panel.
    let width = packing.panelColumns
    let numbers = max(inputs, weights.columns)
    let size = numbers + (inputs * width + 3) / MemoryLayout<Float>.size
    let scratch = try context.workspace.take(
      TensorStorage.count(context.pool.threads, size, "PackedMatrix"), "PackedMatrix")
    let widen = unsafe context.kernels.weights(weights.element).pointee.widen
    let count = outputs.count
    context.pool.run((count + width - 1) / width) { index, thread in
      let part = index * width..<min(count, (index + 1) * width)
      let row = unsafe scratch.memory + thread * size
      let steps = unsafe UnsafeMutableRawPointer(row + numbers).assumingMemoryBound(to: Int8.self)
      for output in part {
        if layout == .outputByInput {
          unsafe widen(weights.pointer(row: output), row, inputs)
        } else {
          for input in 0..<inputs {
            unsafe widen(
              weights.pointer(row: input) + output * weights.element.width, row + input, 1)
          }
        }
        unsafe scale(outputs.lowerBound + output).pointee = unsafe weighbridge_quantize(
          row, inputs, steps + (output - part.lowerBound) * inputs)
      }
      unsafe place(
        steps, stride: inputs, .outputByInput, at: outputs.lowerBound, rows: part,
        columns: 0..<inputs)
    }
    extendLifetime((self, weights, scratch))
  }

  /// Sets the scales of some outputs of a matrix of int8 whose steps are packed as they are stored. Throws a mismatch for another
  /// count or another element.
  package func setScales(_ scales: [Float], _ outputs: Range<Int>) throws(CheckpointError) {
    guard packing.hasScales else {
      throw CheckpointError(.mismatch, "PackedMatrix", "scales", "\(element) has no scales")
    }
    try expect(scales.count, equals: outputs.count, "PackedMatrix", "scales", "numbers")
    for (output, value) in zip(outputs, scales) { unsafe scale(output).pointee = value }
    extendLifetime(self)
  }

  /// Where the scale of an output is, at the end of its panel. Valid while `storage` lives.
  @unsafe func scale(_ output: Int) -> UnsafeMutablePointer<Float> {
    let (index, column) = output.quotientAndRemainder(dividingBy: packing.panelColumns)
    let end = unsafe (panel(index) + packing.panelSize(inputs)).assumingMemoryBound(to: Float.self)
    return unsafe end - packing.panelColumns + column
  }
}
