import CheckpointBytes
import PickleFormat
import TestSupport
import Testing

private typealias P = PickleBytes

private func scan(_ bytes: [UInt8]) -> PickleScan {
  var cursor = ByteCursor(bytes)
  return PickleScan(walking: &cursor)
}

@Suite("A scan tells what a pickle would have called")
struct PickleScanTests {
  static let calls: [(bytes: [UInt8], use: PickleScan.Use, rendering: String)] = [
    (
      P.global("os", "system") ++ P.text("echo hi") ++ P.tuple1 ++ P.reduce, PickleScan.Use.called,
      "os.system('echo hi')"
    ),
    (P.mark ++ P.text("echo hi") ++ P.inst("os", "system"), .instantiated, "os.system('echo hi')"),
    (
      P.mark ++ P.global("os", "system") ++ P.text("a") ++ P.integer(1) ++ P.obj, .instantiated,
      "os.system('a', 1)"
    ),
    (P.global("a", "b") ++ P.emptyTuple ++ P.newObj, .instantiated, "a.b()"),
    (
      P.global("a", "b") ++ P.emptyTuple ++ P.emptyDict ++ P.newObjEx, .instantiated, "a.b(, **{})"
    ),
    (
      P.text("os") ++ P.memoize ++ P.pop ++ P.text("system") ++ P.memoize ++ P.pop ++ P.get(0)
        ++ P.get(1)
        ++ P.stackGlobal ++ P.text("x") ++ P.tuple1 ++ P.reduce, .called, "os.system('x')"
    ),
    (
      P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.emptyDict ++ P.text("k") ++ P.integer(1)
        ++ P.setItem ++ P.build, .givenState, "a.b() ← {'k', 1}"
    ),
    (P.global("builtins", "exec"), .named, "builtins.exec"),
  ]

  @Test(
    "every way to name and to call",
    arguments: PickleScanTests.calls)
  func finds(_ bytes: [UInt8], _ use: PickleScan.Use, _ rendering: String) {
    let scan = scan(bytes ++ P.stop)
    #expect(scan.failure == nil)
    #expect(scan.findings.last?.use == use && scan.findings.last?.rendering == rendering)
  }

  @Test("A call of what a call returned is laid to the same global")
  func calledTwice() {
    let bytes =
      P.global("builtins", "getattr") ++ P.emptyTuple ++ P.reduce ++ P.text("x") ++ P.tuple1
      ++ P.reduce
    let last = scan(bytes ++ P.stop).findings.last
    #expect(last?.global == GlobalName("builtins", "getattr"))
    #expect(last?.rendering == "builtins.getattr()('x')" && last?.use == .called)
  }

  @Test("Extension codes and names that are not known are found too")
  func unknownNames() {
    let extension2 = scan([0x83, 1, 1] ++ P.stop)
    #expect(extension2.findings.map(\.rendering) == ["extension code 257"])
    let dynamic = scan(P.get(3) ++ P.text("system") ++ P.stackGlobal ++ P.stop)
    #expect(dynamic.findings.count == 1 && dynamic.findings.first?.global == nil)
  }

  @Test("What comes before a break is found, and the break is told")
  func brokenPickles() {
    let call = P.global("os", "system") ++ P.text("echo") ++ P.tuple1 ++ P.reduce
    for rest in [[], [0xFF], P.popMark ++ P.tuple3 ++ [0x58, 0xFF]] as [[UInt8]] {
      let scan = scan(call ++ rest)
      #expect(scan.findings.count == 2 && scan.failure != nil)
      #expect(scan.findings.last?.offset == 21)
    }
  }

  @Test("Long arguments are shortened, control characters escaped")
  func renderings() {
    let long =
      P.global("a", "b") ++ P.text(String(repeating: "x", count: 10_000)) ++ P.tuple1 ++ P.reduce
    let rendering = scan(long ++ P.stop).findings.last?.rendering ?? ""
    #expect(rendering.count < 300 && rendering.hasPrefix("a.b('xxx"))
    let escape = P.global("a", "b\u{1B}[31m")
    #expect(scan(escape ++ P.stop).findings.last?.rendering == "a.b\\u{1b}[31m")
  }
}

@Suite("Opcodes")
struct OpcodeTests {
  @Test("Codes and names are pickletools' (CPython 3.11), all 68")
  func names() {
    let known: [(Character, String)] = [
      ("I", "INT"), ("J", "BININT"), ("K", "BININT1"), ("M", "BININT2"), ("L", "LONG"),
      ("\u{8A}", "LONG1"), ("\u{8B}", "LONG4"), ("S", "STRING"), ("T", "BINSTRING"),
      ("U", "SHORT_BINSTRING"), ("B", "BINBYTES"), ("C", "SHORT_BINBYTES"), ("\u{8E}", "BINBYTES8"),
      ("\u{96}", "BYTEARRAY8"), ("\u{97}", "NEXT_BUFFER"), ("\u{98}", "READONLY_BUFFER"),
      ("N", "NONE"), ("\u{88}", "NEWTRUE"), ("\u{89}", "NEWFALSE"), ("V", "UNICODE"),
      ("\u{8C}", "SHORT_BINUNICODE"), ("X", "BINUNICODE"), ("\u{8D}", "BINUNICODE8"),
      ("F", "FLOAT"), ("G", "BINFLOAT"), ("]", "EMPTY_LIST"), ("a", "APPEND"), ("e", "APPENDS"),
      ("l", "LIST"), (")", "EMPTY_TUPLE"), ("t", "TUPLE"), ("\u{85}", "TUPLE1"),
      ("\u{86}", "TUPLE2"), ("\u{87}", "TUPLE3"), ("}", "EMPTY_DICT"), ("d", "DICT"),
      ("s", "SETITEM"), ("u", "SETITEMS"), ("\u{8F}", "EMPTY_SET"), ("\u{90}", "ADDITEMS"),
      ("\u{91}", "FROZENSET"), ("0", "POP"), ("2", "DUP"), ("(", "MARK"), ("1", "POP_MARK"),
      ("g", "GET"), ("h", "BINGET"), ("j", "LONG_BINGET"), ("p", "PUT"), ("q", "BINPUT"),
      ("r", "LONG_BINPUT"), ("\u{94}", "MEMOIZE"), ("\u{82}", "EXT1"), ("\u{83}", "EXT2"),
      ("\u{84}", "EXT4"), ("c", "GLOBAL"), ("\u{93}", "STACK_GLOBAL"), ("R", "REDUCE"),
      ("b", "BUILD"), ("i", "INST"), ("o", "OBJ"), ("\u{81}", "NEWOBJ"), ("\u{92}", "NEWOBJ_EX"),
      ("\u{80}", "PROTO"), (".", "STOP"), ("\u{95}", "FRAME"), ("P", "PERSID"), ("Q", "BINPERSID"),
    ]
    #expect(known.count == 68 && Opcode.allCases.count == 68)
    for (code, name) in known {
      let byte = code.unicodeScalars.first.map { UInt8(truncatingIfNeeded: $0.value) } ?? 0
      #expect(Opcode(rawValue: byte)?.name == name)
    }
  }
}
