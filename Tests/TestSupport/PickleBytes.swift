infix operator ++ : AdditionPrecedence

/// Joins pieces of bytes. `+` has so many meanings that a table of such expressions takes the compiler minutes.
public func ++ (left: [UInt8], right: [UInt8]) -> [UInt8] { left + right }

/// Pieces of pickles, spelled so that a person can read a test: `P.global("os", "system") ++ P.text("echo") ++ P.tuple1`.
public enum PickleBytes {
  /// `MARK`
  public static let mark: [UInt8] = [0x28]
  /// `STOP`
  public static let stop: [UInt8] = [0x2E]
  /// `NONE`
  public static let none: [UInt8] = [0x4E]
  /// `NEWTRUE`
  public static let yes: [UInt8] = [0x88]
  /// `NEWFALSE`
  public static let no: [UInt8] = [0x89]
  /// `EMPTY_TUPLE`
  public static let emptyTuple: [UInt8] = [0x29]
  /// `TUPLE`
  public static let tuple: [UInt8] = [0x74]
  /// `TUPLE1`
  public static let tuple1: [UInt8] = [0x85]
  /// `TUPLE2`
  public static let tuple2: [UInt8] = [0x86]
  /// `TUPLE3`
  public static let tuple3: [UInt8] = [0x87]
  /// `EMPTY_LIST`
  public static let emptyList: [UInt8] = [0x5D]
  /// `LIST`
  public static let list: [UInt8] = [0x6C]
  /// `APPEND`
  public static let append: [UInt8] = [0x61]
  /// `APPENDS`
  public static let appends: [UInt8] = [0x65]
  /// `EMPTY_DICT`
  public static let emptyDict: [UInt8] = [0x7D]
  /// `DICT`
  public static let dict: [UInt8] = [0x64]
  /// `SETITEM`
  public static let setItem: [UInt8] = [0x73]
  /// `SETITEMS`
  public static let setItems: [UInt8] = [0x75]
  /// `EMPTY_SET`
  public static let emptySet: [UInt8] = [0x8F]
  /// `ADDITEMS`
  public static let addItems: [UInt8] = [0x90]
  /// `FROZENSET`
  public static let frozenSet: [UInt8] = [0x91]
  /// `POP`
  public static let pop: [UInt8] = [0x30]
  /// `DUP`
  public static let dup: [UInt8] = [0x32]
  /// `POP_MARK`
  public static let popMark: [UInt8] = [0x31]
  /// `MEMOIZE`
  public static let memoize: [UInt8] = [0x94]
  /// `STACK_GLOBAL`
  public static let stackGlobal: [UInt8] = [0x93]
  /// `REDUCE`
  public static let reduce: [UInt8] = [0x52]
  /// `BUILD`
  public static let build: [UInt8] = [0x62]
  /// `OBJ`
  public static let obj: [UInt8] = [0x6F]
  /// `NEWOBJ`
  public static let newObj: [UInt8] = [0x81]
  /// `NEWOBJ_EX`
  public static let newObjEx: [UInt8] = [0x92]
  /// `BINPERSID`
  public static let binPersID: [UInt8] = [0x51]

  /// `PROTO`
  public static func proto(_ version: UInt8) -> [UInt8] { [0x80, version] }
  /// `BININT1`
  public static func integer(_ value: UInt8) -> [UInt8] { [0x4B, value] }
  /// `BININT`
  public static func binInt(_ value: Int32) -> [UInt8] {
    [0x4A] + littleEndian(UInt32(bitPattern: value))
  }
  /// `LONG1`
  public static func long(_ bytes: [UInt8]) -> [UInt8] {
    [0x8A, UInt8(truncatingIfNeeded: bytes.count)] + bytes
  }
  /// `BINFLOAT`
  public static func float(_ value: Double) -> [UInt8] {
    [0x47] + littleEndian(value.bitPattern).reversed()
  }
  /// `BINUNICODE`
  public static func text(_ text: String) -> [UInt8] {
    [0x58] + littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
  }
  /// `GLOBAL`
  public static func global(_ module: String, _ name: String) -> [UInt8] {
    [0x63] + Array("\(module)\n\(name)\n".utf8)
  }
  /// `INST`
  public static func inst(_ module: String, _ name: String) -> [UInt8] {
    [0x69] + Array("\(module)\n\(name)\n".utf8)
  }
  /// `BINPUT`
  public static func put(_ place: UInt8) -> [UInt8] { [0x71, place] }
  /// `BINGET`
  public static func get(_ place: UInt8) -> [UInt8] { [0x68, place] }
  /// An opcode and a line of text.
  public static func line(_ opcode: Character, _ text: String) -> [UInt8] {
    Array("\(opcode)\(text)\n".utf8)
  }

  /// The bytes of a number, the least significant first.
  public static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
}
