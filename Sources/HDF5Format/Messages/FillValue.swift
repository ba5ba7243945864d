internal import CheckpointBytes

/// The element that stands where nothing was written (HDF5 specification IV.A.2.e and f).
struct FillValue {
  /// Empty for zeros, nil if the file defines none.
  let bytes: [UInt8]?

  /// What holds where no message says anything.
  static let zeros = FillValue(bytes: [])

  private init(bytes: [UInt8]?) {
    self.bytes = bytes
  }

  init(_ body: ByteCursor) throws(ParseFailure) {
    let field = "fill value"
    var body = body
    let version = try body.readVersion(1...3, field)
    let start = body.offset
    let writeTime: UInt8
    var bytes: [UInt8]?
    if version == 3 {
      let flags = try body.readByte(field)
      guard flags & 0xC0 == 0, flags & 0x30 != 0x30 else {
        throw ParseFailure(.malformed, at: body.offset, field, "contradicting flags \(flags)")
      }
      writeTime = flags >> 2 & 3
      bytes = flags & 0x10 != 0 ? nil : flags & 0x20 != 0 ? try Self.counted(&body) : []
    } else {
      try body.skip(1, field)
      writeTime = try body.readByte(field)
      bytes = try body.readByte(field) != 0 ? try Self.counted(&body) : nil
    }
    // When it is written: with the allocation, never, or where it was set.
    guard writeTime <= 2 else {
      throw ParseFailure(.malformed, at: start, field, "a write time of \(writeTime)")
    }
    // What is never written stands nowhere: libhdf5 leaves what was not written as it is, which is zeros.
    self.bytes = bytes != nil && writeTime == 1 ? [] : bytes
  }

  /// Reads the message that older files have, where none is an empty one.
  init(old body: ByteCursor) throws(ParseFailure) {
    var body = body
    let value = try Self.counted(&body)
    bytes = value.isEmpty ? nil : value
  }

  private static func counted(_ body: inout ByteCursor) throws(ParseFailure) -> [UInt8] {
    let count = try body.read(UInt32.self, .little, "fill value")
    return Array(try body.readBytes(counted: UInt64(count), "fill value"))
  }
}
