internal import CheckpointBytes

/// Images beside a model: read to their end by their own structure, so that what hides behind one is looked at.
extension ContentWalk {
  /// Passes over an image; false if the content is none whose end is known.
  mutating func examineImage(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    let isPNG = prefix.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    let isJPEG = prefix.starts(with: [0xFF, 0xD8, 0xFF])
    guard isPNG || isJPEG, content.byteCount <= ContentWalk.contentBytes else { return false }
    let bytes = try content.source.bytes(at: 0, count: content.byteCount)
    guard let end = isPNG ? ContentWalk.endOfPNG(bytes) : ContentWalk.endOfJPEG(bytes) else {
      return false
    }
    // Neither beginning is one of a pickle; an archive may end inside the image all the same.
    try examineTrailingArchive(content)
    search(bytes, content)
    if end < bytes.count { pending.append(try content.part(end..<bytes.count)) }
    return true
  }

  /// PNG (ISO 15948): chunks of `length 4 │ type 4 │ data │ CRC 4`, the last one `IEND`.
  private static func endOfPNG(_ bytes: [UInt8]) -> Int? {
    var position = 8
    while bytes.count - position >= 12 {
      let length = bytes[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) }
      let isEnd = bytes[(position + 4)...].starts(with: "IEND".utf8)
      guard length <= bytes.count - position - 12 else { return nil }
      position += length + 12
      if isEnd { return position }
    }
    return nil
  }

  /// JPEG (ITU T.81): segments `FF marker │ length 2 │ data`, and behind the header of a scan bytes in which FF is followed by 0
  /// or by a restart marker; `FF D9` ends it.
  private static func endOfJPEG(_ bytes: [UInt8]) -> Int? {
    var position = 2
    while bytes.count - position >= 4 {
      guard bytes[position] == 0xFF else { return nil }
      let marker = bytes[position + 1]
      if marker == 0xFF {
        position += 1
        continue
      }
      if marker == 0xD9 { return position + 2 }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard length >= 2, length <= bytes.count - position - 2 else { return nil }
      position += 2 + length
      guard marker == 0xDA else { continue }
      while position + 1 < bytes.count {
        let isEscaped = bytes[position + 1] == 0 || (0xD0...0xD7).contains(bytes[position + 1])
        if bytes[position] == 0xFF, !isEscaped { break }
        position += 1
      }
    }
    // The end itself takes two bytes.
    return bytes.count - position == 2 && bytes[position...].elementsEqual([0xFF, 0xD9])
      ? bytes.count : nil
  }
}
