package import CheckpointBytes
internal import Synchronization
internal import TensorValues

/// A matrix rounded to int8: each row's numbers, or each column's, as steps of a scale, its largest magnitude ÷ 127. The nearest step each,
/// to even in the middle, as the engine rounds (`weighbridge_quantize`), so that what is stored and what is quantised while it
/// is loaded are the same bits.
///
/// Nothing is read before bytes are asked for; scales are worked out once and kept.
package final class Quantization: Sendable {
  /// The matrix, as float32.
  package let original: Weight
  /// The dimension that has a scale for each index: 0 for rows.
  package let axis: Int
  private let known = Mutex<[Float]?>(nil)

  init(_ original: Weight, axis: Int) {
    self.original = original
    self.axis = axis
  }

  private var columns: Int { original.shape.dimensions[1] }

  /// The index of the scale of an element, counted in row-major order.
  package func scaleIndex(of element: Int) -> Int {
    axis == 0 ? element / columns : element % columns
  }

  /// The scales. Reads the matrix the first time.
  ///
  /// - Throws: `mismatch` for a number that is infinite or none, naming its place; what reading throws.
  package func scales() throws(CheckpointError) -> [Float] {
    try known.withLock { (known) throws(CheckpointError) in
      if let known { return known }
      let scales = try findScales()
      known = scales
      return scales
    }
  }

  private func findScales() throws(CheckpointError) -> [Float] {
    var largest = [UInt32](repeating: 0, count: original.shape.dimensions[axis])
    for piece in Piece.cut([original]) {
      for chunk in original.chunks(of: piece) {
        let bytes = try original.bytes(of: Piece(weight: 0, range: chunk))
        let first = chunk.lowerBound / 4
        unsafe bytes.withUnsafeBytes { unsafe collect($0, from: first, into: &largest) }
      }
    }
    if let index = largest.firstIndex(where: { $0 >= 0x7F80_0000 }) {
      let place = axis == 0 ? "row" : "column"
      throw CheckpointError(
        .mismatch,
        "\(place) \(index) has a number that is infinite or none, which no step stands for")
    }
    return largest.map { Float(bitPattern: $0) / 127 }
  }

  /// The largest magnitudes, which are ordered as their bits.
  private func collect(
    _ bytes: UnsafeRawBufferPointer, from first: Int, into largest: inout [UInt32]
  ) {
    forEachRun(first, bytes.count / 4) { start, count, scale in
      var most: UInt32 = 0
      for index in 0..<count {
        let bits =
          unsafe bytes.loadUnaligned(fromByteOffset: (start - first + index) * 4, as: UInt32.self)
          & 0x7FFF_FFFF
        if axis == 0 {
          most = max(most, bits)
        } else {
          largest[scale + index] = max(largest[scale + index], bits)
        }
      }
      if axis == 0 { largest[scale] = max(largest[scale], most) }
    }
  }

  /// Elements row by row: the first one, their number, and the index of the first one's scale.
  private func forEachRun(
    _ first: Int, _ count: Int, _ body: (_ start: Int, _ count: Int, _ scale: Int) -> Void
  ) {
    var place = first
    while place < first + count {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      let run = min(columns - column, first + count - place)
      body(place, run, axis == 0 ? row : column)
      place += run
    }
  }

  /// Fills `destination` with the steps from element `first` on.
  fileprivate func readSteps(
    from first: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let inverses = try scales().map { $0 >= 0x1p-126 ? 1 / $0 : 0 }
    let range = first * 4..<(first + destination.count) * 4
    let input = try original.bytes(of: Piece(weight: 0, range: range))
    unsafe input.withUnsafeBytes { bytes in
      forEachRun(first, destination.count) { start, count, scale in
        for index in 0..<count {
          let value = unsafe bytes.loadUnaligned(
            fromByteOffset: (start - first + index) * 4, as: Float.self)
          // Adding 1.5 · 2^23 rounds to an integer in the low bits.
          let rounded = value * inverses[axis == 0 ? scale : scale + index] + 12_582_912
          unsafe destination[start - first + index] = UInt8(truncatingIfNeeded: rounded.bitPattern)
        }
      }
    }
  }
}

extension Weight {
  /// The matrix as int8, with a scale for each index of a dimension; see ``Quantization``.
  ///
  /// - Parameter axis: 0 for a scale of each row.
  package func quantized(axis: Int) throws(CheckpointError) -> Weight {
    guard shape.rank == 2, axis == 0 || axis == 1, shape.elementCount > 0,
      let scaleShape = Shape(axis == 0 ? [shape.dimensions[0], 1] : [1, shape.dimensions[1]])
    else {
      throw CheckpointError(.unsupported, "\(dtype) \(shape) is no matrix to be quantised")
    }
    let quantization = Quantization(try cast(to: .f32), axis: axis)
    func stored(
      _ source: any ByteSource, _ dtype: DType, _ shape: Shape
    ) throws(CheckpointError) -> Weight {
      guard
        let stored = try? StoredTensor(
          source: source, dtype: dtype, layout: StridedLayout(packed: shape))
      else { throw CheckpointError(.unsupported, "\(dtype) \(shape) takes too many bytes") }
      return Weight(stored)
    }
    return try Weight.scaled(
      stored(QuantizedSteps(quantization), .i8, shape),
      by: stored(QuantizedScales(quantization), .f32, scaleShape))
  }

  /// What a matrix of steps was rounded from; nil if it is not made so here.
  package var quantization: Quantization? {
    guard case .stored(let stored) = expression else { return nil }
    return (stored.source as? QuantizedSteps)?.quantization
  }

  /// The storages that the weight is made of.
  package var sources: [any ByteSource] {
    switch expression {
    case .stored(let stored): [stored.source]
    case .concatenated(let parts, _): parts.flatMap(\.sources)
    case .cast(let inner): inner.sources
    case .scaled(let steps, let scales): steps.sources + scales.sources
    }
  }
}

private final class QuantizedSteps: ByteSource {
  let quantization: Quantization

  init(_ quantization: Quantization) { self.quantization = quantization }

  var byteCount: Int { quantization.original.shape.elementCount }
  var fileRange: FileRange? { nil }
  var origin: String { "quantise ← " + quantization.original.lineage }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    try unsafe quantization.readSteps(from: offset, into: destination)
  }

  func verifyIntegrity() throws(CheckpointError) {
    for source in quantization.original.sources { try source.verifyIntegrity() }
  }
}

private final class QuantizedScales: ByteSource {
  private let quantization: Quantization

  init(_ quantization: Quantization) { self.quantization = quantization }

  var byteCount: Int { quantization.original.shape.dimensions[quantization.axis] * 4 }
  var fileRange: FileRange? { nil }
  var origin: String { "scales ← " + quantization.original.lineage }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let scales = try quantization.scales()
    unsafe scales.withUnsafeBytes { bytes in
      unsafe destination.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + destination.count]))
    }
  }
}
