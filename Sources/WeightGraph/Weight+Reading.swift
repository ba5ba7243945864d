public import CheckpointBytes
internal import TensorValues

extension Weight {
  /// True if reading forward reads the storage forward, so that small reads cost no more than large ones.
  public var isReadInOrder: Bool {
    switch expression {
    case .stored(let stored): stored.layout.isPacked
    case .concatenated(let parts, _): parts.allSatisfy(\.isReadInOrder)
    case .cast(let inner): inner.isReadInOrder
    case .scaled(let steps, _): steps.isReadInOrder
    }
  }

  /// The smallest piece that can be read: the bytes of one element, or 1 for types whose elements share bytes.
  public var pieceAlignment: Int { dtype.byteWidth ?? 1 }

  /// Fills `destination` with packed little-endian bytes of the weight, from byte `offset` on. Both ends must lie on
  /// element boundaries.
  ///
  /// Memory use is bounded by a small multiple of `destination`.
  /// - Throws: what reading the storage throws; `malformed` for a range outside the weight.
  public func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard destination.count > 0 else { return }
    guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset,
      offset.isMultiple(of: pieceAlignment), destination.count.isMultiple(of: pieceAlignment)
    else {
      throw CheckpointError(
        .malformed, CheckpointError.Site(offset: offset),
        "\(destination.count) bytes cannot be read from a weight of \(byteCount)")
    }
    switch expression {
    case .stored(let stored): try unsafe stored.read(at: offset, into: destination)
    case .concatenated(let parts, let axis):
      try unsafe readConcatenated(parts, axis: axis, at: offset, into: destination)
    case .cast(let inner): try unsafe readCast(inner, at: offset, into: destination)
    case .scaled(let steps, let scales):
      try unsafe readScaled(steps, scales, at: offset, into: destination)
    }
  }

  private func readConcatenated(
    _ parts: [Weight], axis: Int, at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    let width = pieceAlignment
    // Each index of the dimensions before the axis gives one block; a block is one run from each part.
    let inner = shape.dimensions[(axis + 1)...].reduce(width, *)
    let blockBytes = shape.dimensions[axis] * inner
    var position = offset
    let end = offset + destination.count
    while position < end {
      let block = position / blockBytes
      var start = block * blockBytes
      for part in parts {
        let run = part.shape.dimensions[axis] * inner
        let wanted = (position..<end).clamped(to: start..<(start + run))
        if !wanted.isEmpty {
          let target = unsafe UnsafeMutableRawBufferPointer(
            rebasing: destination[(wanted.lowerBound - offset)..<(wanted.upperBound - offset)])
          try unsafe part.read(at: block * run + wanted.lowerBound - start, into: target)
          position = wanted.upperBound
        }
        start += run
      }
    }
  }

  private func readCast(
    _ inner: Weight, at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard let conversion = ElementConversion(from: inner.dtype, to: dtype) else {
      throw CheckpointError(
        .unsupported, "\(inner.dtype) cannot be cast to \(dtype)")
    }
    // In steps that stay in the cache of a processor, and in memory that is there already.
    let step = inner.isReadInOrder ? Self.castCount : destination.count / pieceAlignment
    var input = [UInt8]()
    for start in stride(from: 0, to: destination.count / pieceAlignment, by: step) {
      let first = offset / pieceAlignment + start
      let count = min(step, destination.count / pieceAlignment - start)
      let output = unsafe UnsafeMutableRawBufferPointer(
        rebasing: destination[(start * pieceAlignment)..<((start + count) * pieceAlignment)])
      try unsafe inner.read(at: first, count: count, through: &input) {
        (bytes) throws(CheckpointError) in
        do throws(ElementConversion.OutOfRange) {
          try unsafe conversion.convert(bytes, into: output)
        } catch {
          throw CheckpointError(
            .mismatch,
            "the value \(error.value) of element \(first + error.index) does not fit \(dtype)")
        }
      }
    }
  }

  /// The elements that are read at once to be cast.
  private static let castCount = 16 << 10

  /// Reads elements through an array that is kept from call to call.
  private func read(
    at first: Int, count: Int, through array: inout [UInt8],
    _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let size = count * pieceAlignment
    if array.count < size { array = [UInt8](repeating: 0, count: size) }
    let result = unsafe array.withUnsafeMutableBytes { buffer in
      Result { () throws(CheckpointError) in
        let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
        try unsafe read(at: first * pieceAlignment, into: bytes)
        try unsafe body(UnsafeRawBufferPointer(bytes))
      }
    }
    try result.get()
  }
}

/// A weight's packed bytes as a storage, for transforms that no strides express.
final class WeightBytes: ByteSource {
  private let weight: Weight

  init(_ weight: Weight) {
    self.weight = weight
  }

  var byteCount: Int { weight.byteCount }
  var fileRange: FileRange? { nil }
  var origin: String { weight.lineage }

  func read(
    at offset: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    try unsafe weight.read(at: offset, into: destination)
  }
}
