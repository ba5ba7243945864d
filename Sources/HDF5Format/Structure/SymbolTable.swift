internal import CheckpointBytes

/// An entry of an older group (HDF5 specification III.C): a name and what it leads to.
struct SymbolTableEntry {
  /// Where the name begins in the group's local heap.
  let nameOffset: UInt64
  /// The address of the object's header.
  let headerAddress: UInt64?
  /// Where the target of a soft link begins in the local heap; nil for a hard link.
  let linkOffset: UInt64?

  init(_ cursor: inout ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let field = "symbol table entry"
    // The specification has an offset here; what the library writes has the size of lengths, as it lies in the heap.
    nameOffset = try cursor.readLength(form, field)
    headerAddress = try cursor.readAddress(form, field)
    let start = cursor.offset
    let cacheType = try cursor.read(UInt32.self, .little, field)
    try cursor.skip(4, field)
    guard cacheType <= 2 else {
      throw ParseFailure(.malformed, at: start, field, "a cache type of \(cacheType)")
    }
    let scratch = try cursor.read(UInt32.self, .little, field)
    linkOffset = cacheType == 2 ? UInt64(scratch) : nil
    try cursor.skip(12, field)
  }
}

/// The links of an older group (HDF5 specification III.A.1, III.B, III.D): a B-tree of nodes of entries, whose names lie in
/// a local heap.
///
/// ```
/// symbol table message ─► TREE ─► TREE… ─► SNOD: entries
///                └──────► HEAP ─► names
/// ```
struct SymbolTable {
  private let treeAddress: UInt64
  private let heapAddress: UInt64

  /// Reads the symbol table message.
  init(_ message: HeaderMessage, _ form: AddressForm) throws(ParseFailure) {
    var body = message.body
    treeAddress = try body.readDefinedAddress(form, "symbol table message")
    heapAddress = try body.readDefinedAddress(form, "symbol table message")
  }

  /// Calls `body` with each link.
  func forEachLink(
    in bytes: StructureBytes, _ body: (Link) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    let heap = try LocalHeap(at: heapAddress, in: bytes)
    let keyByteCount = bytes.form.lengthByteCount
    try BTreeV1(
      kind: .group, keyByteCount: keyByteCount, rank: bytes.ranks.groupInternal
    ).forEachLeaf(from: treeAddress, in: bytes) { (_, address) throws(ParseFailure) in
      var (count, entries) = try entries(at: address, in: bytes)
      for _ in 0..<count {
        let entry = try SymbolTableEntry(&entries, bytes.form)
        let name = try heap.text(at: entry.nameOffset)
        try bytes.charge(name.count, "symbol table node")
        if let linkOffset = entry.linkOffset {
          try body(Link(name: name, target: .soft(try heap.text(at: linkOffset))))
        } else if let address = entry.headerAddress {
          try body(Link(name: name, target: .object(address)))
        } else {
          throw ParseFailure(.malformed, "symbol table node", "a link without an address")
        }
      }
    }
  }

  /// The number of entries of a node, and their bytes.
  private func entries(
    at address: UInt64, in bytes: StructureBytes
  ) throws(ParseFailure) -> (count: Int, content: ByteCursor) {
    var head = try bytes.block(at: address, count: 8, "SNOD")
    try head.readSignature("SNOD")
    try head.readVersion(1...1, "symbol table node")
    try head.skip(1, "symbol table node")
    let start = head.offset
    let count = Int(try head.read(UInt16.self, .little, "symbol table node"))
    let entryByteCount = bytes.form.addressByteCount + bytes.form.lengthByteCount + 24
    let room = 2 * bytes.ranks.groupLeaf
    guard count <= room else {
      throw ParseFailure(
        .malformed, at: start, "symbol table node",
        "\(count) entries, a node has room for \(room)")
    }
    let first = try address.behind(8, "SNOD")
    _ = try bytes.place(
      first, count: UInt64(room * entryByteCount), "symbol table node", orThrow: .malformed)
    return (
      count,
      try bytes.block(at: first, count: UInt64(count * entryByteCount), "symbol table node")
    )
  }
}

/// The names of an older group (HDF5 specification III.D): texts that end with NUL.
struct LocalHeap {
  private let content: ByteCursor

  init(at address: UInt64, in bytes: StructureBytes) throws(ParseFailure) {
    let form = bytes.form
    var head = try bytes.block(
      at: address, count: UInt64(8 + 2 * form.lengthByteCount + form.addressByteCount), "HEAP")
    try head.readSignature("HEAP")
    try head.readVersion(0...0, "local heap")
    try head.skip(3, "local heap")
    let count = try head.readLength(form, "local heap")
    let free = try head.readLength(form, "local heap")
    let place = try head.readDefinedAddress(form, "local heap")
    content = try bytes.block(at: place, count: count, "local heap")
    try checkFree(from: free, form)
  }

  /// Follows the list of what is free, which nothing here needs: a heap whose list leads out of it is damaged.
  ///
  /// Each piece begins with the place of the next, 1 at the end of the list, and its own size.
  private func checkFree(from first: UInt64, _ form: AddressForm) throws(ParseFailure) {
    let whole = UInt64(content.remaining)
    var left = content.remaining / (2 * form.lengthByteCount)
    var next = first
    while next != 1 {
      let place = next
      guard place < whole, left > 0 else { throw damagedFreeList(place) }
      left -= 1
      var piece = content
      try piece.skip(Int(place), "local heap")
      next = try piece.readLength(form, "local heap")
      let size = try piece.readLength(form, "local heap")
      guard next != 0, size <= whole - place else { throw damagedFreeList(place) }
    }
  }

  private func damagedFreeList(_ place: UInt64) -> ParseFailure {
    ParseFailure(
      .malformed, at: content.offset, "local heap",
      "the list of free pieces is damaged at \(place) of \(content.remaining) bytes")
  }

  /// The bytes up to the next NUL.
  func text(at offset: UInt64) throws(ParseFailure) -> ArraySlice<UInt8> {
    var cursor = content
    guard offset <= UInt64(cursor.remaining) else {
      throw ParseFailure(
        .malformed, at: cursor.offset, "local heap",
        "a name at \(offset), the heap has \(cursor.remaining) bytes")
    }
    try cursor.skip(Int(offset), "local heap")
    guard let end = cursor.bytes[cursor.position..<cursor.end].firstIndex(of: 0) else {
      throw ParseFailure(.malformed, at: cursor.offset, "local heap", "a name without an end")
    }
    return try cursor.readBytes(end - cursor.position, "local heap")
  }
}
