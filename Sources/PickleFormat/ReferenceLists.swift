/// Lists of references that grow, all in one pool. A list that grows while others do is in several parts:
///
/// ```
/// last part │ next part, or -1 │ number of elements │ elements …     a list, with its first part
///             next part, or -1 │ number of elements │ elements …     a part behind it
/// ```
struct ReferenceLists {
  /// How many words lie before the elements of a new list.
  static let headCount = 3

  private var pool = PagedArray<Int32>()

  /// The number of words that the lists take.
  var wordCount: Int { pool.count }
  /// The number of elements of all lists.
  private(set) var elementCount = 0

  /// Puts elements behind those of a list; -1 becomes a new one.
  mutating func append(_ added: [PickleReference], to list: inout Int32) {
    guard !added.isEmpty else { return }
    let count = Int32(truncatingIfNeeded: added.count)
    let isNew = list < 0
    if isNew {
      list = Int32(truncatingIfNeeded: pool.count)
      pool.append(list + 1)
    }
    let last = Int(pool[Int(list)])
    if !isNew, last + 2 + Int(pool[last + 1]) == pool.count {
      pool[last + 1] += count
    } else {
      let part = Int32(truncatingIfNeeded: pool.count)
      if !isNew { pool[last] = part }
      pool[Int(list)] = part
      pool.append(-1)
      pool.append(count)
    }
    for reference in added { pool.append(reference.index) }
    elementCount += added.count
  }

  /// The number of elements of a list; 0 if it is -1.
  func count(of list: Int32) -> Int {
    var (count, part) = (0, list < 0 ? -1 : list + 1)
    while part >= 0 {
      count += Int(pool[Int(part) + 1])
      part = pool[Int(part)]
    }
    return count
  }

  /// The elements of a list, in order; none if it is -1.
  func elements(of list: Int32) -> [PickleReference] {
    guard list >= 0 else { return [] }
    var elements: [PickleReference] = []
    var part = list + 1
    while part >= 0 {
      let start = Int(part) + 2
      let count = Int(pool[start - 1])
      for place in start..<start + count { elements.append(PickleReference(Int(pool[place]))) }
      part = pool[start - 2]
    }
    return elements
  }
}
