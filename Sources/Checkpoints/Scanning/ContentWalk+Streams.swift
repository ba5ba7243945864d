internal import CheckpointBytes
internal import CompressedStreams
internal import ZipFormat

/// Compressed streams, as joblib, tar and people write them: streams of one kind behind one another are one content, as the
/// programs that read them have it.
extension ContentWalk {
  /// Looks into a compressed stream; false if the content is none.
  mutating func examineStream(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    if let kind = Decompression.Kind(prefix) {
      return try examine(kind, content)
    }
    let isGzip = prefix.starts(with: [0x1F, 0x8B, 8])
    let isZlib =
      prefix.count > 2 && prefix[0] == 0x78
      && (Int(prefix[0]) << 8 | Int(prefix[1])).isMultiple(of: 31)
    if isGzip || isZlib { return try examineDeflated(content, from: 0, isGzip: isGzip) }
    // joblib up to 0.9: `ZF`, the length in 19 characters, a zlib stream.
    if prefix.starts(with: "ZF0x".utf8) {
      return try examineDeflated(content, from: 21, isGzip: false)
    }
    return false
  }

  /// How many bytes may still come out of a stream.
  var roomToInflate: Int {
    min(ContentWalk.contentBytes, max(0, ContentWalk.inflatedBytes - inflated))
  }

  private mutating func examineDeflated(
    _ content: ScannedContent, from start: Int, isGzip: Bool
  ) throws(CheckpointError) -> Bool {
    let room = roomToInflate
    let name = isGzip ? "gzip" : "zlib"
    var bytes: [UInt8] = []
    var position = start
    while true {
      let inflation = try Inflation(
        of: content.source, at: position, wrapper: .detected, limit: room - bytes.count)
      // A text can begin so; then hardly anything comes out.
      guard isGzip || start > 0 || inflation.isWhole || inflation.bytes.count > 64 else {
        return false
      }
      bytes += inflation.bytes
      inflated += inflation.bytes.count
      position += inflation.inputByteCount
      if inflation.isCut {
        add(
          content.place.problem(
            .limitExceeded, "inflates to more than \(room) bytes; only these were looked into"))
      } else if !inflation.isWhole {
        add(content.place.problem(.malformed, field: "\(name) stream", "ends early or is damaged"))
        position = content.byteCount
      }
      // Python's gzip skips zeros between members.
      guard isGzip, inflation.isWhole, content.byteCount - position >= 3,
        try content.source.bytes(at: position, count: 3) == [0x1F, 0x8B, 8]
      else { break }
    }
    try pass(bytes, from: content, name, rest: position)
    return true
  }

  private mutating func examine(
    _ kind: Decompression.Kind, _ content: ScannedContent
  ) throws(CheckpointError) -> Bool {
    let count = min(content.byteCount, ContentWalk.contentBytes)
    let stream = Decompression(
      of: try content.source.bytes(at: 0, count: count), as: kind, limit: roomToInflate)
    // LZMA alone has no signature; what is none of it breaks soon.
    guard kind != .lzma || stream.failure == nil || stream.bytes.count > 64 else { return false }
    inflated += stream.bytes.count
    if count < content.byteCount {
      add(
        content.place.problem(
          .limitExceeded, field: "\(kind.rawValue) stream",
          "only its first \(count) bytes were read"))
    }
    if let failure = stream.failure {
      add(
        failure.located(
          file: content.place.file, member: content.place.member, base: content.place.base))
    }
    try pass(
      stream.bytes, from: content, kind.rawValue,
      rest: stream.failure == nil ? stream.inputByteCount : content.byteCount)
    return true
  }

  /// Goes on with what came out, and with what lies behind the streams.
  private mutating func pass(
    _ bytes: [UInt8], from content: ScannedContent, _ kind: String, rest: Int
  ) throws(CheckpointError) {
    let inner = content.member(kind, MemoryBytes(bytes, origin: content.place.file))
    pending.append(
      ScannedContent(
        inner.source, at: inner.place, name: ContentWalk.innerName(content.name),
        depth: inner.depth, isFragment: inner.isFragment))
    guard rest < content.byteCount else { return }
    pending.append(try content.part(rest..<content.byteCount))
  }

  /// The name without the ending that says that it is compressed.
  private static func innerName(_ name: String?) -> String? {
    guard let name else { return nil }
    let endings = [".gz", ".z", ".bz2", ".xz", ".lzma", ".lz4", ".gzip"]
    guard let ending = endings.first(where: name.lowercased().hasSuffix) else { return name }
    return String(name.dropLast(ending.count))
  }
}
