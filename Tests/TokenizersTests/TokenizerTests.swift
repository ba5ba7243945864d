import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

@Suite struct TokenizerTests {
  @Test func `a batch gives what its texts give one by one, in their order`() throws {
    let tokenizer = try Tokenizer.load(from: directory("roberta"))
    let strings = try #require(try fixture("strings.json").elements).map { $0.string ?? "" }
    let inputs = (0..<2000).map { number in
      TokenizerInput(
        strings[number % strings.count] + " \(number)",
        pair: number % 3 == 0 ? strings[number * 7 % strings.count] : nil)
    }
    let batch = try tokenizer.encodeBatch(inputs)
    #expect(batch.count == inputs.count)
    for (input, encoding) in zip(inputs, batch) {
      #expect(try tokenizer.encode(input.text, pair: input.pair) == encoding)
    }
    #expect(try tokenizer.encodeBatch(inputs) == batch)
    #expect(try tokenizer.encodeBatch([String]()).isEmpty)
  }

  @Test func `a batch is padded to its longest text`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    let batch = try tokenizer.encodeBatch(
      [TokenizerInput("a"), TokenizerInput("the needle"), TokenizerInput("")],
      options: EncodingOptions(padding: Padding(side: .left)))
    let longest = try tokenizer.encode("the needle").count
    #expect(batch.map(\.count) == [longest, longest, longest])
    #expect(batch[2].ids == Array(repeating: 0, count: longest - 2) + [2, 3])
    #expect(batch[2].attentionMask == Array(repeating: 0, count: longest - 2) + [1, 1])
    #expect(batch[1].tokens.first == "[CLS]")
  }

  @Test func `a batch fails with the first of its failures`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    let options = EncodingOptions(truncation: Truncation(maximumLength: 8, strategy: .onlySecond))
    let long = String(repeating: "letters ", count: 20)
    #expect(
      throws: CheckpointError(
        .inconsistent, file: directory("bert-uncased") + "/tokenizer.json", field: "truncation", "")
    ) {
      try tokenizer.encodeBatch(
        (0..<200).map { TokenizerInput($0 % 50 == 49 ? long : "a") }, options: options)
    }
  }

  @Test func `tokens and their ids are found both ways`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    #expect(tokenizer.maskTokenID == 4 && tokenizer.token(withID: 4) == "[MASK]")
    #expect(tokenizer.paddingTokenID == 0 && tokenizer.unknownTokenID == 1)
    #expect(tokenizer.classificationTokenID == 2 && tokenizer.separatorTokenID == 3)
    #expect(tokenizer.beginningTokenID == nil && tokenizer.endTokenID == nil)
    #expect(tokenizer.id(of: "no such token") == nil)
    #expect(tokenizer.token(withID: 100_000) == nil && tokenizer.token(withID: -1) == nil)
    for id in 0..<tokenizer.vocabularyCount {
      #expect(tokenizer.token(withID: id).flatMap { tokenizer.id(of: $0) } == id)
    }
    #expect(tokenizer.maximumLength == 64)
  }

  /// Expected is what `tokenizers` 0.23 gives, also for the file that names no kind of model.
  @Test(arguments: [#""type":"WordLevel","#, ""])
  func `words of WordLevel are tokens or unknown`(type: String) throws {
    let document = """
      {"version":"1.0","added_tokens":[],"pre_tokenizer":{"type":"Whitespace"},
      "model":{\(type)"vocab":{"a":0,"<unk>":7},"unk_token":"<unk>"}}
      """
    let json = try JSONValue(parsing: Array(document.utf8), context: "tokenizer.json")
    let tokenizer = try Tokenizer(json: json, file: "tokenizer.json")
    #expect(tokenizer.description == "WordLevel, 2 tokens")
    let encoding = try tokenizer.encode("a zz a b")
    #expect(encoding.ids == [0, 7, 0, 7])
    #expect(encoding.tokens == ["a", "<unk>", "a", "<unk>"])
    #expect(encoding.ends == [0, 1, 2, 4, 5, 6, 7, 8])
    #expect(tokenizer.decode(encoding.ids) == "a <unk> a <unk>")
  }

  @Test func `a word that WordLevel does not know needs a token`() throws {
    let document = """
      {"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"q"}}
      """
    let json = try JSONValue(parsing: Array(document.utf8), context: "tokenizer.json")
    let tokenizer = try Tokenizer(json: json, file: "tokenizer.json")
    #expect(try tokenizer.encode("a").ids == [0])
    #expect(throws: CheckpointError.self) { try tokenizer.encode("b") }
  }

  @Test func `the special tokens of the families are known from vocabulary files alone`() throws {
    let gpt2 = try Tokenizer.load(from: directory("gpt2-files"))
    #expect(gpt2.endTokenID == 0 && gpt2.beginningTokenID == 0 && gpt2.paddingTokenID == nil)
    let roberta = try Tokenizer.load(from: directory("roberta-files"))
    #expect(roberta.beginningTokenID == 0 && roberta.paddingTokenID == 1)
    #expect(roberta.endTokenID == 2 && roberta.unknownTokenID == 3 && roberta.maskTokenID == 4)
  }

  @Test func `a streaming decoder gives whole scalars only, and all of them in the end`() throws {
    let tokenizer = try Tokenizer.load(from: directory("gpt2"))
    let text = "Zürich 👍🏽 naïve"
    let ids = try tokenizer.encode(text).ids
    var decoder = tokenizer.streamingDecoder()
    var parts: [String] = []
    for id in ids { parts.append(try decoder.append(id)) }
    #expect(parts.joined() == text)
    #expect(parts.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
    // More tokens than parts: the emoji's bytes come one by one.
    #expect(parts.count { $0.isEmpty } > 0)
    // A text that ends within a scalar.
    let cut = try tokenizer.encode("👍").ids.dropLast()
    #expect(cut.count > 0)
    for id in cut { #expect(try decoder.append(id).isEmpty) }
    #expect(try decoder.finish() == "\u{FFFD}")
    #expect(try decoder.finish().isEmpty)
  }

  private func wordPiece(_ members: String, _ vocabulary: String) throws -> Tokenizer {
    let text =
      #"{\#(members),"model":{"type":"WordPiece","vocab":{\#(vocabulary)},"unk_token":"u","continuing_subword_prefix":"++","max_input_chars_per_word":100}}"#
    return try Tokenizer(
      json: JSONValue(parsing: Array(text.utf8), context: "JSON"), file: "tokenizer.json")
  }

  @Test(arguments: ["null", #"{"type":"Lowercase"}"#])
  func `white space that a token takes along can be another one, which stands where it is`(
    _ normalizer: String
  ) throws {
    // tokenizers 0.23.3.
    func added(_ id: Int, _ content: String, _ strips: Bool) -> String {
      #"{"id":\#(id),"content":"\#(content)","single_word":false,"lstrip":false,"rstrip":\#(strips),"normalized":false,"special":false}"#
    }
    let tokenizer = try wordPiece(
      #""normalizer":\#(normalizer),"added_tokens":[\#(added(3, "<n>", true)),\#(added(4, "  ", false))],"pre_tokenizer":{"type":"Whitespace"}"#,
      #""u":0,"x":1,"y":2"#)
    let encoding = try tokenizer.encode("<n>   x y")
    #expect(encoding.ids == [3, 4, 1, 2])
    #expect(encoding.offsets == [0..<6, 3..<5, 6..<7, 8..<9])
  }

  @Test(arguments: [
    ([0, 1, 2], "u\u{FFFD}\u{FFFD}"), ([0, 1, 2, 3, 0], "uAéu"), ([0, 2, 3, 1], "uéA"),
    ([2, 0, 1], "\u{FFFD}uA"),
  ])
  func `tokens that stand for bytes are given when their run has ended`(
    _ ids: [Int], _ text: String
  ) throws {
    let tokenizer = try wordPiece(
      #""decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]}"#,
      #""u":0,"<0x41>":1,"<0xC3>":2,"<0xA9>":3"#)
    #expect(tokenizer.decode(ids) == text)
    var decoder = tokenizer.streamingDecoder()
    var parts: [String] = []
    for id in ids { parts.append(try decoder.append(id)) }
    #expect(parts.joined() + (try decoder.finish()) == text)
  }

  @Test func `special tokens in a text can be taken for text`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    #expect(try tokenizer.encode("[MASK]").ids == [2, 4, 3])
    let split = try tokenizer.encode(
      "[MASK]", options: EncodingOptions(splitsSpecialTokens: true))
    #expect(!split.ids.contains(4) && split.count > 3)
  }

  @Test func `cleaning up takes spaces out before punctuation, for WordPiece alone`() throws {
    let bert = try Tokenizer.load(from: directory("bert-uncased"))
    // "n ' t" is put together from three tokens; only the whole text shows it (Transformers 5.23).
    let ids = try bert.encode("the ' the", options: EncodingOptions(addsSpecialTokens: false)).ids
    #expect(bert.decode(ids) == "the ' the")
    #expect(bert.decode(ids, cleanUp: true) == "the'the")
    let gpt2 = try Tokenizer.load(from: directory("gpt2"))
    let plain = try gpt2.encode("the ' the .").ids
    #expect(gpt2.decode(plain, cleanUp: true) == "the ' the .")
  }

  @Test func `a text without an end in sight takes no more than its share of time`() throws {
    let tokenizer = try Tokenizer.load(from: directory("gpt2"))
    let clock = ContinuousClock()
    let word = String(repeating: "weighing", count: 25_000)
    let elapsed = try clock.measure {
      let count = try tokenizer.encode(word).count
      #expect(count > 25_000)
    }
    // Quadratic, it would be minutes.
    #expect(elapsed < .seconds(20))
  }
}
