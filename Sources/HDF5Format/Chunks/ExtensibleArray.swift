internal import CheckpointBytes

/// The index of chunks along one unlimited axis (HDF5 specification VII.D, "extensible array"): blocks that double in size.
///
/// ```
/// EAHD ─► EAIB: the first elements │ data blocks ─► EADB: elements
///                                  │ super blocks ─► EASB: bits of pages │ data blocks ─► EADB: elements, or pages of them
/// ```
struct ExtensibleArray {
  private let bytes: StructureBytes
  private let isFiltered: Bool
  private let header: Header

  private struct Header {
    var address: UInt64 = 0
    var elementByteCount = 0
    /// The array has at most 2 to this power elements.
    var maximumBits = 0
    var indexElementCount = 0
    var smallestBlock = 0
    var fewestPointers = 0
    var pageElementCount = 0
    var indexBlock: UInt64?

    /// The bytes of an offset in the array.
    var offsetByteCount: Int { (maximumBits + 7) / 8 }
    /// The number of super blocks, those whose data blocks the index block lists itself included.
    var superBlockCount: Int { 1 + maximumBits - smallestBlock.trailingZeroBitCount }
    /// The number of super blocks whose data blocks the index block lists.
    var listedSuperBlockCount: Int { 2 * fewestPointers.trailingZeroBitCount }

    /// The data blocks of a super block, and how many elements each has.
    func geometry(_ superBlock: Int) -> (blockCount: Int, elementCount: Int) {
      (1 << (superBlock / 2), smallestBlock << ((superBlock + 1) / 2))
    }
  }

  init(at address: UInt64, isFiltered: Bool, in bytes: StructureBytes) throws(ParseFailure) {
    self.bytes = bytes
    self.isFiltered = isFiltered
    let form = bytes.form
    let field = "extensible array header"
    var head = try bytes.checkedBlock(
      "EAHD", at: address, count: UInt64(16 + 6 * form.lengthByteCount + form.addressByteCount))
    try head.readVersion(0...0, field)
    let start = head.offset
    let client = try head.readByte("extensible array client")
    var header = Header()
    header.address = address
    header.elementByteCount = Int(try head.readByte("extensible array element size"))
    header.maximumBits = Int(try head.readByte("extensible array maximum bits"))
    header.indexElementCount = Int(try head.readByte("extensible array index block elements"))
    header.smallestBlock = Int(try head.readByte("extensible array smallest data block"))
    header.fewestPointers = Int(try head.readByte("extensible array fewest pointers"))
    let pageBits = Int(try head.readByte("extensible array page bits"))
    try head.skip(6 * form.lengthByteCount, field)
    header.indexBlock = try head.readAddress(form, field)
    func isPower(_ value: Int) -> Bool { value > 0 && value & (value - 1) == 0 }
    guard client == (isFiltered ? 1 : 0), isPower(header.smallestBlock),
      isPower(header.fewestPointers), (1...60).contains(header.maximumBits), pageBits < 32,
      header.smallestBlock.trailingZeroBitCount <= header.maximumBits,
      header.listedSuperBlockCount <= header.superBlockCount,
      form.isChunkElement(header.elementByteCount, isFiltered: isFiltered)
    else {
      throw ParseFailure(
        .malformed, at: start, field,
        "client \(client), elements of \(header.elementByteCount) bytes, 2^\(header.maximumBits) of them"
      )
    }
    header.pageElementCount = 1 << pageBits
    self.header = header
  }

  /// Calls `body` with the position of each stored chunk.
  func forEachChunk(
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    guard let indexBlock = header.indexBlock else { return }
    let form = bytes.form
    let listed = header.listedSuperBlockCount
    let blockCount = 2 * (header.fewestPointers - 1)
    let superBlockCount = header.superBlockCount - listed
    let count =
      10 + form.addressByteCount + header.indexElementCount * header.elementByteCount
      + (blockCount + superBlockCount) * form.addressByteCount
    var index = try bytes.checkedBlock("EAIB", at: indexBlock, count: UInt64(count))
    try checkOwner(&index)
    try read(&index, from: 0, count: header.indexElementCount, body)
    var position = header.indexElementCount
    for superBlock in 0..<header.superBlockCount {
      let (blockCount, elementCount) = header.geometry(superBlock)
      if superBlock < listed {
        for _ in 0..<blockCount {
          if let address = try index.readAddress(form, "extensible array data block") {
            try readBlock(at: address, elementCount, from: position, body)
          }
          position += elementCount
        }
      } else {
        if let address = try index.readAddress(form, "extensible array super block") {
          try readSuperBlock(at: address, blockCount, elementCount, from: position, body)
        }
        // No sum of blocks is beyond twice the largest number of elements.
        position += blockCount * elementCount
      }
    }
  }

  private func readSuperBlock(
    at address: UInt64, _ blockCount: Int, _ elementCount: Int, from start: Int,
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    let form = bytes.form
    let pageCount =
      elementCount > header.pageElementCount ? elementCount / header.pageElementCount : 0
    // Each data block's bits take whole bytes, though they are counted without gaps.
    let bitByteCount = blockCount * ((pageCount + 7) / 8)
    let count =
      10 + form.addressByteCount + header.offsetByteCount + bitByteCount
      + blockCount * form.addressByteCount
    var block = try bytes.checkedBlock("EASB", at: address, count: UInt64(count))
    try checkOwner(&block)
    try block.skip(header.offsetByteCount, "extensible array super block")
    let bits = try block.readBytes(bitByteCount, "extensible array pages")
    for index in 0..<blockCount {
      let position = start + index * elementCount
      guard let address = try block.readAddress(form, "extensible array data block") else {
        continue
      }
      guard pageCount > 0 else {
        try readBlock(at: address, elementCount, from: position, body)
        continue
      }
      try readPages(at: address, pageCount, from: position, body) { page in
        let bit = index * pageCount + page
        return bits[bits.startIndex + bit / 8] << UInt8(bit % 8) & 0x80 != 0
      }
    }
  }

  private func readBlock(
    at address: UInt64, _ elementCount: Int, from start: Int,
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    let (elements, overflow) = elementCount.multipliedReportingOverflow(
      by: header.elementByteCount)
    guard !overflow, elements < Int.max - 256 else {
      throw ParseFailure(.truncated, at: Int(clamping: address), "EADB", "\(elementCount) chunks")
    }
    let count = 10 + bytes.form.addressByteCount + header.offsetByteCount + elements
    var block = try bytes.checkedBlock("EADB", at: address, count: UInt64(count))
    try checkOwner(&block)
    try block.skip(header.offsetByteCount, "extensible array data block")
    try read(&block, from: start, count: elementCount, body)
  }

  private func readPages(
    at address: UInt64, _ pageCount: Int, from start: Int,
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void, isStored: (Int) -> Bool
  ) throws(ParseFailure) {
    let headByteCount = UInt64(10 + bytes.form.addressByteCount + header.offsetByteCount)
    var head = try bytes.checkedBlock("EADB", at: address, count: headByteCount)
    try checkOwner(&head)
    let pageByteCount = UInt64(header.pageElementCount * header.elementByteCount + 4)
    var place = try address.behind(headByteCount, "extensible array pages")
    for page in 0..<pageCount {
      if isStored(page) {
        var content = try bytes.checkedPage(at: place, count: pageByteCount)
        try read(
          &content, from: start + page * header.pageElementCount, count: header.pageElementCount,
          body)
      }
      place = try place.behind(pageByteCount, "extensible array pages")
    }
  }

  /// Every block says which header it belongs to.
  private func checkOwner(_ block: inout ByteCursor) throws(ParseFailure) {
    let field = "extensible array"
    try block.readVersion(0...0, field)
    let start = block.offset
    guard try block.readByte(field) == (isFiltered ? 1 : 0),
      try block.readUnsigned(bytes.form.addressByteCount, field) == header.address
    else { throw ParseFailure(.malformed, at: start, field, "belongs to another array") }
  }

  private func read(
    _ content: inout ByteCursor, from start: Int, count: Int,
    _ body: (Int, ChunkIndex.Entry) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    for index in 0..<count {
      let entry = try content.readChunk(
        bytes.form, byteCount: header.elementByteCount, isFiltered: isFiltered)
      if let entry { try body(start + index, entry) }
    }
  }
}
