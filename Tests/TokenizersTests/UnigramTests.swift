import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// Unigram and what stands around it, by what the reference made of strings.
@Suite struct UnigramTests {
  @Test func `models find the reference's way through a word`() throws {
    let cases = try #require(try fixture("unigrams.json").elements)
    #expect(cases.count == 12)
    for (number, item) in cases.enumerated() {
      let text = try #require(item["file"]?.string)
      let tokenizer = try Tokenizer(
        json: JSONValue(parsing: Array(text.utf8), context: "case"), file: "case")
      for answer in try #require(item["answers"]?.elements) {
        let parts = try #require(answer.elements)
        let string = try #require(parts[0].string)
        guard parts[1] != .null else {
          #expect(throws: CheckpointError(.notFound, file: "case", field: "model.unk_id", "")) {
            try tokenizer.encode(string)
          }
          continue
        }
        let found = try tokenizer.encode(string)
        #expect(found.ids == parts[1].numbers, "case \(number): \(Exact(string))")
        #expect(found.tokens == parts[2].elements?.map { $0.string ?? "" })
        #expect(found.ends == parts[3].numbers, "case \(number): \(Exact(string))")
      }
    }
  }

  @Test func `normalizers of SentencePiece keep the reference's text and offsets`() throws {
    let cases = try #require(try fixture("normalizers.json").elements)
    #expect(cases.count == 6)
    for (number, item) in cases.enumerated() {
      let json = try #require(item["normalizer"])
      let normalizer = try Normalizer(json: json)
      let tokenizer = try Tokenizer(
        json: .object([
          JSONValue.Member("normalizer", json),
          JSONValue.Member(
            "model",
            try JSONValue(
              parsing: Array(
                #"{"type":"BPE","unk_token":"?","vocab":{"?":0},"merges":[]}"#.utf8),
              context: "model")),
        ]), file: "case")
      let answers = try #require(item["answers"]?.elements)
      #expect(answers.count > 150)
      for answer in answers {
        let parts = try #require(answer.elements)
        let text = try #require(parts[0].string)
        #expect(
          Exact(normalizer.normalized(text)) == Exact(parts[1].string),
          "case \(number): \(Exact(text))")
        #expect(
          try tokenizer.encode(text).ends == parts[2].numbers, "case \(number): \(Exact(text))")
      }
    }
  }

  @Test func `a long text without spaces is one word, and takes no more than its length`() throws {
    let tokenizer = try Tokenizer.load(from: directory("xlm-roberta"))
    let count = 1 << 16
    // With a square of work these would not end.
    for unit in ["the", "字", "e\u{301}", "\u{301}", "a\u{200d}"] {
      let one = try tokenizer.encode(unit + unit)
      let encoding = try tokenizer.encode(String(repeating: unit, count: count))
      #expect(encoding.ids.prefix(2) == one.ids.prefix(2), "\(Exact(unit))")
      #expect(encoding.ids.last == one.ids.last)
      let end = try #require(encoding.offsets.dropLast().last?.upperBound)
      // What the character map makes of two scalars stands for the first of them.
      #expect(end == count * unit.unicodeScalars.count || end == count * 2 - 1)
    }
  }

  @Test func `the unknown token is written as the text that it stands for`() throws {
    let tokenizer = try Tokenizer.load(from: directory("xlm-roberta"))
    let encoding = try tokenizer.encode("字字 the")
    #expect(encoding.tokens.contains("字字"))
    #expect(encoding.ids.contains(try #require(tokenizer.unknownTokenID)))
    #expect(tokenizer.token(withID: 3) == "<unk>")
  }
}

/// What breaks a character map, a list of scores or a SentencePiece model is refused.
@Suite struct UnigramRejectionTests {
  private static let pieces = #"[["<unk>",0.0],["a",-1.5]]"#

  private func tokenizer(_ model: String, _ others: String = "") throws -> Tokenizer {
    let text = "{\(others)\"model\":{\"type\":\"Unigram\",\(model)}}"
    return try Tokenizer(
      json: JSONValue(parsing: Array(text.utf8), context: "JSON"), file: "tokenizer.json")
  }

  private func expect(
    _ kind: FailureKind, at field: String, _ model: String, _ others: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      throws: CheckpointError(kind, file: "tokenizer.json", field: field, ""),
      sourceLocation: sourceLocation
    ) { try tokenizer(model, others) }
  }

  @Test func `vocabularies that are none`() throws {
    #expect(try tokenizer(#""unk_id":0,"vocab":\#(Self.pieces)"#).encode("aa").ids == [1, 1])
    expect(.malformed, at: "model.vocab", #""unk_id":0"#)
    expect(.malformed, at: "model.vocab", #""unk_id":0,"vocab":{"a":0}"#)
    for entry in [#""a""#, #"["a"]"#, #"["a","1"]"#, #"["a",1,2]"#, #"[1,1]"#, "null"] {
      expect(.malformed, at: "model.vocab[1]", #""unk_id":0,"vocab":[["<unk>",0],\#(entry)]"#)
    }
    // 10⁴⁰⁰ has no double; 10⁻⁴⁰⁰ is zero.
    expect(.malformed, at: "model.vocab[0]", #""unk_id":0,"vocab":[["<unk>",-1e400]]"#)
    expect(
      .malformed, at: "model.vocab[0]", #""unk_id":0,"vocab":[["<unk>",1e99999999999999999999]]"#)
    let tiny = #""unk_id":0,"vocab":[["<unk>",1e-99999999999999999999],["a",1e-400]]"#
    #expect(try tokenizer(tiny).encode("a").ids == [1])
  }

  @Test func `an unknown token outside the vocabulary`() {
    expect(.inconsistent, at: "model.unk_id", #""unk_id":2,"vocab":\#(Self.pieces)"#)
    expect(.malformed, at: "model.unk_id", #""unk_id":-1,"vocab":\#(Self.pieces)"#)
    expect(.malformed, at: "model.unk_id", #""unk_id":"<unk>","vocab":\#(Self.pieces)"#)
    expect(.inconsistent, at: "model.unk_id", #""unk_id":0,"vocab":[]"#)
    expect(.unsupported, at: "model.alpha", #""unk_id":0,"alpha":0.1,"vocab":\#(Self.pieces)"#)
  }

  /// A map with one entry: the byte `a` becomes what `text` holds from `start` on.
  private func map(
    count: UInt32? = nil, child: UInt32 = 0, start: UInt32 = 0, text: [UInt8] = [0x78, 0],
    root: UInt32 = 128 << 10, units: Int = 256
  ) -> [UInt8] {
    // The root's children stand at 128 ^ byte, and the value of `a` at 128.
    var array = Array(repeating: UInt32(0), count: units)
    if units >= 256 {
      array[0] = root
      array[128 ^ 0x61] = (0x61 + child) << 10 | 1 << 8 | 0x61
      array[128] = 1 << 31 | start
    }
    return ([count ?? UInt32(units * 4)] + array).flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) }
    } + text
  }

  private func normalizer(_ bytes: [UInt8]) throws -> Normalizer {
    let json = #"{"type":"Precompiled","precompiled_charsmap":"\#(base64(bytes))"}"#
    return try Normalizer(json: JSONValue(parsing: Array(json.utf8), context: "JSON"))
  }

  private func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(bytes[start + $1]) : 0) }
      for place in 0..<4 {
        text.append(place > group.count ? 0x3D : digits[bits >> (18 - place * 6) & 63])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  @Test func `character maps that are cut or point outside`() throws {
    #expect(try normalizer(map()).normalized("bab") == "bxb")
    // At the end of the replacements there is an empty one.
    #expect(try normalizer(map(start: 2)).normalized("bab") == "bb")
    let place = "precompiled_charsmap"
    func expect(
      _ kind: FailureKind, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(
        throws: CheckpointError(kind, file: "JSON", field: place, ""),
        sourceLocation: sourceLocation
      ) { try normalizer(bytes) }
    }
    expect(.malformed, map(start: 3))
    expect(.malformed, map(start: 1, text: [0xC3, 0xA9, 0]))
    expect(.malformed, map(text: [0xFF, 0]))
    expect(.malformed, map(child: 1 << 20))
    expect(.malformed, map(root: 1 << 31 | 128 << 10))
    expect(.malformed, map(count: 1022))
    expect(.malformed, map(count: 0))
    expect(.malformed, map(count: .max))
    expect(.malformed, map(units: 255))
    for count in 0..<4 { expect(.truncated, Array(map().prefix(count))) }
    for count in stride(from: 4, to: 1028, by: 97) {
      expect(.malformed, Array(map().prefix(count)))
    }
  }

  @Test func `text that is not base64`() {
    for text in ["A", "AAA", "AA==AAAA", "A===", "AAB=", "AB==", "AA A", "====", "AAA-"] {
      let json = #"{"type":"Precompiled","precompiled_charsmap":"\#(text)"}"#
      #expect(
        throws: CheckpointError(.malformed, file: "JSON", field: "precompiled_charsmap", "")
      ) { try Normalizer(json: JSONValue(parsing: Array(json.utf8), context: "JSON")) }
    }
  }
}
