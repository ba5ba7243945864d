internal import CheckpointBytes

/// A heap of objects of any size (HDF5 specification III.G): links and attributes of newer groups, shared messages.
///
/// ```
/// FRHP ─► FHDB                         one block
///    └──► FHIB ─► FHDB, FHDB, … FHIB…  a table of rows, each of blocks twice as large as those above
/// ```
///
/// An identifier says which of three kinds an object is: managed (in the blocks), huge (anywhere in the file, found by
/// address or by a B-tree), tiny (in the identifier itself).
final class FractalHeap {
  private let bytes: StructureBytes
  private let header: FractalHeapHeader
  private let pipeline: [HDF5Filter]
  private var directBlocks: [UInt64: ByteCursor] = [:]
  private var indirectBlocks: [UInt64: [Entry]] = [:]
  private var hugeObjects: [UInt64: FractalHeapHeader.HugeObject]?

  /// A child of an indirect block.
  private struct Entry {
    let address: UInt64?
    /// The size of a filtered block in the file, and the filters that it was written without.
    var filteredByteCount: UInt64 = 0
    var filterMask: UInt32 = 0
  }

  init(at address: UInt64, in bytes: StructureBytes) throws(ParseFailure) {
    self.bytes = bytes
    header = try FractalHeapHeader(at: address, in: bytes)
    pipeline = header.filters
  }

  /// The object of an identifier, which is what `identifier` begins with.
  func object(_ identifier: inout ByteCursor) throws(ParseFailure) -> ByteCursor {
    let start = identifier.offset
    var content = try identifier.slice(
      min(header.identifierByteCount, identifier.remaining), "heap identifier")
    let flags = try content.readByte("heap identifier")
    guard flags & 0xC0 == 0 else {
      throw ParseFailure(
        .unsupported, at: start, "heap identifier", "version \(flags >> 6) is not known")
    }
    switch flags >> 4 & 3 {
    case 0:
      let offset = try content.readUnsigned(header.offsetByteCount, "heap identifier")
      let count = try content.readUnsigned(header.lengthByteCount, "heap identifier")
      let (end, overflow) = offset.addingReportingOverflow(count)
      guard !overflow, count > 0 else {
        throw ParseFailure(.malformed, at: start, "heap identifier", "\(count) bytes at \(offset)")
      }
      return try managedObject(offset..<end)
    case 1:
      return try hugeObject(
        try header.hugeObject(&content) { (key) throws(ParseFailure) in
          try indexedHugeObject(key)
        })
    case 2: return try header.tinyObject(&content, flags)
    default:
      throw ParseFailure(.malformed, at: start, "heap identifier", "an object of no known kind")
    }
  }

  // MARK: Managed objects

  /// Goes down from the root to the block that holds a range of the heap.
  private func managedObject(_ range: Range<UInt64>) throws(ParseFailure) -> ByteCursor {
    let table = header.table
    guard let root = header.rootAddress else { throw header.outside(range) }
    if header.rootRowCount == 0 {
      let entry = Entry(
        address: root, filteredByteCount: header.filteredRootByteCount,
        filterMask: header.rootFilterMask)
      return try object(range, inBlock: entry, at: 0, byteCount: table.startByteCount)
    }
    var address = root
    var rowCount = header.rootRowCount
    var blockOffset: UInt64 = 0
    // Every block that is entered is smaller than the one before it.
    while true {
      let (row, column) = table.place(of: range.lowerBound - blockOffset)
      guard row < rowCount else { throw header.outside(range) }
      let entries = try indirectBlock(at: address, rowCount: rowCount)
      let entry = entries[row * table.width + column]
      let byteCount = table.blockByteCount(row)
      blockOffset += table.rowOffset(row) + UInt64(column) * byteCount
      guard let child = entry.address else { throw header.outside(range) }
      if row < table.directRowCount {
        return try object(range, inBlock: entry, at: blockOffset, byteCount: byteCount)
      }
      address = child
      rowCount = table.rowCount(ofBlock: byteCount)
    }
  }

  private func object(
    _ range: Range<UInt64>, inBlock entry: Entry, at blockOffset: UInt64, byteCount: UInt64
  ) throws(ParseFailure) -> ByteCursor {
    guard let address = entry.address, range.upperBound - blockOffset <= byteCount else {
      throw header.outside(range)
    }
    var block: ByteCursor
    if let known = directBlocks[address] {
      block = known
    } else {
      block = try directBlock(entry, at: address, byteCount: byteCount).detached
      directBlocks[address] = block
    }
    // Identifiers can name one place again and again.
    try bytes.charge(range.count, "FHDB")
    try block.skip(Int(range.lowerBound - blockOffset), "FHDB")
    return try block.slice(range.count, "FHDB")
  }

  private func directBlock(
    _ entry: Entry, at address: UInt64, byteCount: UInt64
  ) throws(ParseFailure) -> ByteCursor {
    var block: ByteCursor
    if pipeline.isEmpty {
      block = try bytes.block(at: address, count: byteCount, "FHDB")
    } else {
      block = try filtered(
        at: address, count: entry.filteredByteCount, mask: entry.filterMask, to: byteCount)
    }
    let whole = block
    try block.readSignature("FHDB")
    try block.readVersion(0...0, "fractal heap direct block")
    guard try block.readUnsigned(bytes.form.addressByteCount, "FHDB") == header.address else {
      throw ParseFailure(.malformed, at: block.offset, "FHDB", "belongs to another heap")
    }
    try block.skip(header.offsetByteCount, "FHDB")
    if header.checksDirectBlocks {
      // The checksum stands before the objects; it counts as zero in its own making.
      let place = block.position - whole.position
      let stored = try block.read(UInt32.self, .little, "FHDB")
      var content = Array(whole.bytes[whole.position..<whole.end])
      for index in 0..<4 { content[place + index] = 0 }
      guard Lookup3.accepts(stored, of: content[...]) else {
        throw ParseFailure(
          .mismatch, at: whole.offset, "FHDB", "the checksum is another: the block is damaged")
      }
    }
    return whole
  }

  private func filtered(
    at address: UInt64, count: UInt64, mask: UInt32, to byteCount: UInt64
  ) throws(ParseFailure) -> ByteCursor {
    var stored = try bytes.block(at: address, count: count, "filtered heap block")
    let place = stored.offset
    guard let size = Int(exactly: byteCount) else {
      throw ParseFailure(.malformed, at: place, "filtered heap block", "\(byteCount) bytes")
    }
    try bytes.charge(size, "filtered heap block")
    let content = try ChunkPipeline(pipeline, chunkByteCount: size).decode(
      Array(try stored.readBytes(stored.remaining, "filtered heap block")), mask: mask, at: place)
    return ByteCursor(content, base: place)
  }

  private func indirectBlock(
    at address: UInt64, rowCount: Int
  ) throws(ParseFailure) -> [Entry] {
    if let known = indirectBlocks[address] {
      guard known.count == rowCount * header.table.width else {
        throw ParseFailure(
          .malformed, at: Int(clamping: address), "FHIB", "is used with two numbers of rows")
      }
      return known
    }
    let form = bytes.form
    let directCount = min(rowCount, header.table.directRowCount) * header.table.width
    let indirectCount = rowCount * header.table.width - directCount
    let directByteCount =
      form.addressByteCount + (pipeline.isEmpty ? 0 : form.lengthByteCount + 4)
    let content =
      directCount * directByteCount + indirectCount * form.addressByteCount
      + header.offsetByteCount + form.addressByteCount + 9
    var cursor = try bytes.checkedBlock("FHIB", at: address, count: UInt64(content))
    try cursor.readVersion(0...0, "fractal heap indirect block")
    guard try cursor.readUnsigned(form.addressByteCount, "FHIB") == header.address else {
      throw ParseFailure(.malformed, at: cursor.offset, "FHIB", "belongs to another heap")
    }
    try cursor.skip(header.offsetByteCount, "FHIB")
    var entries: [Entry] = []
    for index in 0..<(directCount + indirectCount) {
      var entry = Entry(address: try cursor.readAddress(form, "FHIB"))
      if index < directCount, !pipeline.isEmpty {
        entry.filteredByteCount = try cursor.readLength(form, "FHIB")
        entry.filterMask = try cursor.read(UInt32.self, .little, "FHIB")
      }
      entries.append(entry)
    }
    indirectBlocks[address] = entries
    return entries
  }

  // MARK: Huge objects

  private func hugeObject(
    _ object: FractalHeapHeader.HugeObject
  ) throws(ParseFailure) -> ByteCursor {
    guard pipeline.isEmpty else {
      return try filtered(
        at: object.address, count: object.byteCount, mask: object.filterMask,
        to: object.unfilteredByteCount)
    }
    return try bytes.block(at: object.address, count: object.byteCount, "huge heap object")
  }

  private func indexedHugeObject(
    _ key: UInt64
  ) throws(ParseFailure) -> FractalHeapHeader.HugeObject {
    if hugeObjects == nil {
      var objects: [UInt64: FractalHeapHeader.HugeObject] = [:]
      if let address = header.hugeTreeAddress {
        try BTreeV2(
          at: address, [pipeline.isEmpty ? .hugeObjects : .filteredHugeObjects], in: bytes
        ).forEachRecord { (record) throws(ParseFailure) in
          let object = try header.readHugeObject(&record)
          objects[try record.readLength(bytes.form, "huge heap object")] = object
        }
      }
      hugeObjects = objects
    }
    guard let object = hugeObjects?[key] else {
      throw ParseFailure(.malformed, "huge heap object", "there is no object \(key)")
    }
    return object
  }
}
