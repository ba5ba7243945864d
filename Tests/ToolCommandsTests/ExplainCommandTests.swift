import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge explain")
struct ExplainCommandTests {
  private static let cases = try? JSONValue(
    parsing: Fixture("explanations/expected.json").bytes(), context: "expected"
  ).elements

  private func expectClose(
    _ found: Double?, _ expected: Double?, _ what: String, tolerance: Double = 2e-5
  ) {
    guard let found, let expected else {
      Issue.record("\(what): there is no number")
      return
    }
    #expect(
      (found - expected).magnitude <= tolerance * max(1, expected.magnitude),
      "\(what): \(found), expected \(expected)")
  }

  @Test("Shares, scores and attentions are those of captum and Transformers", arguments: 0..<7)
  func reference(_ number: Int) throws {
    let entry = try #require(Self.cases?[number])
    let task = try #require(entry["model"]?.string)
    let model = try ModelFixture(task: task, tokenizer: entry["tokenizer"]?.string)
    var arguments = [
      "explain", model.path, try #require(entry["text"]?.string), "--json", "--attentions",
      "--target", String(try #require(entry["target"]?.integer)), "--baseline",
      try #require(entry["baseline"]?.string), "--steps",
      String(try #require(entry["steps"]?.integer)),
    ]
    if let pair = entry["pair"]?.string { arguments += ["--pair", pair] }
    if let position = entry["position"]?.integer { arguments += ["--position", "\(position)"] }
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 0, "\(run.error)")
    let found = try JSONValue(printed: run.output)
    expectClose(found["output"]?.double, entry["output"]?.double, "output")
    expectClose(found["baseline_output"]?.double, entry["baseline_output"]?.double, "baseline")
    // Words have what their tokens have together, and every token is in one of them.
    var next = 0
    let words = try #require(found["words"]?.elements)
    for word in words {
      let tokens = (word["tokens"]?.elements ?? []).compactMap(\.integer)
      #expect(tokens == Array(next..<next + tokens.count) && !tokens.isEmpty)
      next += tokens.count
      for key in ["integrated_gradients", "gradient_x_input"] as [ExactName] {
        let shares = try #require(entry[key]?.elements)
        let expected = tokens.reduce(0.0) { $0 + (shares[$1].double ?? .nan) }
        expectClose(word[key]?.double, expected, "\(key.string) of \(tokens)")
      }
    }
    #expect(next == entry["integrated_gradients"]?.elements?.count)
    #expect(next == found["tokens"]?.elements?.count)
    let layers = try #require(entry["attentions"]?.elements)
    #expect(found["attentions"]?.elements?.count == layers.count)
    for (layer, heads) in layers.enumerated() {
      for (head, rows) in (heads.elements ?? []).enumerated() {
        for (query, keys) in (rows.elements ?? []).enumerated() {
          let weights = found["attentions"]?.elements?[layer].elements?[head].elements?[query]
          #expect(weights?.elements?.count == keys.elements?.count)
          for (one, other) in zip(weights?.elements ?? [], keys.elements ?? []) {
            expectClose(one.double, other.double, "attention", tolerance: 1e-5)
          }
        }
      }
    }
  }

  @Test("Shares add up to the difference of the scores of text and baseline")
  func completeness() throws {
    for (task, tokenizer, text) in [
      ("bert-classifier", "bert-uncased", "Unaffordable cafes are near, and far."),
      ("bert-masked", "bert-uncased", "The [MASK] of France is big."),
      ("gpt2", "gpt2", "The cafe is far from here"),
    ] {
      let model = try ModelFixture(task: task, tokenizer: tokenizer)
      let run = ToolRun("explain", model.path, text, "--json", "--steps", "200")
      #expect(run.code == 0, "\(run.error)")
      let found = try JSONValue(printed: run.output)
      let output = found["output"]?.double ?? .nan
      let start = found["baseline_output"]?.double ?? .nan
      #expect((output - start).magnitude > 1e-3)
      expectClose(
        found["integrated_gradients_sum"]?.double, output - start, task, tolerance: 1e-3)
    }
  }

  @Test("Labels have names, words are joined, and the page needs nothing else")
  func page() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let page = model.file("page.html")
    let run = ToolRun(
      "explain", model.path, "Unaffordable </script> cafes", "--target", "light", "--report", page)
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains("class 1 'light'"))
    #expect(run.output.contains("  Unaffordable\n"))
    let file = try SourceFile(path: page)
    let html = try String(decoding: file.bytes(at: 0, count: file.size), as: UTF8.self)
    #expect(html.contains("\"layer 1\"") && !html.contains("http://127"))
    #expect(html.split(separator: "</script").count == 3)
    #expect(html.contains("\"words\":[[\"[CLS]\","))
  }

  @Test("What cannot be explained says why")
  func refusals() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for steps in [10_001, Int.max] {
      let many = ToolRun("explain", model.path, "a", "--steps", "\(steps)")
      #expect(many.code == 65 && many.error.contains("expected 1 to 10000"))
    }
    let unknown = ToolRun("explain", model.path, "a", "--target", "dark")
    #expect(unknown.code == 65 && unknown.error.contains("'dark' is none of 'heavy'"))
    let placed = ToolRun("explain", model.path, "a", "--position", "1")
    #expect(placed.code == 65 && placed.error.contains("and none of a token"), "\(placed.error)")
    let tagger = try ModelFixture(task: "bert-tagger", tokenizer: "bert-uncased")
    #expect(ToolRun("explain", tagger.path, "a").error.contains("state the token"))
    #expect(ToolRun("explain", tagger.path, "a", "--position", "99").error.contains("token 99"))
    let masked = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    #expect(ToolRun("explain", masked.path, "a").error.contains("no mask"))
    let answerer = try ModelFixture(task: "bert-answerer", tokenizer: "bert-uncased")
    #expect(ToolRun("explain", answerer.path, "a").error.contains("no scores of classes"))
    #expect(ToolRun("explain", model.path, "a", "b", "--report", "x.html").code == 64)
    let directory = try TemporaryDirectory()
    let small = directory.file("int8")
    #expect(ToolRun("convert", model.path, small, "--dtype", "int8").code == 0)
    let rounded = ToolRun("explain", small, "a")
    #expect(rounded.code == 65 && rounded.error.contains("--dtype float32"), "\(rounded.error)")
    #expect(ToolRun("explain", model.path, "a", "--steps", "0").code == 64)
  }
}
