internal import CheckpointBytes

/// A link of a group: a name, and where it leads.
struct Link {
  enum Target {
    /// To the object whose header lies at an address.
    case object(UInt64)
    /// To a path.
    case soft(ArraySlice<UInt8>)
    /// To a path in another file.
    case external(file: ArraySlice<UInt8>, path: ArraySlice<UInt8>)
    /// Nobody but its maker knows.
    case userDefined(UInt8)
  }

  let name: ArraySlice<UInt8>
  let target: Target
}

extension Link {
  /// Reads a link message (HDF5 specification IV.A.2.g).
  init(message body: inout ByteCursor, _ form: AddressForm) throws(ParseFailure) {
    let field = "link message"
    try body.readVersion(1...1, field)
    let flags = try body.readByte(field)
    guard flags & 0xE0 == 0 else {
      throw ParseFailure(.malformed, at: body.offset, field, "unknown flags")
    }
    let start = body.offset
    let type: UInt8 = flags & 0x08 == 0 ? 0 : try body.readByte(field)
    if flags & 0x04 != 0 { try body.skip(8, "creation order") }
    if flags & 0x10 != 0 { try body.skip(1, "character set of the link name") }
    let count = try body.readUnsigned(1 << Int(flags & 3), "length of the link name")
    let name = try body.readBytes(counted: count, "link name")
    let target: Target
    switch type {
    case 0: target = .object(try body.readDefinedAddress(form, field))
    case 1:
      let count = try body.read(UInt16.self, .little, field)
      target = .soft(try body.readBytes(Int(count), field))
    case 64:
      let count = try body.read(UInt16.self, .little, field)
      // Version and flags, file name, NUL, path, NUL.
      let parts = try body.readBytes(Int(count), field).dropFirst()
        .split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
      target = .external(
        file: parts.first ?? [], path: parts.count > 1 ? parts[1].prefix { $0 != 0 } : [])
    case 65...: target = .userDefined(type)
    default: throw ParseFailure(.malformed, at: start, field, "a link of type \(type)")
    }
    self.init(name: name, target: target)
  }
}

extension ObjectHeader {
  /// Calls `body` with each link of a newer group (HDF5 specification IV.A.2.c): in messages of its header, or, when there are
  /// many, where the link info message leads to.
  ///
  /// ```
  /// link info message ─► BTHD ─► records: heap identifiers
  ///              └─────► FRHP ─► link messages
  /// ```
  func forEachLink(
    _ info: HeaderMessage, in bytes: StructureBytes,
    _ body: (Link) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    guard
      let stored = try NamedHeap(info, indexByteCount: 8, "link info message", bytes.form)
    else {
      for message in messages where message.type == .link {
        var content = message.body
        try body(try Link(message: &content, bytes.form))
      }
      return
    }
    try stored.forEachRecord(.linkNames, in: bytes) { (heap, record) throws(ParseFailure) in
      try record.skip(4, "hash of the link name")
      var content = try heap.object(&record)
      try body(try Link(message: &content, bytes.form))
    }
  }
}
