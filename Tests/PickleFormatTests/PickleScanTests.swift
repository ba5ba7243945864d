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
  @Test(
    "a long value is spelled once, however many calls are given it",
    arguments: ["V", "I", "X", "B"])
  func longValue(_ code: String) {
    let count = 1_000_000
    let digits = Array(repeating: UInt8(ascii: "1"), count: count)
    let length = (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    let isLine = code == "V" || code == "I"
    let value = Array(code.utf8) + (isLine ? digits + [0x0A] : length + digits)
    var bytes = value + Array("q\u{0}0".utf8)
    for number in 0..<5_000 { bytes += Array("cm\(number)\nf\n(h\u{0}tR0".utf8) }
    let found = scan(bytes + Array("N.".utf8))
    #expect(found.failure == nil && found.findings.count == 10_000)
    #expect(found.findings.allSatisfy { $0.rendering.unicodeScalars.count < 400 })
    #expect(found.findings.last?.rendering.contains("1111") == true)
  }

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

@Suite("A scan notes what Python would refuse")
struct PickleFaultTests {
  private static let refused: [(bytes: [UInt8], opcode: String, offset: Int)] = [
    (P.tuple, "TUPLE", 0),
    (P.tuple2, "TUPLE2", 0),
    (P.none ++ P.mark ++ P.tuple1, "TUPLE1", 2),
    (P.get(3), "BINGET", 0),
    (P.emptyDict ++ P.memoize ++ P.get(0) ++ P.none ++ P.setItem, "SETITEM", 5),
    (P.emptySet ++ P.memoize ++ P.mark ++ P.get(0) ++ P.addItems, "ADDITEMS", 5),
    (P.emptyList ++ P.tuple1 ++ P.memoize ++ P.mark ++ P.get(0) ++ P.frozenSet, "FROZENSET", 6),
    ([], "STOP", 0),
  ]

  @Test(
    "A mark, a value or a place of the memo that is not there, and what cannot be hashed",
    arguments: refused.indices)
  func faults(_ index: Int) {
    let (bytes, opcode, offset) = PickleFaultTests.refused[index]
    let scan = scan(bytes ++ P.stop)
    #expect(scan.failure == nil && scan.faults.map(\.kind) == [.malformed])
    #expect(scan.faults.first?.field == opcode && scan.faults.first?.offset == offset)
  }

  @Test("Lists and dictionaries that hold themselves are sound")
  func cycles() {
    let list = P.emptyList ++ P.memoize ++ P.get(0) ++ P.append
    let dictionary = P.emptyDict ++ P.memoize ++ P.text("self") ++ P.get(0) ++ P.setItem
    for bytes in [list, dictionary] { #expect(scan(bytes ++ P.stop).faults.isEmpty) }
  }

  @Test(
    "Billion laughs are called by their name, of whatever containers",
    arguments: [0x6C, 0x74, 0x91] as [UInt8])
  func billionLaughs(_ container: UInt8) {
    // MARK … TUPLE of ten times the value below, by DUP: 10^12 values.
    var bytes = [UInt8](repeating: 0x28, count: 12) ++ P.integer(1)
    for _ in 0..<12 {
      bytes += [UInt8](repeating: 0x32, count: 9)
      bytes.append(container)
    }
    let scan = scan(bytes ++ P.stop)
    #expect(
      scan.faults.contains { $0.kind == .limitExceeded && $0.problem.contains("billion laughs") })
  }

  @Test("What many share is no attack")
  func shared() {
    let shared = P.mark ++ P.integer(1) ++ P.integer(2) ++ P.tuple ++ P.memoize ++ P.pop
    let bytes =
      P.proto(4) ++ shared ++ P.emptyList ++ P.mark ++ (0..<50_000).flatMap { _ in P.get(0) }
      ++ P.appends
    #expect(scan(bytes ++ P.stop).faults.isEmpty)
  }

  @Test(
    "What a call is given is told with everything in it, where the pickle put it into the memo before"
  )
  func sharedContainers() throws {
    let list =
      P.emptyList ++ P.memoize ++ P.mark ++ P.integer(1) ++ P.text("two") ++ P.appends ++ P.pop
    let bytes =
      list ++ P.global("os", "system") ++ P.get(0) ++ P.get(0) ++ P.tuple2 ++ P.reduce ++ P.stop
    let finding = try #require(scan(bytes).findings.last)
    #expect(finding.rendering == "os.system([1, 'two'], [1, 'two'])")
  }

  @Test(
    "Results that are called, tuples in tuples and lists in themselves are spelled as far as a line goes"
  )
  func deepValues() {
    let count = 300_000
    let calls = P.global("a", "b") ++ (0..<count).flatMap { _ in P.emptyTuple ++ P.reduce }
    let tuples =
      P.global("a", "b") ++ P.emptyTuple ++ (0..<count).flatMap { _ in P.tuple1 } ++ P.reduce
    let lists =
      P.emptyList ++ P.memoize ++ P.get(0) ++ P.append ++ P.pop ++ P.global("a", "b") ++ P.get(0)
      ++ P.tuple1 ++ P.reduce
    for bytes in [calls, tuples, lists] {
      let found = scan(bytes ++ P.stop)
      #expect(found.failure == nil && found.findings.count > 1)
      #expect(found.findings.allSatisfy { $0.rendering.unicodeScalars.count <= 161 })
    }
  }

  @Test("More values than a pickler makes of so many bytes are not kept")
  func tooManyValues() {
    let tuples = P.emptyTuple ++ [UInt8](repeating: 0x85, count: 3_000_000)
    #expect(scan(tuples ++ P.stop).failure?.kind == .limitExceeded)
    // As dense as Python's pickler writes: tuples and lists of one number, in four bytes and five.
    let one =
      P.mark ++ (0..<1_000).flatMap { _ in P.integer(1) ++ P.tuple1 ++ P.memoize } ++ P.appends
    #expect(scan(P.emptyList ++ (0..<2_000).flatMap { _ in one } ++ P.stop).failure == nil)
    let list =
      P.mark ++ (0..<1_000).flatMap { _ in P.emptyList ++ P.memoize ++ P.integer(1) ++ P.append }
      ++ P.appends
    #expect(scan(P.emptyList ++ (0..<2_000).flatMap { _ in list } ++ P.stop).failure == nil)
  }

  @Test(
    "What spells itself takes no place: buffers, extension codes and numbers, and names that come again"
  )
  func placeless() {
    // Each more than the four million words that a small pickle may take.
    let count = 2_500_000
    for value in [[0x97], [0x82, 1], P.integer(1)] {
      let bytes = P.none ++ (0..<count).flatMap { _ in value ++ P.pop } ++ P.stop
      let found = scan(bytes)
      #expect(found.failure == nil && found.faults.isEmpty)
    }
    let names = P.none ++ (0..<count).flatMap { _ in P.global("a", "b") ++ P.pop } ++ P.stop
    #expect(scan(names).failure == nil)
  }
}

@Suite("Frames")
struct PickleFrameTests {
  private static func frame(_ length: UInt8) -> [UInt8] { [0x95, length, 0, 0, 0, 0, 0, 0, 0] }

  /// Operations of which a frame of so many bytes holds a part.
  private static let cut: [(bytes: [UInt8], length: UInt8)] = [
    ([0x42, 4, 0, 0, 0] + [1, 2, 3, 4], 5), ([0x42, 4, 0, 0, 0] + [1, 2, 3, 4], 2),
    (P.text("hello"), 3), (P.global("os", "system"), 4), (P.global("os", "system"), 1),
    (Array("Vhello\n".utf8), 3), ([0x4A, 7, 0, 0, 0], 2), (P.integer(7), 1),
  ]

  @Test("An operation that passes the end of its frame is malformed", arguments: cut.indices)
  func passes(_ index: Int) {
    let (bytes, length) = PickleFrameTests.cut[index]
    let pickle = P.proto(4) ++ PickleFrameTests.frame(length) ++ bytes ++ P.stop
    #expect(scan(pickle).faults.contains { $0.kind == .malformed && $0.offset == 11 })
    var cursor = ByteCursor(pickle)
    #expect {
      try PickleDocument(parsing: &cursor, policy: .everything)
    } throws: { error in
      (error as? ParseFailure)?.kind == .malformed && (error as? ParseFailure)?.offset == 11
    }
  }

  @Test("A frame within a frame is malformed, one behind another is not")
  func nested() {
    for (outer, isSound) in [(9, true), (10, false), (11, false)] as [(UInt8, Bool)] {
      let pickle =
        P.proto(4) ++ PickleFrameTests.frame(outer) ++ PickleFrameTests.frame(2) ++ P.none
        ++ P.stop
      #expect(scan(pickle).faults.isEmpty == isSound)
      var cursor = ByteCursor(pickle)
      let document = try? PickleDocument(parsing: &cursor, policy: .everything)
      #expect((document != nil) == isSound)
    }
  }

  @Test("What CPython's C version runs behind the frame is found")
  func detour() {
    // BINBYTES whose length the frame cuts: the C version takes the length from behind the frame, and finds a call.
    let hidden = P.global("os", "system") ++ P.text("x") ++ P.tuple1 ++ P.reduce ++ P.stop
    let count = UInt8(5 + hidden.count - 4)
    let pickle =
      P.proto(4) ++ PickleFrameTests.frame(2) ++ [0x42, count] + [0, 0, 0, 0] ++ hidden ++ P.stop
    let scan = scan(pickle)
    #expect(scan.findings.contains { $0.rendering == "os.system('x')" && $0.use == .called })
    #expect(scan.faults.count == 1)
  }
}

@Suite("Opcodes")
struct OpcodeTests {
  @Test("What nobody says to be a pickle has names that can be imported, and no endless ones")
  func guessedNames() {
    func guess(_ module: String) -> PickleScan.Guess {
      let bytes = Array("c\(module)\nname\n.".utf8)
      var operations = 1_000
      return PickleScan.guess(ByteCursor(bytes), operations: &operations)
    }
    for name in ["os", "a.b_1", "_", "é", String(repeating: "a", count: 8_000)] {
      #expect(guess(name) == .whole(end: name.utf8.count + 8), "\(name.prefix(20))")
    }
    for name in ["", "1a", "a.", ".a", "a..b", "a.1", "a b", "a-b"] {
      #expect(guess(name) == .broken, "\(name)")
    }
    #expect(guess(String(repeating: "a", count: 10_000)) == .broken)
  }

  @Test("A guess ends where the bytes do, or where no operation is")
  func guessedEnds() {
    func guess(_ bytes: [UInt8]) -> PickleScan.Guess {
      var operations = 1_000
      return PickleScan.guess(ByteCursor(bytes), operations: &operations)
    }
    let cut: [[UInt8]] = [
      [], [0x80], [0x4A, 1, 2, 3], [0x47, 0], [0x8C], [0x8C, 2, 0x61], [0x58, 1, 0, 0],
      [0x58, 2, 0, 0, 0, 0x61], [0x8D, 0, 0, 0, 0, 0, 0, 0, 0x80], [0x54, 1, 0, 0],
      [0x54, 1, 0, 0, 0], [0x4E],
    ]
    for bytes in cut { #expect(guess(bytes) == .cut, "\(bytes)") }
    #expect(guess([0x00]) == .broken && guess([0x4E, 0xFF]) == .broken)
    #expect(guess([0x54, 0xFF, 0xFF, 0xFF, 0xFF]) == .broken)
    #expect(guess([0x8C, 1, 0x61, 0x2E]) == .whole(end: 4))
  }

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
