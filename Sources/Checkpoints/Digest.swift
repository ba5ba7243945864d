public import CheckpointBytes
internal import Crypto
internal import Synchronization
public import WeightGraph

/// Digests of weights.
public enum WeightDigest {
  /// The SHA-256 of each weight's packed little-endian row-major bytes, as hexadecimal text, in the order given.
  ///
  /// What files say of their own bytes (checksums) is checked on the way.
  /// - Throws: what reading throws, with the tensor's name.
  public static func sha256(
    _ weights: [(name: ExactName, weight: Weight)], progress: ProgressHandler? = nil
  ) throws(CheckpointError) -> [String] {
    let meter = ProgressMeter(
      .reading, total: weights.reduce(0) { $0 + $1.weight.byteCount }, progress)
    let results = Mutex([String](repeating: "", count: weights.count))
    try WorkQueue.forEach(weights.count) { (index) throws(CheckpointError) in
      let (name, weight) = weights[index]
      var hash = SHA256()
      try unsafe weight.forEachPiece(of: name) { bytes in
        unsafe hash.update(bufferPointer: bytes)
        meter.add(bytes.count)
      }
      let text = Hexadecimal.text(hash.finalize())
      results.withLock { $0[index] = text }
    }
    return results.withLock { $0 }
  }
}

extension Weight {
  /// Hands the packed bytes out in order, in pieces.
  ///
  /// - Throws: what reading throws, with the tensor's name.
  func forEachPiece(
    of name: ExactName, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(CheckpointError) {
    var buffer: [UInt8] = []
    for piece in Piece.cut([self]) {
      if buffer.count != piece.range.count {
        buffer = [UInt8](repeating: 0, count: piece.range.count)
      }
      var failure: CheckpointError?
      unsafe buffer.withUnsafeMutableBytes { bytes in
        do throws(CheckpointError) {
          try unsafe read(at: piece.range.lowerBound, into: bytes)
          unsafe body(UnsafeRawBufferPointer(bytes))
        } catch {
          failure = error
        }
      }
      if let failure { throw failure.about(name) }
    }
  }
}
