package import CheckpointBytes
internal import TensorValues

/// A part of a weight's packed bytes, small enough to be held in memory.
package struct Piece: Sendable {
  /// The largest piece, in bytes. With the buffers that casting and gathering need, and ``WorkQueue/width`` threads, this
  /// bounds the memory of a conversion.
  package static let size = 4 << 20

  /// The same where elements are gathered from all over a weight, each of whose pieces may read all of its bytes: the bound is one for all
  /// threads together.
  private static let gatheredSize = max(size, (20 << 20) / WorkQueue.width)

  /// How many pieces beyond those that are being read are asked for.
  package static let ahead = 4

  /// The index of the weight in the list it was cut from.
  package let weight: Int
  /// The bytes of the weight.
  package let range: Range<Int>

  /// Makes a piece.
  package init(weight: Int, range: Range<Int>) {
    self.weight = weight
    self.range = range
  }

  /// Cuts weights into pieces that begin and end on element boundaries, in order. Weights without bytes give none.
  package static func cut(_ weights: [Weight]) -> [Piece] {
    var pieces: [Piece] = []
    for (index, weight) in weights.enumerated() {
      let most = weight.isReadInOrder ? Piece.size : gatheredSize
      let size = max(1, most / weight.pieceAlignment) * weight.pieceAlignment
      var start = 0
      while start < weight.byteCount {
        let end = min(weight.byteCount, start + size)
        pieces.append(Piece(weight: index, range: start..<end))
        start = end
      }
    }
    return pieces
  }
}

extension Weight {
  /// The bytes of a piece, in memory.
  package func bytes(of piece: Piece) throws(CheckpointError) -> [UInt8] {
    try unsafe withNewBytes(count: piece.range.count) { (buffer) throws(CheckpointError) in
      try unsafe read(at: piece.range.lowerBound, into: buffer)
    }
  }

  /// Asks the system to bring bytes nearer that are going to be read, where they lie in a file as they are. Disks are fast
  /// only with many requests at once, more than there are threads here.
  package func willRead(_ range: Range<Int>) {
    switch expression {
    case .stored(let stored):
      // What the system reads ahead by itself needs no word.
      guard range.count >= 1 << 17, let file = stored.source.fileRange else { return }
      if stored.layout.isPacked {
        file.willRead(at: stored.byteOffset + range.lowerBound, count: range.count)
      } else if range.lowerBound == 0, let extent {
        // Any part needs bytes from everywhere.
        file.willRead(at: extent.bytes.lowerBound, count: extent.bytes.count)
      }
    case .cast(let inner):
      let (own, other) = (pieceAlignment, inner.pieceAlignment)
      inner.willRead((range.lowerBound / own * other)..<(range.upperBound / own * other))
    case .concatenated, .scaled: break
    }
  }

  /// The same for what follows a piece, for whoever reads a weight piece by piece.
  package func willRead(after piece: Piece) {
    let ahead = piece.range.upperBound + 2 * Piece.size
    let start = piece.range.lowerBound == 0 ? 0 : ahead - Piece.size
    if start < byteCount { willRead(start..<min(byteCount, ahead)) }
  }

  /// A piece cut into the ranges in which it is best read: small ones that stay in the processor's cache, where reading
  /// is sequential; the whole piece where elements are gathered from all over the storage.
  package func chunks(of piece: Piece) -> [Range<Int>] {
    guard isReadInOrder else { return [piece.range] }
    let size = (512 << 10) / pieceAlignment * pieceAlignment
    return stride(from: piece.range.lowerBound, to: piece.range.upperBound, by: size).map {
      $0..<min($0 + size, piece.range.upperBound)
    }
  }
}

/// Two buffers of one thread, kept from piece to piece: fresh memory would cost as much as the copying.
package final class WeightBuffers {
  private var first = Buffer()
  private var second = Buffer()

  /// Buffers without memory yet.
  package init() {}

  /// Bytes of a weight, valid until `body` returns.
  package func read(
    _ weight: Weight, _ range: Range<Int>,
    _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try unsafe body(try unsafe first.read(weight, range))
  }

  /// The same bytes of two weights, valid until `body` returns.
  package func read(
    _ weight: Weight, _ other: Weight, _ range: Range<Int>,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try unsafe read(weight, range, other, range, body)
  }

  /// Bytes of two weights, valid until `body` returns.
  package func read(
    _ weight: Weight, _ range: Range<Int>, _ other: Weight, _ otherRange: Range<Int>,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let left = try unsafe first.read(weight, range)
    try unsafe body(left, try unsafe second.read(other, otherRange))
  }

  /// Safe: the memory belongs to the buffer alone, grows before it is too small, and is handed out for reading only.
  @safe
  private struct Buffer: ~Copyable {
    private var memory = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit {
      unsafe memory.deallocate()
    }

    mutating func read(
      _ weight: Weight, _ range: Range<Int>
    ) throws(CheckpointError) -> UnsafeRawBufferPointer {
      if unsafe memory.count < range.count {
        unsafe memory.deallocate()
        unsafe memory = .allocate(byteCount: range.count, alignment: 64)
      }
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<range.count])
      try unsafe weight.read(at: range.lowerBound, into: part)
      return UnsafeRawBufferPointer(part)
    }
  }
}
