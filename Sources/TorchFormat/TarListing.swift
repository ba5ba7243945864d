package import CheckpointBytes

/// What the headers of a tar archive say, one after another, as far as they can be read: members of all types, and those
/// whose names occur twice.
///
/// Extended headers (pax `x` and `g`, GNU `L`) are read for names and sizes. A size in one stands where the member's own
/// header has no room for it: where it says another size, two readers see two archives (CVE-2025-62518), and the list ends.
package struct TarListing: Sendable {
  /// A member.
  package struct Entry: Sendable {
    /// The name, without a leading `./`.
    package let name: String
    /// Where a link leads; empty for anything else.
    package let link: String
    /// The type: `0` for a file, `5` for a directory…
    package let type: UInt8
    /// Where its bytes lie in the file.
    package let range: Range<Int>
    /// Where its header begins.
    package let offset: Int

    /// True for a plain file.
    package var isRegular: Bool {
      [UInt8(ascii: "0"), 0, UInt8(ascii: "7")].contains(type)
    }
  }

  /// The members in the order of the file.
  package private(set) var entries: [Entry] = []
  /// Why the list ends early, if it does.
  package private(set) var failure: CheckpointError?
  /// The first byte behind the last member and the blocks of zeros that end the archive.
  package private(set) var end = 0

  private let file: SourceFile

  /// True if a file may begin with a header.
  package static func begins(_ prefix: [UInt8]) -> Bool { TarHeader.isPlausible(prefix) }

  /// The longest extended header.
  private static let extensionLimit = 4 << 20

  /// Reads the headers of a file. What goes wrong becomes its ``failure``.
  package init(_ file: SourceFile, limits: ReadLimits = ReadLimits()) {
    self.file = file
    do throws(CheckpointError) {
      try read(limits)
    } catch {
      failure = error
    }
  }

  private mutating func read(_ limits: ReadLimits) throws(CheckpointError) {
    var longName: String?
    var longLink: String?
    var longSize: Int?
    while end < file.size {
      let position = end
      let block = try file.bytes(
        at: position, count: min(TarHeader.blockSize, file.size - position))
      // The archive ends with blocks of zeros, or with the file.
      if block.allSatisfy({ $0 == 0 }) { return try skipZeros() }
      let header = try locating(file: file.path) { () throws(ParseFailure) in
        try TarHeader(block, at: position)
      }
      let start = position + TarHeader.blockSize
      // A size in an extended header is the next member's, not that of another extended header before it.
      let isExtended = TarListing.isExtended(header.type)
      let size = isExtended ? header.size : longSize ?? header.size
      guard isExtended || size == header.size || header.hasNoRoom(for: size) else {
        throw failure(
          .inconsistent, position,
          "member \(quoted(header.name)) has \(header.size) bytes, and \(size) by its extended header"
        )
      }
      guard size <= file.size - start else {
        throw failure(
          .truncated, position,
          "member \(quoted(header.name)) has \(size) bytes, the file has fewer")
      }
      switch header.type {
      case UInt8(ascii: "L"):
        let text = try extensionBytes(start, size).prefix { $0 != 0 }
        longName = String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "x"):
        for (key, value) in try records(start, size, at: position) {
          if key == "path" { longName = value }
          if key == "linkpath" { longLink = value }
          if key == "size" { longSize = try decimal(value, at: position) }
        }
      case UInt8(ascii: "g"):
        // A name or size for all members would make them one.
        for (key, _) in try records(start, size, at: position)
        where ["path", "size", "linkpath"].contains(key) {
          throw failure(.unsupported, position, "a global header states \(quoted(key))")
        }
      default:
        guard size == 0 || !TarListing.isWithoutContent(header.type) else {
          throw failure(
            .inconsistent, position,
            "member \(quoted(header.name)) is a directory, a link or a device and has \(size) bytes, which some readers skip and others do not"
          )
        }
        guard entries.count < limits.tensorCount else {
          throw failure(.limitExceeded, position, "more than \(limits.tensorCount) members")
        }
        let name = longName ?? header.name
        entries.append(
          Entry(
            name: name.hasPrefix("./") ? String(name.dropFirst(2)) : name,
            link: longLink ?? header.link, type: header.type,
            range: start..<(start + size), offset: position))
        (longName, longLink, longSize) = (nil, nil, nil)
      }
      let blocks = (size + TarHeader.blockSize - 1) / TarHeader.blockSize
      end = min(file.size, start + blocks * TarHeader.blockSize)
    }
  }

  private mutating func skipZeros() throws(CheckpointError) {
    while end < file.size {
      let block = try file.bytes(at: end, count: min(TarHeader.blockSize, file.size - end))
      guard block.allSatisfy({ $0 == 0 }) else { return }
      end += block.count
    }
  }

  private static func isExtended(_ type: UInt8) -> Bool {
    [UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L")].contains(type)
  }

  /// Links, devices, directories and pipes (`1` to `6`): Python's `tarfile` reads the next header right behind theirs.
  private static func isWithoutContent(_ type: UInt8) -> Bool {
    (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(type)
  }

  private func decimal(_ text: String, at offset: Int) throws(CheckpointError) -> Int {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(text)
    else { throw failure(.malformed, offset, "the size \(quoted(text)) is not a number") }
    return number
  }

  func failure(
    _ kind: FailureKind, _ offset: Int, _ problem: String
  ) -> CheckpointError {
    CheckpointError(kind, file: file.path, offset: offset, field: "tar header", problem)
  }

  private func extensionBytes(
    _ start: Int, _ size: Int
  ) throws(CheckpointError) -> [UInt8] {
    guard size <= TarListing.extensionLimit else {
      throw failure(.limitExceeded, start, "an extended header has \(size) bytes")
    }
    return try file.bytes(at: start, count: size)
  }

  /// The records of a pax header: `length key=value\n`.
  private func records(
    _ start: Int, _ size: Int, at offset: Int
  ) throws(CheckpointError) -> [(key: String, value: String)] {
    var rest = try extensionBytes(start, size)[...]
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
