internal import CheckpointBytes

extension PickleInstruction {
  /// The number, text or constant that the operation makes; nil if it makes none, or if its argument spells none.
  var atom: PickleValue? {
    switch argument {
    case .nothing:
      switch opcode {
      case .none: PickleValue.none
      case .newTrue: .boolean(true)
      case .newFalse: .boolean(false)
      default: nil
      }
    case .integer(let value): opcode == .binInt ? .integer(value) : nil
    case .unsigned(let value):
      opcode == .binInt1 || opcode == .binInt2
        ? .integer(Int64(truncatingIfNeeded: value)) : nil
    case .float(let value): .float(value)
    case .bytes(let bytes): atom(bytes)
    case .line(let line): atom(line: line)
    case .twoLines: nil
    }
  }

  private func atom(_ bytes: ArraySlice<UInt8>) -> PickleValue? {
    switch opcode {
    case .long1, .long4: PickleText.integer(littleEndian: bytes)
    case .binString, .shortBinString: PickleInstruction.byteString(bytes)
    case .byteArray8: .byteArray([UInt8](bytes))
    case .binBytes, .shortBinBytes, .binBytes8: .bytes([UInt8](bytes))
    default: String(utf8: bytes).map(PickleValue.string)
    }
  }

  /// A byte string of Python 2, which was text or data: text if it is UTF-8, otherwise bytes. No encoding is guessed,
  /// and both ways the bytes can be had back.
  private static func byteString(_ bytes: some Sequence<UInt8> & Collection) -> PickleValue {
    String(validating: bytes, as: UTF8.self).map(PickleValue.string) ?? .bytes([UInt8](bytes))
  }

  private func atom(line: ArraySlice<UInt8>) -> PickleValue? {
    switch opcode {
    case .int:
      // Protocol 0 writes booleans so.
      if line.elementsEqual("00".utf8) { return .boolean(false) }
      if line.elementsEqual("01".utf8) { return .boolean(true) }
      return PickleText.integer(line)
    case .long:
      return PickleText.integer(line.last == UInt8(ascii: "L") ? line.dropLast() : line)
    case .float: return PickleText.float(line).map(PickleValue.float)
    case .string: return PickleText.quotedBytes(line).map(PickleInstruction.byteString)
    case .unicode: return PickleText.rawUnicodeEscape(line).map(PickleValue.string)
    case .persID: return PickleText.ascii(line).map(PickleValue.string)
    default: return nil
    }
  }
}
