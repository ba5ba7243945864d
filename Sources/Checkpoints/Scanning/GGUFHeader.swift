internal import CheckpointBytes

/// The structure of a GGUF file, version 2 and 3, little-endian (`gguf.md` and `gguf-py` of ggml): everything but numbers, and
/// where it ends.
///
/// ```
/// 'GGUF' │ version 4, tensors 8, entries 8 │ entry: key, type 4, value … │ tensor: name, rank 4, extents, type 4, offset 8 …
/// padding │ elements
/// ```
struct GGUFHeader {
  /// The entries whose values are text, and lists of text as one of each.
  private(set) var texts: [(key: String, text: String)] = []
  /// The first byte behind the elements of all tensors.
  private(set) var end = 0

  /// A block of a type: how many elements, in how many bytes (`gguf/constants.py`, `GGML_QUANT_SIZES`).
  private static let blocks: [UInt32: (elements: Int, bytes: Int)] = [
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
  ]
  private static let field = "GGUF header"
  private static let usualAlignment = 32
  /// Lists of lists do not occur in real files.
  private static let deepestList = 8

  static func begins(_ prefix: [UInt8]) -> Bool { prefix.starts(with: "GGUF".utf8) }

  /// Reads the structure out of the first bytes of a file.
  init(_ bytes: [UInt8], fileSize: Int, _ limits: ReadLimits) throws(ParseFailure) {
    let field = GGUFHeader.field
    var cursor = ByteCursor(bytes)
    try cursor.skip(4, field)
    let version = try cursor.read(UInt32.self, .little, field)
    guard (2...3).contains(version) else {
      throw ParseFailure(.unsupported, at: 4, field, "version \(version), 2 and 3 are known")
    }
    let tensorCount = try cursor.read(UInt64.self, .little, field)
    let entryCount = try cursor.read(UInt64.self, .little, field)
    guard tensorCount <= UInt64(clamping: limits.tensorCount),
      entryCount <= UInt64(clamping: limits.tensorCount)
    else {
      throw ParseFailure(
        .limitExceeded, at: 8, field, "\(tensorCount) tensors and \(entryCount) entries")
    }
    var alignment = GGUFHeader.usualAlignment
    for _ in 0..<entryCount {
      let key = try text(&cursor)
      let start = cursor.position
      let type = try cursor.read(UInt32.self, .little, field)
      try readValue(&cursor, type, key, 0)
      if key == "general.alignment", type == 4 {
        var again = cursor
        try again.seek(to: start + 4, field)
        alignment = Int(try again.read(UInt32.self, .little, field))
      }
    }
    guard alignment > 0, alignment.isMultiple(of: 8) else {
      throw ParseFailure(.malformed, at: cursor.offset, field, "an alignment of \(alignment)")
    }
    var ends = 0
    for _ in 0..<tensorCount { ends = max(ends, try readTensor(&cursor)) }
    let (data, overflow) = cursor.position.addingReportingOverflow(
      (alignment - cursor.position % alignment) % alignment)
    let (end, tooLong) = data.addingReportingOverflow(ends)
    guard !overflow, !tooLong, ends == 0 || end <= fileSize else {
      throw ParseFailure(
        .truncated, at: cursor.offset, field,
        "the tensors end at byte \(end), the file at \(fileSize)")
    }
    self.end = ends == 0 ? min(data, fileSize) : end
  }

  private func text(_ cursor: inout ByteCursor) throws(ParseFailure) -> String {
    let count = try cursor.read(UInt64.self, .little, GGUFHeader.field)
    return String(
      decoding: try cursor.readBytes(counted: count, GGUFHeader.field), as: UTF8.self)
  }

  private mutating func readValue(
    _ cursor: inout ByteCursor, _ type: UInt32, _ key: String, _ depth: Int
  ) throws(ParseFailure) {
    let field = GGUFHeader.field
    switch type {
    case 0, 1, 7: try cursor.skip(1, field)
    case 2, 3: try cursor.skip(2, field)
    case 4, 5, 6: try cursor.skip(4, field)
    case 10, 11, 12: try cursor.skip(8, field)
    case 8: texts.append((key, try text(&cursor)))
    case 9 where depth < GGUFHeader.deepestList:
      let inner = try cursor.read(UInt32.self, .little, field)
      let count = try cursor.read(UInt64.self, .little, field)
      // Each element takes a byte at least.
      guard count <= UInt64(cursor.remaining) else {
        throw ParseFailure(.truncated, at: cursor.offset, field, "a list of \(count) elements")
      }
      // Vocabularies: words, which nothing takes for anything else.
      let known = texts.count
      for _ in 0..<count { try readValue(&cursor, inner, key, depth + 1) }
      if inner == 8, count > 64 { texts.removeSubrange(known...) }
    default:
      throw ParseFailure(.malformed, at: cursor.offset, field, "a value of type \(type)")
    }
  }

  /// Where a tensor's elements end, from their beginning on.
  private func readTensor(_ cursor: inout ByteCursor) throws(ParseFailure) -> Int {
    let field = GGUFHeader.field
    let name = try text(&cursor)
    let rank = try cursor.read(UInt32.self, .little, field)
    guard rank <= 8 else {
      throw ParseFailure(.malformed, at: cursor.offset, field, tensor: name, "rank \(rank)")
    }
    var count = 1
    var isTooLarge = false
    for _ in 0..<rank {
      let extent = Int(exactly: try cursor.read(UInt64.self, .little, field))
      let (product, overflow) = count.multipliedReportingOverflow(by: extent ?? .max)
      isTooLarge = isTooLarge || extent == nil || overflow
      count = product
    }
    let type = try cursor.read(UInt32.self, .little, field)
    let offset = Int(exactly: try cursor.read(UInt64.self, .little, field))
    guard let block = GGUFHeader.blocks[type] else {
      throw ParseFailure(
        .unsupported, at: cursor.offset, field, tensor: name, "elements of type \(type)")
    }
    guard !isTooLarge, let offset, count <= Int.max / 512,
      case let (end, overflow) = offset.addingReportingOverflow(
        (count / block.elements + (count % block.elements == 0 ? 0 : 1)) * block.bytes), !overflow
    else {
      throw ParseFailure(.malformed, at: cursor.offset, field, tensor: name, "its size overflows")
    }
    return end
  }
}

extension ContentWalk {
  /// What a GGUF file holds beside numbers: texts, of which templates are programs.
  mutating func examineGGUF(_ content: ScannedContent) throws(CheckpointError) {
    try guessBeginning(of: content)
    try examineTrailingArchive(content)
    let bytes = try content.prefix(ContentWalk.contentBytes)
    let header: GGUFHeader
    do {
      header = try GGUFHeader(bytes, fileSize: content.byteCount, limits)
    } catch {
      add(
        error.located(
          file: content.place.file, member: content.place.member, base: content.place.base))
      return search(bytes, content)
    }
    for (key, text) in header.texts {
      let place = content.place.inside(singleLine(key, limit: 80))
      if key.contains("template") { examineTemplate(text, key, place) }
      if !examineJSON(Array(text.utf8), place), text.utf8.count > 16 {
        search(Array(text.utf8), content)
      }
    }
    guard header.end < content.byteCount else { return }
    let rest = try content.part(header.end..<content.byteCount)
    // The file may be padded at its end, too.
    let beginning = try rest.prefix(4_096)
    if rest.byteCount <= 4_096, beginning.allSatisfy({ $0 == 0 }) { return }
    pending.append(rest)
  }
}
