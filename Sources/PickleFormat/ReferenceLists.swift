/// Lists of references that grow, all in one pool. A list that grows while others do is in several parts:
///
/// ```
/// next part, or -1 │ number of elements │ elements …
/// ```
struct ReferenceLists {
  private struct List {
    var first: Int32 = -1
    var last: Int32 = -1
    var count: Int32 = 0
  }

  private var lists = PagedArray<List>()
  private var pool = PagedArray<Int32>()

  /// A new list, which is empty.
  mutating func make() -> Int32 {
    lists.append(List())
    return Int32(truncatingIfNeeded: lists.count - 1)
  }

  /// The number of elements of all lists.
  private(set) var elementCount = 0

  mutating func append(_ added: some Collection<PickleReference>, to index: Int32) {
    guard !added.isEmpty else { return }
    let count = Int32(truncatingIfNeeded: added.count)
    var list = lists[Int(index)]
    let end = list.last < 0 ? -1 : Int(list.last) + 2 + Int(pool[Int(list.last) + 1])
    if end == pool.count {
      pool[Int(list.last) + 1] += count
    } else {
      let part = Int32(truncatingIfNeeded: pool.count)
      if list.last >= 0 { pool[Int(list.last)] = part } else { list.first = part }
      list.last = part
      pool.append(-1)
      pool.append(count)
    }
    for reference in added { pool.append(reference.index) }
    list.count += count
    lists[Int(index)] = list
    elementCount += added.count
  }

  /// The number of elements of a list.
  func count(of index: Int32) -> Int { Int(lists[Int(index)].count) }

  /// The elements of a list, in order; none if the index is -1.
  func elements(of index: Int32) -> [PickleReference] {
    guard index >= 0 else { return [] }
    let list = lists[Int(index)]
    var elements: [PickleReference] = []
    elements.reserveCapacity(Int(list.count))
    var part = list.first
    while part >= 0 {
      let start = Int(part) + 2
      for position in start..<(start + Int(pool[Int(part) + 1])) {
        elements.append(PickleReference(Int(pool[position])))
      }
      part = pool[Int(part)]
    }
    return elements
  }
}
