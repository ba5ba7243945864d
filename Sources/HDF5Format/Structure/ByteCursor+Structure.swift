internal import CheckpointBytes

// Fields that occur in all structures of HDF5. All numbers are little-endian.

extension ByteCursor {
  /// What is left, in a buffer of its own: for what is kept longer than the block around it.
  var detached: ByteCursor {
    ByteCursor(Array(bytes[position..<end]), base: offset)
  }

  /// Reads an unsigned integer of any width. What does not fit 64 bits is malformed: no file is that long.
  mutating func readUnsigned(_ width: Int, _ field: String) throws(ParseFailure) -> UInt64 {
    if (1...8).contains(width) { return try readBits(width, .little, field) }
    let start = offset
    let bytes = try readBytes(width, field)
    var value: UInt64 = 0
    for byte in bytes.prefix(8).reversed() { value = value << 8 | UInt64(byte) }
    guard bytes.dropFirst(8).allSatisfy({ $0 == 0 }) else {
      throw ParseFailure(.malformed, at: start, field, "the number does not fit 64 bits")
    }
    return value
  }

  /// Reads an unsigned integer of any width; nil if all its bits are set, which stands for no number.
  mutating func readUnlessAllOnes(_ width: Int, _ field: String) throws(ParseFailure) -> UInt64? {
    if width == 8 {
      let value = try readBits(8, .little, field)
      return value == .max ? nil : value
    }
    var ahead = self
    if try ahead.readBytes(width, field).allSatisfy({ $0 == 0xFF }) {
      self = ahead
      return nil
    }
    return try readUnsigned(width, field)
  }

  /// Reads an address; nil for the undefined one, all of whose bits are set.
  mutating func readAddress(_ form: AddressForm, _ field: String) throws(ParseFailure) -> UInt64? {
    try readUnlessAllOnes(form.addressByteCount, field)
  }

  /// Reads an address that must be defined.
  mutating func readDefinedAddress(
    _ form: AddressForm, _ field: String
  ) throws(ParseFailure) -> UInt64 {
    let start = offset
    guard let address = try readAddress(form, field) else {
      throw ParseFailure(.malformed, at: start, field, "the address is undefined")
    }
    return address
  }

  /// Reads a length.
  mutating func readLength(_ form: AddressForm, _ field: String) throws(ParseFailure) -> UInt64 {
    try readUnsigned(form.lengthByteCount, field)
  }

  /// Reads a length of which only counts that something is not longer; what does not fit 64 bits is longer than anything.
  mutating func readRoom(_ form: AddressForm, _ field: String) throws(ParseFailure) -> UInt64 {
    var ahead = self
    let isWide = try ahead.readBytes(form.lengthByteCount, field).dropFirst(8)
      .contains { $0 != 0 }
    guard isWide else { return try readLength(form, field) }
    self = ahead
    return .max
  }

  /// Reads a length or number that must fit what a file can hold.
  mutating func readCount(_ width: Int, _ field: String) throws(ParseFailure) -> Int {
    let start = offset
    let value = try readUnsigned(width, field)
    guard let count = Int(exactly: value) else {
      throw ParseFailure(.malformed, at: start, field, "the number \(value) is beyond 2^63")
    }
    return count
  }

  /// Reads a version number. A higher one than this reader knows is most likely of a newer library.
  @discardableResult
  mutating func readVersion(
    _ known: ClosedRange<UInt8>, _ structure: String
  ) throws(ParseFailure) -> UInt8 {
    let start = offset
    let version = try readByte(structure)
    guard known.contains(version) else {
      throw ParseFailure(
        version > known.upperBound ? .unsupported : .malformed, at: start, structure,
        "version \(version) is not known, expected \(known.lowerBound)"
          + (known.count > 1 ? " to \(known.upperBound)" : ""))
    }
    return version
  }

  /// Reads the letters that a structure begins with.
  mutating func readSignature(_ signature: String) throws(ParseFailure) {
    let start = offset
    guard try readBytes(signature.utf8.count, signature).elementsEqual(signature.utf8) else {
      throw ParseFailure(.malformed, at: start, signature, "the signature is not there")
    }
  }

  /// Takes this whole block for one that begins with a signature and ends with a checksum of what is before it; returns
  /// what is between.
  mutating func readChecked(_ signature: String) throws(ParseFailure) -> ByteCursor {
    let start = position
    try readSignature(signature)
    guard remaining >= 4 else {
      throw ParseFailure(.truncated, at: offset, signature, "expected a checksum")
    }
    let content = try slice(remaining - 4, signature)
    try checkSum(from: start, signature)
    return content
  }

  /// Reads a checksum and compares it with that of the bytes from `start` up to here.
  mutating func checkSum(from start: Int, _ structure: String) throws(ParseFailure) {
    let (place, content) = (offset, bytes[start..<position])
    guard Lookup3.accepts(try read(UInt32.self, .little, "checksum"), of: content) else {
      throw ParseFailure(
        .mismatch, at: place, structure, "the checksum is another: the structure is damaged")
    }
  }
}
