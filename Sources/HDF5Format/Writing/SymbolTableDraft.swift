internal import CheckpointBytes

/// The links of a group of the older form (HDF5 specification III.A.1, III.B to D), as ``SymbolTable`` reads them: a B-tree
/// over nodes of entries, and the local heap of their names.
///
/// ```
/// TREE │ TREE… │ HEAP │ names │ SNOD │ SNOD…
/// ```
///
/// It is made at once and for good: nodes are full, levels are as few as can be, the heap has no gap.
struct SymbolTableDraft {
  /// Where a symbol table is: what its message, and the entry of its group, say.
  struct Place {
    let treeAddress: Int
    let namesAddress: Int
  }

  /// An entry: a name, and the object that it leads to.
  struct Entry {
    let nameOffset: Int
    let headerAddress: Int
    /// Where the object's own symbol table is, if it is a group that has one.
    let table: Place?

    static let byteCount = 40

    func write(to buffer: inout StructureBuffer) {
      buffer.append(UInt64(nameOffset))
      buffer.append(address: headerAddress)
      buffer.append(UInt32(table == nil ? 0 : 1))
      buffer.append(0 as UInt32)
      buffer.append(address: table?.treeAddress ?? 0)
      buffer.append(address: table?.namesAddress ?? 0)
    }
  }

  /// Half of what a node of entries holds, and half of what a node of the tree holds: what libhdf5 takes by itself.
  static let leafRank = 4
  static let treeRank = 16

  private static let entriesInNode = 2 * leafRank
  private static let childrenInNode = 2 * treeRank
  private static let treeNodeByteCount = 24 + 8 * (2 * childrenInNode + 1)
  private static let leafByteCount = 8 + entriesInNode * Entry.byteCount
  private static let heapHeadByteCount = 32

  /// The number of entries.
  private let count: Int
  /// The number of the tree's nodes on each level, the lowest first; the last is the root alone.
  private let levels: [Int]
  private let namesByteCount: Int

  /// Takes the names in the order of their bytes.
  init(names: some Sequence<ExactName>) {
    var count = 0
    // The empty name, with which the keys begin.
    var namesByteCount = 8
    for name in names {
      count += 1
      namesByteCount += (name.byteCount + 1).roundedToEight
    }
    self.count = count
    self.namesByteCount = namesByteCount
    var levels = [Self.parts(Self.parts(count, of: Self.entriesInNode), of: Self.childrenInNode)]
    // An empty group has a node too.
    levels[0] = max(1, levels[0])
    while let last = levels.last, last > 1 {
      levels.append(Self.parts(last, of: Self.childrenInNode))
    }
    self.levels = levels
  }

  private static func parts(_ count: Int, of size: Int) -> Int { (count + size - 1) / size }

  private var leafCount: Int { Self.parts(count, of: Self.entriesInNode) }
  private var treeByteCount: Int { levels.reduce(0, +) * Self.treeNodeByteCount }

  var byteCount: Int {
    treeByteCount + Self.heapHeadByteCount + namesByteCount + leafCount * Self.leafByteCount
  }

  /// Where the parts are if the whole begins at an address.
  func place(at address: Int) -> Place {
    Place(treeAddress: address, namesAddress: address + treeByteCount)
  }

  /// Writes the table for an address.
  ///
  /// - Parameter links: The names, and what each leads to, in the order in which they were counted.
  func write(
    at address: Int, _ links: some Sequence<(name: ExactName, headerAddress: Int, table: Place?)>,
    to buffer: inout StructureBuffer
  ) {
    var entries: [Entry] = []
    var names = StructureBuffer()
    names.append(zeros: 8)
    for link in links {
      entries.append(
        Entry(nameOffset: names.count, headerAddress: link.headerAddress, table: link.table))
      let start = names.count
      names.append(link.name.string.utf8)
      names.append(0 as UInt8)
      names.align(from: start)
    }
    writeTree(at: address, entries, to: &buffer)
    buffer.append(signature: "HEAP")
    buffer.append(zeros: 4)
    buffer.append(UInt64(names.count))
    // The heap has no free block; 1 is how that is said (`H5HL_FREE_NULL`, libhdf5).
    buffer.append(1 as UInt64)
    buffer.append(address: address + treeByteCount + Self.heapHeadByteCount)
    buffer.append(names.bytes)
    for start in stride(from: 0, to: entries.count, by: Self.entriesInNode) {
      let node = entries[start..<min(entries.count, start + Self.entriesInNode)]
      buffer.append(signature: "SNOD")
      buffer.append([1, 0])
      buffer.append(UInt16(node.count))
      for entry in node { entry.write(to: &buffer) }
      buffer.append(zeros: (Self.entriesInNode - node.count) * Entry.byteCount)
    }
  }

  /// Writes the nodes of the tree, the root first. The key behind a child is the last name below it.
  private func writeTree(
    at address: Int, _ entries: [Entry], to buffer: inout StructureBuffer
  ) {
    var levelAddress = address
    // What lies below one child of a node: entries, and bytes to the next child.
    var entriesInChild = levels.indices.reduce(Self.entriesInNode) { size, level in
      level == 0 ? size : size * Self.childrenInNode
    }
    for level in levels.indices.reversed() {
      let nodeCount = levels[level]
      let childCount = level == 0 ? leafCount : levels[level - 1]
      let below = levelAddress + nodeCount * Self.treeNodeByteCount
      let children =
        level == 0 ? address + treeByteCount + Self.heapHeadByteCount + namesByteCount : below
      let childByteCount = level == 0 ? Self.leafByteCount : Self.treeNodeByteCount
      for node in 0..<nodeCount {
        let nodeAddress = levelAddress + node * Self.treeNodeByteCount
        let first = node * Self.childrenInNode
        let last = min(childCount, first + Self.childrenInNode)
        buffer.append(signature: "TREE")
        buffer.append([BTreeV1.Kind.group.rawValue, UInt8(truncatingIfNeeded: level)])
        buffer.append(UInt16(last - first))
        buffer.append(address: node == 0 ? nil : nodeAddress - Self.treeNodeByteCount)
        buffer.append(
          address: node == nodeCount - 1 ? nil : nodeAddress + Self.treeNodeByteCount)
        let before = first * entriesInChild
        buffer.append(UInt64(before == 0 ? 0 : entries[before - 1].nameOffset))
        for child in first..<last {
          buffer.append(address: children + child * childByteCount)
          let end = min(entries.count, (child + 1) * entriesInChild)
          buffer.append(UInt64(entries[end - 1].nameOffset))
        }
        buffer.append(zeros: 16 * (Self.childrenInNode - last + first))
      }
      levelAddress = below
      entriesInChild /= Self.childrenInNode
    }
  }
}
