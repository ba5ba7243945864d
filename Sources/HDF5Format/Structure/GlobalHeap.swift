internal import CheckpointBytes

/// The objects that variable-length elements refer to (HDF5 specification III.E), by collection and number.
///
/// ```
/// GCOL │ version │ size │ number, references, size, bytes │ … │ 0: what is left
/// ```
final class GlobalHeap {
  private let bytes: StructureBytes
  /// The objects of each collection that was asked for: where in the file each lies.
  private var collections: [UInt64: [UInt16: (address: UInt64, count: UInt64)]] = [:]

  init(_ bytes: StructureBytes) {
    self.bytes = bytes
  }

  /// Reads the element that a reference of variable length leads to, of elements of `size` bytes.
  func element(
    _ reference: inout ByteCursor, size: Int
  ) throws(ParseFailure) -> ArraySlice<UInt8> {
    let field = "global heap identifier"
    let start = reference.offset
    let count = Int(try reference.read(UInt32.self, .little, field))
    let address = try reference.readAddress(bytes.form, field)
    let number = try reference.read(UInt32.self, .little, field)
    guard count > 0, let address, address > 0 else { return [] }
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
    guard let number = UInt16(exactly: number), number > 0,
      let object = try collection(at: address)[number]
    else {
      throw ParseFailure(.malformed, at: start, field, "there is no object \(number)")
    }
    guard !overflow, byteCount <= object.count else {
      throw ParseFailure(
        .malformed, at: start, field,
        "expected \(byteCount) bytes, the object has \(object.count)")
    }
    var content = try bytes.block(at: object.address, count: UInt64(byteCount), "global heap")
    return try content.readBytes(byteCount, "global heap")
  }

  private func collection(
    at address: UInt64
  ) throws(ParseFailure) -> [UInt16: (address: UInt64, count: UInt64)] {
    if let known = collections[address] { return known }
    let form = bytes.form
    // Heads of the collection and of its objects are alike: eight bytes and a length, up to a multiple of eight.
    let headByteCount = (8 + form.lengthByteCount + 7) & ~7
    var head = try bytes.block(at: address, count: UInt64(headByteCount), "GCOL")
    let start = head.offset
    try head.readSignature("GCOL")
    try head.readVersion(1...1, "global heap collection")
    try head.skip(3, "global heap collection")
    let count = try head.readLength(form, "global heap collection")
    guard count >= UInt64(headByteCount) else {
      throw ParseFailure(.malformed, at: start, "global heap collection", "has \(count) bytes")
    }
    // Only the objects' heads are looked at, but all of it counts as read: collections can lie over one another.
    let end = try bytes.place(address, count: count, "GCOL", orThrow: .malformed).upperBound
    try bytes.charge(Int(count), "GCOL")
    var objects: [UInt16: (address: UInt64, count: UInt64)] = [:]
    var next = address + UInt64(headByteCount)
    let objectHead = UInt64(headByteCount)
    while UInt64(end - bytes.form.base) - next >= objectHead {
      var object = try bytes.block(at: next, count: objectHead, "global heap object")
      let number = try object.read(UInt16.self, .little, "global heap object")
      try object.skip(6, "global heap object")
      let place = object.offset
      let size = try object.readLength(form, "global heap object")
      // What is left.
      if number == 0 { break }
      let room = UInt64(end - bytes.form.base) - next - objectHead
      guard size <= room else {
        throw ParseFailure(
          .malformed, at: place, "global heap object", "\(size) bytes, \(room) are left")
      }
      guard objects.updateValue((next + objectHead, size), forKey: number) == nil else {
        throw ParseFailure(.malformed, at: place, "global heap object", "\(number) occurs twice")
      }
      next += objectHead + min(room, (size + 7) & ~7)
    }
    collections[address] = objects
    return objects
  }
}
