internal import CheckpointBytes

/// One operation of a pickle with its argument, as the bytes state it; text is not decoded yet.
struct PickleInstruction {
  enum Argument {
    case nothing
    case integer(Int64)
    case unsigned(UInt64)
    case float(Double)
    case bytes(ArraySlice<UInt8>)
    case line(ArraySlice<UInt8>)
    case twoLines(ArraySlice<UInt8>, ArraySlice<UInt8>)
  }

  let opcode: Opcode
  let argument: Argument
  /// The offset of the opcode's byte.
  let offset: Int

  /// What a text, bytes or a line take.
  var argumentByteCount: Int {
    switch argument {
    case .bytes(let bytes), .line(let bytes): bytes.count
    case .twoLines(let first, let second): first.count + second.count
    case .nothing, .integer, .unsigned, .float: 0
    }
  }
}

extension Opcode {
  /// The little-endian length behind an operation's code; the bytes hold it.
  static func length(in bytes: [UInt8], behind position: Int, width: Int) -> UInt64 {
    var length: UInt64 = 0
    for place in stride(from: position + width, to: position, by: -1) {
      length = length << 8 | UInt64(bytes[place])
    }
    return length
  }
}

extension PickleInstruction {
  /// Reads the next operation. Every length is compared with what is left before anything is done with it.
  ///
  /// With `frameEnd` it is read as CPython's C version reads an operation that passes the end of its frame: the part of
  /// the argument that the frame cuts is taken from behind the frame (`Modules/_pickle.c`, `_Unpickler_ReadImpl`: a new
  /// read replaces what is left of the buffer). With `takesCutLine` a line that the bytes end in is taken without its last byte, as
  /// Python's own `pickle._Unpickler` takes it, and joblib's.
  init(
    _ cursor: inout ByteCursor, leaving frameEnd: Int? = nil, takesCutLine: Bool = false
  ) throws(ParseFailure) {
    let offset = cursor.offset
    let byte = try cursor.readByte("opcode")
    guard let opcode = Opcode(rawValue: byte) else {
      throw ParseFailure(
        .malformed, at: offset, "opcode", "no operation has the code 0x\(String(byte, radix: 16))")
    }
    self.opcode = opcode
    self.offset = offset
    let place = (end: frameEnd, name: opcode.name)
    switch opcode.layout {
    case .nothing: argument = .nothing
    case .unsigned(let width): argument = .unsigned(try cursor.bits(width, .little, place))
    case .signed4: argument = .integer(Int64(try cursor.signed4(place)))
    case .float8:
      argument = .float(Double(bitPattern: try cursor.bits(8, .big, place)))
    case .counted(let width):
      let count = try cursor.bits(width, .little, place)
      argument = .bytes(try cursor.counted(count, place))
    case .signedCounted4:
      let count = try cursor.signed4(place)
      guard count >= 0 else {
        throw ParseFailure(.malformed, at: offset, opcode.name, "the length is negative (\(count))")
      }
      argument = .bytes(try cursor.counted(UInt64(count), place))
    case .line: argument = .line(try cursor.line(place, mayBeCut: takesCutLine))
    case .twoLines:
      let first = try cursor.line(place, mayBeCut: takesCutLine)
      argument = .twoLines(
        first, try cursor.line(place, mayBeCut: takesCutLine, mayBeMissing: takesCutLine))
    }
  }
}

/// The parts of an operation's argument. Each is told the operation's name and where the frame ends that a part it cuts is
/// to be looked for behind, if so.
extension ByteCursor {
  fileprivate typealias Place = (end: Int?, name: String)

  /// Goes to the end of the frame if the next so many bytes do not lie inside it.
  private mutating func leaveFrame(_ place: Place, cutting count: UInt64) throws(ParseFailure) {
    guard let end = place.end, offset < end, count > UInt64(end - offset) else { return }
    try seek(to: end - base, place.name)
  }

  fileprivate mutating func bits(
    _ byteCount: Int, _ order: ByteOrder, _ place: Place
  ) throws(ParseFailure) -> UInt64 {
    try leaveFrame(place, cutting: UInt64(byteCount))
    return try readBits(byteCount, order, place.name)
  }

  fileprivate mutating func signed4(_ place: Place) throws(ParseFailure) -> Int32 {
    Int32(truncatingIfNeeded: try bits(4, .little, place))
  }

  fileprivate mutating func counted(
    _ count: UInt64, _ place: Place
  ) throws(ParseFailure) -> ArraySlice<UInt8> {
    try leaveFrame(place, cutting: count)
    return try readBytes(counted: count, place.name)
  }

  fileprivate mutating func line(
    _ place: Place, mayBeCut: Bool, mayBeMissing: Bool = false
  ) throws(ParseFailure) -> ArraySlice<UInt8> {
    if mayBeCut, remaining > 0 || mayBeMissing, newline(before: end) == nil {
      return try readBytes(remaining, place.name).dropLast()
    }
    if let end = place.end, offset < end, newline(before: end - base) == nil {
      try seek(to: end - base, place.name)
    }
    return try readLine(place.name)
  }
}
