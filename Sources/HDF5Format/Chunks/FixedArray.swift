internal import CheckpointBytes

/// The index of chunks whose number is known (HDF5 specification VII.C, "fixed array").
///
/// ```
/// FAHD ─► FADB: elements                         all at once
///         FADB: a bit for each page, then pages  of elements, each with a checksum; those without a bit were never written
/// ```
struct FixedArray {
  private let bytes: StructureBytes
  private let isFiltered: Bool
  private let elementByteCount: Int
  private let pageElementCount: Int
  private let elementCount: Int
  private let blockAddress: UInt64?

  init(at address: UInt64, isFiltered: Bool, in bytes: StructureBytes) throws(ParseFailure) {
    self.bytes = bytes
    self.isFiltered = isFiltered
    let form = bytes.form
    var head = try bytes.checkedBlock(
      "FAHD", at: address, count: UInt64(12 + form.lengthByteCount + form.addressByteCount))
    try head.readVersion(0...0, "fixed array header")
    let start = head.offset
    let client = try head.readByte("fixed array client")
    elementByteCount = Int(try head.readByte("fixed array element size"))
    let pageBits = try head.readByte("fixed array page bits")
    elementCount = try head.readCount(form.lengthByteCount, "fixed array elements")
    blockAddress = try head.readAddress(form, "fixed array data block")
    guard client == (isFiltered ? 1 : 0), pageBits < 32,
      form.isChunkElement(elementByteCount, isFiltered: isFiltered)
    else {
      throw ParseFailure(
        .malformed, at: start, "fixed array header",
        "client \(client), elements of \(elementByteCount) bytes")
    }
    pageElementCount = 1 << Int(pageBits)
  }

  /// Calls `body` with the position of each stored chunk.
  func forEachChunk(
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    guard let blockAddress else { return }
    let prefixByteCount = 6 + bytes.form.addressByteCount
    guard elementCount > pageElementCount else {
      let count = UInt64(prefixByteCount + elementCount * elementByteCount + 4)
      var block = try bytes.checkedBlock("FADB", at: blockAddress, count: count)
      try block.skip(prefixByteCount - 4, "fixed array data block")
      try read(&block, from: 0, count: elementCount, body)
      return
    }
    let pageCount = (elementCount - 1) / pageElementCount + 1
    let headByteCount = prefixByteCount + (pageCount - 1) / 8 + 1 + 4
    var head = try bytes.checkedBlock("FADB", at: blockAddress, count: UInt64(headByteCount))
    try head.skip(prefixByteCount - 4, "fixed array data block")
    let bits = try head.readBytes(head.remaining, "fixed array pages")
    var address = try blockAddress.behind(UInt64(headByteCount), "fixed array pages")
    for page in 0..<pageCount {
      let start = page * pageElementCount
      let count = min(pageElementCount, elementCount - start)
      let byteCount = UInt64(count * elementByteCount + 4)
      if bits[bits.startIndex + page / 8] << UInt8(page % 8) & 0x80 != 0 {
        var content = try bytes.checkedPage(at: address, count: byteCount)
        try read(&content, from: start, count: count, body)
      }
      address = try address.behind(byteCount, "fixed array pages")
    }
  }

  private func read(
    _ content: inout ByteCursor, from start: Int, count: Int,
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    for position in start..<(start + count) {
      let entry = try content.readChunk(
        bytes.form, byteCount: elementByteCount, isFiltered: isFiltered)
      if let entry { try body(position, entry) }
    }
  }
}

extension StructureBytes {
  /// A page of an array: elements and a checksum, without a signature.
  func checkedPage(at address: UInt64, count: UInt64) throws(ParseFailure) -> ByteCursor {
    var block = try block(at: address, count: count, "page of chunks")
    return try block.readChecked("")
  }
}
