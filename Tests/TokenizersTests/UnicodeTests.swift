import CheckpointBytes
import Testing
import Tokenizers

/// Every Unicode scalar, through the components that look at scalars; the checksums are the reference's.
@Suite struct UnicodeTests {
  @Test(arguments: [
    ("NFC", #"{"type":"NFC"}"#), ("NFD", #"{"type":"NFD"}"#), ("NFKC", #"{"type":"NFKC"}"#),
    ("NFKD", #"{"type":"NFKD"}"#), ("Lowercase", #"{"type":"Lowercase"}"#),
    ("StripAccents", #"{"type":"StripAccents"}"#),
    (
      "clean",
      #"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":false,"lowercase":false}"#
    ),
    (
      "accents",
      #"{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,"strip_accents":true,"lowercase":false}"#
    ),
  ])
  func `all scalars are normalized as the reference does it`(name: String, json: String) throws {
    let normalizer = try Normalizer(json: JSONValue(parsing: Array(json.utf8), context: name))
    var checksum = Checksum()
    for scalar in allScalars() {
      for part in normalizer.normalized("a" + String(scalar)).unicodeScalars {
        checksum.add(part.value)
      }
      checksum.add(0)
    }
    #expect(checksum.text == (try fixture("unicode.json")[ExactName(name)]?.string))
  }

  @Test(arguments: [
    ("punctuation", #"{"type":"Punctuation"}"#),
    ("digits", #"{"type":"Digits","individual_digits":true}"#),
    ("words", #"{"type":"Whitespace"}"#), ("space", #"{"type":"WhitespaceSplit"}"#),
    ("bert", #"{"type":"BertPreTokenizer"}"#),
    ("gpt2", #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}"#),
  ])
  func `all scalars cut words as they do for the reference`(name: String, json: String) throws {
    let preTokenizer = try PreTokenizer(json: JSONValue(parsing: Array(json.utf8), context: name))
    var checksum = Checksum()
    for scalar in allScalars() {
      let scalar = String(scalar)
      checksum.add(UInt32(preTokenizer.pieces(of: "a" + scalar + "a 1" + scalar).count))
    }
    #expect(checksum.text == (try fixture("unicode.json")[ExactName(name)]?.string))
  }

  @Test(
    arguments: [
      "?\u{301}\u{301}", "a?", "?a", "©?\u{200d}©\u{301}", "?\u{200d}©\u{301}",
      "?\u{94d}क\u{301}", "क?क\u{301}", "क?\u{94d}क\u{301}", "?ᄀ\u{301}", "?ᅡ\u{301}",
      "?ᆨ\u{301}", "ᄀ?\u{301}", "ᅡ?\u{301}", "ᆨ?\u{301}", "?\n", "\r?", "क\u{94d}?\u{301}",
      "©\u{200d}?\u{301}",
    ].enumerated().map { ($0, $1) })
  func `all scalars join grapheme clusters as they do for the reference`(
    number: Int, around: String
  ) throws {
    let map = try #require(try fixture("unicode.json")["clusters map"]?.string)
    let json = #"{"type":"Precompiled","precompiled_charsmap":"\#(map)"}"#
    let normalizer = try Normalizer(json: JSONValue(parsing: Array(json.utf8), context: "map"))
    let parts = around.unicodeScalars.split(separator: "?", omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    let (start, end) = (String(parts[0]), String(parts[1]))
    var checksum = Checksum()
    for scalar in allScalars() {
      var text = String.UnicodeScalarView(start.unicodeScalars)
      text.append(scalar)
      text.append(contentsOf: end.unicodeScalars)
      checksum.add(UInt32(normalizer.normalized(String(text)).unicodeScalars.count))
    }
    let name = ExactName("clusters \(number)")
    #expect(checksum.text == (try fixture("unicode.json")[name]?.string))
  }

  private func allScalars() -> some Sequence<Unicode.Scalar> {
    (UInt32(0)..<0x110000).lazy.compactMap { Unicode.Scalar($0) }
  }
}

/// FNV-1a, 64 bits, a number at a time.
private struct Checksum {
  private var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ number: UInt32) {
    value = (value ^ UInt64(number)) &* 0x100_0000_01B3
  }

  var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
