internal import CheckpointBytes

/// A message of an object header: its type, its flags, and its bytes.
struct HeaderMessage {
  /// The types that this reader looks at (HDF5 specification IV.A.2).
  enum Kind: UInt16 {
    case null = 0x00
    case dataspace = 0x01
    case linkInfo = 0x02
    case datatype = 0x03
    case oldFillValue = 0x04
    case fillValue = 0x05
    case link = 0x06
    case externalFiles = 0x07
    case dataLayout = 0x08
    case groupInfo = 0x0A
    case filterPipeline = 0x0B
    case attribute = 0x0C
    case sharedMessageTable = 0x0F
    case continuation = 0x10
    case symbolTable = 0x11
    case modificationTime = 0x12
    case nodeRanks = 0x13
    case driverInfo = 0x14
    case attributeInfo = 0x15
    case fileSpaceInfo = 0x17
    case cacheImage = 0x18
  }

  /// How messages are framed in a header.
  struct Form {
    let isNew: Bool
    /// True if each message of the newer form has a creation order.
    let tracksOrder: Bool
  }

  /// The type; nil for one that this reader has no use for.
  let type: Kind?
  /// True if the body only says where the message is (``SharedMessage``).
  let isShared: Bool
  /// True if a writer that did not know the type has changed the file since: it may no longer hold.
  let isStale: Bool
  let body: ByteCursor

  /// Reads the next message; nil where nothing but a gap is left.
  init?(_ block: inout ByteCursor, _ form: Form) throws(ParseFailure) {
    let field = "header message"
    let start = block.offset
    guard block.remaining >= (form.isNew ? (form.tracksOrder ? 6 : 4) : 8) else {
      guard form.isNew || block.remaining == 0 else {
        throw ParseFailure(.malformed, at: start, field, "a gap, which the older form has none of")
      }
      return nil
    }
    let number: UInt16
    let count: Int
    let flags: UInt8
    if form.isNew {
      number = UInt16(try block.readByte(field))
      count = Int(try block.read(UInt16.self, .little, field))
      flags = try block.readByte(field)
      if form.tracksOrder { try block.skip(2, field) }
    } else {
      // Type, size, flags, and three bytes of nothing, at once: there are very many.
      let head = try block.readBits(8, .little, field)
      number = UInt16(truncatingIfNeeded: head)
      count = Int(UInt16(truncatingIfNeeded: head >> 16))
      flags = UInt8(truncatingIfNeeded: head >> 32)
      guard count.isMultiple(of: 8) else {
        throw ParseFailure(
          .malformed, at: start, field, "\(count) bytes, which is no multiple of eight")
      }
    }
    body = try block.slice(count, field)
    type = Kind(rawValue: number)
    isShared = flags & 0x02 != 0
    isStale = flags & 0x20 != 0
    // "Fail if unknown, always": what the writer says nobody can do without. Type 9 is HDF5's own test of that.
    guard flags & 0x80 == 0 || (number <= 0x18 && number != 0x09) else {
      throw ParseFailure(
        .unsupported, at: start, field,
        "a message of type \(number), which the file says must be understood")
    }
    // Shared and never to be shared; unknown to a writer that should have failed, or marked it.
    guard flags & 0x06 != 0x06, flags & 0x28 != 0x28, flags & 0x30 != 0x20 else {
      throw ParseFailure(.malformed, at: start, field, "contradicting flags \(flags)")
    }
    // May be shared, of a type that never is; of types that are not known nothing is.
    guard flags & 0x40 == 0 || number > 0x18 || [1, 3, 4, 5, 9, 0x0B, 0x0C].contains(number) else {
      throw ParseFailure(
        .malformed, at: start, field, "a message of type \(number) is said to be shareable")
    }
  }
}
