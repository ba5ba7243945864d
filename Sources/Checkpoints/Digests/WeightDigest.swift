public import CheckpointBytes
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
    // The largest first, so that no thread is left alone with one at the end.
    let sizes = weights.map(\.weight.byteCount)
    let order = weights.indices.sorted { sizes[$0] > sizes[$1] }
    try WorkQueue.forEach(weights.count) { (position, buffers) throws(CheckpointError) in
      let index = order[position]
      let (name, weight) = weights[index]
      var hash = SHA256()
      do throws(CheckpointError) {
        for piece in Piece.cut([weight]) {
          weight.willRead(after: piece)
          for chunk in weight.chunks(of: piece) {
            try unsafe buffers.read(weight, chunk) { bytes in
              unsafe hash.update(bytes)
            }
          }
          meter.add(piece.range.count)
        }
      } catch {
        throw error.about(name)
      }
      let text = Hexadecimal.text(hash.finalize())
      results.withLock { $0[index] = text }
    }
    return results.withLock { $0 }
  }
}
