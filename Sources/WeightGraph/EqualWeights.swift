public import CheckpointBytes
internal import OrderedCollections
internal import Synchronization

/// Two names whose bytes have to agree. Structure cannot show it, so whoever has the files compares them.
public struct EqualPair: Sendable, Hashable {
  /// The name that the other repeats.
  public let first: ExactName
  /// The other name.
  public let second: ExactName

  /// Makes a pair.
  public init(first: ExactName, second: ExactName) {
    self.first = first
    self.second = second
  }
}

extension WeightGraph {
  /// The pairs whose weights do not hold the same type, shape and bytes, in the order given. Reads both weights of each
  /// pair, unless they are one in storage.
  package func unequal(_ pairs: [EqualPair]) throws(CheckpointError) -> [EqualPair] {
    let aliases = pairs.isEmpty ? [:] : aliases
    let found = Mutex<Set<Int>>([])
    try WorkQueue.forEach(pairs.count) { (index, buffers) throws(CheckpointError) in
      let pair = pairs[index]
      let isOneInStorage =
        aliases[pair.first] ?? pair.first == aliases[pair.second] ?? pair.second
      guard !isOneInStorage, let first = weights[pair.first],
        let second = weights[pair.second]
      else { return }
      do throws(CheckpointError) {
        if try !first.holdsSameBytes(as: second, buffers) {
          _ = found.withLock { $0.insert(index) }
        }
      } catch {
        throw error.about(pair.second)
      }
    }
    let places = found.withLock { $0 }
    return pairs.indices.filter(places.contains).map { pairs[$0] }
  }
}

extension Weight {
  /// True if every byte is zero.
  package func isZero() throws(CheckpointError) -> Bool {
    for piece in Piece.cut([self]) {
      if try bytes(of: piece).contains(where: { $0 != 0 }) { return false }
    }
    return true
  }

  fileprivate func holdsSameBytes(
    as other: Weight, _ buffers: WeightBuffers
  ) throws(CheckpointError) -> Bool {
    guard dtype == other.dtype, shape == other.shape else { return false }
    return try commonByteCount(with: other, buffers) == byteCount
  }

  /// How many bytes from the start on are known to be the same in both weights, of one type and shape: all of them, or
  /// those before the chunk in which the first difference lies.
  ///
  /// - Parameter advanced: Is told of each chunk that is the same.
  package func commonByteCount(
    with other: Weight, _ buffers: WeightBuffers, advanced: (_ byteCount: Int) -> Void = { _ in }
  ) throws(CheckpointError) -> Int {
    for piece in Piece.cut([self]) {
      willRead(after: piece)
      other.willRead(after: piece)
      for chunk in chunks(of: piece) {
        var isEqual = true
        try unsafe buffers.read(self, other, chunk) { (left, right) throws(CheckpointError) in
          isEqual = unsafe left.isEqual(to: right)
        }
        if !isEqual { return chunk.lowerBound }
        advanced(chunk.count)
      }
    }
    return byteCount
  }
}
