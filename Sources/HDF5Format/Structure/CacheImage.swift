internal import CheckpointBytes

/// What a writer kept of the file's structure in memory, written as one block when it closed the file, and newer than what
/// lies at the blocks' own places (`H5Cimage.c`, libhdf5 1.10.8; `H5Pset_mdc_image_config`).
///
/// ```
/// superblock extension ─► image message ─► MDCI: length │ number │ entries: address, size, parents, bytes │ checksum
/// ```
struct CacheImage {
  /// The blocks in the order of the file.
  private var blocks: [(place: Range<Int>, bytes: ArraySlice<UInt8>)] = []

  init(_ message: HeaderMessage, in bytes: StructureBytes) throws(ParseFailure) {
    let form = bytes.form
    let field = "metadata cache image"
    var body = message.body
    try body.readVersion(0...0, field)
    // Undefined if the image was taken back.
    guard let address = try body.readAddress(form, field) else { return }
    var content = try bytes.checkedBlock(
      "MDCI", at: address, count: try body.readLength(form, field))
    try content.readVersion(0...0, field)
    try content.skip(1 + form.lengthByteCount, field)
    for _ in 0..<(try content.read(UInt32.self, .little, field)) {
      try content.skip(8, field)
      let parentCount = Int(try content.read(UInt16.self, .little, field))
      try content.skip(4, field)
      let address = try content.readDefinedAddress(form, field)
      let count = try content.readLength(form, field)
      try content.skip(parentCount * form.addressByteCount, field)
      let place = try bytes.place(address, count: count, field, orThrow: .malformed)
      blocks.append((place, try content.readBytes(place.count, field)))
    }
    blocks.sort { $0.place.lowerBound < $1.place.lowerBound }
    for (block, next) in zip(blocks, blocks.dropFirst())
    where block.place.upperBound > next.place.lowerBound {
      throw ParseFailure(
        .malformed, at: next.place.lowerBound, field, "two blocks lie over one another")
    }
  }

  /// Puts what is newer into bytes of the file that begin at an offset.
  func renew(_ bytes: inout [UInt8], at offset: Int) {
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].place.upperBound <= offset { low = middle + 1 } else { high = middle }
    }
    for block in blocks[low...] {
      let place = block.place.clamped(to: offset..<(offset + bytes.count))
      guard block.place.lowerBound < offset + bytes.count else { return }
      let start = block.bytes.startIndex + place.lowerBound - block.place.lowerBound
      bytes.replaceSubrange(
        (place.lowerBound - offset)..<(place.upperBound - offset),
        with: block.bytes[start..<(start + place.count)])
    }
  }
}
