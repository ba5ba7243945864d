import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// What breaks a tokenizer file is refused with its kind and its place.
@Suite struct RejectionTests {
  private static let wordPiece =
    ###""model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","###
    + #""max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1}}"#

  private static let bytePair =
    #""model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#

  private func tokenizer(_ members: String) throws -> Tokenizer {
    let json = try JSONValue(parsing: Array("{\(members)}".utf8), context: "JSON")
    return try Tokenizer(json: json, file: "tokenizer.json")
  }

  private func expect(
    _ kind: FailureKind, at field: String?, of members: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      throws: CheckpointError(kind, file: "tokenizer.json", field: field, ""),
      sourceLocation: sourceLocation
    ) { try tokenizer(members) }
  }

  @Test func `the files that the refused ones differ from are read`() throws {
    #expect(try tokenizer(Self.wordPiece).encode("a").ids == [1])
    #expect(try tokenizer(Self.bytePair).encode("aab").ids == [0, 2])
  }

  @Test func `components that are not known are unsupported, and named by their place`() {
    expect(
      .unsupported, at: "normalizer.type",
      of: #""normalizer":{"type":"Mystery"},"# + Self.wordPiece)
    expect(
      .unsupported, at: "normalizer.normalizers[1].type",
      of: #""normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Mystery"}]},"#
        + Self.wordPiece)
    expect(
      .unsupported, at: "pre_tokenizer.type",
      of: #""pre_tokenizer":{"type":"UnicodeScripts"},"# + Self.wordPiece)
    expect(.unsupported, at: "decoder.type", of: #""decoder":{"type":"CTC"},"# + Self.wordPiece)
    expect(
      .unsupported, at: "post_processor.type",
      of: #""post_processor":{"type":"X"},"# + Self.wordPiece)
    expect(.unsupported, at: "model.type", of: #""model":{"type":"Mystery","vocab":{}}"#)
  }

  @Test func `settings that are not known are unsupported`() {
    expect(
      .unsupported, at: "normalizer.speed",
      of: #""normalizer":{"type":"NFC","speed":1},"# + Self.wordPiece)
    expect(.unsupported, at: "extra", of: #""extra":1,"# + Self.wordPiece)
    expect(
      .unsupported, at: "pre_tokenizer.pattern.Regex",
      of:
        #""pre_tokenizer":{"type":"Split","pattern":{"Regex":"[aeiou]"},"behavior":"Isolated","invert":false},"#
        + Self.wordPiece)
    expect(
      .unsupported, at: "model.dropout",
      of: #""model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}"#)
    expect(.unsupported, at: "version", of: #""version":"2.0","# + Self.wordPiece)
  }

  @Test func `added tokens of which the reference takes one by chance are inconsistent`() {
    // Both are looked for as `ab`.
    expect(
      .inconsistent, at: "added_tokens",
      of: added((2, "AB"), (3, "Ab")) + #""normalizer":{"type":"Lowercase"},"# + Self.wordPiece)
    // `b` gets the id 2 after two tokens, which `a` has.
    expect(
      .inconsistent, at: "added_tokens",
      of: added((2, "b"), (2, "a")) + Self.wordPiece.replacing(#""a":1"#, with: #""a":2"#))
  }

  /// The member `added_tokens`.
  private func added(_ tokens: (id: Int, content: String)...) -> String {
    let objects = tokens.map {
      #"{"id":\#($0.id),"content":"\#($0.content)","single_word":false,"lstrip":false,"#
        + #""rstrip":false,"normalized":true,"special":false}"#
    }
    return #""added_tokens":["# + objects.joined(separator: ",") + "],"
  }

  @Test func `what the reference needs or knows the kind of is malformed otherwise`() {
    for name in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
      let token = ["true", "false"].reduce(added((2, "b"))) {
        $0.replacing("\"\(name)\":\($1)", with: "\"\(name)\":null")
      }
      expect(.malformed, at: "added_tokens[0].\(name)", of: token + Self.wordPiece)
    }
    let level = #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":1}"#
    for part in ["pre_tokenizer", "post_processor", "decoder"] {
      expect(.malformed, at: part + ".use_regex", of: "\"\(part)\":\(level)," + Self.bytePair)
    }
    expect(
      .malformed, at: "post_processor.special_tokens.x.id",
      of: #""post_processor":{"type":"TemplateProcessing","single":[],"pair":[],"#
        + #""special_tokens":{"x":{"id":1,"ids":[1],"tokens":["x"]}}},"# + Self.wordPiece)
  }

  @Test func `an error without a field has no empty one, and a long number is cut`() throws {
    let json = try JSONValue(parsing: Array(#""x""#.utf8), context: "JSON")
    #expect(throws: CheckpointError(.malformed, file: "tokenizer.json", "")) {
      try Tokenizer(json: json, file: "tokenizer.json")
    }
    let long = try JSONValue(
      parsing: Array(#"{"model":\#(String(repeating: "1", count: 400))}"#.utf8), context: "JSON")
    let error = #expect(throws: CheckpointError.self) {
      try Tokenizer(json: long, file: "tokenizer.json")
    }
    #expect((error?.description.utf8.count ?? .max) < 150)
  }

  @Test func `a merge loses as many bytes of its second token as the prefix has`() throws {
    func model(_ second: String, _ result: String) -> String {
      ###""model":{"type":"BPE","continuing_subword_prefix":"##","###
        + #""vocab":{"a":0,"\#(second)":1,"\#(result)":2},"merges":[["a","\#(second)"]]}"#
    }
    #expect(try tokenizer(model("##b", "ab")).vocabularyCount == 3)
    // `ß` has two bytes, `東` three.
    expect(.inconsistent, at: "model.merges[0]", of: model("ßc", "aßc"))
    expect(.inconsistent, at: "model.merges[0]", of: model("b", "ab"))
    expect(.inconsistent, at: "model.merges[0]", of: model("東", "a東"))
    #expect(try tokenizer(model("ßc", "ac")).vocabularyCount == 3)
  }

  @Test func `a vocabulary with an id twice is inconsistent, with a token without id malformed`() {
    expect(
      .inconsistent, at: "model.vocab",
      of: #""model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}"#)
    expect(
      .malformed, at: "model.vocab", of: #""model":{"type":"BPE","vocab":{"a":-1},"merges":[]}"#)
    expect(
      .malformed, at: "model.vocab",
      of: #""model":{"type":"BPE","vocab":{"a":4294967296},"merges":[]}"#)
    expect(
      .malformed, at: "model.vocab", of: #""model":{"type":"BPE","vocab":{"a":1.5},"merges":[]}"#)
  }

  @Test func `a merge of tokens that are not in the vocabulary is inconsistent`() {
    expect(
      .inconsistent, at: "model.merges[1]",
      of: #""model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b","a x"]}"#)
    // The reference reads two strings, in a line or a list, and nothing else.
    for merge in [#""a""#, #""a b a""#, #"["a"]"#, #"["a","b","a"]"#, #"["a",1,"b"]"#, "1"] {
      expect(
        .malformed, at: "model.merges[0]",
        of: #""model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[\#(merge)]}"#)
    }
    expect(
      .inconsistent, at: "model.merges[0]",
      of: #""model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}"#)
    expect(
      .malformed, at: "model.merges[0]",
      of: #""model":{"type":"BPE","vocab":{"a":0},"merges":["a  a"]}"#)
  }

  @Test func `an added token with another id than it gets is inconsistent`() {
    expect(
      .inconsistent, at: "added_tokens",
      of: added((7, "<new>")) + Self.wordPiece)
    expect(
      .malformed, at: "added_tokens[0].content",
      of: added((2, "b")).replacing(#""b""#, with: "7") + Self.wordPiece)
  }

  @Test func `a template that names what is not there is refused`() {
    expect(
      .notFound, at: "post_processor.single[0].SpecialToken.id",
      of:
        #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}}],"#
        + #""pair":[],"special_tokens":{}},"# + Self.wordPiece)
    expect(
      .malformed, at: "post_processor.single[0].Sequence.id",
      of:
        #""post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"#
        + #""pair":[],"special_tokens":{}},"# + Self.wordPiece)
  }

  @Test func `a word that needs the unknown token needs one in the vocabulary`() throws {
    let tokenizer = try tokenizer(
      ###""model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","###
        + #""max_input_chars_per_word":100,"vocab":{"a":1}}"#)
    #expect(try tokenizer.encode("a").ids == [1])
    #expect(
      throws: CheckpointError(.notFound, file: "tokenizer.json", field: "model.unk_token", "")
    ) { try tokenizer.encode("b") }
  }

  @Test func `a text that becomes many times longer is refused, on the way too`() throws {
    func replace(_ text: String, _ other: String) -> String {
      #"{"type":"Replace","pattern":{"String":"\#(text)"},"content":"\#(other)"}"#
    }
    func sequence(_ parts: [String], _ name: String) -> String {
      #"{"type":"Sequence","\#(name)":[\#(parts.joined(separator: ","))]}"#
    }
    let doubling = Array(repeating: replace("a", "aa"), count: 40)
    let long = String(repeating: "a", count: 600)
    let normalizers = [
      sequence(doubling, "normalizers"),
      // What is cut off where it became too long must not pass for the whole.
      sequence(doubling + [replace("aa", "b")], "normalizers"),
      sequence([sequence(doubling, "normalizers"), replace("a", "b")], "normalizers"),
      sequence([replace("a", long), replace(long, "a")], "normalizers"),
      // A file of short lines has many of them.
      replace("a", long),
    ]
    let error = CheckpointError(.limitExceeded, file: "tokenizer.json", field: "normalizer", "")
    for normalizer in normalizers {
      let tokenizer = try tokenizer(#""normalizer":\#(normalizer),"# + Self.wordPiece)
      #expect(throws: error) { try tokenizer.encode("aaaa") }
    }
    let bytes =
      #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}"#
    let cutter = sequence(Array(repeating: bytes, count: 40), "pretokenizers")
    let cutting = try tokenizer(#""pre_tokenizer":\#(cutter),"# + Self.bytePair)
    #expect(throws: error) { try cutting.encode("é") }
    let few = try tokenizer(
      #""normalizer":\#(sequence(Array(doubling[..<3]), "normalizers")),"# + Self.wordPiece)
    #expect(try few.encode("a").tokens == tokenizer(Self.wordPiece).encode("aaaaaaaa").tokens)
    expect(
      .limitExceeded, at: "decoder.type",
      of: #""decoder":\#(sequence(doubling, "decoders")),"# + Self.wordPiece)
    expect(
      .limitExceeded, at: "decoder.type",
      of: #""decoder":\#(replace("a", String(repeating: "a", count: 65))),"# + Self.wordPiece)
    expect(
      .inconsistent, at: "added_tokens",
      of: #""normalizer":\#(normalizers[0]),"#
        + added((2, "aa")) + Self.wordPiece)
  }

  @Test
  func
    `no token and no pattern is longer than 4,000 bytes, which a text is compared with everywhere`()
    throws
  {
    let (most, more) = (String(repeating: "a", count: 4_000), String(repeating: "a", count: 4_001))
    func unigram(_ token: String) -> String {
      #""model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["\#(token)",-1]]}"#
    }
    #expect(try tokenizer(unigram(most)).encode(most).ids == [1])
    expect(.limitExceeded, at: "model.vocab", of: unigram(more))
    func replace(_ text: String) -> String {
      #""normalizer":{"type":"Replace","pattern":{"String":"\#(text)"},"content":""},"#
    }
    #expect(try tokenizer(replace(most) + unigram("b")).encode(most + "b").ids == [1])
    expect(.limitExceeded, at: "normalizer.pattern.String", of: replace(more) + unigram("b"))
    #expect(try tokenizer(added((2, most)) + unigram("b")).encode(most).ids == [2])
    expect(.inconsistent, at: "added_tokens", of: added((2, more)) + unigram("b"))
  }

  @Test func `a template puts no thousands of tokens around each text`() throws {
    func template(_ ids: Int, times: Int) -> String {
      let special = #"{"SpecialToken":{"id":"x","type_id":0}}"#
      let pieces = Array(repeating: special, count: times).joined(separator: ",")
      let list = Array(repeating: "1", count: ids).joined(separator: ",")
      let tokens = Array(repeating: #""a""#, count: ids).joined(separator: ",")
      return #""post_processor":{"type":"TemplateProcessing","#
        + #""single":[\#(pieces),{"Sequence":{"id":"A","type_id":0}}],"pair":[],"#
        + #""special_tokens":{"x":{"id":"x","ids":[\#(list)],"tokens":[\#(tokens)]}}},"#
    }
    let most = try tokenizer(template(100, times: 10) + Self.wordPiece)
    #expect(try most.encode("a").ids.count == 1_001)
    expect(
      .limitExceeded, at: "post_processor.single", of: template(91, times: 11) + Self.wordPiece)
  }

  @Test func `padding without a padding token, or to a huge length, is refused`() throws {
    let tokenizer = try tokenizer(Self.wordPiece)
    #expect(throws: CheckpointError(.notFound, file: "tokenizer.json", field: "pad_token", "")) {
      try tokenizer.encode("a", options: EncodingOptions(padding: Padding()))
    }
    #expect(throws: CheckpointError(.limitExceeded, file: "tokenizer.json", field: "padding", "")) {
      try tokenizer.encode("a", options: EncodingOptions(padding: Padding(.fixed(.max), id: 0)))
    }
  }

  @Test func `overflow of many times the text is refused before it is made`() throws {
    let tokenizer = try tokenizer(Self.bytePair)
    let error = CheckpointError(.limitExceeded, file: "tokenizer.json", field: "truncation", "")
    let long = String(repeating: "a", count: 100_000)
    #expect(throws: error) {
      try tokenizer.encode(
        long, options: EncodingOptions(truncation: Truncation(maximumLength: 1000, stride: 999)))
    }
    // Short parts take more than their tokens.
    let short = String(long.prefix(4_000))
    #expect(throws: error) {
      try tokenizer.encode(
        short, pair: short, options: EncodingOptions(truncation: Truncation(maximumLength: 4)))
    }
    let cut = try tokenizer.encode(
      short, pair: short,
      options: EncodingOptions(truncation: Truncation(maximumLength: 4, keepsOverflow: false)))
    #expect(cut.count == 4 && cut.isTruncated && cut.overflowing.isEmpty)
  }

  @Test func `every prefix of a tokenizer file is refused`() throws {
    let bytes = try Fixture("tokenizers/bert-cased/tokenizer.json").bytes()
    for count in 0..<bytes.count - 1 {
      #expect(throws: ParseFailure.self) {
        try JSONValue(parsing: Array(bytes[..<count]), context: "JSON")
      }
    }
  }

  @Test func `every value of a tokenizer file can be changed without a trap`() throws {
    for name in ["bert-uncased", "gpt2", "roberta"] {
      let value = try fixture("\(name)/tokenizer.json")
      let others: [JSONValue] = [
        .null, .integer(-1), .integer(1 << 40), .string(""), .array([]), .object([]),
        .boolean(true),
      ]
      for path in paths(of: value) {
        for other in others {
          let changed = replacing(path[...], of: value, by: other)
          guard let tokenizer = try? Tokenizer(json: changed, file: "changed") else { continue }
          let encoding = try? tokenizer.encode("the Café's <mask> 12", pair: "[MASK]")
          _ = tokenizer.decode(encoding?.ids ?? [])
        }
      }
    }
  }

  /// The places of all values but those of large vocabularies, of which one stands for all.
  private func paths(of value: JSONValue) -> [[Int]] {
    let children = value.members?.map(\.value) ?? value.elements ?? []
    return children.prefix(30).enumerated().flatMap { index, child in
      [[index]] + paths(of: child).map { [index] + $0 }
    }
  }

  private func replacing(
    _ path: ArraySlice<Int>, of value: JSONValue, by other: JSONValue
  ) -> JSONValue {
    guard let index = path.first else { return other }
    if var members = value.members {
      let member = members[index]
      members[index] = JSONValue.Member(
        member.key, replacing(path.dropFirst(), of: member.value, by: other))
      return .object(members)
    }
    var elements = value.elements ?? []
    elements[index] = replacing(path.dropFirst(), of: elements[index], by: other)
    return .array(elements)
  }
}
