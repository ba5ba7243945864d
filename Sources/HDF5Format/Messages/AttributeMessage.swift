internal import CheckpointBytes

/// A named value (HDF5 specification IV.A.2.m): a datatype, a dataspace, and the elements.
///
/// ```
/// version │ flags │ sizes │ (character set) │ name │ datatype │ dataspace │ elements
/// ```
struct AttributeMessage {
  let name: ArraySlice<UInt8>
  private let typeBody: ByteCursor
  private let spaceBody: ByteCursor
  /// Bit 0 is set if the datatype lies elsewhere, bit 1 if the dataspace does.
  private let flags: UInt8
  let elements: ByteCursor

  init(_ body: ByteCursor) throws(ParseFailure) {
    let field = "attribute"
    var body = body
    let version = try body.readVersion(1...3, field)
    let flags = try body.readByte(field)
    // Reserved in version 1, which nobody clears.
    self.flags = version == 1 ? 0 : flags
    let nameByteCount = Int(try body.read(UInt16.self, .little, field))
    let typeByteCount = Int(try body.read(UInt16.self, .little, field))
    let spaceByteCount = Int(try body.read(UInt16.self, .little, field))
    if version == 3 { try body.skip(1, "character set of the attribute name") }
    func padding(_ count: Int) -> Int { version == 1 ? (8 - count % 8) % 8 : 0 }
    let start = body.offset
    let terminated = try body.readBytes(nameByteCount, field)
    name = terminated.dropLast()
    guard terminated.last == 0, !name.contains(0) else {
      throw ParseFailure(
        .malformed, at: start, field, "the name does not take the \(nameByteCount) bytes it should")
    }
    try body.skip(padding(nameByteCount), field)
    typeBody = try body.slice(typeByteCount, field)
    try body.skip(padding(typeByteCount), field)
    spaceBody = try body.slice(spaceByteCount, field)
    try body.skip(padding(spaceByteCount), field)
    elements = body
  }

  func datatype(_ shared: SharedMessages) throws(ParseFailure) -> Datatype {
    var body = typeBody
    return try Datatype(
      flags & 1 == 0 ? body : try shared.body(ofType: .datatype, at: &body))
  }

  func dataspace(
    _ shared: SharedMessages, _ form: AddressForm
  ) throws(ParseFailure) -> Dataspace {
    var body = spaceBody
    return try Dataspace(
      flags & 2 == 0 ? body : try shared.body(ofType: .dataspace, at: &body), form)
  }
}

extension HeaderMessage {
  /// Calls `body` with each attribute that an attribute info message leads to.
  func forEachAttribute(
    in bytes: StructureBytes, _ shared: SharedMessages,
    _ body: (ByteCursor) throws(ParseFailure) -> Void
  ) throws(ParseFailure) {
    let stored = try NamedHeap(self, indexByteCount: 2, "attribute info message", bytes.form)
    try stored?.forEachRecord(.attributeNames, in: bytes) {
      (heap, record) throws(ParseFailure) in
      var identifier = try record.slice(8, "heap identifier")
      let isShared = try record.readByte("attribute flags") & 0x02 != 0
      try body(
        isShared
          ? try shared.heap(of: .attribute).object(&identifier)
          : try heap.object(&identifier))
    }
  }
}
