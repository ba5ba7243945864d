import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge tokenize")
struct TokenizeCommandTests {
  private let model = Fixtures.path("tokenizers/bert-uncased")

  /// The strings of the fixture, and what the reference made of them.
  private func fixture(_ name: String) throws -> [JSONValue] {
    let bytes = try Fixture("tokenizers/\(name)").bytes()
    return try #require(try JSONValue(parsing: bytes, context: name).elements)
  }

  @Test("Lines of JSON are answered with the reference's ids, offsets and text, line by line")
  func lines() throws {
    let directory = try TemporaryDirectory()
    let strings = try fixture("strings.json")
    let expected = try fixture("bert-uncased/expected.json")
    let text = strings.map {
      JSONWriter.text(.object([JSONValue.Member("text", $0), JSONValue.Member("pair", .null)]))
    }
    let input = try directory.write(Array(text.joined(separator: "\n").utf8), as: "in.jsonl")
    let run = ToolRun(
      "tokenize", model, "--input", input, "--output", directory.file("out.jsonl"))
    #expect(run.code == 0 && run.output.isEmpty && run.error.isEmpty)
    let file = try SourceFile(path: directory.file("out.jsonl"))
    let lines = try file.bytes(at: 0, count: file.size).split(separator: 0x0A)
    #expect(lines.count == strings.count)
    for (line, answer) in zip(lines, expected) {
      let found = try JSONValue(parsing: Array(line), context: "line")
      let wanted = try #require(answer.elements)
      #expect(found["ids"] == wanted[0])
      #expect(found["offsets"]?.elements?.flatMap { $0.elements ?? [] } == wanted[1].elements)
      #expect(found["decoded"].map(bytes) == bytes(wanted[4]))
      #expect(found["decoded_skip"].map(bytes) == bytes(wanted[5]))
      let count = wanted[0].elements?.count
      #expect(found["type_ids"]?.elements?.count == count)
      #expect(found["attention_mask"] == .array(Array(repeating: .integer(1), count: count ?? 0)))
    }
    #expect(ToolRun("tokenize", model, "--input", input).output.utf8.count == file.size)
  }

  @Test(
    "A table of Arrow is answered like its rows in lines; a row without a text is an error with its number"
  )
  func tables() throws {
    let directory = try TemporaryDirectory()
    // What is missing in a column is missing in the row: only this one has a text in every row.
    let expected = try JSONValue(
      parsing: try Fixture("arrow/expected.json").bytes(), context: "expected.json")
    let rows = try #require(expected["large.arrows"]?.elements)
    let lines = rows.map { JSONWriter.text($0) }.joined(separator: "\n")
    let input = try directory.write(Array(lines.utf8), as: "rows.jsonl")
    for options in [[], ["--fields", "ids"], ["--padding", "longest"], ["--fields", "tokens"]] {
      let (table, texts) = (
        ToolRun(
          arguments: ["tokenize", model, "--input", Fixtures.path("arrow/large.arrows")] + options),
        ToolRun(arguments: ["tokenize", model, "--input", input] + options)
      )
      #expect(table.code == 0 && table.output == texts.output)
      #expect(table.output.split(separator: "\n").count == rows.count)
    }
    let missing = ToolRun("tokenize", model, "--input", Fixtures.path("arrow/rows.arrow"))
    #expect(missing.code == 65 && missing.error.contains("row 3: text"))
    let refused = ToolRun("tokenize", model, "--input", Fixtures.path("arrow/binary.arrows"))
    #expect(refused.code == 65 && refused.error.contains("binary.arrows"))
    let parquet = try directory.write(Array("PAR1\u{15}\u{4}\u{15}".utf8), as: "rows.parquet")
    let other = ToolRun("tokenize", model, "--input", parquet)
    #expect(other.code == 65 && other.error.contains("rows.parquet: is a Parquet file"))
    let text = try directory.write(Array("PAR1 is a word".utf8), as: "rows.txt")
    #expect(ToolRun("tokenize", model, "--input", text).code == 0)
  }

  @Test("A second text has either of its names")
  func pairs() throws {
    let directory = try TemporaryDirectory()
    let lines = ["pair", "text_pair", "pair\":null,\"text_pair"]
      .map { #"{"text":"the","\#($0)":"the the"}"# }
    let input = try directory.write(Array(lines.joined(separator: "\n").utf8), as: "in.jsonl")
    let answers = ToolRun("tokenize", model, "--input", input, "--fields", "ids,type_ids").output
      .split(separator: "\n")
    #expect(answers.count == 3 && Set(answers).count == 1)
    let types = try JSONValue(parsing: Array(answers[0].utf8), context: "answer")["type_ids"]
    #expect(types == .array([0, 0, 0, 1, 1, 1].map { .integer($0) }))
  }

  private func bytes(_ value: JSONValue) -> [UInt8] { Array((value.string ?? "nothing").utf8) }

  @Test("Texts are answered for people, or as the same lines with --json")
  func texts() throws {
    let run = ToolRun("tokenize", model, "the", "the the", "--decode")
    #expect(run.code == 0)
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 6)
    #expect(lines[1] == "tokens: [CLS] the [SEP]")
    #expect(lines[2] == "decoded: [CLS] the [SEP]")
    let json = ToolRun("tokenize", model, "the", "--json", "--no-special-tokens").output
    #expect(json.hasPrefix(#"{"ids":["#) && json.hasSuffix("\"decoded_skip\":\"the\"}\n"))
  }

  @Test("Texts of any script are decoded for people, and a value may begin with a mark")
  func otherScripts() throws {
    let run = ToolRun("tokenize", model, "née 中", "--decode")
    #expect(run.code == 0 && run.output.contains("decoded: "))
    let apart = ToolRun("tokenize", model, "a", "--pair", "\u{301}x")
    #expect(apart.code == 0)
    #expect(ToolRun("tokenize", model, "a", "--pair=\u{301}x").output == apart.output)
    #expect(ToolRun("tokenize", model, "a", "--none\u{1B}=x").error.contains("\u{1B}") == false)
  }

  @Test("Of ids, and where nothing is filled up, options do what they say")
  func statedFields() throws {
    let ids = ToolRun(
      "tokenize", model, "2,3", "--from", "ids", "--json", "--fields", "ids,decoded")
    #expect(ids.code == 0 && ids.output.hasPrefix(#"{"ids":[2,3],"decoded":"#))
    // tokenizers takes 32 bits: "number too small to fit in target type", "… too large …".
    for wrong in [-1, 1 << 32] {
      let run = ToolRun("tokenize", model, "2,\(wrong)", "--from", "ids", "--json")
      #expect(run.code == 65)
      #expect(
        run.error.contains("ids: expected whole numbers from 0 to 4294967295, found \(wrong)"),
        "\(run.error)")
    }
    for arguments in [
      ["2,3", "--from", "ids", "--json", "--fields", "tokens"], ["a", "--fields", "ids"],
    ] {
      #expect(ToolRun(arguments: ["tokenize", model] + arguments).code == 64)
    }
    let whole = ToolRun("tokenize", model, "a b c d", "--json", "--fields", "ids")
    let padded = ToolRun(
      "tokenize", model, "a b c d", "--json", "--fields", "ids", "--padding", "do_not_pad",
      "--max-length", "3")
    #expect(whole.output == padded.output)
  }

  @Test("--fields says what a line has, in its order; what is no field is bad usage")
  func fields() throws {
    let directory = try TemporaryDirectory()
    let lines = (1...2000).map { number in
      #"{"id":\#(number),"text":"\#(String(repeating: "the ", count: number % 40))"}"#
    }
    let input = try directory.write(Array(lines.joined(separator: "\n").utf8), as: "in.jsonl")
    let output = ToolRun("tokenize", model, "--input", input, "--fields", "offsets,ids").output
    let answers = output.split(separator: "\n")
    #expect(answers.count == lines.count)
    // The rows have different lengths, so their order shows.
    for (place, answer) in answers.enumerated() {
      let value = try JSONValue(parsing: Array(answer.utf8), context: "line")
      #expect(value.members?.map(\.key.string) == ["offsets", "ids"])
      #expect(value["ids"]?.elements?.count == (place + 1) % 40 + 2)
    }
    for bad in ["", "id", "ids,", "ids,ids", "ids, offsets"] {
      #expect(ToolRun("tokenize", model, "a", "--json", "--fields", bad).code == 64)
    }
    #expect(
      ToolRun("tokenize", model, "the", "--json", "--fields", "decoded_skip").output
        == "{\"decoded_skip\":\"the\"}\n")
    // Padding to the longest knows the longest of the whole file.
    let padded = ToolRun(
      "tokenize", model, "--input", input, "--fields", "ids", "--padding", "longest"
    ).output.split(separator: "\n")
    #expect(padded.count == lines.count)
    #expect(padded.allSatisfy { $0.split(separator: ",").count == 41 })
    // So it does with fields that are told row by row, and of words.
    for field in ["tokens", "special_tokens_mask"] {
      let rows = ToolRun(
        "tokenize", model, "--input", input, "--fields", field, "--padding", "longest"
      ).output.split(separator: "\n")
      #expect(rows.count == lines.count)
      #expect(
        try rows.allSatisfy {
          try JSONValue(parsing: Array($0.utf8), context: "line")[ExactName(field)]?.elements?.count
            == 41
        })
    }
    #expect(
      ToolRun("tokenize", model, "2,3", "--from", "ids", "--padding", "longest", "--json").output
        .contains(#""ids":[2,3]"#))
    let words = ToolRun(
      "tokenize", model, "the", "the the the", "--from", "words", "--json", "--fields", "ids",
      "--padding", "longest", "--pad-to-multiple-of", "4")
    #expect(words.output.split(separator: "\n").allSatisfy { $0.split(separator: ",").count == 8 })
  }

  @Test("A greatest length cuts, and padding fills up, as Transformers' arguments do")
  func options() throws {
    func ids(_ arguments: String...) throws -> [Int] {
      let run = ToolRun(arguments: ["tokenize", model, "the the the the", "--json"] + arguments)
      let value = try JSONValue(parsing: Array(run.output.utf8), context: "output")
      return (value["ids"]?.elements ?? []).map { $0.integer ?? -1 }
    }
    let the = try ids("--no-special-tokens")[0]
    #expect(try ids("--max-length", "4") == [2, the, the, 3])
    #expect(
      try ids("--max-length", "8", "--padding", "max_length") == [2, the, the, the, the, 3, 0, 0])
    #expect(
      try ids(
        "--max-length", "4", "--padding", "max_length", "--truncation", "longest_first",
        "--pad-to-multiple-of", "4", "--no-special-tokens") == [the, the, the, the])
    #expect(
      try ids(
        "--padding", "longest", "--padding-side", "left", "--pad-to-multiple-of", "8",
        "--pad-token-id", "9") == [9, 9, 2, the, the, the, the, 3])
    // The model's own greatest length, 64.
    #expect(try ids("--padding", "max_length").count == 64)
  }

  @Test("Bad usage ends with 64, bad input with 65 and the line, a missing file with 74")
  func failures() throws {
    let directory = try TemporaryDirectory()
    #expect(ToolRun("tokenize", model).code == 64)
    #expect(ToolRun("tokenize", model, "a", "--max-length", "-1").code == 64)
    #expect(ToolRun("tokenize", model, "a", "b", "--pair", "c").code == 64)
    #expect(ToolRun("tokenize", model, "a", "--padding", "always").code == 64)
    let input = try directory.write(Array("{\"text\":\"a\"}\n{\"txt\":1}\n".utf8), as: "in.jsonl")
    let run = ToolRun("tokenize", model, "--input", input)
    #expect(run.code == 65 && run.error.contains("line 2"))
    // A file is there when it is whole.
    let output = directory.file("out.jsonl")
    #expect(ToolRun("tokenize", model, "--input", input, "--output", output).code == 65)
    #expect(try PathKind(path: output) == .nothing)
    #expect(ToolRun("tokenize", directory.path, "a").code == 65)
    #expect(ToolRun("tokenize", directory.file("none"), "a").code == 74)
    #expect(ToolRun("tokenize", model, "--input", directory.file("none")).code == 74)
    #expect(ToolRun("tokenize", model, "a", "--max-length", "1").code == 65)
  }
}
