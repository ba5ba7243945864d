internal import CheckpointBytes

/// The newer B-tree (HDF5 specification III.A.2): records of one size, in internal nodes as well as in leaves.
///
/// ```
/// BTHD ─► BTIN: records, children ─► BTIN… ─► BTLF: records
/// ```
struct BTreeV2 {
  /// What the records are.
  enum Kind: UInt8 {
    case hugeObjects = 1
    case filteredHugeObjects = 2
    case linkNames = 5
    case attributeNames = 8
    case chunks = 10
    case filteredChunks = 11
  }

  let kind: Kind
  let recordByteCount: Int
  private let bytes: StructureBytes
  private let nodeByteCount: Int
  private let depth: Int
  private let root: Child?
  private let recordCount: UInt64
  /// For each depth below a node how children are referred to.
  private let levels: [Level]

  private struct Child {
    let address: UInt64
    let recordCount: Int
    let depth: Int
  }

  /// Reads the tree's header.
  init(
    at address: UInt64, _ kinds: Set<Kind>, in bytes: StructureBytes
  ) throws(ParseFailure) {
    self.bytes = bytes
    let form = bytes.form
    var head = try bytes.checkedBlock(
      "BTHD", at: address, count: UInt64(22 + form.addressByteCount + form.lengthByteCount))
    try head.readVersion(0...0, "B-tree header")
    let start = head.offset
    guard let kind = Kind(rawValue: try head.readByte("B-tree type")), kinds.contains(kind) else {
      throw ParseFailure(.malformed, at: start, "B-tree type", "is a B-tree of another kind")
    }
    self.kind = kind
    nodeByteCount = Int(try head.read(UInt32.self, .little, "B-tree node size"))
    recordByteCount = Int(try head.read(UInt16.self, .little, "B-tree record size"))
    depth = Int(try head.read(UInt16.self, .little, "B-tree depth"))
    try head.skip(2, "B-tree header")
    let rootAddress = try head.readAddress(form, "B-tree root")
    let rootCount = Int(try head.read(UInt16.self, .little, "B-tree root"))
    recordCount = try head.readLength(form, "B-tree records")
    root = rootAddress.map { Child(address: $0, recordCount: rootCount, depth: 0) }
    // With one record a node 64 levels hold more than any file.
    guard recordByteCount > 0, depth < 64, nodeByteCount > Level.overhead else {
      throw ParseFailure(
        .malformed, at: start, "B-tree header",
        "\(depth) levels of nodes of \(nodeByteCount) bytes, records of \(recordByteCount)")
    }
    levels = try Level.all(
      depth: depth, nodeByteCount: nodeByteCount, recordByteCount: recordByteCount, form)
  }

  /// Calls `body` with each record, in the order of the tree.
  func forEachRecord(
    _ body: (inout ByteCursor) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    enum Step { case node(Child), record(ByteCursor) }
    var steps = root.map { [Step.node($0)] } ?? []
    var known: Set<UInt64> = []
    var left = root == nil ? 0 : recordCount
    while let step = steps.popLast() {
      switch step {
      case .record(var record):
        guard left > 0 else {
          throw ParseFailure(.malformed, "B-tree records", "there are more than \(recordCount)")
        }
        left -= 1
        try body(&record)
      case .node(let node):
        guard known.insert(node.address).inserted else {
          throw ParseFailure(
            .malformed, at: Int(clamping: node.address), "B-tree node", "is reached twice")
        }
        let (records, children) = try content(of: node)
        for index in records.indices.reversed() {
          if index + 1 < children.count { steps.append(.node(children[index + 1])) }
          steps.append(.record(records[index]))
        }
        if let first = children.first { steps.append(.node(first)) }
      }
    }
    guard left == 0 else {
      throw ParseFailure(.malformed, "B-tree records", "\(left) of \(recordCount) are missing")
    }
  }

  private func content(
    of node: Child
  ) throws(ParseFailure) -> (records: [ByteCursor], children: [Child]) {
    let isLeaf = node.depth == depth
    let level = levels[depth - node.depth]
    guard node.recordCount <= level.mostRecords else {
      throw ParseFailure(
        .malformed, at: Int(clamping: node.address), "B-tree node",
        "\(node.recordCount) records, at most \(level.mostRecords) fit")
    }
    let signature = isLeaf ? "BTLF" : "BTIN"
    // The checksum lies behind what is used of the node.
    let used =
      Level.overhead + node.recordCount * recordByteCount
      + (isLeaf ? 0 : (node.recordCount + 1) * level.pointerByteCount)
    var cursor = try bytes.checkedBlock(signature, at: node.address, count: UInt64(used))
    try cursor.readVersion(0...0, "B-tree node")
    guard try cursor.readByte("B-tree node") == kind.rawValue else {
      throw ParseFailure(.malformed, at: cursor.offset, "B-tree node", "is of another kind")
    }
    var records: [ByteCursor] = []
    for _ in 0..<node.recordCount {
      records.append(try cursor.slice(recordByteCount, "B-tree record"))
    }
    if isLeaf { return (records, []) }
    var children: [Child] = []
    for _ in 0...node.recordCount {
      let address = try cursor.readDefinedAddress(bytes.form, "B-tree child")
      let count = try cursor.readCount(level.countByteCount, "B-tree child")
      try cursor.skip(level.totalByteCount, "B-tree child")
      children.append(Child(address: address, recordCount: count, depth: node.depth + 1))
    }
    return (records, children)
  }
}

/// The nodes at some height above the leaves: how many records they can have, and how they refer to their children. The
/// widths of the counts are those of the largest that can occur (`H5B2__hdr_init`, libhdf5).
private struct Level {
  var mostRecords: Int
  /// The bytes of the number of records of a child.
  var countByteCount = 0
  /// The bytes of the number of records of a child and all below it.
  var totalByteCount = 0
  var pointerByteCount = 0

  /// Signature, version, type and checksum.
  static let overhead = 10

  static func all(
    depth: Int, nodeByteCount: Int, recordByteCount: Int, _ form: AddressForm
  ) throws(ParseFailure) -> [Level] {
    let leafMost = (nodeByteCount - overhead) / recordByteCount
    guard leafMost > 0 else {
      throw ParseFailure(.malformed, "B-tree node size", "a node cannot hold one record")
    }
    var levels = [Level(mostRecords: leafMost)]
    var totalMost = leafMost
    var totalByteCount = 0
    for _ in 0..<depth {
      var level = Level(mostRecords: 0)
      level.countByteCount = byteCount(of: leafMost)
      level.totalByteCount = totalByteCount
      level.pointerByteCount =
        form.addressByteCount + level.countByteCount + level.totalByteCount
      let room = nodeByteCount - overhead - level.pointerByteCount
      level.mostRecords = room / (recordByteCount + level.pointerByteCount)
      guard room > 0, level.mostRecords > 0 else {
        throw ParseFailure(.malformed, "B-tree node size", "a node cannot hold one record")
      }
      // Beyond 2^63 the widths no longer grow.
      let (product, overflow) = totalMost.multipliedReportingOverflow(by: level.mostRecords + 1)
      let (sum, sumOverflow) = product.addingReportingOverflow(level.mostRecords)
      totalMost = overflow || sumOverflow ? Int.max : sum
      totalByteCount = byteCount(of: totalMost)
      levels.append(level)
    }
    return levels
  }

  private static func byteCount(of most: Int) -> Int {
    (Int.bitWidth - 1 - most.leadingZeroBitCount) / 8 + 1
  }
}
