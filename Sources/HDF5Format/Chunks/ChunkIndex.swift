internal import CheckpointBytes
internal import TensorValues

/// The chunks of a data set, found through whatever index it has, and each compared with the data set.
struct ChunkIndex {
  private let layout: ChunkLayout
  /// The extents of a chunk, as many as the data set has.
  private let chunkShape: [Int]
  private let space: Dataspace
  /// The bytes of a chunk before any filter.
  private let chunkByteCount: Int
  private let isFiltered: Bool
  private let bytes: StructureBytes
  private var chunks: [HDF5Chunk] = []
  private var origins: Set<[Int]> = []

  /// A stored chunk as an index has it: an address, and how many bytes are there if filters may have changed that.
  struct Entry {
    let address: UInt64
    var filtered: (byteCount: UInt64, mask: UInt32)?
  }

  /// What a chunk takes in memory, about.
  private static let memoryByteCount = 64

  /// Finds the chunks of a data set of a shape.
  static func chunks(
    _ layout: ChunkLayout, of space: Dataspace, chunkByteCount: Int, isFiltered: Bool,
    in bytes: StructureBytes
  ) throws(ParseFailure) -> [HDF5Chunk] {
    var index = ChunkIndex(layout, space, chunkByteCount, isFiltered, bytes)
    try index.collect()
    return index.chunks
  }

  private init(
    _ layout: ChunkLayout, _ space: Dataspace, _ chunkByteCount: Int, _ isFiltered: Bool,
    _ bytes: StructureBytes
  ) {
    self.layout = layout
    self.space = space
    self.chunkByteCount = chunkByteCount
    self.isFiltered = isFiltered
    self.bytes = bytes
    chunkShape = Array(layout.extents.dropLast())
  }

  private var extents: [Int] { space.shape?.dimensions ?? [] }

  private mutating func collect() throws(ParseFailure) {
    switch layout.index {
    case .tree(let root?): try collect(treeAt: root)
    case .newTree(let root?): try collect(newTreeAt: root)
    case .single(let address?, let filtered):
      try add(
        Entry(address: address, filtered: filtered), at: [Int](repeating: 0, count: extents.count))
    case .implicit(let address?): try collect(implicitAt: address)
    case .fixedArray(let address?):
      let order = try ChunkOrder(space, chunkShape, movesUnlimitedAxis: false)
      try FixedArray(at: address, isFiltered: isFiltered, in: bytes).forEachChunk {
        (position, entry) throws(ParseFailure) in
        if let origin = order.origin(of: position) { try add(entry, at: origin) }
      }
    case .extensibleArray(let address?):
      let order = try ChunkOrder(space, chunkShape, movesUnlimitedAxis: true)
      try ExtensibleArray(at: address, isFiltered: isFiltered, in: bytes).forEachChunk {
        (position, entry) throws(ParseFailure) in
        if let origin = order.origin(of: position) { try add(entry, at: origin) }
      }
    case .tree(nil), .newTree(nil), .single(nil, _), .implicit(nil), .fixedArray(nil),
      .extensibleArray(nil):
      break
    }
  }

  // MARK: Indexes by origin

  /// ```
  /// key: bytes │ filters left out │ origin, in elements; in the axis of the element's bytes 0
  /// ```
  private mutating func collect(treeAt root: UInt64) throws(ParseFailure) {
    let tree = BTreeV1(
      kind: .chunks, keyByteCount: 8 + 8 * layout.extents.count, rank: bytes.ranks.chunks)
    let layout = layout
    func place(_ key: ByteCursor) throws(ParseFailure) -> BTreeV1.Rank {
      var key = key
      try key.skip(8, "chunk key")
      // In chunks, as the library compares them; the last one is among the bytes of an element.
      return try layout.extents.map { (extent) throws(ParseFailure) in
        let start = key.offset
        let (place, rest) = try key.readUnsigned(8, "chunk offset")
          .quotientAndRemainder(dividingBy: UInt64(extent))
        guard rest == 0 else {
          throw ParseFailure(
            .malformed, at: start, "chunk offset", "a key is not on the grid of chunks")
        }
        return place
      }
    }
    try tree.forEachLeaf(from: root, in: bytes, rank: place) {
      (key, address) throws(ParseFailure) in
      let byteCount = UInt64(try key.read(UInt32.self, .little, "chunk size"))
      let mask = try key.read(UInt32.self, .little, "chunk filter mask")
      var origin: [Int] = []
      for _ in extents { origin.append(try key.readCount(8, "chunk offset")) }
      guard try key.readUnsigned(8, "chunk offset") == 0 else {
        throw ParseFailure(
          .malformed, at: key.offset, "chunk offset", "a chunk begins within an element")
      }
      try add(Entry(address: address, filtered: (byteCount, mask)), at: origin)
    }
  }

  /// ```
  /// address │ (bytes │ filters left out) │ origin, in chunks
  /// ```
  private mutating func collect(newTreeAt root: UInt64) throws(ParseFailure) {
    let tree = try BTreeV2(at: root, [isFiltered ? .filteredChunks : .chunks], in: bytes)
    let sizeByteCount =
      tree.recordByteCount - bytes.form.addressByteCount - 8 * extents.count
      - (isFiltered ? 4 : 0)
    guard isFiltered ? (1...8).contains(sizeByteCount) : sizeByteCount == 0 else {
      throw ParseFailure(
        .malformed, at: Int(clamping: root), "B-tree record size",
        "records of \(tree.recordByteCount) bytes for chunks of \(extents.count) axes")
    }
    try tree.forEachRecord { (record) throws(ParseFailure) in
      var entry = Entry(address: try record.readDefinedAddress(bytes.form, "chunk address"))
      if isFiltered {
        let byteCount = try record.readUnsigned(sizeByteCount, "chunk size")
        entry.filtered = (
          byteCount, try record.read(UInt32.self, .little, "chunk filter mask")
        )
      }
      var origin: [Int] = []
      for extent in chunkShape {
        let place = record.offset
        let (start, overflow) = try record.readCount(8, "chunk offset")
          .multipliedReportingOverflow(by: extent)
        guard !overflow else {
          throw ParseFailure(.malformed, at: place, "chunk offset", "is beyond 2^63")
        }
        origin.append(start)
      }
      try add(entry, at: origin)
    }
  }

  // MARK: Indexes by position

  private mutating func collect(implicitAt address: UInt64) throws(ParseFailure) {
    let order = try ChunkOrder(space, chunkShape, movesUnlimitedAxis: false)
    // All of them are stored, those beyond the current extents too.
    let (whole, overflow) = order.chunkCount.multipliedReportingOverflow(by: chunkByteCount)
    guard !overflow else {
      throw ParseFailure(
        .truncated, at: Int(clamping: address), "implicit index",
        "\(order.chunkCount) chunks of \(chunkByteCount) bytes")
    }
    _ = try bytes.place(address, count: UInt64(whole), "implicit index")
    for position in 0..<order.chunkCount {
      guard let origin = order.origin(of: position) else { break }
      try add(
        Entry(address: try address.behind(UInt64(position * chunkByteCount), "implicit index")),
        at: origin)
    }
  }

  // MARK: Checks

  private mutating func add(_ entry: Entry, at origin: [Int]) throws(ParseFailure) {
    let field = "chunk index"
    try bytes.charge(Self.memoryByteCount, field)
    let place = Int(clamping: entry.address)
    guard zip(origin, chunkShape).allSatisfy({ $0 % $1 == 0 }) else {
      throw ParseFailure(.malformed, at: place, field, "a chunk at \(origin) is off the grid")
    }
    // An index made for the largest extents may hold chunks beyond the current ones.
    guard zip(origin, extents).allSatisfy({ $0 < $1 }) else { return }
    guard origins.insert(origin).inserted else {
      throw ParseFailure(.malformed, at: place, field, "the chunk at \(origin) occurs twice")
    }
    let byteCount = entry.filtered?.byteCount ?? UInt64(chunkByteCount)
    guard isFiltered || byteCount == UInt64(chunkByteCount) else {
      throw ParseFailure(
        .malformed, at: place, field,
        "a chunk of \(byteCount) bytes, expected \(chunkByteCount)")
    }
    let range = try bytes.place(entry.address, count: byteCount, field)
    chunks.append(
      HDF5Chunk(
        origin: origin, offset: range.lowerBound, byteCount: range.count,
        filterMask: entry.filtered?.mask ?? 0))
  }
}

extension ByteCursor {
  /// Reads an element of an array of chunks; nil if the chunk was never stored.
  mutating func readChunk(
    _ form: AddressForm, byteCount: Int, isFiltered: Bool
  ) throws(ParseFailure) -> ChunkIndex.Entry? {
    var element = try slice(byteCount, "chunk index")
    guard let address = try element.readAddress(form, "chunk address") else { return nil }
    guard isFiltered else { return ChunkIndex.Entry(address: address) }
    let size = try element.readUnsigned(element.remaining - 4, "chunk size")
    let mask = try element.read(UInt32.self, .little, "chunk filter mask")
    return ChunkIndex.Entry(address: address, filtered: (size, mask))
  }
}

extension AddressForm {
  /// True if an element of an array of chunks can be so long.
  func isChunkElement(_ byteCount: Int, isFiltered: Bool) -> Bool {
    isFiltered
      ? (1...8).contains(byteCount - addressByteCount - 4) : byteCount == addressByteCount
  }
}
