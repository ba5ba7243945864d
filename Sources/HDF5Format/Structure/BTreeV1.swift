internal import CheckpointBytes

/// The older B-tree (HDF5 specification III.A.1): of the entries of a group, or of the chunks of a data set.
///
/// ```
/// TREE │ kind │ level │ entries │ siblings │ key, child, key, child, … key
/// ```
struct BTreeV1 {
  enum Kind: UInt8 { case group = 0, chunks = 1 }

  let kind: Kind
  let keyByteCount: Int

  /// Calls `body` with the key before each child of the lowest nodes, and the child's address, in the order of the tree.
  ///
  /// Nodes are reached from their parents only, each once, and each a level below: siblings can form a ring.
  func forEachLeaf(
    from root: UInt64, in bytes: StructureBytes,
    _ body: (inout ByteCursor, UInt64) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    var known: Set<UInt64> = [root]
    var open: [(address: UInt64, level: UInt8?)] = [(root, nil)]
    while let (address, expected) = open.popLast() {
      var (level, entries) = try node(at: address, in: bytes)
      guard expected == nil || level == expected else {
        throw ParseFailure(
          .malformed, at: Int(clamping: address), "TREE",
          "a node of level \(level), expected \(expected ?? 0)")
      }
      var children: [(address: UInt64, level: UInt8?)] = []
      while entries.remaining > keyByteCount {
        var key = try entries.slice(keyByteCount, "TREE")
        let child = try entries.readDefinedAddress(bytes.form, "TREE")
        if level == 0 {
          try body(&key, child)
        } else {
          guard known.insert(child).inserted else {
            throw ParseFailure(
              .malformed, at: Int(clamping: address), "TREE", "a node is reached twice")
          }
          children.append((child, level - 1))
        }
      }
      open += children.reversed()
    }
  }

  /// The level of a node, and its keys and children.
  private func node(
    at address: UInt64, in bytes: StructureBytes
  ) throws(ParseFailure) -> (level: UInt8, entries: ByteCursor) {
    let form = bytes.form
    let headByteCount = UInt64(8 + 2 * form.addressByteCount)
    var head = try bytes.block(at: address, count: headByteCount, "TREE")
    try head.readSignature("TREE")
    let start = head.offset
    guard try head.readByte("TREE") == kind.rawValue else {
      throw ParseFailure(.malformed, at: start, "TREE", "is a B-tree of another kind")
    }
    let level = try head.readByte("TREE")
    let count = Int(try head.read(UInt16.self, .little, "TREE"))
    let entries = try bytes.block(
      at: try address.behind(headByteCount, "TREE"),
      count: UInt64(count * (keyByteCount + form.addressByteCount) + keyByteCount), "TREE")
    return (level, entries)
  }
}
