internal import CheckpointBytes

/// The header of a fractal heap: its geometry, and how identifiers are made up (HDF5 specification III.G).
struct FractalHeapHeader {
  let address: UInt64
  let identifierByteCount: Int
  /// The bytes of an offset into the heap.
  let offsetByteCount: Int
  /// The bytes of a managed object's length.
  let lengthByteCount: Int
  let checksDirectBlocks: Bool
  let hugeTreeAddress: UInt64?
  let table: DoublingTable
  let rootAddress: UInt64?
  /// The rows of the root, if it is an indirect block; 0 if it is a direct one.
  let rootRowCount: Int
  let filters: [HDF5Filter]
  private(set) var filteredRootByteCount: UInt64 = 0
  private(set) var rootFilterMask: UInt32 = 0
  private let form: AddressForm

  /// An object that has a place of its own in the file.
  struct HugeObject {
    let address: UInt64
    let byteCount: UInt64
    var filterMask: UInt32 = 0
    var unfilteredByteCount: UInt64 = 0
  }

  init(at address: UInt64, in bytes: StructureBytes) throws(ParseFailure) {
    let field = "fractal heap header"
    self.address = address
    form = bytes.form
    let (lengths, addresses) = (form.lengthByteCount, form.addressByteCount)
    let fixedByteCount = 26 + 12 * lengths + 3 * addresses
    // Whether filters follow is in a field of the fixed part.
    var head = try bytes.block(at: address, count: UInt64(fixedByteCount), "FRHP")
    try head.skip(7, field)
    let filterByteCount = Int(try head.read(UInt16.self, .little, "I/O filters' encoded length"))
    let whole = fixedByteCount + (filterByteCount == 0 ? 0 : lengths + 4 + filterByteCount)
    var cursor = try bytes.checkedBlock("FRHP", at: address, count: UInt64(whole))
    try cursor.readVersion(0...0, field)
    identifierByteCount = Int(try cursor.read(UInt16.self, .little, "heap identifier length"))
    try cursor.skip(2, field)
    checksDirectBlocks = try cursor.readByte("fractal heap flags") & 0x02 != 0
    let mostManaged = Int(try cursor.read(UInt32.self, .little, "maximum managed object size"))
    try cursor.skip(lengths, "next huge object identifier")
    hugeTreeAddress = try cursor.readAddress(form, "huge object B-tree")
    try cursor.skip(lengths + addresses + 8 * lengths, field)
    table = try DoublingTable(&cursor, form)
    offsetByteCount = (table.maximumBits + 7) / 8
    lengthByteCount = min(
      (table.mostDirect.trailingZeroBitCount + 7) / 8, Self.byteCount(of: UInt64(mostManaged)))
    rootAddress = try cursor.readAddress(form, "root block")
    rootRowCount = Int(try cursor.read(UInt16.self, .little, "rows of the root block"))
    if filterByteCount > 0 {
      filteredRootByteCount = try cursor.readLength(form, "size of the filtered root block")
      rootFilterMask = try cursor.read(UInt32.self, .little, "filter mask of the root block")
      filters = try FilterPipelineMessage(&cursor).filters
    } else {
      filters = []
    }
    guard identifierByteCount > 0, rootRowCount <= table.mostRows else {
      throw ParseFailure(
        .malformed, at: Int(clamping: address), field,
        "identifiers of \(identifierByteCount) bytes, \(rootRowCount) rows")
    }
  }

  private static func byteCount(of most: UInt64) -> Int {
    most == 0 ? 1 : (UInt64.bitWidth - 1 - most.leadingZeroBitCount) / 8 + 1
  }

  func outside(_ range: Range<UInt64>) -> ParseFailure {
    ParseFailure(
      .malformed, at: Int(clamping: address), "fractal heap",
      "an object at \(range.lowerBound) lies outside of the heap")
  }

  // MARK: Objects outside of the blocks

  /// Reads where a huge object is: from the identifier if it has room for that, otherwise by the key in it.
  func hugeObject(
    _ identifier: inout ByteCursor, byKey: (UInt64) throws(ParseFailure) -> HugeObject
  ) throws(ParseFailure) -> HugeObject {
    let needed =
      form.addressByteCount + form.lengthByteCount
      + (filters.isEmpty ? 0 : 4 + form.lengthByteCount)
    if needed <= identifierByteCount - 1 { return try readHugeObject(&identifier) }
    let width = min(identifierByteCount - 1, form.lengthByteCount, 8)
    return try byKey(try identifier.readUnsigned(width, "heap identifier"))
  }

  func readHugeObject(_ cursor: inout ByteCursor) throws(ParseFailure) -> HugeObject {
    let field = "huge heap object"
    var object = HugeObject(
      address: try cursor.readDefinedAddress(form, field),
      byteCount: try cursor.readLength(form, field))
    if !filters.isEmpty {
      object.filterMask = try cursor.read(UInt32.self, .little, field)
      object.unfilteredByteCount = try cursor.readLength(form, field)
    }
    return object
  }

  func tinyObject(
    _ identifier: inout ByteCursor, _ flags: UInt8
  ) throws(ParseFailure) -> ByteCursor {
    var count = Int(flags & 0x0F)
    // Up to 16 bytes fit the four bits of the flags.
    if identifierByteCount - 1 > 16 {
      count = count << 8 | Int(try identifier.readByte("heap identifier"))
    }
    return try identifier.slice(count + 1, "tiny heap object")
  }
}

/// How large the blocks of a fractal heap are: a table of `width` columns; each row's blocks are twice as large as those of
/// the row above, except for the first two, which are equal. Rows of blocks above a size are tables themselves.
struct DoublingTable {
  let width: Int
  /// The size of the blocks of the first row; a power of two.
  let startByteCount: UInt64
  /// The size of the largest block that is not a table.
  let mostDirect: UInt64
  /// The heap has at most 2 to this power bytes.
  let maximumBits: Int

  init(_ cursor: inout ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let field = "doubling table"
    let start = cursor.offset
    width = Int(try cursor.read(UInt16.self, .little, "table width"))
    startByteCount = try cursor.readLength(form, "starting block size")
    mostDirect = try cursor.readLength(form, "maximum direct block size")
    maximumBits = Int(try cursor.read(UInt16.self, .little, "maximum heap size"))
    try cursor.skip(2, "starting rows of the root block")
    func isPower(_ value: UInt64) -> Bool { value > 0 && value & (value - 1) == 0 }
    guard isPower(UInt64(width)), isPower(startByteCount), isPower(mostDirect),
      startByteCount <= mostDirect, maximumBits <= 64, maximumBits > 0, mostDirect <= 1 << 32,
      startByteCount.trailingZeroBitCount + width.trailingZeroBitCount <= maximumBits
    else {
      throw ParseFailure(
        .malformed, at: start, field,
        "\(width) columns of blocks of \(startByteCount) to \(mostDirect) bytes")
    }
  }

  /// The number of rows whose blocks are no tables.
  var directRowCount: Int {
    mostDirect.trailingZeroBitCount - startByteCount.trailingZeroBitCount + 2
  }

  /// The number of rows of a table that is as large as a heap can be.
  var mostRows: Int {
    maximumBits - startByteCount.trailingZeroBitCount - width.trailingZeroBitCount + 1
  }

  /// The size of the blocks of a row below ``mostRows``.
  func blockByteCount(_ row: Int) -> UInt64 {
    row == 0 ? startByteCount : startByteCount << UInt64(row - 1)
  }

  /// Where a row begins in its table.
  func rowOffset(_ row: Int) -> UInt64 {
    row == 0 ? 0 : (startByteCount &* UInt64(width)) << UInt64(row - 1)
  }

  /// The number of rows of a table that takes the place of one block.
  func rowCount(ofBlock byteCount: UInt64) -> Int {
    max(
      0,
      byteCount.trailingZeroBitCount - startByteCount.trailingZeroBitCount
        - width.trailingZeroBitCount + 1)
  }

  /// The row and column of an offset in a table.
  func place(of offset: UInt64) -> (row: Int, column: Int) {
    let rowByteBits = startByteCount.trailingZeroBitCount + width.trailingZeroBitCount
    let above = rowByteBits < 64 ? offset >> UInt64(rowByteBits) : 0
    let row = above == 0 ? 0 : UInt64.bitWidth - above.leadingZeroBitCount
    guard row < mostRows else { return (row, 0) }
    return (row, Int(truncatingIfNeeded: (offset - rowOffset(row)) / blockByteCount(row)))
  }
}
