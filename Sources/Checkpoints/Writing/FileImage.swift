package import CheckpointBytes
internal import Synchronization
package import WeightGraph
internal import ZipFormat

/// A file laid out before its weights are written into it. Each format has one.
package protocol FileImage: Sendable {
  /// What the file does not hold, or holds in an unusual way.
  var remarks: Remarks { get }
  /// The size of the file.
  var byteCount: Int { get }
  /// True if the format stores a CRC-32 of each weight's bytes.
  var needsChecksums: Bool { get }
  /// Writes whatever precedes the weights and tells where each weight's bytes go, in the order the weights were given.
  func begin(_ output: any FileOutput) throws(CheckpointError) -> [Int]
  /// Writes whatever follows from the weights. `checksums` holds one CRC-32 each, if they are needed.
  func finish(_ output: any FileOutput, checksums: [UInt32]) throws(CheckpointError)
}

extension FileImage {
  /// Writes the file: its structure, then all weights, several pieces at a time.
  package func write(
    _ weights: [(name: ExactName, weight: Weight)], to output: any FileOutput, meter: ProgressMeter
  ) throws(CheckpointError) {
    let offsets = try begin(output)
    let pieces = Piece.cut(weights.map(\.weight))
    let checksums = PieceChecksums(pieces)
    // In the order of the file, so that the disk sees one stream.
    let order = pieces.indices.sorted {
      offsets[pieces[$0].weight] + pieces[$0].range.lowerBound
        < offsets[pieces[$1].weight] + pieces[$1].range.lowerBound
    }
    let needsChecksums = needsChecksums
    try WorkQueue.forEach(pieces.count) { (position, buffers) throws(CheckpointError) in
      let index = order[position]
      let piece = pieces[index]
      if position + Piece.ahead < order.count {
        let next = pieces[order[position + Piece.ahead]]
        weights[next.weight].weight.willRead(next.range)
      }
      let (name, weight) = weights[piece.weight]
      let offset = offsets[piece.weight] + piece.range.lowerBound
      do throws(CheckpointError) {
        var checksum = CRC32()
        for chunk in weight.chunks(of: piece) {
          try unsafe buffers.read(weight, chunk) { (bytes) throws(CheckpointError) in
            if needsChecksums { unsafe checksum.update(bytes) }
            try unsafe output.write(bytes, at: offset + chunk.lowerBound - piece.range.lowerBound)
          }
        }
        checksums.set(checksum.value, for: index)
        // Of small ones several lie in a page, which would be written for each.
        if piece.range.count >= 1 << 20 {
          output.startWriteback(at: offset, count: piece.range.count)
        }
      } catch {
        throw error.about(name)
      }
      meter.add(piece.range.count)
    }
    try finish(
      output, checksums: needsChecksums ? checksums.combined(weights: weights.count) : [])
  }
}

/// The checksums of pieces, computed in any order.
private final class PieceChecksums: Sendable {
  private let pieces: [Piece]
  private let values: Mutex<[UInt32]>

  init(_ pieces: [Piece]) {
    self.pieces = pieces
    values = Mutex([UInt32](repeating: 0, count: pieces.count))
  }

  func set(_ value: UInt32, for index: Int) {
    values.withLock { $0[index] = value }
  }

  /// The checksum of each weight, from those of its pieces in order.
  func combined(weights count: Int) -> [UInt32] {
    let values = values.withLock { $0 }
    var result = [UInt32](repeating: 0, count: count)
    for (piece, value) in zip(pieces, values) {
      result[piece.weight] = CRC32.combine(
        first: result[piece.weight], second: value, secondLength: piece.range.count)
    }
    return result
  }
}
