internal import CheckpointBytes

/// Messages that lie elsewhere than in the header that has them (HDF5 specification III.I, IV.A.2): the datatype of
/// a named type, or one of the file's table of shared messages.
///
/// ```
/// superblock extension ─► table message ─► SMTB: for each kind of message ─► FRHP ─► messages
/// ```
final class SharedMessages {
  private let bytes: StructureBytes
  private let tableAddress: UInt64?
  private let indexCount: Int
  private lazy var indexes: Result<[Index], ParseFailure> = Result { () throws(ParseFailure) in
    try readTable()
  }
  private var heaps: [UInt64: FractalHeap] = [:]
  /// The datatypes of named types, by the addresses of their headers.
  private var namedTypes: [UInt64: ByteCursor] = [:]

  private struct Index {
    /// A bit for each type of message.
    let types: UInt16
    let heapAddress: UInt64?
  }

  /// Takes the superblock's extension, if there is one.
  init(_ fileMessages: ObjectHeader?, in bytes: StructureBytes) throws(ParseFailure) {
    self.bytes = bytes
    guard var body = fileMessages?[.sharedMessageTable]?.body else {
      tableAddress = nil
      indexCount = 0
      return
    }
    try body.readVersion(0...0, "shared message table message")
    tableAddress = try body.readDefinedAddress(bytes.form, "shared message table message")
    indexCount = Int(try body.readByte("shared message table message"))
  }

  /// The body of a message, wherever it is.
  func body(of message: HeaderMessage) throws(ParseFailure) -> ByteCursor {
    guard message.isShared, let type = message.type else { return message.body }
    var reference = message.body
    return try body(ofType: type, at: &reference)
  }

  /// The body of a message of a type that is said to be elsewhere.
  func body(
    ofType type: HeaderMessage.Kind, at reference: inout ByteCursor
  ) throws(ParseFailure) -> ByteCursor {
    let start = reference.offset
    let version = try reference.readVersion(1...3, "shared message")
    let place = try reference.readByte("shared message")
    if version == 3, place == 1 { return try heapMessage(type, &reference) }
    var address: UInt64?
    if version == 1 {
      try reference.skip(6, "shared message")
      address = try SymbolTableEntry(&reference, bytes.form).headerAddress
    } else {
      address = try reference.readAddress(bytes.form, "shared message")
    }
    guard let address, version < 3 || place == 2, type == .datatype else {
      throw ParseFailure(
        .malformed, at: start, "shared message", "a message shared in no known way, \(place)")
    }
    return try namedType(at: address)
  }

  private func namedType(at address: UInt64) throws(ParseFailure) -> ByteCursor {
    if let known = namedTypes[address] {
      try bytes.charge(known.remaining, "shared message")
      return known
    }
    guard let message = try ObjectHeader(at: address, in: bytes)[.datatype] else {
      throw ParseFailure(
        .malformed, at: Int(clamping: address), "shared message", "there is no datatype")
    }
    // A named type's own message can be in the table, and is then not elsewhere again.
    var body = message.body
    if message.isShared {
      try body.readVersion(3...3, "shared message")
      guard try body.readByte("shared message") == 1 else {
        throw ParseFailure(
          .malformed, at: Int(clamping: address), "shared message",
          "a named type refers to another one")
      }
      body = try heapMessage(.datatype, &body)
    }
    let kept = body.detached
    namedTypes[address] = kept
    return kept
  }

  private func heapMessage(
    _ type: HeaderMessage.Kind, _ identifier: inout ByteCursor
  ) throws(ParseFailure) -> ByteCursor {
    try heap(of: type).object(&identifier)
  }

  /// The heap that holds the shared messages of a type.
  func heap(of type: HeaderMessage.Kind) throws(ParseFailure) -> FractalHeap {
    let index = try indexes.get().first { $0.types >> type.rawValue & 1 != 0 }
    guard let address = index?.heapAddress else {
      throw ParseFailure(.malformed, "shared message", "the file has no table of such messages")
    }
    if let known = heaps[address] { return known }
    let heap = try FractalHeap(at: address, in: bytes)
    heaps[address] = heap
    return heap
  }

  private func readTable() throws(ParseFailure) -> [Index] {
    guard let tableAddress else { return [] }
    let form = bytes.form
    var cursor = try bytes.checkedBlock(
      "SMTB", at: tableAddress, count: UInt64(8 + indexCount * (14 + 2 * form.addressByteCount)))
    var indexes: [Index] = []
    for _ in 0..<indexCount {
      try cursor.readVersion(0...0, "shared message index")
      try cursor.skip(1, "shared message index")
      let types = try cursor.read(UInt16.self, .little, "shared message index")
      try cursor.skip(10 + form.addressByteCount, "shared message index")
      indexes.append(
        Index(types: types, heapAddress: try cursor.readAddress(form, "shared message index")))
    }
    return indexes
  }
}
