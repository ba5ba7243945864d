internal import CheckpointBytes
internal import WeightGraph

/// A part of a weight's packed bytes, small enough to be held in memory.
struct Piece: Sendable {
  /// The largest piece, in bytes. With the buffers that casting and gathering need, and ``WorkQueue/width`` threads, this
  /// bounds the memory of a conversion.
  static let size = 4 << 20

  /// The index of the weight in the list it was cut from.
  let weight: Int
  /// The bytes of the weight.
  let range: Range<Int>

  /// Cuts weights into pieces that begin and end on element boundaries, in order. Weights without bytes give none.
  static func cut(_ weights: [Weight]) -> [Piece] {
    var pieces: [Piece] = []
    for (index, weight) in weights.enumerated() {
      let size = max(1, Piece.size / weight.pieceAlignment) * weight.pieceAlignment
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
