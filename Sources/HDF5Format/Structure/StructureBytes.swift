internal import CheckpointBytes

/// The blocks of a file that describe its structure, read by their addresses.
///
/// Every block is compared with the file's size before it is read, and everything that is read counts: a file whose blocks
/// lie over one another, so that few bytes look like many, is refused when that has cost ``workRatio`` times its size.
/// That bounds time and memory, whatever the blocks say.
final class StructureBytes {
  let file: SourceFile
  /// How addresses are written; known once the superblock is read.
  var form = AddressForm()
  /// How large the nodes of older trees are; known once the superblock is read.
  var ranks = NodeRanks()
  /// Where what the file says it holds ends; nothing lies behind it.
  var end: Int

  /// What is newer than the file's own bytes, if there is such a thing.
  var image: CacheImage? {
    didSet { pages = [ByteCursor](repeating: ByteCursor([]), count: Self.pageCount) }
  }

  /// Pages of the file, each at the place that its number leaves over.
  private var pages = [ByteCursor](repeating: ByteCursor([]), count: pageCount)
  private var work: Int

  /// A structure is read once, here and there twice; each link and chunk counts for about what it takes in memory.
  private static let workRatio = 8
  /// Small files may repeat themselves as they like.
  private static let workSlack = 64 << 20
  /// What is read at once where less is asked for: neighbours are mostly asked for next. Groups and what they link to take
  /// turns, so that some pages are kept, a megabyte.
  private static let pageByteCount = 16_384
  private static let pageCount = 64

  init(_ file: SourceFile) {
    self.file = file
    end = file.size
    let (ratio, overflow) = file.size.multipliedReportingOverflow(by: Self.workRatio)
    work = overflow ? Int.max : ratio
    work = work > Int.max - Self.workSlack ? Int.max : work + Self.workSlack
  }

  /// Counts work that the file causes, in bytes.
  func charge(_ count: Int, _ field: String) throws(ParseFailure) {
    guard count <= work else {
      throw ParseFailure(
        .limitExceeded, field,
        "the parts of this file refer to each other so often that \(file.size) bytes become more than "
          + "\(Self.workRatio) times as many")
    }
    work -= count
  }

  /// Where in the file something lies.
  ///
  /// - Throws: a failure of `kind` if the file does not hold it. That the file is as long as it says is known, so that a
  ///   structure beyond its end has a wrong address; elements were perhaps never written.
  func place(
    _ address: UInt64, count: UInt64, _ field: String, orThrow kind: FailureKind = .truncated
  ) throws(ParseFailure) -> Range<Int> {
    let (place, overflow) = address.addingReportingOverflow(UInt64(form.base))
    let end = UInt64(end)
    guard !overflow, place <= end, count <= end - place else {
      throw ParseFailure(
        kind, at: Int(clamping: address), field,
        "expected \(count) bytes, the file ends at \(end)")
    }
    return Int(place)..<Int(place + count)
  }

  /// The bytes of a block. Offsets in failures count from the start of the file.
  func block(
    at address: UInt64, count: UInt64, _ field: String
  ) throws(ParseFailure) -> ByteCursor {
    let range = try place(address, count: count, field, orThrow: .malformed)
    try charge(range.count, field)
    let page = range.lowerBound / Self.pageByteCount
    guard range.upperBound <= (page + 1) * Self.pageByteCount else {
      return try read(range, field)
    }
    var block = pages[page % Self.pageCount]
    let start = page * Self.pageByteCount
    if block.base != start || block.bytes.isEmpty {
      block = try read(start..<min(file.size, start + Self.pageByteCount), field)
      pages[page % Self.pageCount] = block
    }
    try block.seek(to: range.lowerBound - start, field)
    return try block.slice(range.count, field)
  }

  private func read(_ range: Range<Int>, _ field: String) throws(ParseFailure) -> ByteCursor {
    do throws(CheckpointError) {
      var content = try file.bytes(at: range.lowerBound, count: range.count)
      image?.renew(&content, at: range.lowerBound)
      return ByteCursor(content, base: range.lowerBound)
    } catch {
      throw ParseFailure(error.kind, at: range.lowerBound, field, error.problem)
    }
  }

  /// As many bytes at an address as the file has, at most `count`.
  func block(
    at address: UInt64, atMost count: Int, _ field: String
  ) throws(ParseFailure) -> ByteCursor {
    let start = try place(address, count: 0, field, orThrow: .malformed).lowerBound
    return try block(at: address, count: UInt64(min(count, end - start)), field)
  }

  /// The content of a block that begins with a signature and ends with a checksum, without both.
  func checkedBlock(
    _ signature: String, at address: UInt64, count: UInt64
  ) throws(ParseFailure) -> ByteCursor {
    var block = try block(at: address, count: count, signature)
    return try block.readChecked(signature)
  }
}

/// How many entries the nodes of the older trees have room for, half of it (HDF5 specification II.A, IV.A.2.t: "K"). All of a
/// node is in the file, whatever of it is used.
struct NodeRanks {
  var groupLeaf = 4
  var groupInternal = 16
  var chunks = 32
}

extension NodeRanks {
  /// Reads the message that newer superblocks have for it in their extension.
  init(_ body: ByteCursor) throws(ParseFailure) {
    let field = "B-tree K values"
    var body = body
    try body.readVersion(0...0, field)
    let start = body.offset
    chunks = Int(try body.read(UInt16.self, .little, field))
    groupInternal = Int(try body.read(UInt16.self, .little, field))
    groupLeaf = Int(try body.read(UInt16.self, .little, field))
    guard min(chunks, groupInternal, groupLeaf) > 0 else {
      throw ParseFailure(.malformed, at: start, field, "nodes of no entries")
    }
  }
}

/// How a file writes addresses and lengths (HDF5 specification II.A: size of offsets, size of lengths, base address).
struct AddressForm: Hashable {
  /// The bytes of an address.
  var addressByteCount = 8
  /// The bytes of a length.
  var lengthByteCount = 8
  /// What addresses count from: the size of the user block.
  var base = 0
}
