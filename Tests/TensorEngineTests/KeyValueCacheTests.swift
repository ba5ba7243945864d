import TensorEngine
import TestSupport
import Testing

@Suite struct KeyValueCacheTests {
  private let context: ExecutionContext

  init() throws {
    context = try ExecutionContext(threads: 2)
  }

  /// What the last token of each sequence sees in a cache.
  private func look(_ cache: KeyValueCache, _ query: Tensor) throws -> [UInt32] {
    bits(
      try attention(
        query: query, cache, scale: 0.5, RaggedBatch(count: cache.lengths.count, length: 1),
        in: context
      ).output)
  }

  @Test("Sequences that are reordered go on with what their sources had")
  func reordering() throws {
    var generator = SeededGenerator(seed: 2)
    let cache = try KeyValueCache(sequences: 3, heads: 2, headSize: 5, capacity: 32)
    let batch = try RaggedBatch(lengths: [40, 3, 33])
    try cache.append(
      key: generator.tensor(76, 10), value: generator.tensor(76, 10), batch, in: context)
    let query = try generator.tensor(1, 10)
    let each = try look(cache, gatherRows(query, [0, 0, 0], in: context))
    // One sequence twice, one gone, and then more sequences than before.
    for sources in [[2, 0, 2], [0, 1, 2], [1, 1, 0, 2, 1]] {
      let before = cache.lengths
      let seen = try look(cache, gatherRows(query, before.map { _ in 0 }, in: context))
      try cache.reorder(sources)
      #expect(cache.lengths == sources.map { before[$0] })
      let now = try look(cache, gatherRows(query, sources.map { _ in 0 }, in: context))
      #expect(now == sources.flatMap { seen[$0 * 10..<($0 + 1) * 10] })
    }
    #expect(each.count == 30)
  }

  @Test("A sequence that goes on after a reordering does not write into another")
  func independence() throws {
    var generator = SeededGenerator(seed: 4)
    let cache = try KeyValueCache(sequences: 1, heads: 1, headSize: 4)
    try cache.append(
      key: generator.tensor(5, 4), value: generator.tensor(5, 4), RaggedBatch(lengths: [5]),
      in: context)
    let query = try generator.tensor(1, 4)
    let before = try look(cache, query)
    try cache.reorder([0, 0])
    try cache.append(
      key: generator.tensor(1, 4), value: generator.tensor(1, 4), RaggedBatch(lengths: [0, 1]),
      in: context)
    #expect(cache.lengths == [5, 6])
    let both = try look(cache, gatherRows(query, [0, 0], in: context))
    #expect(Array(both[0..<4]) == before)
    #expect(Array(both[4..<8]) != before)
  }

  @Test("An emptied cache is as a new one")
  func emptied() throws {
    var generator = SeededGenerator(seed: 9)
    let cache = try KeyValueCache(sequences: 1, heads: 1, headSize: 40)
    let other = try KeyValueCache(sequences: 1, heads: 1, headSize: 40)
    let batch = try RaggedBatch(lengths: [37])
    try cache.append(
      key: generator.tensor(37, 40), value: generator.tensor(37, 40), batch, in: context)
    cache.removeAll()
    #expect(cache.lengths == [0])
    let key = try generator.tensor(3, 40)
    let few = try RaggedBatch(lengths: [3])
    for each in [cache, other] { try each.append(key: key, value: key, few, in: context) }
    let query = try generator.tensor(1, 40)
    #expect(try look(cache, query) == look(other, query))
  }
}
