import CheckpointBytes
import TestSupport
import Testing

private func parsed(_ text: String) throws -> JSONValue {
  try JSONValue(parsing: [UInt8](text: text), context: "test")
}

@Suite struct JSONValueTests {
  @Test(
    "A key that occurs twice is malformed, however it is written",
    arguments: [
      (#"{"a":1,"a":1}"#, 11), (#"{"a":1,"\u0061":2}"#, 16), (#"{"x":{"":1,"":2}}"#, 14),
      (#"{"a":1,"b":2,"a":{}}"#, 17),
    ])
  func duplicates(_ text: String, _ offset: Int) {
    #expect(throws: ParseFailure(.malformed, at: offset, "test", "")) { try parsed(text) }
  }

  @Test("In an object of many members too, and of two such keys the first that comes again counts")
  func duplicatesAmongMany() {
    let members = (0..<40).map { "\"\($0)\":\($0)" }
    let text = "{" + (members + [#""31":0"#, #""7":0"#]).joined(separator: ",") + "}"
    let offset = ("{" + (members + [#""31":"#]).joined(separator: ",")).utf8.count
    #expect(throws: ParseFailure(.malformed, at: offset, "test", "")) { try parsed(text) }
  }

  @Test("Keys that look the same and differ in bytes are two keys")
  func exactKeys() throws {
    let value = try parsed(#"{"caf\u00e9":1,"cafe\u0301":2}"#)
    #expect(value.members?.count == 2)
    #expect(value["caf\u{E9}"]?.integer == 1)
    #expect(value["cafe\u{301}"]?.integer == 2)
    #expect(value["cafe"] == nil)
  }

  @Test("Objects keep the order of the text")
  func order() throws {
    let keys = try parsed(#"{"b":1,"a":2,"c":3,"":4}"#).members?.map(\.key.string)
    #expect(keys == ["b", "a", "c", ""])
  }

  @Test("Integers are exact to the last digit, and refuse what does not fit")
  func integers() throws {
    #expect(try parsed("9223372036854775807").integer == .max)
    #expect(try parsed("-9223372036854775808").integer == .min)
    #expect(try parsed("9007199254740993").integer == 9_007_199_254_740_993)
    for text in ["9223372036854775808", "1.0", "1e3", "1E0", "123456789012345678901234567890"] {
      #expect(try parsed(text).integer == nil)
    }
    guard case .number(let number) = try parsed("18446744073709551615") else {
      Issue.record("expected a number")
      return
    }
    #expect(number.exactly(UInt64.self) == .max)
    #expect(number.exactly(Int64.self) == nil)
    #expect(number.exactly(UInt8.self) == nil)
  }

  @Test("A number beyond the range of doubles is infinite as one")
  func doubles() throws {
    for (text, expected) in [
      ("1e400", Double.infinity), ("-1e400", -.infinity), ("1e-400", 0), ("0.1", 0.1),
      ("5e-324", .leastNonzeroMagnitude),
    ] {
      guard case .number(let number) = try parsed(text) else { continue }
      #expect(number.double == expected)
      #expect(number.text == text)
    }
  }

  @Test("Asking a value for what it is not gives nil")
  func accessors() throws {
    let value = try parsed(#"["x", 1, {"k": null}]"#)
    #expect(value.elements?.count == 3)
    #expect(value.string == nil)
    #expect(value.members == nil)
    #expect(value["k"] == nil)
    #expect(value.elements?[0].string == "x")
    #expect(value.elements?[0].integer == nil)
    #expect(value.elements?[2]["k"] == .null)
  }
}
