import CheckpointBytes
import TestSupport
import Testing
import Tokenizers

/// Lines of JSON say what encodings and decoding say.
@Suite struct TokenLinesTests {
  /// A line as JSON values make it.
  private func line(
    _ encoding: Encoding, _ tokenizer: Tokenizer, _ fields: [TokenLines.Field]
  ) -> String {
    func list(_ numbers: [Int]) -> JSONValue { .array(numbers.map { .integer($0) }) }
    let members = fields.map { field in
      let value: JSONValue =
        switch field {
        case .ids: list(encoding.ids)
        case .offsets:
          .array(encoding.offsets.map { list([$0.lowerBound, $0.upperBound]) })
        case .typeIDs: list(encoding.typeIDs)
        case .attentionMask: list(encoding.attentionMask)
        case .decoded: .string(tokenizer.decode(encoding.ids))
        case .decodedSkip: .string(tokenizer.decode(encoding.ids, skipSpecialTokens: true))
        }
      return JSONValue.Member(ExactName(field.rawValue), value)
    }
    return JSONWriter.text(.object(members)) + "\n"
  }

  private static let texts = [
    "", " ", "the word", "Weigh the words, don't guess.", "\"quoted\" \\ and\ttabs\nlines\u{1}",
    "déjà vu e\u{301}", "中文。 한국", "😀 \u{FFFD}", "[MASK] <mask> <|endoftext|>", "a  b   c ",
    "unaffable unaffable 2024", " 's 're n't do not , . ! ?",
    String(repeating: "to be ", count: 300),
  ]

  @Test(arguments: [
    "bert-uncased", "bert-cased", "gpt2", "roberta", "xlm-roberta", "camembert",
  ])
  func `lines are those of encodings`(_ name: String) throws {
    let tokenizer = try Tokenizer.load(from: directory(name))
    let inputs = Self.texts.enumerated().map { place, text in
      TokenizerInput(text, pair: place % 4 == 3 ? "and a pair" : nil)
    }
    var choices = [EncodingOptions(), EncodingOptions(addsSpecialTokens: false)]
    choices.append(EncodingOptions(truncation: Truncation(maximumLength: 9, stride: 1)))
    if tokenizer.paddingTokenID != nil {
      choices.append(EncodingOptions(padding: Padding(.longest, side: .left)))
      choices.append(EncodingOptions(padding: Padding(.fixed(40), multiple: 16)))
    }
    for options in choices {
      let encodings = try tokenizer.encodeBatch(inputs, options: options)
      for fields in [TokenLines.Field.allCases, [.ids], [.decodedSkip, .offsets], [.typeIDs]] {
        var writer = JSONWriter()
        try TokenLines(tokenizer, options: options, fields: fields).write(inputs, to: &writer)
        let lines = String(decoding: writer.bytes, as: UTF8.self)
        #expect(
          Array(lines.utf8)
            == Array(encodings.map { line($0, tokenizer, fields) }.joined().utf8),
          "\(fields), \(options)")
      }
    }
  }

  @Test func `lines fail where encodings fail`() throws {
    let tokenizer = try Tokenizer.load(from: directory("bert-uncased"))
    let options = EncodingOptions(truncation: Truncation(maximumLength: 1))
    let inputs = [TokenizerInput("the word")]
    let error = try #require(throws: CheckpointError.self) {
      try tokenizer.encodeBatch(inputs, options: options)
    }
    var writer = JSONWriter()
    #expect(throws: error) {
      try TokenLines(tokenizer, options: options, fields: [.ids]).write(inputs, to: &writer)
    }
  }

  private func inputs(_ text: String) throws -> [TokenizerInput] {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array(text.utf8), as: "in.jsonl")
    let reader = try LineReader(path: path, blockByteCount: 8)
    var inputs: [TokenizerInput] = []
    while let block = try reader.next() { inputs += try block.inputs(file: "in.jsonl") }
    return inputs
  }

  @Test func `texts and pairs are found among other members`() throws {
    let lines = #"""
      {"text":"a"}

      { "id": [1, {"text": 2}], "text" : "tab\t\u00e9 \ud83d\ude00 é", "pair" : "b" , "x":null}
      {"pair":null,"text":""}
      """#
    #expect(
      try inputs(lines) == [
        TokenizerInput("a"), TokenizerInput("tab\t\u{E9} \u{1F600} é", pair: "b"),
        TokenizerInput(""),
      ])
  }

  @Test(arguments: [
    #"{"txt":"a"}"#, #"{"text":1}"#, #"{"text":"a","pair":1}"#, #"{"text":"a","text":"b"}"#,
    #"{"text":"a","x":1,"x":2}"#, #"{"text":"a"} {}"#, #"["a"]"#, #""text""#, #"{"text":"a""#,
    #"{"text":"\ud800"}"#, #"{"text":"a","y":{"z":1,"z":2}}"#, "text",
  ])
  func `a bad line is an error that names its number and place`(_ line: String) throws {
    let error = try #require(throws: CheckpointError.self) {
      try inputs("{\"text\":\"a\"}\n\n" + line + "\n{\"text\":\"b\"}\n")
    }
    #expect("\(error)".contains("line 3"), "\(error)")
    #expect(error.site.file == "in.jsonl")
    #expect((error.site.offset ?? 0) >= 14)
  }
}
