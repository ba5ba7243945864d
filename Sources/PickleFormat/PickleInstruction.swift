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
}

extension PickleInstruction {
  /// Reads the next operation. Every length is compared with what is left before anything is done with it.
  init(_ cursor: inout ByteCursor) throws(ParseFailure) {
    let offset = cursor.offset
    let byte = try cursor.readByte("opcode")
    guard let opcode = Opcode(rawValue: byte) else {
      throw ParseFailure(
        .malformed, at: offset, "opcode", "no operation has the code 0x\(String(byte, radix: 16))")
    }
    self.opcode = opcode
    self.offset = offset
    switch opcode.layout {
    case .nothing: argument = .nothing
    case .unsigned(let width):
      argument = .unsigned(try PickleInstruction.readUnsigned(&cursor, width, opcode))
    case .signed4:
      argument = .integer(Int64(try cursor.read(Int32.self, .little, opcode.name)))
    case .float8:
      argument = .float(Double(bitPattern: try cursor.read(UInt64.self, .big, opcode.name)))
    case .counted(let width):
      let count = try PickleInstruction.readUnsigned(&cursor, width, opcode)
      argument = .bytes(try cursor.readBytes(counted: count, opcode.name))
    case .signedCounted4:
      let count = try cursor.read(Int32.self, .little, opcode.name)
      guard count >= 0 else {
        throw ParseFailure(.malformed, at: offset, opcode.name, "the length is negative (\(count))")
      }
      argument = .bytes(try cursor.readBytes(counted: UInt64(count), opcode.name))
    case .line: argument = .line(try cursor.readLine(opcode.name))
    case .twoLines:
      let first = try cursor.readLine(opcode.name)
      argument = .twoLines(first, try cursor.readLine(opcode.name))
    }
  }

  private static func readUnsigned(
    _ cursor: inout ByteCursor, _ width: Int, _ opcode: Opcode
  ) throws(ParseFailure) -> UInt64 {
    switch width {
    case 1: UInt64(try cursor.readByte(opcode.name))
    case 2: UInt64(try cursor.read(UInt16.self, .little, opcode.name))
    case 4: UInt64(try cursor.read(UInt32.self, .little, opcode.name))
    default: try cursor.read(UInt64.self, .little, opcode.name)
    }
  }
}
