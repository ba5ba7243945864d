import CheckpointBytes
import Testing
import TestSupport
import Tokenizers

/// What the files of a directory say, and which of them counts.
@Suite struct LoadingTests {
  /// A directory with the fixture's files and others.
  private func load(
    _ name: String, _ files: [String: String], as owner: TokenizerClass? = nil
  ) throws -> Tokenizer {
    let folder = try copy(of: name, files.mapValues { Array($0.utf8) })
    return try Tokenizer.load(from: folder.path, as: owner)
  }

  /// The files of a fixture, some of them with another content.
  private func copy(of name: String, _ files: [String: [UInt8]]) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for file in try Directory.names(in: directory(name)) where file != "expected.json" {
      _ = try folder.write(Fixture("tokenizers/\(name)/\(file)").bytes(), as: file)
    }
    for (file, bytes) in files { _ = try folder.write(bytes, as: file) }
    return folder
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

  @Test func `texts are made lower case before they are normalized`() throws {
    let text = "The SCALE [MASK] \u{130}"
    let cased = try load("bert-cased", [:])
    // What has been learned of words does not count any more.
    let before = try cased.encode(text).ids
    let lowered = try cased.lowercasing()
    #expect(try lowered.encode(text).ids == cased.encode("the scale [MASK] i\u{307}").ids)
    #expect(try lowered.encode(text).ids != before && cased.encode(text).ids == before)
    #expect(try lowered.lowercasing().encode(text) == lowered.encode(text))
  }

  @Test func `truncation and padding of tokenizer.json are known, and applied by the file alone`()
    throws
  {
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
    // Alone, the file does what it says.
    let bare = try Tokenizer(json: json, file: "tokenizer.json")
    #expect(bare.usualOptions == asked)
    #expect(try bare.encode("a").count == 128)
    #expect(try bare.encodeBatch(["a"]).map(\.count) == [128])
    #expect(try bare.encode("a", options: EncodingOptions()).count == 3)
  }

  @Test func `a mask takes the space before it only where a file says so`() throws {
    let tokenizer = try load(
      "roberta-files", ["special_tokens_map.json": #"{"mask_token":"<mask>"}"#])
    #expect(try tokenizer.encode("a <mask>").tokens == ["<s>", "a", "Ġ", "<mask>", "</s>"])
    let stated = try load(
      "roberta-files",
      ["special_tokens_map.json": #"{"mask_token":{"content":"<mask>","lstrip":true}}"#])
    #expect(try stated.encode("a <mask>").tokens == ["<s>", "a", " <mask>", "</s>"])
  }

  @Test func `the class puts its own around the vocabulary of tokenizer.json`() throws {
    // Nothing is stated beside the class, so that its defaults count: lower case, no matter what tokenizer.json says.
    let silent = try load(
      "bert-cased", ["tokenizer_config.json": #"{"tokenizer_class":"BertTokenizer"}"#])
    let cased = try load("bert-cased", [:])
    #expect(try silent.encode("THE").ids == cased.encode("the").ids)
    let whole = try load(
      "bert-cased", ["tokenizer_config.json": #"{"tokenizer_class":"PreTrainedTokenizerFast"}"#])
    #expect(try whole.encode("THE").ids == cased.encode("THE").ids)
  }

  @Test func `a class that is not known is an error that names it and its file`() throws {
    for place in ["tokenizer_config.json", "config.json"] {
      for name in ["BertJapaneseTokenizer", "CLIPTokenizer", "NoSuchTokenizer", "Fast", ""] {
        let files = [
          "config.json": #"{"model_type":"bert"}"#,
          "tokenizer_config.json": "{}",
        ].merging([place: #"{"model_type":"bert","tokenizer_class":"\#(name)"}"#]) { $1 }
        #expect {
          try load("bert-uncased-files", files)
        } throws: {
          let error = $0 as? CheckpointError
          return error?.kind == .unsupported && error?.site.field == "tokenizer_class"
            && error?.site.file?.hasSuffix("/" + place) == true
            && "\($0)".contains("'\(name)'")
        }
      }
    }
    #expect {
      try load("bert-uncased-files", ["config.json": #"{"model_type":"albert"}"#])
    } throws: {
      ($0 as? CheckpointError)?.kind == .unsupported && "\($0)".contains("'albert'")
    }
  }

  @Test func `a class without its vocabulary is an error that names it`() throws {
    for (name, files) in [
      ("GPT2Tokenizer", "bert-uncased-files"), ("BertTokenizer", "gpt2-files"),
      ("TokenizersBackend", "bert-uncased-files"),
    ] {
      #expect {
        try load(files, ["tokenizer_config.json": #"{"tokenizer_class":"\#(name)"}"#])
      } throws: {
        ($0 as? CheckpointError)?.kind == .notFound && "\($0)".contains(name)
      }
    }
  }

  @Test func `every class has a name of its own and types of models of its own`() {
    for (place, owner) in TokenizerClass.all.enumerated() {
      for name in [owner.name] + owner.otherNames {
        #expect(TokenizerClass(named: name)?.name == owner.name)
      }
      for other in TokenizerClass.all[(place + 1)...] {
        #expect(Set(owner.modelTypes).isDisjoint(with: other.modelTypes))
        #expect(
          Set([owner.name] + owner.otherNames).isDisjoint(with: [other.name] + other.otherNames))
      }
    }
    #expect(TokenizerClass(named: "RobertaTokenizerFast")?.name == "RobertaTokenizer")
  }

  @Test func `token types are the tokenizer's, as its class or model_input_names have it`() throws {
    #expect(try load("bert-uncased", [:]).givesTokenTypes == true)
    #expect(try load("gpt2", [:]).givesTokenTypes == false)
    #expect(
      try load(
        "bert-uncased", ["tokenizer_config.json": #"{"tokenizer_class":"DistilBertTokenizer"}"#]
      ).givesTokenTypes == false)
    let stated = try load(
      "gpt2",
      [
        "tokenizer_config.json":
          #"{"tokenizer_class":"GPT2Tokenizer","model_input_names":["input_ids","token_type_ids"]}"#
      ])
    #expect(try stated.encode("a").givesTokenTypes == true)
    let bare = try Tokenizer(contentsOf: directory("gpt2") + "/tokenizer.json")
    #expect(try bare.encode("a").givesTokenTypes == nil)
  }

  @Test func `a role that is null has no token, and one that is no token is refused`() throws {
    #expect(try load("gpt2-files", [:]).unknownTokenID == 0)
    let without = try load("gpt2-files", ["tokenizer_config.json": #"{"unk_token":null}"#])
    #expect(without.unknownTokenID == nil)
    #expect(without.endTokenID == 0)
    for (files, kind) in [
      (["special_tokens_map.json": #"{"cls_token":null}"#], FailureKind.notFound),
      (["tokenizer_config.json": #"{"cls_token":3}"#], .malformed),
    ] {
      #expect { try load("roberta-files", files) } throws: {
        ($0 as? CheckpointError)?.kind == kind
          && ($0 as? CheckpointError)?.site.field == "cls_token"
      }
    }
  }

  @Test func `old names in tokenizer_config.json count where the new ones are missing`() throws {
    func lists(_ members: String) throws -> [String] {
      try load("gpt2-files", ["tokenizer_config.json": "{\(members)}"]).specialTokens.additional
        .map(\.content)
    }
    let old = #""additional_special_tokens":["<x>","<y>"]"#
    #expect(try lists(old) == ["<x>", "<y>"])
    #expect(try lists(old + #","extra_special_tokens":[]"#) == ["<x>", "<y>"])
    #expect(try lists(old + #","extra_special_tokens":["<z>"]"#) == ["<z>"])
    #expect(
      try lists(old + #","extra_special_tokens":{"a_token":"<z>"}"#) == ["<z>", "<x>", "<y>"])

    func length(_ members: String) throws -> Int? {
      try load("gpt2-files", ["tokenizer_config.json": "{\(members)}"]).maximumLength
    }
    #expect(try length(#""max_len":33"#) == 33)
    #expect(try length(#""max_len":33,"model_max_length":44"#) == 44)
    #expect(try length(#""max_len":33,"model_max_length":null"#) == nil)
    #expect(try length(#""model_max_length":1000000000000000019884624838656"#) == nil)
    #expect(try length(#""model_max_length":1e30"#) == nil)
    for wrong in [#""512""#, "1.5", "-1", "[]"] {
      #expect {
        try length("\"model_max_length\":" + wrong)
      } throws: {
        ($0 as? CheckpointError)?.kind == .malformed
          && ($0 as? CheckpointError)?.site.field == "model_max_length"
      }
    }
  }

  @Test func `special_tokens_map.json adds to what tokenizer_config.json states`() throws {
    let tokenizer = try load(
      "gpt2-files",
      [
        "tokenizer_config.json":
          #"{"pad_token":"<p>","own_token":"<o>","extra_special_tokens":["<x>"]}"#,
        "special_tokens_map.json":
          #"{"pad_token":"<q>","own_token":"<r>","extra_special_tokens":["<x>","<y>"],"additional_special_tokens":["<z>"]}"#,
      ])
    #expect(tokenizer.specialTokens[.padding] == "<q>")
    #expect(tokenizer.specialTokens.additional.map(\.content) == ["<o>", "<x>", "<y>"])
  }

  @Test func `a token that has a name is special, whatever its description says`() throws {
    let tokenizer = try load(
      "gpt2-files",
      [
        "tokenizer_config.json": """
        {"eos_token":"a","extra_special_tokens":[{"content":"<x>","__type":"AddedToken"}],
         "added_tokens_decoder":{"\(try load("gpt2-files", [:]).id(of: "a") ?? -1)":{"content":"a"}}}
        """
      ])
    let special = Dictionary(
      uniqueKeysWithValues: tokenizer.addedTokens.map { ($0.token.content, $0.token.isSpecial) })
    #expect(special == ["a": true, "<x>": false, "<|endoftext|>": true])
  }

  @Test func `of a token that plays two parts with other properties the last counts`() throws {
    let tokenizer = try load(
      "gpt2-files",
      [
        "special_tokens_map.json":
          #"{"eos_token":{"content":"<|endoftext|>","rstrip":true},"unk_token":"<|endoftext|>"}"#
      ])
    #expect(tokenizer.addedTokens.map(\.token.stripsRight) == [true])
  }

  @Test func `sides are those of tokenizer.json where the configuration states none`() throws {
    var members = try #require(try fixture("gpt2/tokenizer.json").members)
    members.removeAll { $0.key == "truncation" || $0.key == "padding" }
    let stated = """
      {"truncation":{"direction":"Left","max_length":9,"strategy":"LongestFirst","stride":0},
       "padding":{"strategy":"BatchLongest","direction":"Left","pad_to_multiple_of":null,"pad_id":0,
       "pad_type_id":0,"pad_token":"a"}}
      """
    members += try #require(try JSONValue(parsing: Array(stated.utf8), context: "JSON").members)
    let json = JSONWriter.text(.object(members))
    let tokenizer = try load("gpt2", ["tokenizer.json": json])
    #expect(tokenizer.truncationSide == .left)
    #expect(tokenizer.paddingSide == .left)
    let other = try load(
      "gpt2",
      [
        "tokenizer.json": json,
        "tokenizer_config.json": #"{"truncation_side":"right","padding_side":"right"}"#,
      ])
    #expect(other.truncationSide == .right)
    #expect(other.paddingSide == .right)
  }

  @Test func `byte-pair text is cleaned up only where the configuration insists`() throws {
    func decoded(_ members: String) throws -> String {
      let tokenizer = try load("gpt2-files", ["tokenizer_config.json": "{\(members)}"])
      return tokenizer.decode(try tokenizer.encode("a .").ids)
    }
    let cleans = #""clean_up_tokenization_spaces":true"#
    #expect(try decoded(cleans) == "a .")
    let insists =
      #","clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output":true"#
    #expect(try decoded(cleans + insists) == "a.")
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

  @Test(
    "A line of a vocabulary file that is not UTF-8 is named, with its place",
    arguments: [
      ("merges.txt", "gpt2-files", [UInt8](text: "h e\r\n")),
      ("vocab.txt", "bert-uncased-files", []),
    ])
  func brokenLines(_ file: String, _ name: String, _ before: [UInt8]) throws {
    // A continuation byte that nothing goes on, and a surrogate.
    for broken in [[0x61, 0x80], [0xED, 0xA0, 0x80, 0x20]] as [[UInt8]] {
      let folder = try copy(of: name, [file: before + broken + [0x0A, 0xFF]])
      #expect {
        try Tokenizer.load(from: folder.path)
      } throws: { error in
        let site = (error as? CheckpointError)?.site
        return site?.field == "line \(before.isEmpty ? 1 : 2)"
          && site?.offset == before.count
          && site?.file == folder.path + "/" + file
      }
    }
  }
}
