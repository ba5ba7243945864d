import CheckpointBytes
import Foundation
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge ner, answer, zero-shot, rerank, similarity, perplexity, features")
struct TaskCommandTests {
  private func isClose(_ first: Double?, _ second: Double?, _ tolerance: Double = 3e-6) -> Bool {
    guard let first, let second else { return false }
    return (first - second).magnitude <= tolerance * max(1, second.magnitude)
  }

  /// The lines that a command printed.
  private func lines(_ arguments: [String]) throws -> [JSONValue] {
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 0, "\(arguments): \(run.error)")
    return try run.output.split(separator: "\n").map { try JSONValue(printed: String($0)) }
  }

  /// Equal, but for the last digits of numbers.
  private func expectAlike(_ found: JSONValue?, _ expected: JSONValue, _ what: String) {
    switch expected {
    case .object(let members):
      for member in members { expectAlike(found?[member.key], member.value, what) }
      #expect(found?.members?.count == members.count, "\(what)")
    case .array(let elements):
      #expect(found?.elements?.count == elements.count, "\(what)")
      for (one, other) in zip(found?.elements ?? [], elements) { expectAlike(one, other, what) }
    case .number(let number) where !number.isInteger:
      #expect(isClose(found?.double, number.double), "\(what): \(JSONWriter.text(expected))")
    default: #expect(found == expected, "\(what)")
    }
  }

  @Test(
    "Entities are the pipeline's, however tokens are put together",
    arguments: ["none", "simple", "first", "average", "max"])
  func entities(_ strategy: String) throws {
    let names: [(ExactName, String)] = [("0", "B-LOC"), ("1", "I-LOC"), ("2", "O")]
    let labels = JSONValue.object(names.map { JSONValue.Member($0.0, .string($0.1)) })
    let model = try ModelFixture(
      task: "bert-tagger", tokenizer: "bert-uncased", changes: [("id2label", labels)])
    let cases = try recordedAnswers("entities")[ExactName(strategy)]?.elements ?? []
    #expect(cases.count == 3)
    let texts = cases.compactMap { $0["text"]?.string }
    let found = try lines(["ner", model.path, "--json", "--aggregation", strategy] + texts)
    for (answer, entry) in zip(found, cases) {
      expectAlike(answer["entities"], entry["answers"] ?? .null, strategy)
    }
    let people = ToolRun("ner", model.path, texts[0], "--aggregation", strategy)
    #expect(people.output.hasPrefix(texts[0] + "\n"))
  }

  @Test("Pairs have the pipeline's labels, and so many as are asked for")
  func pairs() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for entry in try recordedAnswers("pairs").elements ?? [] {
      let (text, pair) = (entry["text"]?.string ?? "", entry["pair"]?.string ?? "")
      let run = ToolRun("classify", model.path, text, "--pair", pair, "--top-k", "2", "--json")
      expectAlike(
        try JSONValue(printed: run.output)["results"]?.elements?.first?["labels"],
        entry["answers"] ?? .null, text)
      try model.write(
        JSONWriter.text(
          .object([
            JSONValue.Member("id", .integer(7)), JSONValue.Member("text", .string(text)),
            JSONValue.Member("text_pair", .string(pair)),
          ])), as: "row.jsonl")
      let row = try lines(
        ["classify", model.path, "--input", model.file("row.jsonl"), "--top-k", "2", "--json"])
      expectAlike(row[0]["labels"], entry["answers"] ?? .null, text)
      #expect(row[0]["id"]?.integer == 7)
    }
    let sigmoid = try lines(["classify", model.path, "a", "--function", "sigmoid", "--json"])
    #expect(sigmoid[0]["problem_type"]?.string == "multi_label_classification")
  }

  @Test("Labels of one's own are the pipeline's")
  func zeroShot() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for entry in try recordedAnswers("zero-shot").elements ?? [] {
      let labels = (entry["labels"]?.elements ?? []).compactMap(\.string)
      let text = entry["text"]?.string ?? ""
      let multi = entry["multi_label"] == .boolean(true) ? ["--multi-label"] : []
      let found = try lines(
        ["zero-shot", model.path, text, "--json", "--labels", labels.joined(separator: ",")] + multi
      )
      let names = (entry["answer"]?["labels"]?.elements ?? []).compactMap(\.string)
      let scores = (entry["answer"]?["scores"]?.elements ?? []).compactMap(\.double)
      let answers = found[0]["labels"]?.elements ?? []
      #expect(answers.map { $0["label"]?.string } == names)
      for (answer, score) in zip(answers, scores) {
        #expect(isClose(answer["score"]?.double, score))
      }
    }
    // A template is read as `str.format` reads it.
    func scores(_ path: String, _ template: String) throws -> JSONValue? {
      try lines([
        "zero-shot", path, "the scale", "--json", "--labels", "a,is,model",
        "--hypothesis-template", template,
      ])[0]["labels"]
    }
    #expect(try scores(model.path, "it {0} it") == scores(model.path, "it {} it"))
    #expect(try scores(model.path, "{{{}}}") != scores(model.path, "{}"))
    for template in ["{{}}", "{} }", "{ {}", "{!r}{}"] {
      let refused = ToolRun(
        "zero-shot", model.path, "a", "--labels", "b", "--hypothesis-template", template)
      #expect(refused.code == 65 && refused.error.contains("template"), "\(template)")
    }
    // label2id goes before id2label.
    let names = ["0": "entailment", "1": "b", "2": "c"].sorted { $0.key < $1.key }
    let byName = JSONValue.object(
      names.map { JSONValue.Member(ExactName($0.key), .string($0.value)) })
    let byNumber: [JSONValue] = [0, 2].map { place in
      .object([JSONValue.Member("entailment", .integer(place))])
    }
    let found = try ([nil] + byNumber).map { numbers in
      let changes =
        [("id2label", byName)] + (numbers.map { [("label2id", $0)] } ?? [])
      let other = try ModelFixture(
        task: "bert-classifier", tokenizer: "bert-uncased", changes: changes)
      return try scores(other.path, "{}")
    }
    #expect(found[0] == found[1] && found[1] != found[2])
    #expect(ToolRun("zero-shot", model.path, "a").code == 64)
    #expect(
      ToolRun("zero-shot", model.path, "a", "--labels", "b", "--hypothesis-template", "x").code
        == 64)
  }

  @Test("Targets alone are proposed, and those that are no tokens are named")
  func targets() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let entry = try recordedAnswers("targets")
    let names = (entry["targets"]?.elements ?? []).compactMap(\.string)
    let run = ToolRun(
      arguments: ["fill-mask", model.path, entry["text"]?.string ?? "", "--json"]
        + names.flatMap { ["--targets", $0] })
    #expect(run.code == 0 && run.error.contains("'scale' is no token"))
    let masks = try JSONValue(printed: run.output)["masks"]?.elements ?? []
    expectAlike(masks.first?["proposals"], entry["answers"] ?? .null, "targets")
  }

  @Test("A target that is no token is cut where the tokenizer cuts texts")
  func targetsLeft() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.set([("truncation_side", .string("left"))], in: "tokenizer_config.json")
    let entry = try recordedAnswers("targets-left")
    let run = ToolRun(
      "fill-mask", model.path, entry["text"]?.string ?? "", "--json", "--targets", "scale")
    let masks = try JSONValue(printed: run.output)["masks"]?.elements ?? []
    expectAlike(masks.first?["proposals"], entry["answers"] ?? .null, "targets")
  }

  @Test(
    "Texts longer than the tokenizer says are refused where pipelines cut them, or cut as there")
  func cut() throws {
    let recorded = try recordedAnswers("cut")
    func answer(
      _ model: ModelFixture, _ entry: JSONValue, _ arguments: [String]
    ) throws -> JSONValue {
      let length = try #require(entry["length"])
      try model.set([("model_max_length", length)], in: "tokenizer_config.json")
      let refused = ToolRun(arguments: arguments)
      #expect(refused.code == 65, "\(refused.output)")
      #expect(
        refused.error.contains("model and tokenizer take \(JSONWriter.text(length)) ")
          && refused.error.contains("--truncation"), "\(refused.error)")
      return try lines(arguments + ["--truncation", "--json"])[0]
    }
    let tagger = try ModelFixture(task: "bert-tagger", tokenizer: "bert-uncased")
    let text = recorded["text"]?.string ?? ""
    let found = try answer(
      tagger, recorded, ["ner", tagger.path, text, "--aggregation", "simple"])
    expectAlike(found["entities"], recorded["entities"] ?? .null, "ner")
    // Each row of a worker alone, and in Swift.
    let texts = try TextModel.load(from: tagger.path, head: .tokenClassification)
    let rows = try TokenClassification(texts).answers(to: [text, "the scale"])
    #expect(rows.map { (try? $0.get()) != nil } == [false, true])

    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for entry in recorded["zero-shot"]?.elements ?? [] {
      let text = entry["text"]?.string ?? ""
      let labels = (entry["labels"]?.elements ?? []).compactMap(\.string)
      let found = try answer(
        classifier, entry,
        ["zero-shot", classifier.path, text, "--labels", labels.joined(separator: ",")])
      let scores = (found["labels"]?.elements ?? []).map { $0["score"] ?? .null }
      expectAlike(.array(scores), entry["answer"]?["scores"] ?? .null, text)
    }
    // The pipeline of texts does not cut.
    #expect(ToolRun("classify", classifier.path, text).code == 0)

    let ranker = try crossEncoder()
    try ranker.set([("model_max_length", .integer(16))], in: "tokenizer_config.json")
    let ranking = ["rerank", ranker.file("one.safetensors"), "a", "--document", text]
    #expect(ToolRun(arguments: ranking).error.contains("model and tokenizer take 16"))
    #expect(ToolRun(arguments: ranking + ["--truncation"]).code == 0)
  }

  @Test("Parts of a long text stand where padding on either side puts them", arguments: [0, 1])
  func padded(_ place: Int) throws {
    let entry = try #require(try recordedAnswers("padded").elements?[place])
    let model = try ModelFixture(task: "bert-tagger", tokenizer: "bert-uncased")
    try model.set(
      [("model_max_length", .integer(24)), ("padding_side", entry["side"] ?? .null)],
      in: "tokenizer_config.json")
    let found = try lines([
      "ner", model.path, entry["text"]?.string ?? "", "--aggregation", "simple", "--stride", "4",
      "--json",
    ])
    expectAlike(found[0]["entities"], entry["answers"] ?? .null, "\(place)")
  }

  @Test("A model whose files are links runs, and a conversion leaves behind what lies elsewhere")
  func links() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let directory = try TemporaryDirectory()
    try Directory.make(directory.file("m"))
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
      _ = try directory.link(to: model.file(name), as: "m/" + name)
    }
    let linked = directory.file("m")
    #expect(
      ToolRun("classify", linked, "the scale").output
        == ToolRun("classify", model.path, "the scale").output)
    #expect(ToolRun("classify", linked + "/model.safetensors", "the scale").code == 0)
    let copied = ToolRun("convert", linked, directory.file("copy"), "--attention-heads", "2")
    #expect(copied.code == 0 && copied.output.contains("leads out"), "\(copied)")
    #expect(try PathKind(path: directory.file("copy/tokenizer.json")) == .nothing)
  }

  @Test("A text that begins with - is told where it stands, and never asks for the help")
  func dashedTexts() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for (arguments, told) in [
      (["- the scale"], "'- the scale' is no option; a text that begins with - stands behind --"),
      (["the scale", "-hot", "--json"], "'-hot' is no option; a text"),
      (["-5 degrees"], "'-5 degrees' is no option; a text"),
      (["it", "-5 cold", "--json"], "'-5 cold' is no option; a text"),
      (["it", "-5"], "'-5' is no option; a text"),
      (["it", "--pair", "- the scale"], "as a value it is written --pair='- the scale'"),
      (["it", "-json"], "Did you mean '--json'?"),
    ] {
      let run = ToolRun(arguments: ["classify", model.path] + arguments)
      #expect(run.code == 64 && run.error.contains(told), "\(arguments): \(run)")
    }
    for arguments in [["--", "- the scale"], ["it", "--pair=- the scale"], ["-q", "it"]] {
      let run = ToolRun(arguments: ["classify", model.path] + arguments)
      #expect(run.code == 0, "\(arguments): \(run)")
    }
    for help in ["-h", "-help", "--help"] {
      let run = ToolRun("classify", model.path, help, "-5 degrees")
      #expect(run.code == 0 && run.output.hasPrefix("OVERVIEW"), "\(help): \(run)")
    }
  }

  @Test("Perplexities are those of the reference's loss")
  func perplexity() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    for entry in try recordedAnswers("perplexity").elements ?? [] {
      let found = try lines(["perplexity", model.path, entry["text"]?.string ?? "", "--json"])
      #expect(found[0]["tokens"] == entry["tokens"])
      #expect(isClose(found[0]["perplexity"]?.double, entry["perplexity"]?.double, 1e-5))
    }
    let long = String(repeating: "the scale ", count: 40)
    #expect(ToolRun("perplexity", model.path, long).error.contains("--truncation"))
    let parts = try lines(["perplexity", model.path, long, "--stride", "20", "--json"])
    let tokens = try lines(["tokenize", model.path, long, "--json", "--fields", "ids"])
    #expect(parts[0]["tokens"]?.integer == (tokens[0]["ids"]?.elements?.count ?? 0) - 1)
    #expect(ToolRun("perplexity", model.path, long, "--truncation").code == 0)
    // The reference gives the model ids alone, also where the tokenizer has types, which GPT-2 adds to the words.
    let text = "the scale is even"
    let plain = try lines(["perplexity", model.path, text, "--json"])
    let config = try String(decoding: model.bytes("tokenizer_config.json"), as: UTF8.self)
    try model.write(
      #"{"model_input_names": ["input_ids", "token_type_ids", "attention_mask"], "#
        + config.dropFirst(), as: "tokenizer_config.json")
    #expect(try lines(["perplexity", model.path, text, "--json"]) == plain)
  }

  @Test("Answers stand in the text, in the order of their scores")
  func answers() throws {
    let model = try ModelFixture(task: "bert-answerer", tokenizer: "bert-uncased")
    let context = String(repeating: "Là, é, the scale shows forty tonnes. ", count: 6)
    let found = try lines(
      [
        "answer", model.path, "what?", "--context", context, "--top-k", "3", "--no-answer",
        "--json",
      ])
    let answers = found[0]["answers"]?.elements ?? []
    #expect(answers.count == 3 && found[0]["question"]?.string == "what?")
    let scalars = Array(context.unicodeScalars)
    var scores: [Double] = []
    for answer in answers {
      let (start, end) = (answer["start"]?.integer ?? 0, answer["end"]?.integer ?? 0)
      #expect(
        answer["answer"]?.string == String(String.UnicodeScalarView(scalars[start..<end])))
      scores.append(answer["score"]?.double ?? -1)
    }
    #expect(scores == scores.sorted(by: >))
    // The span of the first token is no answer, unless that may be one.
    for (options, texts) in [([String](), ["a"]), (["--no-answer"], ["", "a"])] {
      let few = try lines(
        ["answer", model.path, "what?", "--context", "a", "--top-k", "9", "--json"] + options)
      let found = (few[0]["answers"]?.elements ?? []).compactMap { $0["answer"]?.string }
      #expect(Set(found) == Set(texts) && found.count == texts.count, "\(options): \(found)")
    }
    #expect(ToolRun("answer", model.path, "what?").code == 64)
    #expect(ToolRun("answer", model.path, "", "--context", "a").error.contains("question"))
  }

  @Test("Rows are texts or JSON lines, of a file whose first line tells which")
  func rows() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let given = ["the scale", "a", " b "]
    let plain = try lines(["classify", model.path, "--json"] + given)[0]["results"]?.elements
    try model.write(given.joined(separator: "\r\n") + "\n\n", as: "texts.txt")
    try model.write(
      given.map { "{\"text\": \"\($0)\"}\n" }.joined(separator: "\n"), as: "rows.jsonl")
    for name in ["texts.txt", "rows.jsonl"] {
      let found = try lines(["classify", model.path, "--json", "--input", model.file(name)])
      #expect(found == plain, "\(name)")
    }
    let output = model.file("out.jsonl")
    let run = ToolRun(
      "classify", model.path, "--input", model.file("texts.txt"), "--output", output,
      "--threads", "1", "--batch-tokens", "3")
    #expect(run.code == 0 && run.output == "")
    let written = try SourceFile(path: output)
    let text = String(decoding: try written.bytes(at: 0, count: written.size), as: UTF8.self)
    #expect(try text.split(separator: "\n").map { try JSONValue(printed: String($0)) } == plain)
    // What is wrong is said with the line, and no file is left.
    try model.write("{\"text\": \"a\"}\n\n{\"txt\": 1}\n", as: "bad.jsonl")
    let bad = ToolRun(
      "classify", model.path, "--input", model.file("bad.jsonl"), "--output",
      model.file("none.jsonl"))
    #expect(bad.code == 65 && bad.error.contains("bad.jsonl: line 3: text"))
    #expect(try PathKind(path: model.file("none.jsonl")) == .nothing)
    #expect(ToolRun("classify", model.path, "a", "--threads", "0").code == 64)
    let long = String(repeating: "the ", count: 80)
    #expect(ToolRun("classify", model.path, "a", long).error.contains("text 1: it has"))
    #expect(ToolRun("classify", model.path, "a", long, "--truncation").code == 0)
    let cut = try lines(["classify", model.path, long, "--max-length", "5", "--json"])
    let short = try lines(["classify", model.path, "the the the", "--json"])
    expectAlike(
      cut[0]["results"]?.elements?[0]["labels"],
      short[0]["results"]?.elements?[0]["labels"] ?? .null, "cut to five tokens")
  }

  @Test("Vectors lie in files of NumPy and safetensors, as numbers or as steps of their range")
  func vectors() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let texts = ["the scale", "a", "the weights of the model"]
    let json = try lines(["embed", model.path, "--json"] + texts)[0]["embeddings"]?.elements ?? []
    let vectors = json.map { ($0.elements ?? []).compactMap(\.double) }
    func bytes(_ name: String, _ precision: String) throws -> [UInt8] {
      let path = model.file(name)
      let run = ToolRun(
        arguments: ["embed", model.path, "--output", path, "--precision", precision] + texts)
      #expect(run.code == 0, "\(run.error)")
      let file = try SourceFile(path: path)
      return try file.bytes(at: 0, count: file.size)
    }
    let array = try bytes("v.npy", "float32")
    #expect(Array(array.prefix(10)) == [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0])
    #expect(
      String(decoding: array[10..<128], as: UTF8.self).hasPrefix(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 12), }"))
    #expect(array.count == 128 + 3 * 12 * 4 && array[127] == 0x0A)
    let tensor = try bytes("v.safetensors", "float32")
    #expect(tensor.dropFirst(128).elementsEqual(array.dropFirst(128)))
    let listing = try lines(["inspect", model.file("v.safetensors"), "--json"])
    #expect(listing[0]["tensors"]?.elements?.first?["shape"]?.elements?.map(\.integer) == [3, 12])
    #expect(try bytes("h.npy", "float16").count == 128 + 3 * 12 * 2)
    let steps = try bytes("i.npy", "uint8").dropFirst(128)
    for column in 0..<12 {
      let values = vectors.map { Float($0[column]) }
      let (least, greatest) = (values.min() ?? 0, values.max() ?? 0)
      for (row, value) in values.enumerated() {
        let step = ((value - least) / ((greatest - least) / 255)).rounded(.down)
        #expect(Int(steps[128 + row * 12 + column]) == Int(min(255, max(0, step))))
      }
    }
    let signed = try bytes("s.npy", "int8").dropFirst(128)
    #expect(zip(steps, signed).allSatisfy { $0 ^ 0x80 == $1 })
    let bits = Array(try bytes("b.npy", "ubinary").dropFirst(128))
    #expect(bits.count == 3 * 2)
    for (row, vector) in vectors.enumerated() {
      for (column, value) in vector.enumerated() {
        let bit = bits[row * 2 + column / 8] >> UInt8(7 - column % 8) & 1
        #expect((bit == 1) == (value > 0))
      }
    }
    let one = ToolRun(
      "embed", model.path, "a", "--output", model.file("o.npy"), "--precision", "int8")
    #expect(one.code == 65 && one.error.contains("a single vector"))
    #expect(ToolRun("embed", model.path, "a", "--precision", "int8").code == 64)
  }

  @Test(
    "Products may round in every task as in run, and the note says where the processor cannot",
    arguments: ["classify", "fill-mask", "features", "embed"])
  func computePrecision(_ task: String) throws {
    let name = task == "classify" ? "bert-classifier" : "bert-masked"
    let model = try ModelFixture(task: name, tokenizer: "bert-uncased")
    let stored = model.file("int8")
    #expect(ToolRun("convert", model.path, stored, "--dtype", "int8").code == 0)
    let text = task == "fill-mask" ? "the [MASK] scale" : "the weights of the model"
    func answer(_ path: String, _ options: String...) throws -> (text: String, note: String) {
      let run = ToolRun(arguments: [task, path, text, "--json"] + options)
      #expect(run.code == 0, "\(run.error)")
      return (run.output, run.error)
    }
    let full = try answer(model.path)
    for threads in [[], ["--threads", "2"]] {
      let rounded = ToolRun(
        arguments: [task, model.path, text, "--json", "--compute-precision", "int8"] + threads)
      #expect(rounded.output == (try answer(stored)).text, "\(rounded.error)")
      #expect(rounded.output != full.text)
      let high = ToolRun(
        arguments: [task, model.path, text, "--json", "--compute-precision", "high"] + threads)
      let hasNote = high.error.contains("no instructions for high")
      #expect(high.code == 0 && (high.output == full.text) == hasNote, "\(high.error)")
    }
    #expect(ToolRun(task, model.path, text, "--compute-precision", "float7").code == 64)
  }

  @Test("What products may round is asked of verify, and refused where there would be no gradient")
  func precisionElsewhere() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let run = ToolRun("explain", model.path, "a", "--compute-precision", "int8")
    #expect(run.code == 64 && run.error.contains("has no gradients"), "\(run.error)")
    let high = ToolRun("explain", model.path, "a", "--compute-precision", "high")
    #expect(high.code == 0, "\(high.error)")
    func verified(_ precision: String) -> ToolRun {
      ToolRun(
        "verify", Fixtures.path("tiny-bert"), "--golden",
        Fixtures.path("golden/tiny-bert.safetensors"), "--compute-precision", precision)
    }
    #expect(verified("high").code == 0)
    let rounded = verified("int8")
    #expect(rounded.code == 0 && rounded.output.contains("the least cosine"), "\(rounded.output)")
  }

  @Test("Prompts, fewer numbers and several poolings")
  func embeddingOptions() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    func vectors(_ arguments: String...) throws -> [[Double]] {
      let found = try lines(["embed", model.path, "--json"] + arguments)
      return (found[0]["embeddings"]?.elements ?? []).map {
        ($0.elements ?? []).compactMap(\.double)
      }
    }
    #expect(try vectors("a", "--prompt", "the scale ") == vectors("the scale a"))
    let both = try vectors("a", "--pooling", "cls,mean")[0]
    #expect(try both == vectors("a", "--pooling", "cls")[0] + vectors("a", "--pooling", "mean")[0])
    #expect(try vectors("a", "--truncate-dim", "5")[0] == Array(vectors("a")[0].prefix(5)))
    let unit = try vectors("a", "--truncate-dim", "5", "--normalize")[0]
    #expect(isClose(unit.reduce(0) { $0 + $1 * $1 }, 1))
    #expect(ToolRun("embed", model.path, "a", "--prompt-name", "x").error.contains("'x'"))
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    func widths(_ stated: String, _ options: String...) throws -> [Int] {
      try model.write(#"{"truncate_dim": \#(stated)}"#, as: "config_sentence_transformers.json")
      let found = try lines(["embed", model.path, "a", "--json"] + options)
      return (found[0]["embeddings"]?.elements ?? []).map { $0.elements?.count ?? 0 }
    }
    let width = try vectors("a")[0].count
    #expect(try widths("6") == [6] && widths("6", "--truncate-dim", "9") == [9])
    #expect(try widths("null") == [width] && widths("100000") == [width])
    for wrong in ["0", "-2", "6.5", "true", #""6""#, "[6]"] {
      try model.write(#"{"truncate_dim": \#(wrong)}"#, as: "config_sentence_transformers.json")
      let refused = ToolRun("embed", model.path, "a")
      #expect(refused.code == 65 && refused.error.contains("truncate_dim"), "\(refused.error)")
    }
  }

  @Test("So many tokens are computed at once as is said, and vectors are the same")
  func batches() throws {
    let fixture = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    var embedder = try SentenceEmbedder.load(from: fixture.path)
    let texts = (0..<30).map { String(repeating: "the scale ", count: 1 + $0 % 4) }
    let tokens = try embedder.tokenizer.encodeBatch(texts.map { TokenizerInput($0) }).map(\.count)
    func run(_ batchTokens: Int) throws -> (vectors: [[Float]], allocations: Int) {
      embedder.batchTokens = batchTokens
      var vectors: [[Float]] = []
      let made = Allocations.made { vectors = (try? embedder.embed(texts).vectors) ?? [] }
      return (vectors, made.count)
    }
    // The first run makes what the others find.
    let whole = try run(tokens.reduce(0, +))
    let runs = try [1, 16, 40, tokens.reduce(0, +)].map { try run($0) }
    #expect(whole.vectors.count == 30 && runs.allSatisfy { $0.vectors == whole.vectors })
    if Allocations.areCounted {
      let counts = runs.map(\.allocations)
      #expect(counts == counts.sorted(by: >) && Set(counts).count == 4, "\(counts)")
    }
  }

  @Test("The nearest texts of a file or of options, the nearest first")
  func similarity() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.write("the scale\na\n", as: "documents.txt")
    let found = try lines([
      "similarity", model.path, "a", "--documents", model.file("documents.txt"), "--document", "b",
      "--top-k", "2", "--json",
    ])
    let ranking = found[0]["ranking"]?.elements ?? []
    #expect(ranking.map { $0["text"]?.string }.first == "a" && ranking.count == 2)
    #expect(ranking[0]["index"]?.integer == 2 && isClose(ranking[0]["score"]?.double, 1))
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let refused = ToolRun("rerank", classifier.path, "q", "--document", "a")
    #expect(refused.code == 65 && refused.error.contains("num_labels: 3"))
  }

  @Test("Queries and documents have their own prompts and lengths")
  func searchSettings() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    func scores(_ query: String, _ documents: [String], _ options: String...) throws -> [Double?] {
      let arguments = ["similarity", model.path, query] + documents.flatMap { ["--document", $0] }
      let ranking = try lines(arguments + options + ["--json"])[0]["ranking"]?.elements ?? []
      return documents.indices.map { place in
        ranking.first { $0["index"]?.integer == place }?["score"]?.double
      }
    }
    func write(_ prompts: String, _ transformer: String = "{}") throws {
      try model.write(
        #"{"prompts": \#(prompts), "default_prompt_name": "other"}"#,
        as: "config_sentence_transformers.json")
      try model.write(transformer, as: "sentence_bert_config.json")
    }
    func spelled(_ query: String, _ document: String) throws -> [Double?] {
      try write(#"{"other": ""}"#)
      return try scores(query + "a", [document + "the scale", document + "it weighs"])
    }
    let documents = ["the scale", "it weighs"]
    let both = try spelled("the ", "a scale ")
    let queries = try spelled("the ", "")
    let same = try spelled("it ", "it ")
    #expect(both != queries && queries != same && both != same)
    try write(#"{"query": "the ", "document": "a scale ", "other": "it "}"#)
    #expect(try scores("a", documents) == both)
    #expect(try scores("a", documents, "--prompt", "it ") == same)
    #expect(try scores("a", documents, "--prompt-name", "other") == same)
    // As in sentence-transformers 6.2 the prompt of documents is empty where it is not stated.
    for prompts in [
      #"{"query": "the ", "passage": "a scale ", "other": "it "}"#,
      #"{"query": "the ", "document": null, "other": "it "}"#,
    ] {
      try write(prompts)
      #expect(try scores("a", documents) == queries)
    }
    try write(#"{"other": ""}"#)
    let cut = try scores("the", ["a"])
    try write(#"{"other": ""}"#, #"{"query_length": 3, "document_length": 3}"#)
    #expect(try scores("the scale weighs", ["a scale"]) == cut)
    #expect(ToolRun("embed", model.path, "the scale weighs").error == "")
    try write(#"{"other": ""}"#, #"{"query_length": 0}"#)
    let refused = ToolRun("similarity", model.path, "a", "--document", "b")
    #expect(refused.code == 65 && refused.error.contains("query_length"), "\(refused.error)")
    let router =
      #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.Router"}]"#
    try model.write(router, as: "modules.json")
    let routed = ToolRun("similarity", model.path, "a", "--document", "b")
    #expect(routed.code == 65 && routed.error.contains("modules.Router"), "\(routed.error)")
  }

  /// A cross-encoder: a classifier of which one label is left.
  private func crossEncoder() throws -> ModelFixture {
    let labels = JSONValue.object([JSONValue.Member("0", .string("fits"))])
    let model = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased", changes: [("id2label", labels)])
    var graph = WeightGraph()
    for (name, weight) in try Checkpoint.open(model.file("model.safetensors")).graph.weights {
      let isHead = name.hasPrefix("classifier.")
      try graph.insert(isHead ? weight.sliced(axis: 0, 0..<1) : weight, as: name)
    }
    try graph.write(to: model.file("one.safetensors"))
    try Directory.removeFile(model.file("model.safetensors"))
    return model
  }

  @Test("A cross-encoder has the activation, the prompt and the length that are saved beside it")
  func savedCrossEncoder() throws {
    let model = try crossEncoder()
    let path = model.file("one.safetensors")
    let documents = ["a", "the scale", "it weighs a truck"]
    func scores(_ query: String, _ options: String...) throws -> [Double] {
      let given = documents.flatMap { ["--document", $0] }
      let found = try lines(["rerank", path, query, "--json"] + given + options)
      var scores = [Double](repeating: .nan, count: documents.count)
      for entry in found[0]["ranking"]?.elements ?? [] {
        scores[entry["index"]?.integer ?? 0] = entry["score"]?.double ?? .nan
      }
      return scores
    }
    func expectClose(_ found: [Double], _ wanted: [Double], _ what: String) {
      for (one, other) in zip(found, wanted) { #expect(isClose(one, other), "\(what)") }
    }
    let plain = try scores("it")
    let numbers = try scores("it", "--function", "none")
    expectClose(plain, numbers.map { 1 / (1 + exp(-$0)) }, "the sigmoid, where nothing is said")
    let prompted = try scores("the scale it", "--function", "none")
    let short = try scores("it", "--function", "none", "--max-length", "5")
    #expect(numbers != prompted && numbers != short)
    // As `CrossEncoder.save` of sentence-transformers 6.2 writes them.
    func save(_ settings: String, _ module: String = "") throws {
      try model.write(
        #"[{"idx":0,"name":"0","path":"","type":"sentence_transformers.base.modules.transformer.Transformer"}]"#,
        as: "modules.json")
      try model.write(
        #"{"transformer_task":"sequence-classification","module_output_name":"scores"\#(module)}"#,
        as: "sentence_bert_config.json")
      try model.write(
        #"{"model_type":"CrossEncoder","prompts":{"query":"the scale "},\#(settings)}"#,
        as: "config_sentence_transformers.json")
    }
    let identity = #""activation_fn":"torch.nn.modules.linear.Identity""#
    try save(identity + #","default_prompt_name":null"#)
    expectClose(try scores("it"), numbers, "the identity")
    expectClose(try scores("it", "--function", "sigmoid"), plain, "another than is saved")
    try save(identity + #","default_prompt_name":"query""#)
    expectClose(try scores("it"), prompted, "the default prompt")
    try save(identity, #","max_seq_length":5"#)
    expectClose(try scores("it", "--truncation"), short, "the greatest length")
    expectClose(
      try Reranking.load(from: path).answer(
        to: RankingInput("it", documents: [documents[0]])
      ).map(\.score), [numbers[0]], "in Swift")
    try save(#""activation_fn":"torch.nn.modules.activation.Tanh""#)
    let refused = ToolRun("rerank", path, "it", "--document", "a")
    #expect(refused.code == 65)
    #expect(refused.error.contains("config_sentence_transformers.json: activation_fn"))
  }

  @Test("A query that has nothing to be compared with is an error")
  func noDocuments() throws {
    let model = try crossEncoder()
    for command in ["rerank", "similarity"] {
      let path = model.file("one.safetensors")
      #expect(ToolRun(command, path, "a").error.contains("--documents"))
      try model.write("{\"query\":\"a\",\"document\":[\"b\"]}\n", as: "rows.jsonl")
      let rows = ToolRun(command, path, "--input", model.file("rows.jsonl"), "--json")
      #expect(rows.code == 65 && rows.error.contains("documents: there is no text to rank"))
      try model.write("{\"query\":\"a\",\"documents\":[]}\n", as: "rows.jsonl")
      let none = try lines([command, path, "--input", model.file("rows.jsonl"), "--json"])
      #expect(none[0]["ranking"]?.elements?.isEmpty == true)
    }
  }

  @Test("Several prompts have a line each, with probabilities where they are asked for")
  func generate() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let found = try lines(
      ["generate", model.path, "the scale", "a", "--max-new-tokens", "6", "--json", "--scores"])
    #expect(found.map { $0["prompt"]?.string } == ["the scale", "a"])
    for (row, prompt) in zip(found, ["the scale", "a"]) {
      let single = try lines(["generate", model.path, prompt, "--max-new-tokens", "6", "--json"])
      let text = row["texts"]?.elements?[0]
      let tokens = text?["tokens"]?.elements ?? []
      #expect(
        single[0]["sequences"]?.elements?[0].elements?.suffix(tokens.count).elementsEqual(tokens)
          == true)
      let probabilities = (text?["log_probabilities"]?.elements ?? []).compactMap(\.double)
      #expect(probabilities.count == tokens.count && probabilities.allSatisfy { $0 < 0 })
    }
    let text = found[0]["texts"]?.elements?[0]["text"]?.string ?? ""
    let stop = String(text.prefix(1))
    let stopped = try lines(
      [
        "generate", model.path, "the scale", "--max-new-tokens", "6", "--json", "--stop-strings",
        stop,
      ])
    let tokens = try lines(["tokenize", model.path, "the scale", "--json", "--fields", "ids"])
    #expect(
      stopped[0]["sequences"]?.elements?[0].elements?.count
        == (tokens[0]["ids"]?.elements?.count ?? 0) + 1)
  }

  @Test("An empty prompt begins with the model's own first token, as no prompt does")
  func generateFromNothing() throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let options = ["--max-new-tokens", "6", "--json"]
    let nothing = try lines(["generate", model.path] + options)[0]["sequences"]?.elements?[0]
    let tokens = try #require(nothing?.elements)
    #expect(tokens.count == 7)
    let empty = try lines(["generate", model.path, ""] + options)[0]["sequences"]?.elements?[0]
    #expect(empty == nothing)
    let rows = try lines(["generate", model.path, "", "the scale", ""] + options)
    for place in [0, 2] {
      let text = rows[place]["texts"]?.elements?[0]
      #expect(
        text?["tokens"]?.elements == Array(tokens.dropFirst())
          && rows[place]["prompt"] == .string(""))
    }
  }

  @Test(
    "Prompts that are computed together go on as each would alone",
    arguments: [
      [], ["--batch-tokens", "1"], ["--batch-tokens", "40"],
      ["--num-beams", "3", "--num-return-sequences", "2"],
      ["--num-beams", "2", "--early-stopping", "true", "--length-penalty", "0.5"],
      ["--do-sample", "--seed", "3", "--top-k", "20", "--num-return-sequences", "2"],
      ["--repetition-penalty", "1.4", "--no-repeat-ngram-size", "2", "--max-length", "30"],
    ])
  func generateTogether(_ options: [String]) throws {
    let model = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let prompts = ["the scale", "a", "the weights of the model and of the scale", "a", "even"]
    let length = options.contains("--max-length") ? [] : ["--max-new-tokens", "9"]
    let all = ["generate", model.path, "--json", "--scores"] + length + options
    let together = try lines(all + prompts)
    #expect(together.count == prompts.count)
    for (prompt, found) in zip(prompts, together) {
      #expect(try lines(all + [prompt]) == [found], "\(prompt)")
    }
  }

  @Test("A prompt that cannot go on is no other's concern")
  func generateWithoutOne() throws {
    let fixture = try ModelFixture(task: "gpt2", tokenizer: "gpt2")
    let model = try TextModel.load(from: fixture.path, head: .causalLM)
    var settings = GenerationSettings()
    settings.maxNewTokens = 12
    let task = try TextGeneration(model, settings: settings)
    // So long that twelve tokens more are more than there are positions.
    var long = "the"
    while try model.tokenizer.encode(long).count < model.maximumLength - 6 { long += " the" }
    let found = task.answers(to: ["the scale", long, "a"])
    #expect(found.map { (try? $0.get()) != nil } == [true, false, true])
    for (answer, prompt) in [(found[0], "the scale"), (found[2], "a")] {
      #expect(try answer.get() == task.answer(to: prompt))
    }
  }

  @Test("Words, parts and ids are tokenized, and what is asked for is told")
  func tokenize() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let fields = "ids,tokens,word_ids,special_tokens_mask,parts"
    let row = try lines([
      "tokenize", model.path, "the scale of it", "--json", "--fields", fields, "--max-length", "4",
      "--stride", "1",
    ])[0]
    #expect(row["tokens"]?.elements?.map(\.string) == ["[CLS]", "the", "sc", "[SEP]"])
    #expect(row["word_ids"] == (try JSONValue(printed: "[null,0,1,null]")))
    #expect(row["special_tokens_mask"] == (try JSONValue(printed: "[1,0,0,1]")))
    let parts = row["parts"]?.elements ?? []
    #expect(parts.first?["tokens"]?.elements?.map(\.string) == ["[CLS]", "sc", "##ale", "[SEP]"])
    let words = try lines(
      ["tokenize", model.path, "the scale", "--from", "words", "--json", "--fields", "word_ids"])
    #expect(words[0]["word_ids"] == (try JSONValue(printed: "[null,0,1,1,null]")))
    let ids = (try lines(["tokenize", model.path, "the scale", "--json"]))[0]
    let text = (ids["ids"]?.elements ?? []).compactMap(\.integer).map(String.init)
    let back = ToolRun("tokenize", model.path, text.joined(separator: ","), "--from", "ids")
    #expect(back.output == "[CLS] the scale [SEP]\n")
    #expect(ToolRun("tokenize", model.path, "1,x", "--from", "ids").code == 64)
  }
}
