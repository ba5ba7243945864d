/// The tokens of a word while they are being merged: always the pair whose merge comes first, the leftmost of equal ones
/// (models/bpe/word.rs).
struct SymbolBuffer: Sendable {
  private struct Symbol {
    var index: UInt32
    /// 0 once the symbol has been joined to the one before it.
    var length: UInt32
    var previous: Int32
    var next: Int32
  }

  /// A pair that may be merged, where it was when it was found.
  private struct Candidate {
    var rank: UInt32
    var position: Int32
    var result: UInt32

    @inline(__always)
    func isBefore(_ other: Candidate) -> Bool {
      rank != other.rank ? rank < other.rank : position < other.position
    }
  }

  /// Words of up to so many symbols are searched from end to end for each merge; longer ones keep a heap.
  private static let longestSearched = 24

  private var symbols: [Symbol] = []
  private var heap: [Candidate] = []
  /// The merge of the pair that begins at each symbol, while a short word is searched.
  private var found: [BytePairModel.Merge] = []

  mutating func removeAll() {
    symbols.removeAll(keepingCapacity: true)
  }

  mutating func append(_ part: WordPart) {
    let position = Int32(truncatingIfNeeded: symbols.count)
    symbols.append(
      Symbol(
        index: part.index, length: part.length, previous: position - 1, next: position + 1))
  }

  /// Merges the symbols, and appends what is left to `parts`.
  mutating func merge(by merges: PairTable<BytePairModel.Merge>, into parts: inout [WordPart]) {
    if symbols.count <= Self.longestSearched {
      mergeBySearch(merges)
    } else {
      mergeByHeap(merges)
    }
    for symbol in symbols where symbol.length > 0 {
      parts.append(WordPart(index: symbol.index, length: symbol.length))
    }
  }

  private mutating func mergeBySearch(_ merges: PairTable<BytePairModel.Merge>) {
    guard symbols.count > 1 else { return }
    // Merging removes a symbol, so all stay neighbours.
    found.removeAll(keepingCapacity: true)
    for place in symbols.indices.dropLast() {
      found.append(merge(of: symbols[place].index, symbols[place + 1].index, merges))
    }
    while true {
      var best = -1
      var rank = Self.noMerge.rank
      for place in found.indices where found[place].rank < rank {
        rank = found[place].rank
        best = place
      }
      guard best >= 0 else { return }
      let result = found[best].result
      symbols[best].index = result
      symbols[best].length += symbols[best + 1].length
      symbols.remove(at: best + 1)
      found.remove(at: best)
      if best > 0 { found[best - 1] = merge(of: symbols[best - 1].index, result, merges) }
      if best < found.count { found[best] = merge(of: result, symbols[best + 1].index, merges) }
    }
  }

  /// Later than all merges, of which there are fewer.
  private static let noMerge = BytePairModel.Merge(rank: .max, result: 0)

  @inline(__always)
  private func merge(
    of first: UInt32, _ second: UInt32, _ merges: PairTable<BytePairModel.Merge>
  ) -> BytePairModel.Merge {
    merges[first, second] ?? Self.noMerge
  }

  private mutating func mergeByHeap(_ merges: PairTable<BytePairModel.Merge>) {
    heap.removeAll(keepingCapacity: true)
    for position in symbols.indices.dropLast() { pushPair(at: position, merges) }
    while let top = popFirst() {
      let position = Int(top.position)
      let left = symbols[position]
      let next = Int(left.next)
      // The candidate is stale if its symbols have been merged with others.
      guard left.length > 0, next < symbols.count,
        merges[left.index, symbols[next].index]?.result == top.result
      else { continue }
      let right = symbols[next]
      symbols[position].index = top.result
      symbols[position].length += right.length
      symbols[position].next = right.next
      symbols[next].length = 0
      if Int(right.next) < symbols.count { symbols[Int(right.next)].previous = top.position }
      if left.previous >= 0 { pushPair(at: Int(left.previous), merges) }
      pushPair(at: position, merges)
    }
  }

  private mutating func pushPair(at position: Int, _ merges: PairTable<BytePairModel.Merge>) {
    let next = Int(symbols[position].next)
    guard next < symbols.count,
      let merge = merges[symbols[position].index, symbols[next].index]
    else { return }
    heap.append(
      Candidate(
        rank: merge.rank, position: Int32(truncatingIfNeeded: position), result: merge.result))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func popFirst() -> Candidate? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < heap.count else { return first }
      if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(heap[parent]) else { return first }
      heap.swapAt(parent, child)
      parent = child
    }
  }
}
