import CheckpointBytes
import TestSupport
import Testing

/// Reads a whole document and writes it in the compact style.
private func rewritten(_ text: String) throws -> String {
  JSONWriter.text(try JSONValue(parsing: [UInt8](text: text), context: "test"))
}

@Suite struct JSONReaderTests {
  @Test(
    "What RFC 8259 allows is read, and written without white space",
    arguments: [
      ("{}", "{}"), ("[]", "[]"), ("\"\"", "\"\""), ("0", "0"), ("null", "null"), ("true", "true"),
      (" \t\r\n[ 1 , 2 ]\r\n", "[1,2]"),
      ("{ \"a\" : { \"b\" : [ null , false ] } }", "{\"a\":{\"b\":[null,false]}}"),
      ("-0", "-0"), ("-0.0e-0", "-0.0e-0"), ("1E+400", "1E+400"), ("10.50", "10.50"),
      ("123456789012345678901234567890", "123456789012345678901234567890"),
      (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\b\f\n\r\t""#),
      (#""\u0041\u00e9\u20AC\uD83D\ude00""#, "\"Aé€😀\""), (#""\u0000""#, #""\u0000""#),
      ("\"\u{7F}\u{2028}\u{10FFFF}\"", "\"\u{7F}\u{2028}\u{10FFFF}\""),
      ("{\"\":1,\"a\":2}", "{\"\":1,\"a\":2}"),
    ])
  func accepted(_ text: String, _ expected: String) throws {
    #expect(try rewritten(text) == expected)
  }

  @Test(
    "What RFC 8259 does not allow is malformed, at the byte that is wrong",
    arguments: [
      ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{\"a\":1,}", 7), ("{\"a\" 1}", 5), ("{a:1}", 1),
      ("{1:2}", 1), ("{'a':1}", 1), ("[1] x", 4), ("{}{}", 2), ("]", 0), ("01", 1), ("-01", 2),
      ("+1", 0), (".5", 0), ("1.e5", 2), ("1.x", 2), ("1ex", 2), ("0x10", 1), ("1_000", 1),
      ("--1", 1),
      ("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("True", 0), ("nulL", 3), ("tru e", 3),
      ("[1] // one", 4), ("/* */ 1", 0), ("\"a\nb\"", 2), ("\"a\tb\"", 2), (#""a\xb""#, 2),
      (#""\'""#, 1), (#""\u12G4""#, 5), (#""\U0041""#, 1), ("\"\u{0}\"", 1), ("\u{0}", 0),
      ("{}\u{0}", 2), ("\u{A0}1", 0), ("\u{FEFF}{}", 0), ("[1\u{2028}]", 2),
    ])
  func malformed(_ text: String, _ offset: Int) {
    #expect(throws: ParseFailure(.malformed, at: offset, "test", "")) { try rewritten(text) }
  }

  @Test(
    "Half a surrogate pair is no character",
    arguments: [
      #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#,
      #""\udc00\ud800""#, #""\uDBFF\u0041""#,
    ])
  func surrogates(_ text: String) {
    #expect(throws: ParseFailure(.malformed, at: 1, "test", "")) { try rewritten(text) }
  }

  @Test(
    "A string that is not UTF-8 is malformed, with escapes in it and without",
    arguments: [
      [0xFF], [0xC3, 0x28], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80], [0xE2, 0x82],
    ] as [[UInt8]])
  func notUTF8(_ bytes: [UInt8]) {
    for escape in ["", "\\n"] {
      let text = [0x22] + [UInt8](text: escape) + bytes + [0x22]
      #expect(throws: ParseFailure(.malformed, at: 1, "test", "")) {
        try JSONValue(parsing: text, context: "test")
      }
    }
  }

  @Test("Every beginning of a document is truncated")
  func prefixes() throws {
    let text = #"{"a\u00e9\n":[1.5e+3,true,null,"\ud83d\ude00é",{}],"b":-0}"#
    let bytes = [UInt8](text: text)
    _ = try JSONValue(parsing: bytes, context: "test")
    for count in 0..<bytes.count {
      let failure = #expect(throws: ParseFailure.self) {
        try JSONValue(parsing: Array(bytes[..<count]), context: "test")
      }
      #expect(failure?.kind == .truncated, "\(count) bytes")
      #expect(failure?.offset ?? .max <= count)
    }
  }

  @Test("Nesting is allowed up to the limit and not beyond")
  func depth() throws {
    func nested(_ depth: Int) -> [UInt8] {
      [UInt8](repeating: UInt8(ascii: "["), count: depth)
        + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
    }
    _ = try JSONValue(parsing: nested(128), context: "test")
    #expect(throws: ParseFailure(.limitExceeded, at: 129, "test", "")) {
      try JSONValue(parsing: nested(129), context: "test")
    }
    var limits = ReadLimits()
    limits.jsonDepth = 3
    #expect(throws: ParseFailure(.limitExceeded, at: 4, "test", "")) {
      try JSONValue(parsing: nested(4), context: "test", limits: limits)
    }
    // Deep enough to end any recursion that counted on the file's mercy.
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(throws: ParseFailure(.limitExceeded, at: 129, "test", "")) {
      try JSONValue(parsing: deep, context: "test")
    }
    var reader = JSONReader(deep, context: "test")
    #expect(throws: ParseFailure(.limitExceeded, at: 129, "test", "")) { try reader.skipValue() }
  }

  @Test("A document has so many values, objects and arrays among them")
  func values() throws {
    var limits = ReadLimits()
    limits.jsonValues = 4
    let documents = [("[1, 2, 3]", "[1, 2, 3, 4]"), (#"{"a": [{}, 1]}"#, #"{"a": [{}, 1, null]}"#)]
    for (most, more) in documents {
      _ = try JSONValue(parsing: Array(most.utf8), context: "test", limits: limits)
      let failure = #expect(throws: ParseFailure.self) {
        try JSONValue(parsing: Array(more.utf8), context: "test", limits: limits)
      }
      #expect(failure?.kind == .limitExceeded)
    }
  }

  @Test("Depth counts levels, not values: many neighbours are no nesting")
  func breadth() throws {
    let text = "[" + Array(repeating: "[],{}", count: 1000).joined(separator: ",") + "]"
    #expect(try rewritten(text) == text)
  }

  @Test("A value that is skipped is checked all the same")
  func skipping() throws {
    var reader = JSONReader([UInt8](text: #"{"a":[1,"\ud800"]}"#), context: "test")
    #expect(throws: ParseFailure(.malformed, at: 9, "test", "")) { try reader.skipValue() }
    var good = JSONReader([UInt8](text: #" {"a":[1,true,null,"x"]} "#), context: "test")
    try good.skipValue()
    try good.readEnd()
  }

  @Test("Offsets count from the base that the reader is given")
  func base() {
    #expect(throws: ParseFailure(.malformed, at: 1003, "header", "")) {
      try JSONValue(parsing: [UInt8](text: "[1,]"), context: "header", base: 1000)
    }
  }
}
