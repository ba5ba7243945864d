import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge generate")
struct GenerateCommandTests {
  /// The command's options for the settings of a recorded case; nil if it has one that is no option.
  private func options(_ settings: JSONValue) -> [String]? {
    var options: [String] = []
    for member in settings.members ?? [] {
      let name = "--" + member.key.string.split(separator: "_").joined(separator: "-")
      switch (member.key.string, member.value) {
      case ("do_sample", .boolean(false)): continue
      case ("eos_token_id", .null): options += [name, "none"]
      case ("eos_token_id", .array(let tokens)):
        options += [name, tokens.compactMap(\.integer).map(String.init).joined(separator: ",")]
      case (
        "max_new_tokens", let value
      ), ("num_beams", let value), ("length_penalty", let value), ("early_stopping", let value),
        ("num_return_sequences", let value), ("repetition_penalty", let value),
        ("no_repeat_ngram_size", let value), ("eos_token_id", let value),
        ("pad_token_id", let value):
        options += [name, value.string ?? JSONWriter.text(value)]
      default: return nil
      }
    }
    return options
  }

  @Test("Tokens are those that Transformers gave, with the options of each recorded case")
  func recorded() throws {
    let cases =
      try JSONValue(
        parsing: Fixture("models/generation.json").bytes(), context: "cases"
      ).elements ?? []
    var count = 0
    for entry in cases where entry["class"]?.string == "GPT2LMHeadModel" {
      let inputs = try #require(entry["inputs"])
      guard let configuration = entry["configuration"],
        let options = options(entry["settings"] ?? .null)
      else { continue }
      let model = try ModelFixture(generating: configuration)
      let rows = inputs["input_ids"]?.elements ?? []
      var prompt = ["--inputs", model.file("inputs.safetensors")]
      if rows.count == 1, inputs.members?.count == 1 {
        let tokens = (rows[0].elements ?? []).compactMap(\.integer).map(String.init)
        prompt = ["--input-ids", tokens.joined(separator: ",")]
      } else {
        try model.write(integerTensors(inputs), as: "inputs.safetensors")
      }
      let run = ToolRun(arguments: ["generate", model.path, "--json"] + prompt + options)
      #expect(run.code == 0, "\(run.error)")
      let expected = JSONValue.object([
        JSONValue.Member("sequences", entry["sequences"] ?? .null)
      ])
      #expect(run.output == JSONWriter.text(expected) + "\n", "\(options)")
      count += 1
    }
    #expect(count >= 15)
  }

  @Test(
    "A text goes on as in Transformers; one is printed as it comes, several one after the other")
  func texts() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let cases = try recordedAnswers("generate").elements ?? []
    #expect(cases.count == 4)
    for entry in cases {
      let prompt = try #require(entry["prompt"]?.string)
      var arguments = ["generate", model.path, prompt, "--max-new-tokens", "12"]
      if let beams = entry["num_beams"]?.integer {
        arguments += ["--num-beams", "\(beams)", "--num-return-sequences", "2"]
      }
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 0 && run.error == "", "\(run.error)")
      let texts = (entry["texts"]?.elements ?? []).compactMap(\.string)
      #expect(Array(run.output.utf8) == Array(texts.map { $0 + "\n" }.joined().utf8))
      let json = ToolRun(arguments: arguments + ["--json"])
      #expect(try JSONValue(printed: json.output)["sequences"] == entry["sequences"])
    }
  }

  @Test("generation_config.json has the defaults, and options go before it")
  func settings() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let cases = try recordedAnswers("generate").elements ?? []
    let plain = try #require(cases.first { $0["num_beams"] == nil })
    let beams = try #require(cases.first { $0["num_beams"] != nil })
    let prompt = try #require(beams["prompt"]?.string)
    #expect(plain["prompt"]?.string == prompt)
    try model.write(
      #"{"max_new_tokens": 12, "num_beams": 3, "num_return_sequences": 2, "eos_token_id": 0}"#,
      as: "generation_config.json")
    let stated = ToolRun("generate", model.path, prompt, "--json")
    #expect(try JSONValue(printed: stated.output)["sequences"] == beams["sequences"])
    let overridden = ToolRun(
      "generate", model.path, prompt, "--json", "--num-beams", "1", "--num-return-sequences", "1")
    #expect(try JSONValue(printed: overridden.output)["sequences"] == plain["sequences"])
    try model.write(#"{"guidance_scale": 1.5}"#, as: "generation_config.json")
    let refused = ToolRun("generate", model.path, prompt)
    #expect(refused.code == 65 && refused.error.contains("guidance_scale"))
  }

  @Test("A seed gives the same draws again, and another seed others")
  func seeds() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    func draw(_ seed: String) -> String {
      ToolRun(
        "generate", model.path, "the scale", "--json", "--seed", seed, "--temperature", "2",
        "--top-k", "0", "--max-new-tokens", "30"
      ).output
    }
    #expect(draw("1").hasPrefix(#"{"sequences":[["#))
    #expect(draw("1") == draw("1"))
    #expect(draw("1") != draw("2"))
  }

  @Test("Without any prompt the model's own first token begins")
  func noPrompt() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let empty = ToolRun("generate", model.path, "--json", "--max-new-tokens", "1")
    #expect(empty.output.hasPrefix(#"{"sequences":[[0,"#), "\(empty.output)\(empty.error)")
  }

  @Test("Options that say nothing without a text are refused, and nothing is written")
  func withoutText() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array("before".utf8), as: "out.jsonl")
    for arguments in [
      ["--input-ids", "1,2", "--output", path], ["--output", path], ["--json", "--scores"],
    ] {
      #expect(ToolRun(arguments: ["generate", "model"] + arguments).code == 64)
    }
    #expect(try SourceFile(path: path).size == 6)
  }

  @Test("What cannot be gone on with ends with an error of one line")
  func failures() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let bert = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let bare = try ModelFixture(task: "gpt2", tokenizer: nil)
    for (arguments, words) in [
      (["generate", model.path, "--input-ids", "1,380"], ["input_ids[0, 1]", "380"]),
      (["generate", model.path, "--input-ids", "-1"], ["input_ids[0, 0]"]),
      (["generate", model.path, "a", "--max-new-tokens", "100", "--json"], ["64"]),
      (["generate", model.path, "a", "--max-new-tokens", "0"], ["max_new_tokens"]),
      (["generate", model.path, "a", "--temperature", "-1"], ["temperature"]),
      (["generate", model.path, "a", "--num-beams", "0"], ["num_beams"]),
      (["generate", bert.path, "the scale"], ["is_decoder"]),
      (["generate", bare.path, "a"], ["tokenizer.json"]),
    ] {
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 65, "\(arguments): \(run.code) \(run.error)")
      // With --json the error is an object, too.
      let isJSON = arguments.contains("--json")
      #expect(run.output.hasPrefix("{\"error\":") == isJSON && run.output.isEmpty == !isJSON)
      let errors = run.error.split(separator: "\n").filter { !$0.hasPrefix("note: ") }
      #expect(errors.count == 1)
      for word in words { #expect(run.error.contains(word), "\(run.error)") }
    }
    for arguments in [
      ["generate", model.path, "a", "--input-ids", "1"],
      ["generate", model.path, "--input-ids", "x"],
      ["generate", model.path, "a", "--early-stopping", "maybe"],
      ["generate", model.path, "a", "--eos-token-id", "no"],
    ] { #expect(ToolRun(arguments: arguments).code == 64, "\(arguments)") }
  }
}
