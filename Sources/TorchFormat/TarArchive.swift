internal import CheckpointBytes

/// The members of a tar archive and where they lie in the file. Nothing is extracted, and names are never paths.
///
/// Regular members only: links, devices and directories are refused, as PyTorch never wrote any. Extended headers (pax
/// `x` and `g`, GNU `L`) are read for names and sizes.
struct TarArchive {
  let file: SourceFile
  /// The members' bytes, by name.
  private(set) var members: [ExactName: Range<Int>] = [:]

  /// The longest extended header.
  private static let extensionLimit = 4 << 20

  init(_ file: SourceFile, limits: ReadLimits) throws(CheckpointError) {
    self.file = file
    var position = 0
    var longName: String?
    var longSize: Int?
    while position < file.size {
      let block = try file.bytes(
        at: position, count: min(TarHeader.blockSize, file.size - position))
      // The archive ends with blocks of zeros, or with the file.
      if block.allSatisfy({ $0 == 0 }) { break }
      let header = try locating(file: file.path) { () throws(ParseFailure) in
        try TarHeader(block, at: position)
      }
      let start = position + TarHeader.blockSize
      // A size in an extended header is the next member's, not that of another extended header before it.
      let size = TarArchive.isExtended(header.type) ? header.size : longSize ?? header.size
      guard size <= file.size - start else {
        throw failure(
          .truncated, position,
          "member \(quoted(header.name)) has \(size) bytes, the file has fewer")
      }
      switch header.type {
      case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
        try add(longName ?? header.name, start..<(start + size), limits, at: position)
        (longName, longSize) = (nil, nil)
      case UInt8(ascii: "L"):
        let text = try extensionBytes(start, size, limits).prefix { $0 != 0 }
        longName = String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "x"):
        for (key, value) in try records(start, size, limits, at: position) {
          if key == "path" { longName = value }
          if key == "size" { longSize = Int(value).flatMap { $0 >= 0 ? $0 : nil } }
        }
      case UInt8(ascii: "g"): break
      default:
        throw failure(
          .unsupported, position,
          "member \(quoted(header.name)) is no regular file (type \(header.type))")
      }
      let blocks = (size + TarHeader.blockSize - 1) / TarHeader.blockSize
      position = start + blocks * TarHeader.blockSize
    }
  }

  private static func isExtended(_ type: UInt8) -> Bool {
    [UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L")].contains(type)
  }

  private func failure(
    _ kind: FailureKind, _ offset: Int, _ problem: String
  ) -> CheckpointError {
    CheckpointError(kind, file: file.path, offset: offset, field: "tar header", problem)
  }

  private mutating func add(
    _ name: String, _ range: Range<Int>, _ limits: ReadLimits, at offset: Int
  ) throws(CheckpointError) {
    let name = ExactName(name.hasPrefix("./") ? String(name.dropFirst(2)) : name)
    guard name.byteCount <= limits.nameBytes else {
      throw failure(.limitExceeded, offset, "a name has more than \(limits.nameBytes) bytes")
    }
    guard members.updateValue(range, forKey: name) == nil else {
      throw failure(.malformed, offset, "member \(quoted(name.string)) occurs twice")
    }
    guard members.count <= limits.tensorCount else {
      throw failure(.limitExceeded, offset, "more than \(limits.tensorCount) members")
    }
  }

  private func extensionBytes(
    _ start: Int, _ size: Int, _ limits: ReadLimits
  ) throws(CheckpointError) -> [UInt8] {
    guard size <= TarArchive.extensionLimit else {
      throw failure(.limitExceeded, start, "an extended header has \(size) bytes")
    }
    return try file.bytes(at: start, count: size)
  }

  /// The records of a pax header: `length key=value\n`.
  private func records(
    _ start: Int, _ size: Int, _ limits: ReadLimits, at offset: Int
  ) throws(CheckpointError) -> [(key: String, value: String)] {
    var rest = try extensionBytes(start, size, limits)[...]
    var records: [(key: String, value: String)] = []
    while !rest.isEmpty {
      let digits = rest.prefix { $0 != 0x20 }
      guard digits.count < 10, let length = Int(String(decoding: digits, as: UTF8.self)),
        length > digits.count + 2, length <= rest.count,
        rest[rest.startIndex + length - 1] == 0x0A
      else { throw failure(.malformed, offset, "a pax record has no valid length") }
      let record = rest.prefix(length - 1).dropFirst(digits.count + 1)
      let key = record.prefix { $0 != UInt8(ascii: "=") }
      records.append(
        (
          String(decoding: key, as: UTF8.self),
          String(decoding: record.dropFirst(key.count + 1), as: UTF8.self)
        ))
      rest = rest.dropFirst(length)
    }
    return records
  }
}
