package import CheckpointBytes
package import TensorValues

extension Weight {
  /// A matrix of steps times the scale of each row, of each column, or of all: the value is step · scale in float32, rounded once, the
  /// two multiplied as arrays that broadcast. So compressed-tensors stores a matrix of 8 bits.
  ///
  /// - Parameters:
  ///   - steps: I8 or F8_E4M3, `[rows, columns]`.
  ///   - scales: Real numbers of at most 32 bits, `[rows, 1]`, `[1, columns]` or `[1, 1]`.
  package static func scaled(
    _ steps: Weight, by scales: Weight
  ) throws(CheckpointError) -> Weight {
    guard steps.canBeSteps, scales.canBeScales, !scales.scaleAxes(of: steps).isEmpty else {
      throw steps.refusal(ofScales: scales)
    }
    return try scaledUnchecked(steps, try scales.cast(to: .f32))
  }

  /// The steps and the scales (F32) of a matrix that is made of such; nil of any other weight.
  public var scaledParts: (steps: Weight, scales: Weight)? {
    guard case .scaled(let steps, let scales) = expression else { return nil }
    return (steps, scales)
  }

  /// The type that numbers are stored in: that of the steps, of a matrix of steps and scales or several of such.
  package var storedType: DType {
    switch expression {
    case .stored, .cast: return dtype
    case .scaled(let steps, _): return steps.dtype
    case .concatenated(let parts, _):
      let first = parts.first?.storedType ?? dtype
      return parts.allSatisfy { $0.storedType == first } ? first : dtype
    }
  }

  /// True if both are of one type, and what is stored is.
  package func hasType(of other: Weight) -> Bool {
    dtype == other.dtype && storedType == other.storedType
  }

  static func scaledUnchecked(
    _ steps: Weight, _ scales: Weight
  ) throws(CheckpointError) -> Weight {
    guard DType.f32.byteCount(elementCount: steps.shape.elementCount) != nil else {
      throw CheckpointError(.unsupported, "F32 \(steps.shape) takes more bytes than can be counted")
    }
    return Weight(dtype: .f32, shape: steps.shape, expression: .scaled(steps, scales: scales))
  }

  /// The error for scales that are none of these steps.
  func refusal(ofScales scales: Weight) -> CheckpointError {
    CheckpointError(
      .unsupported,
      "\(dtype) \(shape) cannot be steps of the scales \(scales.dtype) \(scales.shape)")
  }

  var canBeSteps: Bool { shape.rank == 2 && (dtype == .i8 || dtype == .f8E4M3) }

  var canBeScales: Bool {
    dtype.category == .real && (dtype.bitWidth == 16 || dtype.bitWidth == 32) && shape.rank == 2
  }

  /// The dimensions along which these numbers may be scales of a matrix, 0 for one of each row; none if they are no scales of it.
  private func scaleAxes(of steps: Weight) -> [Int] {
    let (own, whole) = (shape.dimensions, steps.shape.dimensions)
    return [0, 1].filter { axis in
      own[1 - axis] == 1 && (own[axis] == whole[axis] || own[axis] == 1)
    }
  }

  /// The scales as one for each index of a dimension, in memory; nil if they belong to the other one.
  ///
  /// - Throws: what reading throws.
  package func scales(
    along axis: Int, count: Int
  ) throws(CheckpointError) -> [Float]? {
    guard shape.rank == 2, shape.dimensions[1 - axis] == 1 else { return nil }
    let values = try floats(from: 0, count: shape.elementCount)
    if values.count == count { return values }
    return values.count == 1 ? [Float](repeating: values[0], count: count) : nil
  }

  /// Numbers of an F32 weight, in memory.
  func floats(from first: Int, count: Int) throws(CheckpointError) -> [Float] {
    let bytes = try unsafe withNewBytes(count: count * 4) { (buffer) throws(CheckpointError) in
      try unsafe read(at: first * 4, into: buffer)
    }
    return unsafe bytes.withUnsafeBytes { bytes in
      (0..<count).map { unsafe bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    }
  }

  func readScaled(
    _ steps: Weight, _ scales: Weight, at offset: Int,
    into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let (first, count) = (offset / 4, destination.count / 4)
    let input = try unsafe withNewBytes(count: count) { (buffer) throws(CheckpointError) in
      try unsafe steps.read(at: first, into: buffer)
    }
    unsafe input.withUnsafeBytes { unsafe steps.dtype.widenSteps($0, into: destination) }
    // No more scales are in memory than there are numbers.
    let columns = shape.dimensions[1]
    let isByRow = scales.shape.dimensions[0] > 1
    let isByColumn = scales.shape.dimensions[1] > 1
    let rows = first / columns...(first + count - 1) / columns
    let known: [Float] =
      switch (isByRow, isByColumn) {
      case (true, false): try scales.floats(from: rows.lowerBound, count: rows.count)
      case (false, false): try scales.floats(from: 0, count: 1)
      case (false, true) where count >= columns: try scales.floats(from: 0, count: columns)
      default: []
      }
    for row in rows {
      let start = max(first, row * columns)
      let end = min(first + count, (row + 1) * columns)
      let part = unsafe UnsafeMutableRawBufferPointer(
        rebasing: destination[(start - first) * 4..<(end - first) * 4])
      guard isByColumn else {
        unsafe multiply(part, by: known[isByRow ? row - rows.lowerBound : 0])
        continue
      }
      let column = start - row * columns
      let factors =
        known.isEmpty
        ? try scales.floats(from: isByRow ? start : column, count: end - start) : known
      unsafe multiply(part, by: factors, from: known.isEmpty ? 0 : column)
    }
  }
}

extension DType {
  /// Steps of one byte as float32.
  fileprivate func widenSteps(
    _ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
  ) {
    if self == .i8 {
      for index in 0..<bytes.count {
        let step = unsafe Float(Int8(bitPattern: bytes[index]))
        unsafe destination.storeBytes(of: step, toByteOffset: index * 4, as: Float.self)
      }
    } else {
      // Between real types nothing is out of range.
      try? unsafe ElementConversion(from: self, to: .f32)?.convert(bytes, into: destination)
    }
  }
}

private func multiply(_ bytes: UnsafeMutableRawBufferPointer, by factor: Float) {
  for offset in stride(from: 0, to: bytes.count, by: 4) {
    let value = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Float.self)
    unsafe bytes.storeBytes(of: value * factor, toByteOffset: offset, as: Float.self)
  }
}

private func multiply(
  _ bytes: UnsafeMutableRawBufferPointer, by factors: [Float], from first: Int
) {
  for index in 0..<bytes.count / 4 {
    let value = unsafe bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
    unsafe bytes.storeBytes(
      of: value * factors[first + index], toByteOffset: index * 4, as: Float.self)
  }
}
