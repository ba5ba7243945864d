/// A pickle as `pickletools.genops` lists it, one opcode a line, without the opcodes that fill the memo and with those
/// that fetch from it replaced by what they fetch: two pickles that differ in their use of the memo list alike.
///
/// Knows the opcodes that the writer uses; returns nil at any other.
func pickleListing(_ bytes: [UInt8]) -> [String]? {
  var lines: [String] = []
  var memo: [Int: String] = [:]
  var rest = bytes[...]
  func number(_ count: Int) -> Int {
    let digits = rest.prefix(count)
    rest = rest.dropFirst(count)
    return digits.reversed().reduce(0) { $0 << 8 | Int($1) }
  }
  func line() -> String {
    let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
    defer { rest = rest[end...].dropFirst() }
    return String(decoding: rest[..<end], as: UTF8.self)
  }
  while let opcode = rest.popFirst() {
    switch opcode {
    case 0x71: memo[number(1)] = lines.last
    case 0x72: memo[number(4)] = lines.last
    case 0x68: lines.append(memo[number(1)] ?? "?")
    case 0x6A: lines.append(memo[number(4)] ?? "?")
    case 0x80: lines.append("PROTO \(number(1))")
    case 0x4B: lines.append("BININT1 \(number(1))")
    case 0x4D: lines.append("BININT2 \(number(2))")
    case 0x4A: lines.append("BININT \(Int32(truncatingIfNeeded: number(4)))")
    case 0x63: lines.append("GLOBAL \(line()) \(line())")
    case 0x58:
      let count = number(4)
      lines.append("BINUNICODE " + String(decoding: rest.prefix(count), as: UTF8.self))
      rest = rest.dropFirst(count)
    default:
      guard let name = plainOpcodes[opcode] else { return nil }
      lines.append(name)
    }
  }
  return lines
}

private let plainOpcodes: [UInt8: String] = [
  0x28: "MARK", 0x29: "EMPTY_TUPLE", 0x2E: "STOP", 0x4E: "NONE", 0x51: "BINPERSID", 0x52: "REDUCE",
  0x5D: "EMPTY_LIST", 0x61: "APPEND", 0x62: "BUILD", 0x65: "APPENDS", 0x73: "SETITEM",
  0x74: "TUPLE",
  0x75: "SETITEMS", 0x7D: "EMPTY_DICT", 0x85: "TUPLE1", 0x86: "TUPLE2", 0x87: "TUPLE3",
  0x88: "NEWTRUE", 0x89: "NEWFALSE",
]
