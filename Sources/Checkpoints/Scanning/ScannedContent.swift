internal import CheckpointBytes

/// How a member of an archive is packed. It is inflated when its turn comes, so that one of them is in memory at a time.
enum Packing {
  /// Deflated, with the number of bytes that come out of it.
  case deflated(byteCount: Int)
  /// As a header of a broken archive announces it; the stream begins at an offset of the source.
  case brokenDeflated(at: Int)
  case brokenBZip2, brokenLZMA
}

/// Bytes that a scan looks at: a file, a member of an archive, or what lies behind either; with the place to report.
struct ScannedContent {
  /// Where the bytes lie, for reports.
  struct Place {
    /// The file.
    let file: String
    /// The member, and the members around it.
    var member: String?
    /// The offset of the content's first byte in that member.
    var base = 0

    /// The name of the innermost member, or of the file.
    var name: String { splitPath(member ?? file).name }

    /// True for the description of a model, which shows settings and templates to people, and to no loader.
    var isDescription: Bool { name.lowercased().hasSuffix(".md") }

    /// The place of a member of an archive at this place.
    func inside(_ name: String) -> Place {
      Place(file: file, member: member.map { "\($0): \(name)" } ?? name)
    }

    func problem(
      _ kind: FailureKind, at offset: Int? = nil, field: String? = nil, _ words: String
    ) -> CheckpointError {
      CheckpointError(
        kind, file: file, member: member, offset: offset.map { $0 + base }, field: field, words)
    }

    /// A failure that a reader found in this content.
    func problem(_ error: CheckpointError) -> CheckpointError {
      var error = error
      let inner = error.site.member
      error.site.file = file
      error.site.member = [member, inner].compactMap(\.self).joined(separator: ": ")
      if error.site.member?.isEmpty == true { error.site.member = nil }
      if inner == nil { error.site.offset = error.site.offset.map { $0 + base } }
      return error
    }
  }

  /// The bytes; all of them belong to the content.
  let source: any ByteSource
  let place: Place
  /// The name, by whose ending some programs go.
  let name: String?
  /// How many containers lie around it.
  let depth: Int
  /// True if that this is of no known kind is not worth a word: the container's trouble has been told.
  var isFragment = false
  /// How the bytes have to be unpacked before they are looked at.
  private(set) var packing: Packing?

  /// A whole file.
  init(_ file: SourceFile) throws(CheckpointError) {
    source = try FileBytes(file, at: 0, count: file.size)
    place = Place(file: file.path)
    name = splitPath(file.path).name
    depth = 0
  }

  /// A content of its parts.
  init(
    _ source: any ByteSource, at place: Place, name: String?, depth: Int, isFragment: Bool = false
  ) {
    self.source = source
    self.place = place
    self.name = name
    self.depth = depth
    self.isFragment = isFragment
  }

  var byteCount: Int { source.byteCount }

  /// A part of the content, as deep as it; it has no name.
  func part(_ range: Range<Int>) throws(CheckpointError) -> ScannedContent {
    var place = place
    place.base += range.lowerBound
    let part: any ByteSource
    if let whole = source.fileRange {
      part = try FileBytes(whole.file, at: whole.offset + range.lowerBound, count: range.count)
    } else {
      part = MemoryBytes(
        try source.bytes(at: range.lowerBound, count: range.count), origin: source.origin)
    }
    return ScannedContent(part, at: place, name: nil, depth: depth, isFragment: isFragment)
  }

  /// A member of this content.
  func member(
    _ name: String, _ source: any ByteSource, isFragment: Bool = false, packing: Packing? = nil
  ) -> ScannedContent {
    var member = ScannedContent(
      source, at: place.inside(name), name: splitPath(name).name, depth: depth + 1,
      isFragment: isFragment)
    member.packing = packing
    return member
  }

  /// The content of what came out.
  func unpacked(_ bytes: [UInt8]) -> ScannedContent {
    ScannedContent(
      MemoryBytes(bytes, origin: place.file), at: place, name: name, depth: depth,
      isFragment: isFragment)
  }

  /// The content as a file, for readers that take one: part of the file it lies in, or a copy without a name.
  func file() throws(CheckpointError) -> SourceFile {
    if let range = source.fileRange {
      return try SourceFile(
        part: range.offset..<(range.offset + range.count), of: range.file, shownAs: place.file)
    }
    return try copy { (file) throws(CheckpointError) in file }
  }

  /// Runs a reader that takes nothing but a path.
  func withPath<Result>(
    _ body: (SourceFile) throws(CheckpointError) -> Result
  ) throws(CheckpointError) -> Result {
    if let range = source.fileRange, range.offset == 0, range.count == range.file.size,
      depth == 0
    {
      return try body(range.file)
    }
    return try copy(body)
  }

  private func copy<Result>(
    _ body: (SourceFile) throws(CheckpointError) -> Result
  ) throws(CheckpointError) -> Result {
    try ScratchFile.copy(of: source, shownAs: place.file, body)
  }

  /// All bytes.
  func allBytes() throws(CheckpointError) -> [UInt8] { try prefix(byteCount) }

  /// The first bytes, at most so many.
  func prefix(_ count: Int) throws(CheckpointError) -> [UInt8] {
    try source.bytes(at: 0, count: min(count, byteCount))
  }
}
