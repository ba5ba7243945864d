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
  /// Half of the children that a node has room for.
  let rank: Int

  /// Where a key stands among others, the most significant number first.
  typealias Rank = [UInt64]

  /// A node that is still to be read, and between which keys all of its own lie.
  private struct Branch {
    let address: UInt64
    var level: UInt8?
    var low: Rank?
    var high: Rank?
  }

  /// Calls `body` with the key before each child of the lowest nodes, and the child's address, in the order of the tree.
  ///
  /// Nodes are reached from their parents only, each once, and each a level below: siblings can form a ring.
  ///
  /// - Parameter rank: Where a key stands, if keys are to be looked at: what is out of order would not be found by who searches for it.
  func forEachLeaf(
    from root: UInt64, in bytes: StructureBytes,
    rank: ((ByteCursor) throws(ParseFailure) -> Rank)? = nil,
    _ body: (inout ByteCursor, UInt64) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    var known: Set<UInt64> = []
    var open = [Branch(address: root)]
    while let branch = open.popLast() {
      let (address, expected) = (branch.address, branch.level)
      var (level, entries) = try node(at: address, in: bytes)
      guard expected == nil || level == expected else {
        throw ParseFailure(
          .malformed, at: Int(clamping: address), "TREE",
          "a node of level \(level), expected \(expected ?? 0)")
      }
      var children: [Branch] = []
      while entries.remaining > keyByteCount {
        var key = try entries.slice(keyByteCount, "TREE")
        let child = try entries.readDefinedAddress(bytes.form, "TREE")
        var next = Branch(address: child)
        if let rank {
          var rest = entries
          let (own, behind) = (try rank(key), try rank(try rest.slice(keyByteCount, "TREE")))
          next.low = [own, branch.low].compactMap(\.self).max(by: Self.isBefore)
          next.high = [behind, branch.high].compactMap(\.self).min(by: Self.isBefore)
          guard let low = next.low, let high = next.high, low == own || level > 0,
            Self.isBefore(low, high)
          else {
            throw ParseFailure(
              .malformed, at: key.offset, "TREE",
              "a key is out of order, so that what lies there is not found by it")
          }
        }
        if level == 0 {
          try body(&key, child)
        } else {
          guard child != root, known.insert(child).inserted else {
            throw ParseFailure(
              .malformed, at: Int(clamping: address), "TREE", "a node is reached twice")
          }
          next.level = level - 1
          children.append(next)
        }
      }
      open += children.reversed()
    }
  }

  private static func isBefore(_ left: Rank, _ right: Rank) -> Bool {
    left.lexicographicallyPrecedes(right)
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
    guard count <= 2 * rank else {
      throw ParseFailure(
        .malformed, at: start, "TREE", "\(count) children, a node has room for \(2 * rank)")
    }
    let first = try address.behind(headByteCount, "TREE")
    func size(_ count: Int) -> UInt64 {
      UInt64(count * (keyByteCount + form.addressByteCount) + keyByteCount)
    }
    _ = try bytes.place(first, count: size(2 * rank), "TREE", orThrow: .malformed)
    return (level, try bytes.block(at: first, count: size(count), "TREE"))
  }
}
