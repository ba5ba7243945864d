import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// What the files of a directory say, and which of them counts.
@Suite struct LoadingTests {
  /// A directory with the fixture's files and others.
  private func load(
    _ name: String, _ files: [String: String], family: TokenizerFamily? = nil
  ) throws -> Tokenizer {
    let folder = try TemporaryDirectory()
    for file in try Directory.names(in: directory(name)) where file != "expected.json" {
      _ = try folder.write(Fixture("tokenizers/\(name)/\(file)").bytes(), as: file)
    }
    for (file, text) in files { _ = try folder.write(Array(text.utf8), as: file) }
    return try Tokenizer.load(from: folder.path, family: family)
  }

  @Test func `a directory without a tokenizer is refused`() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: CheckpointError(.notFound, file: folder.path, "")) {
      try Tokenizer.load(from: folder.path)
    }
    #expect(throws: CheckpointError(.inputOutput, file: folder.path + "/none", "")) {
      try Tokenizer.load(from: folder.path + "/none")
    }
  }

  @Test func `what tokenizer_config.json states counts more than tokenizer.json`() throws {
    let configuration = #"{"tokenizer_class":"BertTokenizer","do_lower_case":true}"#
    let cased = try load("bert-cased", [:])
    let lowered = try load("bert-cased", ["tokenizer_config.json": configuration])
    #expect(try cased.encode("THE").ids != cased.encode("the").ids)
    #expect(try lowered.encode("THE").ids == cased.encode("the").ids)
  }

  @Test func `truncation and padding of tokenizer.json are known and not applied`() throws {
    var json = try fixture("bert-uncased/tokenizer.json")
    var members = try #require(json.members)
    members.removeAll { $0.key == "truncation" || $0.key == "padding" }
    members.append(
      JSONValue.Member(
        "truncation",
        try JSONValue(
          parsing: Array(
            #"{"direction":"Right","max_length":128,"strategy":"LongestFirst","stride":0}"#.utf8),
          context: "JSON")))
    members.append(
      JSONValue.Member(
        "padding",
        try JSONValue(
          parsing: Array(
            #"{"strategy":{"Fixed":128},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"}"#
              .utf8), context: "JSON")))
    json = .object(members)
    let tokenizer = try load("bert-uncased", ["tokenizer.json": JSONWriter.text(json)])
    #expect(tokenizer.statedTruncation == Truncation(maximumLength: 128))
    #expect(tokenizer.statedPadding == Padding(.fixed(128), id: 0, token: "[PAD]"))
    #expect(try tokenizer.encode("a").count == 3)
    let asked = EncodingOptions(
      truncation: tokenizer.statedTruncation, padding: tokenizer.statedPadding)
    #expect(try tokenizer.encode("a", options: asked).count == 128)
  }

  @Test func `a mask that is stated as text takes the space before it, as it did up to 4`() throws {
    let tokenizer = try load(
      "roberta-files", ["special_tokens_map.json": #"{"mask_token":"<mask>"}"#])
    #expect(try tokenizer.encode("a <mask>").tokens == ["<s>", "a", " <mask>", "</s>"])
    let stated = try load(
      "roberta-files",
      ["special_tokens_map.json": #"{"mask_token":{"content":"<mask>","lstrip":false}}"#])
    #expect(try stated.encode("a <mask>").tokens == ["<s>", "a", "Ġ", "<mask>", "</s>"])
  }

  @Test func `added tokens get the ids after the vocabulary, and other ids are refused`() throws {
    let count = try load("bert-uncased-files", [:]).vocabularyCount
    let tokenizer = try load(
      "bert-uncased-files", ["added_tokens.json": #"{"<new>":\#(count)}"#])
    #expect(try tokenizer.encode("a<new>").ids.dropLast().last == count)
    #expect(throws: CheckpointError.self) {
      try load("bert-uncased-files", ["added_tokens.json": #"{"<new>":\#(count + 1)}"#])
    }
  }

  @Test func `vocabulary files of an unknown family are told by their special tokens`() throws {
    #expect(try load("gpt2-files", ["config.json": "{}"]).endTokenID == 0)
    #expect(try load("roberta-files", ["config.json": "{}"]).maskTokenID == 4)
    #expect(throws: CheckpointError.self) {
      try load(
        "gpt2-files", ["config.json": "{}", "vocab.json": #"{"a":0}"#, "merges.txt": ""])
    }
  }

  @Test func `lines of vocabulary files that cannot be used are named`() throws {
    func site(_ files: [String: String], _ name: String) -> CheckpointError.Site? {
      do { _ = try load(name, files) } catch let error as CheckpointError {
        return error.site
      } catch {}
      return nil
    }
    #expect(site(["merges.txt": "#version: 0.2\nh e\nt\n"], "gpt2-files")?.field == "line 3")
    #expect(site(["merges.txt": "t 東\n"], "gpt2-files")?.field == "line 1")
  }
}
