import CheckpointBytes
import TestSupport
import Testing

@Suite struct JSONWriterTests {
  /// `json.dumps(character, ensure_ascii=False)` of Python 3.11; serde_json writes the same
  /// (`fixtures/safetensors-reference/names.safetensors` shows some).
  static let escapes: [(UInt32, String)] = [
    (0x00, #""\u0000""#), (0x01, #""\u0001""#), (0x07, #""\u0007""#), (0x08, #""\b""#),
    (0x09, #""\t""#), (0x0A, #""\n""#), (0x0B, #""\u000b""#), (0x0C, #""\f""#), (0x0D, #""\r""#),
    (0x0E, #""\u000e""#), (0x1B, #""\u001b""#), (0x1F, #""\u001f""#), (0x22, #""\"""#),
    (0x5C, #""\\""#), (0x2F, "\"/\""), (0x7F, "\"\u{7F}\""), (0x2028, "\"\u{2028}\""),
    (0x1F600, "\"😀\""),
  ]

  @Test("Strings are escaped where they must be and nowhere else", arguments: escapes)
  func escaping(_ code: UInt32, _ expected: String) throws {
    let scalar = try #require(Unicode.Scalar(code))
    #expect(JSONWriter.text(.string(String(scalar))) == expected)
  }

  @Test("Every character comes back as it was")
  func roundTrip() throws {
    for code in Array(0...0x2FF) + [0xFFFD, 0xFFFF, 0x10000, 0x10FFFF] {
      guard let scalar = Unicode.Scalar(UInt32(code)) else { continue }
      let value = JSONValue.string("a" + String(scalar) + "b")
      let text = [UInt8](text: JSONWriter.text(value))
      #expect(try JSONValue(parsing: text, context: "test") == value)
    }
  }

  private let sample = JSONValue.object([
    .init("b", .array([.integer(1), .boolean(true), .null, .array([]), .object([])])),
    .init("a", .object([.init("é", .string("x"))])),
  ])

  @Test("The compact style is that of json.dumps with (',', ':')")
  func compact() {
    #expect(
      JSONWriter.text(sample) == #"{"b":[1,true,null,[],{}],"a":{"é":"x"}}"#)
  }

  @Test("The indented style is that of json.dumps with indent=2")
  func indented() {
    #expect(
      JSONWriter.text(sample, style: .indented) == """
        {
          "b": [
            1,
            true,
            null,
            [],
            {}
          ],
          "a": {
            "é": "x"
          }
        }
        """)
  }

  @Test("Integers of any size are written in full; infinities and NaN are null")
  func numbers() {
    #expect(JSONWriter.text(.integer(UInt64.max)) == "18446744073709551615")
    #expect(JSONWriter.text(.integer(Int64.min)) == "-9223372036854775808")
    #expect(JSONWriter.text(.double(0.1)) == "0.1")
    #expect(JSONWriter.text(.double(-.infinity)) == "null")
    #expect(JSONWriter.text(.double(.nan)) == "null")
  }

  @Test("A double is read back bit by bit", arguments: SeededGenerator.seeds)
  func doubles(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let double = Double(bitPattern: random.next())
      guard double.isFinite else { continue }
      let text = [UInt8](text: JSONWriter.text(.double(double)))
      guard case .number(let number) = try JSONValue(parsing: text, context: "test") else {
        Issue.record("\(double) is no number")
        continue
      }
      #expect(number.double.bitPattern == double.bitPattern)
    }
  }
}
