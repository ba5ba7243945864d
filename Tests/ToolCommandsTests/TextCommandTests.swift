import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge fill-mask, classify and embed")
struct TextCommandTests {
  private func isClose(_ first: Double?, _ second: Double?, _ tolerance: Double = 2e-6) -> Bool {
    guard let first, let second else { return false }
    return (first - second).magnitude <= tolerance
  }

  @Test(
    "Masks are filled with the pipeline's tokens, probabilities and texts",
    arguments: [("bert-masked", "bert-uncased"), ("roberta-masked", "roberta")])
  func fillMask(_ name: String, _ tokenizer: String) throws {
    let model = try ModelFixture(task: name, tokenizer: tokenizer)
    let cases = try recordedAnswers("fill-mask")[ExactName(name)]?.elements ?? []
    #expect(cases.count == 2)
    for entry in cases {
      let text = try #require(entry["text"]?.string)
      let run = ToolRun("fill-mask", model.path, text, "--top-k", "3", "--json")
      #expect(run.code == 0 && run.error == "", "\(run.error)")
      let masks = try JSONValue(printed: run.output)["masks"]?.elements ?? []
      var expected = entry["answers"]?.elements ?? []
      // The pipeline gives one list for one mask.
      if expected.first?.elements == nil { expected = [.array(expected)] }
      #expect(masks.count == expected.count)
      for (mask, answers) in zip(masks, expected) {
        let proposals = mask["proposals"]?.elements ?? []
        #expect(proposals.count == 3)
        for (proposal, answer) in zip(proposals, answers.elements ?? []) {
          #expect(proposal["token"] == answer["token"])
          #expect(proposal["token_str"] == answer["token_str"])
          #expect(proposal["sequence"] == answer["sequence"])
          #expect(isClose(proposal["score"]?.double, answer["score"]?.double))
        }
      }
    }
  }

  @Test("For people a proposal is a line with probability, token and text")
  func fillMaskForPeople() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let run = ToolRun("fill-mask", model.path, "the [MASK] of the scale", "--top-k", "2")
    // Numbers and texts of the recorded pipeline, rounded.
    #expect(
      run.output == """
        0.0917  ##a  thea of the scale
        0.0439  ##to  theto of the scale

        """)
    #expect(ToolRun("fill-mask", model.path, "[MASK] [MASK]").output.hasPrefix("mask at token 1\n"))
  }

  @Test("Labels and their numbers are the pipeline's, for each kind of problem")
  func classify() throws {
    for entry in try recordedAnswers("classify").elements ?? [] {
      let problem = try #require(entry["problem_type"])
      let model = try ModelFixture(
        task: "bert-classifier", tokenizer: "bert-uncased",
        changes: problem == .null ? [] : [("problem_type", problem)])
      let texts = (entry["texts"]?.elements ?? []).compactMap(\.string)
      let run = ToolRun(arguments: ["classify", model.path, "--json"] + texts)
      #expect(run.code == 0 && run.error == "", "\(run.error)")
      let document = try JSONValue(printed: run.output)
      #expect(
        document["problem_type"]
          == (problem == .null ? .string("single_label_classification") : problem))
      let results = document["results"]?.elements ?? []
      #expect(results.map { $0["text"]?.string } == texts)
      for (result, answer) in zip(results, entry["answers"]?.elements ?? []) {
        let found = result["labels"]?.elements ?? []
        let expected = answer.elements ?? []
        #expect(found.map { $0["label"] } == expected.map { $0["label"] } && found.count == 3)
        for (one, other) in zip(found, expected) {
          #expect(isClose(one["score"]?.double, other["score"]?.double))
        }
      }
    }
  }

  @Test("For people a text is followed by its labels, the highest first")
  func classifyForPeople() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    #expect(
      ToolRun("classify", model.path, "the scale is even").output == """
        the scale is even
          0.4800  balanced
          0.4084  heavy
          0.1116  light

        """)
  }

  @Test("Embeddings are pooled and cut as the directory says, or as the options say")
  func embed() throws {
    let bare = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    for entry in try recordedAnswers("embed").elements ?? [] {
      let length = try #require(entry["max_seq_length"]?.integer)
      let texts = (entry["texts"]?.elements ?? []).compactMap(\.string)
      let isCut = length < 10
      let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
      try model.writeSentenceTransformer(pooling: "cls", normalizes: false, length: length)
      func check(_ model: ModelFixture, _ options: [String], _ key: String) throws {
        let run = ToolRun(arguments: ["embed", model.path, "--json"] + options + texts)
        #expect(run.code == 0)
        #expect(run.error.isEmpty != (isCut && model.path != bare.path), "\(run.error)")
        let found = try JSONValue(printed: run.output)["embeddings"]?.elements ?? []
        let expected = entry[ExactName(key)]?.elements ?? []
        #expect(found.count == 3)
        for (vector, other) in zip(found, expected) {
          #expect(vector.elements?.count == 12)
          for (one, two) in zip(vector.elements ?? [], other.elements ?? []) {
            #expect(isClose(one.double, two.double, 1e-5))
          }
        }
      }
      try check(model, [], "cls")
      try check(model, ["--pooling", "mean"], "mean")
      if !isCut { try check(bare, [], "mean") }
    }
  }

  @Test("Modules lie in the directory, whatever their paths are made of")
  func modulesElsewhere() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    let modules = try String(decoding: model.bytes("modules.json"), as: UTF8.self)
    for path in ["..", "/1_Pooling", "a/../../1_Pooling", "../\u{301}", "/\u{301}"] {
      try model.write(
        modules.replacing("\"1_Pooling\"", with: "\"\(path)\""), as: "modules.json")
      let refused = ToolRun("embed", model.path, "a")
      #expect(refused.code == 65)
      #expect(refused.error.contains("expected a path inside the directory"), "\(refused.error)")
    }
  }

  @Test("Settings of sentence-transformers beside modules.json count, or are refused")
  func sentenceTransformerSettings() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    let settings = "config_sentence_transformers.json"
    for accepted in [
      #"{"prompts": {"query": "weigh: "}, "default_prompt_name": null}"#,
      #"{"prompts": {"query": ""}, "default_prompt_name": "query"}"#, "{}",
    ] {
      try model.write(accepted, as: settings)
      #expect(ToolRun("embed", model.path, "a").code == 0)
    }
    let plain = ToolRun("embed", model.path, "the scale a", "--json")
    try model.write(
      #"{"prompts": {"query": "the scale "}, "default_prompt_name": "query"}"#, as: settings)
    #expect(ToolRun("embed", model.path, "a", "--json").output == plain.output)
    try model.write(#"{"prompts": {}, "default_prompt_name": "other"}"#, as: settings)
    let refused = ToolRun("embed", model.path, "a")
    #expect(refused.code == 65)
    #expect(refused.error.contains(settings) && refused.error.contains("default_prompt_name"))
    // The prompt leaves no room: the separator, which is no part of it, is all that counts.
    try model.write(
      #"{"prompts": {"p": "the scale of the scale "}, "default_prompt_name": "p"}"#, as: settings)
    try model.write(#"{"include_prompt": false}"#, as: "1_Pooling/config.json")
    try model.write(#"{"max_seq_length": 5}"#, as: "sentence_bert_config.json")
    let full = ToolRun("embed", model.path, "a", "--json")
    #expect(full.code == 0 && full.error.contains("cut to 5 tokens"))
    #expect(ToolRun("embed", model.path, "the scale", "--json").output == full.output)
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    try model.write("{}", as: settings)
    // As it was called for RoBERTa; the general name goes first.
    try model.write(#"{"max_seq_length": 5}"#, as: "sentence_roberta_config.json")
    let long = "the scale of the scale of the scale"
    #expect(ToolRun("embed", model.path, long).error == "")
    try Directory.removeFile(model.file("sentence_bert_config.json"))
    #expect(ToolRun("embed", model.path, long).error.contains("cut to 5 tokens"))
  }

  @Test("Vectors of the length 1 on request, or because the directory says so")
  func normalize() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    func lengths(_ arguments: String...) throws -> [Double] {
      let run = ToolRun(arguments: ["embed", model.path, "the scale", "a", "--json"] + arguments)
      let vectors = try JSONValue(printed: run.output)["embeddings"]?.elements ?? []
      return vectors.map { ($0.elements ?? []).compactMap(\.double).reduce(0) { $0 + $1 * $1 } }
    }
    #expect(try lengths().allSatisfy { !isClose($0, 1, 1e-3) })
    #expect(try lengths("--normalize").allSatisfy { isClose($0, 1, 1e-6) })
    try model.writeSentenceTransformer(pooling: "mean", normalizes: true, length: 64)
    #expect(try lengths().allSatisfy { isClose($0, 1, 1e-6) })
  }

  @Test("Lines of a file are answered by lines, or by a tensor in a file")
  func embedFiles() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.write("{\"text\":\"the scale\"}\n{\"text\":\"a\"}\n", as: "lines.jsonl")
    let input = model.file("lines.jsonl")
    let lines = ToolRun("embed", model.path, "--input", input)
    #expect(lines.output.split(separator: "\n").count == 2)
    #expect(lines.output.hasPrefix(#"{"text":"the scale","embedding":["#))
    // Each row keeps its own line, and its id, with --json as well.
    #expect(ToolRun("embed", model.path, "--input", input, "--json").output == lines.output)
    let written = ToolRun("embed", model.path, "--input", input, "--output", model.file("o.jsonl"))
    #expect(written.code == 0 && written.output == "")
    let file = try SourceFile(path: model.file("o.jsonl"))
    #expect(try file.bytes(at: 0, count: file.size) == Array(lines.output.utf8))
    let tensor = model.file("o.safetensors")
    #expect(ToolRun("embed", model.path, "--input", input, "--output", tensor).code == 0)
    let listing = try JSONValue(printed: ToolRun("inspect", tensor, "--json").output)
    let entry = try #require(listing["tensors"]?.elements?.first)
    #expect(entry["name"]?.string == "embeddings" && entry["dtype"]?.string == "F32")
    #expect(entry["shape"]?.elements?.map(\.integer) == [2, 12])
    // More texts than are encoded at once.
    let words = ["the scale", "a", "light", "balanced"]
    let many = (0..<1100).map { words[$0 % 4] }
    try model.write(many.map { "{\"text\":\"\($0)\"}\n" }.joined(), as: "many.jsonl")
    let answers = ToolRun("embed", model.path, "--input", model.file("many.jsonl")).output
      .split(separator: "\n")
    #expect(answers.count == 1100)
    for (place, answer) in answers.enumerated() {
      #expect(answer.hasPrefix("{\"text\":\"\(many[place])\""))
      #expect(answer == answers[place % 4])
    }
    try model.write(
      "{\"text\":\"a\"}\n{\"text\":\"a\",\"pair\":\"b\"}\n", as: "pairs.jsonl")
    let pairs = ToolRun("embed", model.path, "--input", model.file("pairs.jsonl"))
    #expect(pairs.code == 65 && pairs.output == "")
    #expect(pairs.error.contains("pairs.jsonl: line 2") && pairs.error.contains("pair"))
    let people = ToolRun("embed", model.path, "the scale", "the scale").output
    #expect(people.hasPrefix("12 numbers each: the mean over tokens\n0  ["))
    #expect(people.hasSuffix("cosine similarities\n0  1.0000  1.0000\n1  1.0000  1.0000\n"))
  }

  @Test(
    "What a model or a directory cannot do ends with an error of one line that says what and where")
  func failures() throws {
    let bert = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let gpt2 = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let pooled = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try pooled.writeSentenceTransformer(pooling: "max", normalizes: false, length: 64)
    try pooled.write(#"{"pooling_mode": "median"}"#, as: "1_Pooling/config.json")
    let odd = try ModelFixture(task: "bert-masked", tokenizer: nil)
    try odd.write(#"{"version":"1.0","model":{"type":"Unigram","vocab":[]}}"#, as: "tokenizer.json")
    let long = String(repeating: "the ", count: 80)
    for (arguments, words) in [
      (["fill-mask", bert.path, "no mask here"], ["[MASK]", "no mask here"]),
      (["fill-mask", bert.path, ""], ["[MASK]"]),
      (["fill-mask", bert.path, "[MASK] " + long], ["text: it has", "64", "--truncation"]),
      (["fill-mask", classifier.path, "[MASK]"], ["BertForMaskedLM"]),
      (["fill-mask", gpt2.path, "a"], ["config.json", "gpt2"]),
      (["fill-mask", odd.path, "[MASK]"], ["tokenizer.json", "model.type", "Unigram"]),
      (["classify", bert.path, "a"], ["BertForSequenceClassification"]),
      (["classify", classifier.path, long], ["text: it has", "64", "--truncation"]),
      (["embed", gpt2.path, "a", ""], ["text 1", "no token"]),
      (["embed", pooled.path, "a"], ["1_Pooling/config.json", "median"]),
    ] {
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 65, "\(arguments): \(run.code) \(run.error)")
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
      for word in words { #expect(run.error.contains(word), "\(run.error)") }
    }
    // A prompt that is cut leaves room for what comes behind it.
    for texts in [[long], [long, long]] {
      let length = ["--max-new-tokens", "3"]
      let run = ToolRun(arguments: ["generate", gpt2.path] + texts + length + ["--truncation"])
      #expect(run.code == 0, "\(run.error)")
      #expect(ToolRun(arguments: ["generate", gpt2.path] + texts + length).code == 65)
      let none = ["--truncation", "--max-length=\(Int.min)"]
      #expect(ToolRun(arguments: ["generate", gpt2.path] + texts + none).code != 0)
    }
    #expect(ToolRun("embed", pooled.path, "a", "--pooling", "cls").code == 0)
    #expect(ToolRun("embed", bert.path).code == 64)
    #expect(ToolRun("embed", bert.path, "a", "--output", "out.txt").code == 64)
    #expect(ToolRun("embed", bert.path, "a", "--pooling", "median").code == 64)
    #expect(ToolRun("fill-mask", bert.path, "[MASK]", "--top-k", "0").code == 64)
    #expect(ToolRun("classify", bert.path).code == 64)
    #expect(ToolRun("classify", "/absent", "a").code == 74)
  }
}

extension ModelFixture {
  /// The files that sentence-transformers puts beside a model.
  func writeSentenceTransformer(
    pooling: String, normalizes: Bool, length: Int
  ) throws {
    var modules = [
      #"{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}"#,
      #"{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}"#,
    ]
    if normalizes {
      modules.append(
        #"{"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}"#
      )
    }
    try write("[\(modules.joined(separator: ","))]", as: "modules.json")
    let modes = ["cls_token", "mean_tokens", "max_tokens"].map {
      "\"pooling_mode_\($0)\": \($0.hasPrefix(pooling))"
    }
    try write(
      "{\"word_embedding_dimension\": 12, \(modes.joined(separator: ", "))}",
      as: "1_Pooling/config.json")
    try write(
      "{\"max_seq_length\": \(length), \"do_lower_case\": false}",
      as: "sentence_bert_config.json")
  }
}
