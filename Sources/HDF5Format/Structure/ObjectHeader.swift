internal import CheckpointBytes

/// The messages that make up an object (HDF5 specification IV.A.1), of either version, continuation blocks included.
///
/// ```
/// 1: version │ number of messages, references │ size ─► messages ─► continuation ─► messages
/// 2: OHDR │ version │ flags │ times │ phases │ size ─► messages │ checksum ─► OCHK │ messages │ checksum
/// ```
struct ObjectHeader {
  let address: UInt64
  /// The messages in the order of the file.
  private(set) var messages: [HeaderMessage] = []
  /// The index of the first message of each type, plus 1: they are asked for again and again.
  private var first = SIMD32<UInt32>()

  /// Reads the header at an address.
  init(at address: UInt64, in bytes: StructureBytes) throws(ParseFailure) {
    self.address = address
    var prefix = try bytes.block(at: address, atMost: 64, "object header")
    var blocks =
      prefix.peekByte() == UInt8(ascii: "O")
      ? try Self.readNewPrefix(&prefix, address, bytes)
      : try Self.readOldPrefix(&prefix, address)
    messages.reserveCapacity(8)
    var left = blocks.mostMessages
    while let block = blocks.next() {
      var content = try block.content(bytes, blocks.form)
      while let message = try HeaderMessage(&content, blocks.form) {
        guard left > 0 else {
          throw ParseFailure(
            .malformed, at: Int(clamping: address), "object header",
            "more messages than the \(blocks.mostMessages) that it states")
        }
        left -= 1
        if message.type == .continuation {
          try blocks.add(message, bytes.form)
        } else if let type = message.type, type != .null {
          messages.append(message)
          let index = Int(type.rawValue)
          if first[index] == 0 { first[index] = UInt32(clamping: messages.count) }
        }
      }
    }
  }

  /// The first message of a type.
  subscript(type: HeaderMessage.Kind) -> HeaderMessage? {
    let index = first[Int(type.rawValue)]
    return index == 0 ? nil : messages[Int(index) - 1]
  }

  // MARK: Blocks

  /// The blocks that messages lie in, the first and its continuations. None occurs twice, so that the list ends.
  private struct Blocks {
    let form: HeaderMessage.Form
    /// The number that the older form states; others state none.
    let mostMessages: Int
    private let first: Block
    private var continuations: [Block] = []
    private var known: Set<UInt64> = []
    private var nextIndex = 0

    init(_ first: Block, _ form: HeaderMessage.Form, mostMessages: Int = .max) {
      self.first = first
      self.form = form
      self.mostMessages = mostMessages
    }

    mutating func next() -> Block? {
      guard nextIndex <= continuations.count else { return nil }
      defer { nextIndex += 1 }
      return nextIndex == 0 ? first : continuations[nextIndex - 1]
    }

    mutating func add(_ message: HeaderMessage, _ form: AddressForm) throws(ParseFailure) {
      var body = message.body
      let address = try body.readDefinedAddress(form, "object header continuation")
      let count = try body.readLength(form, "object header continuation")
      guard address != first.address, known.insert(address).inserted else {
        throw ParseFailure(
          .malformed, "object header continuation", "the header continues where it has been")
      }
      continuations.append(Block(address: address, count: count, kind: .continuation))
    }
  }

  private struct Block {
    enum Kind { case first, continuation }

    let address: UInt64
    let count: UInt64
    let kind: Kind

    func content(
      _ bytes: StructureBytes, _ form: HeaderMessage.Form
    ) throws(ParseFailure) -> ByteCursor {
      if form.isNew, kind == .continuation {
        return try bytes.checkedBlock("OCHK", at: address, count: count)
      }
      return try bytes.block(at: address, count: count, "object header")
    }
  }

  // MARK: Prefixes

  private static func readOldPrefix(
    _ prefix: inout ByteCursor, _ address: UInt64
  ) throws(ParseFailure) -> Blocks {
    guard try prefix.readByte("object header") == 1 else {
      throw ParseFailure(
        .malformed, at: prefix.offset - 1, "object header", "there is no object header here")
    }
    try prefix.skip(1, "object header")
    let start = prefix.offset
    let messageCount = try prefix.read(UInt16.self, .little, "number of header messages")
    try prefix.skip(4, "object reference count")
    let count = try prefix.read(UInt32.self, .little, "object header size")
    guard messageCount == 0 ? count == 0 : count >= 8 else {
      throw ParseFailure(
        .malformed, at: start, "object header",
        "\(messageCount) messages in \(count) bytes")
    }
    return Blocks(
      Block(address: try address.behind(16, "object header"), count: UInt64(count), kind: .first),
      HeaderMessage.Form(isNew: false, tracksOrder: false), mostMessages: Int(messageCount))
  }

  private static func readNewPrefix(
    _ prefix: inout ByteCursor, _ address: UInt64, _ bytes: StructureBytes
  ) throws(ParseFailure) -> Blocks {
    let start = prefix.position
    try prefix.readSignature("OHDR")
    try prefix.readVersion(2...2, "object header")
    let flags = try prefix.readByte("object header flags")
    guard flags & 0xC0 == 0 else {
      throw ParseFailure(.malformed, at: prefix.offset, "object header flags", "unknown flags")
    }
    if flags & 0x20 != 0 { try prefix.skip(16, "times") }
    if flags & 0x10 != 0 { try prefix.skip(4, "attribute phases") }
    let count = try prefix.readUnsigned(1 << Int(flags & 3), "size of chunk 0")
    let prefixByteCount = UInt64(prefix.position - start)
    // The checksum is that of the prefix and the messages.
    let (whole, overflow) = count.addingReportingOverflow(prefixByteCount + 4)
    guard !overflow else {
      throw ParseFailure(.truncated, at: prefix.offset, "size of chunk 0", "\(count) bytes")
    }
    _ = try bytes.checkedBlock("OHDR", at: address, count: whole)
    return Blocks(
      Block(
        address: try address.behind(prefixByteCount, "object header"), count: count, kind: .first),
      HeaderMessage.Form(isNew: true, tracksOrder: flags & 0x04 != 0))
  }
}

extension UInt64 {
  /// The address `count` bytes behind this one.
  func behind(_ count: UInt64, _ field: String) throws(ParseFailure) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(count)
    guard !overflow else {
      throw ParseFailure(.truncated, at: Int(clamping: self), field, "lies beyond 2^64")
    }
    return sum
  }
}
