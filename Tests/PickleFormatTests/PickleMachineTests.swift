import CheckpointBytes
import PickleFormat
import TestSupport
import Testing

private typealias P = PickleBytes

/// A pickle's values as text, in Python's spelling as far as it goes.
private func spell(_ document: PickleDocument, _ reference: PickleReference? = nil) -> String {
  let reference = reference ?? document.root
  func all(_ references: [PickleReference]) -> String {
    references.map { spell(document, $0) }.joined(separator: ", ")
  }
  func all(_ entries: [PickleValue.Entry]) -> String {
    entries.map { spell(document, $0.key) + ": " + spell(document, $0.value) }
      .joined(separator: ", ")
  }
  switch document[reference] {
  case .none: return "None"
  case .boolean(let value): return value ? "True" : "False"
  case .integer(let value): return String(value)
  case .bigInteger(let bytes): return "big\(bytes)"
  case .float(let value): return "\(value)"
  case .string(let text): return "'\(text)'"
  case .bytes(let bytes): return "b\(bytes)"
  case .byteArray(let bytes): return "bytearray\(bytes)"
  case .list(let elements): return "[\(all(elements))]"
  case .tuple(let elements): return "(\(all(elements)))"
  case .set(let elements): return "{\(all(elements))}"
  case .frozenSet(let elements): return "frozenset(\(all(elements)))"
  case .dictionary(let entries): return "{\(all(entries))}"
  case .global(let place): return document[place].description
  case .persistent(let id): return "persistent(\(spell(document, id)))"
  case .object(let place):
    let object = document[place]
    var text = spell(document, object.callable)
    text += (object.origin == .call ? "(" : "<") + all(object.arguments)
    text += object.origin == .call ? ")" : ">"
    if !object.keywords.isEmpty { text += "**{\(all(object.keywords))}" }
    if !object.items.isEmpty { text += "{\(all(object.items))}" }
    if !object.elements.isEmpty { text += "[\(all(object.elements))]" }
    return text + (object.state.map { "←" + spell(document, $0) } ?? "")
  }
}

private func read(
  _ bytes: [UInt8], _ policy: GlobalPolicy = .everything
) throws(ParseFailure) -> PickleDocument {
  var cursor = ByteCursor(bytes)
  return try PickleDocument(parsing: &cursor, policy: policy)
}

@Suite("A pickle is read into values")
struct PickleValueTests {
  static let calls: [(bytes: [UInt8], expected: String)] = [
    (P.global("a.b", "c"), "a.b.c"),
    (P.text("a") ++ P.text("b.c") ++ P.stackGlobal, "a.b.c"),
    (P.global("a", "b") ++ P.integer(1) ++ P.tuple1 ++ P.reduce, "a.b(1)"),
    (P.global("a", "b") ++ P.emptyTuple ++ P.newObj, "a.b<>"),
    (
      P.global("a", "b") ++ P.emptyTuple ++ P.emptyDict ++ P.text("k") ++ P.integer(2) ++ P.setItem
        ++ P.newObjEx, "a.b<>**{'k': 2}"
    ),
    (P.mark ++ P.integer(1) ++ P.inst("a", "b"), "a.b<1>"),
    (P.mark ++ P.global("a", "b") ++ P.integer(1) ++ P.obj, "a.b<1>"),
    (P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.none ++ P.build, "a.b()←None"),
    (
      P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.text("k") ++ P.integer(1) ++ P.setItem,
      "a.b(){'k': 1}"
    ),
    (P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.integer(1) ++ P.append, "a.b()[1]"),
    (P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.emptyTuple ++ P.reduce, "a.b()()"),
  ]

  static let plain: [(bytes: [UInt8], expected: String)] = [
    (P.none, "None"), (P.yes, "True"), (P.no, "False"),
    (P.line("I", "00"), "False"), (P.line("I", "01"), "True"), (P.line("I", "-12"), "-12"),
    (P.line("L", "7L"), "7"), (P.line("I", "+999999999999999999"), "999999999999999999"),
    (P.line("L", "-9223372036854775808L"), "-9223372036854775808"), (P.line("L", "-1L"), "-1"),
    (
      P.line("L", "119547037146038801333356L"),
      "big[108, 252, 156, 70, 249, 32, 106, 168, 80, 25]"
    ),
    (P.line("L", "-18446744073709551616L"), "big[0, 0, 0, 0, 0, 0, 0, 0, 255]"),
    (P.integer(200), "200"), ([0x4D, 0x01, 0x02], "513"), (P.binInt(-129), "-129"),
    (P.long([]), "0"), (P.long([0xFF]), "-1"), (P.long([0x80, 0x00]), "128"),
    (P.long([0, 0, 0, 0, 0, 0, 0, 0x80]), "-9223372036854775808"),
    (P.long([0, 0, 0, 0, 0, 0, 0, 0x80, 0]), "big[0, 0, 0, 0, 0, 0, 0, 128, 0]"),
    ([0x8B, 2, 0, 0, 0, 0x01, 0x02], "513"),
    (P.line("F", "1e-05"), "1e-05"), (P.line("F", "-inf"), "-inf"), (P.float(1.5), "1.5"),
    (P.line("S", "'a\\x41\\n\\101'"), "'aA\nA'"), (P.line("S", "\"it's\""), "'it's'"),
    (P.line("S", "'\\xff'"), "b[255]"),
    ([0x54, 1, 0, 0, 0, 0x61], "'a'"), ([0x55, 2, 0xC3, 0xA9], "'é'"),
    ([0x55, 1, 0xE9], "b[233]"),
    (P.line("V", "\\u4e2d\\U0001f600\\n"), "'中😀\\n'"), ([0x56, 0xE9, 0x0A], "'é'"),
    (P.text("é"), "'é'"), ([0x8C, 1, 0x61], "'a'"),
    ([0x8D, 1, 0, 0, 0, 0, 0, 0, 0, 0x61], "'a'"),
    ([0x42, 1, 0, 0, 0, 7], "b[7]"), ([0x43, 1, 7], "b[7]"),
    ([0x8E, 1, 0, 0, 0, 0, 0, 0, 0, 7], "b[7]"),
    ([0x96, 1, 0, 0, 0, 0, 0, 0, 0, 7], "bytearray[7]"),
    (P.emptyTuple, "()"), (P.none ++ P.tuple1, "(None)"),
    (P.mark ++ P.none ++ P.yes ++ P.tuple, "(None, True)"),
    (P.none ++ P.yes ++ P.no ++ P.tuple3, "(None, True, False)"),
    (
      P.emptyList ++ P.none ++ P.append ++ P.mark ++ P.yes ++ P.no ++ P.appends,
      "[None, True, False]"
    ),
    (P.mark ++ P.none ++ P.list, "[None]"),
    (P.emptyDict ++ P.integer(1) ++ P.none ++ P.setItem, "{1: None}"),
    (P.mark ++ P.integer(1) ++ P.none ++ P.dict, "{1: None}"),
    (P.emptySet ++ P.mark ++ P.integer(1) ++ P.addItems, "{1}"),
    (P.mark ++ P.integer(1) ++ P.frozenSet, "frozenset(1)"),
    (P.none ++ P.yes ++ P.pop, "None"), (P.none ++ P.mark ++ P.yes ++ P.popMark, "None"),
    (P.none ++ P.mark ++ P.pop, "None"), (P.none ++ P.dup ++ P.tuple2, "(None, None)"),
    (P.integer(3) ++ P.put(9) ++ P.get(9) ++ P.tuple2, "(3, 3)"),
    (P.integer(3) ++ P.memoize ++ P.get(0) ++ P.tuple2, "(3, 3)"),
    (
      P.integer(3) ++ P.line("p", "1000000000000") ++ P.line("g", "1000000000000") ++ P.tuple2,
      "(3, 3)"
    ),
    (P.line("P", "abc"), "persistent('abc')"), (P.none ++ P.binPersID, "persistent(None)"),
    ([0x95, 1, 0, 0, 0, 0, 0, 0, 0] ++ P.none, "None"),
  ]

  // What Python 3.11's `pickle.loads` gives for the same bytes.
  @Test(
    "every operation that makes a plain value",
    arguments: PickleValueTests.plain)
  func plainValues(_ bytes: [UInt8], _ expected: String) throws {
    #expect(try spell(read(bytes ++ P.stop)) == expected)
  }

  @Test(
    "every operation that would call something is kept as what it was given",
    arguments: PickleValueTests.calls)
  func objects(_ bytes: [UInt8], _ expected: String) throws {
    #expect(try spell(read(bytes ++ P.stop)) == expected)
  }

  @Test("A list that holds itself is one value, and 300,000 nested lists can be dropped")
  func cyclesAndDepth() throws {
    let cycle = try read(P.emptyList ++ P.put(0) ++ P.get(0) ++ P.append ++ P.stop)
    guard case .list(let elements) = cycle[cycle.root] else {
      Issue.record("expected a list")
      return
    }
    #expect(elements == [cycle.root])
    let deep = [[UInt8]](repeating: P.emptyList, count: 300_000).flatMap(\.self)
    let closing = [[UInt8]](repeating: P.append, count: 299_999).flatMap(\.self)
    #expect(try read(deep ++ closing ++ P.stop).count == 300_000)
  }

  @Test("Pickles behind one another are read one after another")
  func stream() throws {
    var cursor = ByteCursor(P.none ++ P.stop ++ P.yes ++ P.stop, base: 100)
    #expect(try spell(PickleDocument(parsing: &cursor, policy: .nothing)) == "None")
    let second = try PickleDocument(parsing: &cursor, policy: .nothing)
    #expect(spell(second) == "True" && second.offset(of: second.root) == 102 && cursor.isAtEnd)
  }
}

@Suite("A pickle that breaks a rule is refused at its operation")
struct PickleRefusalTests {
  static let refused: [(bytes: [UInt8], kind: FailureKind, offset: Int)] = [
    // Bytes that are no operation, or end too early
    ([0xFF], FailureKind.malformed, 0),
    ([], .truncated, 0),
    (P.none, .truncated, 1),
    ([0x58, 10, 0, 0, 0, 0x61], .truncated, 5),
    ([0x96] + [UInt8](repeating: 0xFF, count: 8), .truncated, 9),
    ([0x8B, 0xFF, 0xFF, 0xFF, 0xFF], .malformed, 0),
    ([0x54, 0xFF, 0xFF, 0xFF, 0xFF], .malformed, 0),
    ([0x95, 9, 0, 0, 0, 0, 0, 0, 0] ++ P.none ++ P.stop, .truncated, 0),
    (Array("I12".utf8), .truncated, 1),
    // Text that spells nothing
    (P.line("I", ""), .malformed, 0),
    (P.line("I", "0x10"), .malformed, 0),
    (P.line("F", "0x1p3"), .malformed, 0),
    (P.line("F", "nan(1)"), .malformed, 0),
    (P.line("S", "'a"), .malformed, 0),
    (P.line("S", "'a\\q'"), .malformed, 0),
    (P.line("V", "\\ud800"), .malformed, 0),
    (P.line("g", "-1"), .malformed, 0),
    ([0x58, 1, 0, 0, 0, 0xFF], .malformed, 0),
    (P.line("L", String(repeating: "9", count: 641) + "L"), .malformed, 0),
    // The stack, marks and the memo
    (P.stop, .malformed, 0),
    (P.none ++ P.none ++ P.stop, .malformed, 2),
    (P.none ++ P.mark ++ P.stop, .malformed, 2),
    (P.tuple, .malformed, 0),
    (P.none ++ P.tuple2, .malformed, 1),
    (P.none ++ P.mark ++ P.tuple1, .malformed, 2),
    (P.pop, .malformed, 0),
    (P.get(1), .malformed, 0),
    (P.put(0), .malformed, 0),
    (P.mark ++ P.none ++ P.dict, .malformed, 2),
    // Types
    (P.emptyTuple ++ P.none ++ P.append, .malformed, 2),
    (P.emptyList ++ P.none ++ P.none ++ P.setItem, .malformed, 3),
    (P.emptyDict ++ P.emptyList ++ P.none ++ P.setItem, .malformed, 3),
    (P.emptyDict ++ P.emptyList ++ P.tuple1 ++ P.none ++ P.setItem, .malformed, 4),
    (P.emptySet ++ P.mark ++ P.emptyDict ++ P.addItems, .malformed, 3),
    (P.mark ++ P.emptyList ++ P.frozenSet, .malformed, 2),
    (P.emptyList ++ P.none ++ P.build, .malformed, 2),
    (P.global("a", "b") ++ P.none ++ P.build, .malformed, 6),
    (P.none ++ P.emptyTuple ++ P.reduce, .malformed, 2),
    (P.global("a", "b") ++ P.emptyList ++ P.reduce, .malformed, 6),
    (P.mark ++ P.obj, .malformed, 1),
    (P.integer(1) ++ P.text("b") ++ P.stackGlobal, .malformed, 8),
    (
      P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.none ++ P.build ++ P.none ++ P.build,
      .malformed, 10
    ),
    // Protocols, and what names things outside the pickle
    (P.proto(6), .unsupported, 0),
    ([0x82, 1], .forbidden, 0), ([0x83, 1, 0], .forbidden, 0),
    ([0x84, 1, 0, 0, 0], .forbidden, 0),
    ([0x97], .forbidden, 0), (P.none ++ [0x98], .forbidden, 1),
  ]

  @Test("each of these", arguments: PickleRefusalTests.refused)
  func isRefused(_ bytes: [UInt8], _ kind: FailureKind, _ offset: Int) {
    let failure = #expect(throws: ParseFailure.self) { try read(bytes) }
    #expect(failure?.kind == kind && failure?.offset == offset, "\(bytes)")
  }

  @Test("A global outside the policy is refused where it is named, used or not")
  func policy() {
    let policy = GlobalPolicy { $0 == GlobalName("a", "b") }
    let spellings: [([UInt8], Int)] = [
      (P.global("os", "system") ++ P.pop ++ P.none, 0),
      (P.text("os") ++ P.text("system") ++ P.stackGlobal, 18),
      (P.mark ++ P.inst("os", "system"), 1),
      (P.global("a", "b") ++ P.global("a", "B"), 5),
      (P.global("a", "b\u{200B}"), 0),
    ]
    for (bytes, offset) in spellings {
      let failure = #expect(throws: ParseFailure.self) { try read(bytes ++ P.stop, policy) }
      #expect(failure?.kind == .forbidden && failure?.offset == offset)
    }
    #expect(throws: Never.self) { try read(P.global("a", "b") ++ P.stop, policy) }
  }

  @Test("Names are compared by bytes: a Kelvin sign is no K")
  func exactNames() {
    #expect(GlobalName("a", "K") != GlobalName("a", "\u{212A}"))
  }

  @Test("A result may be called only where the policy keeps everything")
  func callsOfObjects() {
    let bytes = P.global("a", "b") ++ P.emptyTuple ++ P.reduce ++ P.emptyTuple ++ P.reduce ++ P.stop
    let failure = #expect(throws: ParseFailure.self) { try read(bytes, GlobalPolicy { _ in true }) }
    #expect(failure?.kind == .malformed && failure?.offset == 8)
  }

  @Test("No more is made of a pickle than the limits allow, and as much as they do")
  func limits() throws {
    let call = P.global("a", "b") ++ P.emptyTuple ++ P.reduce
    let list = P.emptyList ++ P.mark ++ P.integer(1) ++ P.integer(2) ++ P.appends
    let tuple = P.integer(1) ++ P.integer(2) ++ P.tuple2
    let cases: [(WritableKeyPath<ReadLimits, Int>, [UInt8], Int)] = [
      (\.pickleValues, list, 3), (\.pickleObjects, call, 1), (\.pickleElements, list, 2),
      (\.pickleStack, list, 4), (\.pickleTupleElements, tuple ++ P.tuple1, 2),
    ]
    for (limit, pickle, needed) in cases {
      for (value, isEnough) in [(needed, true), (Int.max, true), (needed - 1, false), (-1, false)] {
        var limits = ReadLimits()
        limits[keyPath: limit] = value
        var cursor = ByteCursor(pickle ++ P.stop)
        let result = Result { () throws(ParseFailure) in
          try PickleDocument(parsing: &cursor, policy: .everything, limits: limits)
        }
        switch result {
        case .success: #expect(isEnough, "\(limit) \(value)")
        case .failure(let failure):
          #expect(!isEnough && failure.kind == .limitExceeded, "\(limit) \(value): \(failure)")
        }
      }
    }
  }

  @Test("Operations of one byte make values and marks up to a bound, whatever there are of them")
  func operations() {
    let count = 8_000_001
    // MARK, TUPLE1, EMPTY_LIST behind a None.
    for opcode in [0x28, 0x85, 0x5D] as [UInt8] {
      let failure = #expect(throws: ParseFailure.self) {
        try read([UInt8(ascii: "N")] + [UInt8](repeating: opcode, count: count))
      }
      #expect(failure?.kind == .limitExceeded && failure?.offset == 8_000_000, "\(opcode)")
    }
  }

  @Test("Every prefix of a pickle is truncated, none traps")
  func prefixes() throws {
    let whole =
      P.proto(4) ++ P.emptyDict ++ P.mark ++ P.text("k") ++ P.global("a", "b") ++ P.long([1, 2])
      ++ P.tuple1 ++ P.reduce ++ P.float(2) ++ P.line("S", "'x'") ++ P.setItems ++ P.stop
    #expect(throws: Never.self) { try read(whole) }
    for length in 0..<whole.count {
      let failure = #expect(throws: ParseFailure.self) { try read(Array(whole[..<length])) }
      #expect(failure?.kind == .truncated, "\(length)")
    }
  }
}
