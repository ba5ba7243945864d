/// The operations of a pickle, protocols 0 to 5, named as Python's `pickletools` names them (CPython 3.11).
package enum Opcode: UInt8, Sendable, Hashable, CaseIterable {
  // Integers
  case int = 0x49
  case binInt = 0x4A
  case binInt1 = 0x4B
  case binInt2 = 0x4D
  case long = 0x4C
  case long1 = 0x8A
  case long4 = 0x8B
  // Byte strings of Python 2, bytes of Python 3
  case string = 0x53
  case binString = 0x54
  case shortBinString = 0x55
  case binBytes = 0x42
  case shortBinBytes = 0x43
  case binBytes8 = 0x8E
  case byteArray8 = 0x96
  case nextBuffer = 0x97
  case readonlyBuffer = 0x98
  // Constants
  case none = 0x4E
  case newTrue = 0x88
  case newFalse = 0x89
  // Text
  case unicode = 0x56
  case shortBinUnicode = 0x8C
  case binUnicode = 0x58
  case binUnicode8 = 0x8D
  // Floats
  case float = 0x46
  case binFloat = 0x47
  // Lists
  case emptyList = 0x5D
  case append = 0x61
  case appends = 0x65
  case list = 0x6C
  // Tuples
  case emptyTuple = 0x29
  case tuple = 0x74
  case tuple1 = 0x85
  case tuple2 = 0x86
  case tuple3 = 0x87
  // Dictionaries
  case emptyDict = 0x7D
  case dict = 0x64
  case setItem = 0x73
  case setItems = 0x75
  // Sets
  case emptySet = 0x8F
  case addItems = 0x90
  case frozenSet = 0x91
  // The stack
  case pop = 0x30
  case dup = 0x32
  case mark = 0x28
  case popMark = 0x31
  // The memo
  case get = 0x67
  case binGet = 0x68
  case longBinGet = 0x6A
  case put = 0x70
  case binPut = 0x71
  case longBinPut = 0x72
  case memoize = 0x94
  // The extension registry
  case ext1 = 0x82
  case ext2 = 0x83
  case ext4 = 0x84
  // Globals, and what is made of them
  case global = 0x63
  case stackGlobal = 0x93
  case reduce = 0x52
  case build = 0x62
  case inst = 0x69
  case obj = 0x6F
  case newObj = 0x81
  case newObjEx = 0x92
  // The machine
  case proto = 0x80
  case stop = 0x2E
  case frame = 0x95
  // Persistent ids
  case persID = 0x50
  case binPersID = 0x51
}

extension Opcode {
  /// What follows an opcode's byte.
  package enum Layout: Sendable, Hashable {
    /// Nothing.
    case nothing
    /// An unsigned little-endian number of so many bytes.
    case unsigned(Int)
    /// A signed little-endian number of four bytes.
    case signed4
    /// A big-endian IEEE 754 binary64.
    case float8
    /// An unsigned little-endian length of so many bytes, and as many bytes.
    case counted(Int)
    /// A signed little-endian length of four bytes, and as many bytes.
    case signedCounted4
    /// A line of text.
    case line
    /// Two lines of text.
    case twoLines
  }

  /// What follows the opcode's byte in the stream.
  package var layout: Layout {
    switch self {
    case .int, .long, .string, .unicode, .float, .get, .put, .persID: .line
    case .global, .inst: .twoLines
    case .binInt, .ext4: .signed4
    case .binInt1, .binGet, .binPut, .ext1, .proto: .unsigned(1)
    case .binInt2, .ext2: .unsigned(2)
    case .longBinGet, .longBinPut: .unsigned(4)
    case .frame: .unsigned(8)
    case .binFloat: .float8
    case .long1, .shortBinString, .shortBinBytes, .shortBinUnicode: .counted(1)
    case .long4, .binString: .signedCounted4
    case .binBytes, .binUnicode: .counted(4)
    case .binBytes8, .byteArray8, .binUnicode8: .counted(8)
    default: .nothing
    }
  }

  /// The name `pickletools` gives the operation.
  package var name: String {
    switch self {
    case .int: "INT"
    case .binInt: "BININT"
    case .binInt1: "BININT1"
    case .binInt2: "BININT2"
    case .long: "LONG"
    case .long1: "LONG1"
    case .long4: "LONG4"
    case .string: "STRING"
    case .binString: "BINSTRING"
    case .shortBinString: "SHORT_BINSTRING"
    case .binBytes: "BINBYTES"
    case .shortBinBytes: "SHORT_BINBYTES"
    case .binBytes8: "BINBYTES8"
    case .byteArray8: "BYTEARRAY8"
    case .nextBuffer: "NEXT_BUFFER"
    case .readonlyBuffer: "READONLY_BUFFER"
    case .none: "NONE"
    case .newTrue: "NEWTRUE"
    case .newFalse: "NEWFALSE"
    case .unicode: "UNICODE"
    case .shortBinUnicode: "SHORT_BINUNICODE"
    case .binUnicode: "BINUNICODE"
    case .binUnicode8: "BINUNICODE8"
    case .float: "FLOAT"
    case .binFloat: "BINFLOAT"
    case .emptyList: "EMPTY_LIST"
    case .append: "APPEND"
    case .appends: "APPENDS"
    case .list: "LIST"
    case .emptyTuple: "EMPTY_TUPLE"
    case .tuple: "TUPLE"
    case .tuple1: "TUPLE1"
    case .tuple2: "TUPLE2"
    case .tuple3: "TUPLE3"
    case .emptyDict: "EMPTY_DICT"
    case .dict: "DICT"
    case .setItem: "SETITEM"
    case .setItems: "SETITEMS"
    case .emptySet: "EMPTY_SET"
    case .addItems: "ADDITEMS"
    case .frozenSet: "FROZENSET"
    case .pop: "POP"
    case .dup: "DUP"
    case .mark: "MARK"
    case .popMark: "POP_MARK"
    case .get: "GET"
    case .binGet: "BINGET"
    case .longBinGet: "LONG_BINGET"
    case .put: "PUT"
    case .binPut: "BINPUT"
    case .longBinPut: "LONG_BINPUT"
    case .memoize: "MEMOIZE"
    case .ext1: "EXT1"
    case .ext2: "EXT2"
    case .ext4: "EXT4"
    case .global: "GLOBAL"
    case .stackGlobal: "STACK_GLOBAL"
    case .reduce: "REDUCE"
    case .build: "BUILD"
    case .inst: "INST"
    case .obj: "OBJ"
    case .newObj: "NEWOBJ"
    case .newObjEx: "NEWOBJ_EX"
    case .proto: "PROTO"
    case .stop: "STOP"
    case .frame: "FRAME"
    case .persID: "PERSID"
    case .binPersID: "BINPERSID"
    }
  }
}
