internal import CheckpointBytes

/// Where the elements of a data set are (HDF5 specification IV.A.2.i).
enum DataLayout {
  /// In the message.
  case compact(ByteCursor)
  /// In one piece; the size, which may be more than the elements take, is not in the older messages.
  case contiguous(address: UInt64?, byteCount: UInt64?)
  case chunked(ChunkLayout)
  /// In other data sets.
  case virtual

  init(_ body: ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    var body = body
    let version = try body.readVersion(1...5, Self.field)
    if version < 3 {
      self = try Self.old(&body, form)
      return
    }
    let start = body.offset
    let layoutClass = try body.readByte(Self.field)
    switch layoutClass {
    case 0:
      let count = Int(try body.read(UInt16.self, .little, Self.field))
      self = .compact(try body.slice(count, Self.field))
    case 1:
      let address = try body.readAddress(form, Self.field)
      self = .contiguous(address: address, byteCount: try body.readRoom(form, Self.field))
    case 2:
      self = .chunked(
        version == 3 ? try ChunkLayout(treeIndexed: &body, form) : try ChunkLayout(&body, form))
    case 3 where version > 3: self = .virtual
    default:
      throw ParseFailure(
        .unsupported, at: start, Self.field, "a layout of class \(layoutClass) is not known")
    }
  }

  private static let field = "data layout"

  /// Versions 1 and 2.
  private static func old(
    _ body: inout ByteCursor, _ form: AddressForm
  ) throws(ParseFailure) -> DataLayout {
    let start = body.offset
    let axisCount = Int(try body.readByte(field))
    let layoutClass = try body.readByte(field)
    try body.skip(5, field)
    guard (1...Dataspace.mostAxes + 1).contains(axisCount), layoutClass <= 2 else {
      throw ParseFailure(
        .malformed, at: start, field, "\(axisCount) axes of class \(layoutClass)")
    }
    switch layoutClass {
    case 0:
      try body.skip(4 * axisCount, field)
      let count = Int(try body.read(UInt32.self, .little, field))
      return .compact(try body.slice(count, field))
    case 1:
      // The extents in this message have 32 bits and may be cut; those of the dataspace count.
      return .contiguous(address: try body.readAddress(form, field), byteCount: nil)
    default:
      let address = try body.readAddress(form, field)
      return .chunked(try ChunkLayout(&body, axisCount: axisCount, index: .tree(address)))
    }
  }
}

/// How chunked elements are cut, and what leads to the chunks.
struct ChunkLayout {
  /// What leads to the chunks. An address that is not there means that nothing was stored.
  enum Index {
    /// A version 1 B-tree.
    case tree(UInt64?)
    /// One chunk holds all; how many bytes it takes if filters may have changed that, and those that were left out.
    case single(UInt64?, filtered: (byteCount: UInt64, mask: UInt32)?)
    /// All chunks one after the other.
    case implicit(UInt64?)
    case fixedArray(UInt64?)
    case extensibleArray(UInt64?)
    /// A version 2 B-tree.
    case newTree(UInt64?)
  }

  /// The extents of a chunk, the size of an element last.
  let extents: [Int]
  /// True if chunks that reach beyond the data set were written without filters.
  let leavesEdgesUnfiltered: Bool
  let index: Index

  private static let field = "data layout"

  /// Reads the rest of a message of version 3.
  init(treeIndexed body: inout ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let axisCount = try Self.axisCount(&body)
    let address = try body.readAddress(form, Self.field)
    try self.init(&body, axisCount: axisCount, index: .tree(address))
  }

  fileprivate init(
    _ body: inout ByteCursor, axisCount: Int, index: Index
  ) throws(ParseFailure) {
    extents = try Self.extents(&body, axisCount, width: 4)
    leavesEdgesUnfiltered = false
    self.index = index
  }

  /// Reads the rest of a message of version 4 or 5. They differ in the width of sizes in the indexes, which those tell
  /// themselves.
  init(_ body: inout ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let flags = try body.readByte(Self.field)
    let axisCount = try Self.axisCount(&body)
    let start = body.offset
    let width = Int(try body.readByte("dimension size encoded length"))
    guard flags & 0xFC == 0, (1...8).contains(width) else {
      throw ParseFailure(
        .malformed, at: start, Self.field, "flags \(flags), extents of \(width) bytes")
    }
    extents = try Self.extents(&body, axisCount, width: width)
    leavesEdgesUnfiltered = flags & 1 != 0
    let typePlace = body.offset
    let type = try body.readByte("chunk indexing type")
    var filtered: (UInt64, UInt32)?
    switch type {
    case 1 where flags & 2 != 0:
      let byteCount = try body.readLength(form, Self.field)
      filtered = (byteCount, try body.read(UInt32.self, .little, Self.field))
    case 1, 2: break
    case 3: try body.skip(1, "fixed array")
    case 4: try body.skip(5, "extensible array")
    case 5: try body.skip(6, "version 2 B-tree")
    default:
      throw ParseFailure(
        .unsupported, at: typePlace, "chunk indexing type", "type \(type) is not known")
    }
    let address = try body.readAddress(form, Self.field)
    switch type {
    case 1: index = .single(address, filtered: filtered)
    case 2: index = .implicit(address)
    case 3: index = .fixedArray(address)
    case 4: index = .extensibleArray(address)
    default: index = .newTree(address)
    }
  }

  private static func axisCount(_ body: inout ByteCursor) throws(ParseFailure) -> Int {
    let start = body.offset
    let count = Int(try body.readByte(field))
    guard (2...Dataspace.mostAxes + 1).contains(count) else {
      throw ParseFailure(.malformed, at: start, field, "chunks of \(count - 1) axes")
    }
    return count
  }

  private static func extents(
    _ body: inout ByteCursor, _ count: Int, width: Int
  ) throws(ParseFailure) -> [Int] {
    var extents: [Int] = []
    for _ in 0..<count {
      let start = body.offset
      let extent = try body.readCount(width, "chunk shape")
      guard extent > 0 else {
        throw ParseFailure(.malformed, at: start, "chunk shape", "a chunk of no elements")
      }
      extents.append(extent)
    }
    return extents
  }
}
