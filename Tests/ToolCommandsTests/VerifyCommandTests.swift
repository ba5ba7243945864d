import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge verify")
struct VerifyCommandTests {
  private let model = Fixtures.path("tiny-bert")
  private let golden = Fixtures.path("golden/tiny-bert.safetensors")

  @Test("A model that computes what was recorded: one line more, exit code 0")
  func equal() throws {
    let run = ToolRun("verify", model, "--golden", golden)
    #expect(run.code == 0 && run.error == "")
    let lines = run.output.split(separator: "\n")
    #expect(lines.first == "\(model): BertForMaskedLM, against \(golden)")
    #expect(lines.count == 2, "\(run.output)")
    #expect(lines.last?.hasPrefix("  equal: 6 outputs within the tolerance; ") == true)
    #expect(ToolRun("verify", model + "/model.safetensors", "--golden", golden).code == 0)
  }

  @Test("The first layer that differs comes first, then a row for each output, exit code 1")
  func different() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "verify", try mutated("\"gelu\"", "\"relu\"", in: directory), "--golden", golden)
    #expect(run.code == 1)
    let lines = run.output.split(separator: "\n").dropFirst()
    #expect(lines.first == "  first to differ: layer 0, encoder.layer.0 (hidden_states.1)")
    #expect(run.output.contains("\n  differ too: attentions.1, hidden_states.2, logits\n"))
    #expect(lines.count { $0.hasPrefix("≠") } == 4 && lines.count { $0.hasPrefix("= ") } == 2)
  }

  @Test("--json has every output in order of computation, with place and both values")
  func json() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      "verify", try mutated("1e-12", "0.1", in: directory), "--golden", golden, "--json")
    #expect(run.code == 1)
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(document["equal"] == .boolean(false))
    #expect(document["class"]?.string == "BertForMaskedLM")
    #expect(document["first_divergence"]?["module"]?.string == "embeddings")
    let outputs = document["outputs"]?.elements ?? []
    #expect(
      outputs.map { $0["name"]?.string } == [
        "hidden_states.0", "attentions.0", "hidden_states.1", "attentions.1", "hidden_states.2",
        "logits",
      ])
    #expect(outputs.first?["worst"]?["place"]?.elements?.count == 3)
    #expect(outputs.last?["ranking"]?["rows"]?.integer == 12)
    #expect(outputs.first?["compared"]?.integer == 2 * 6 * 32)
  }

  @Test("Tolerances are the user's where they are given; exact ones let nothing pass")
  func tolerances() {
    #expect(ToolRun("verify", model, "--golden", golden, "--rtol", "0", "--atol", "0").code == 1)
    #expect(ToolRun("verify", model, "--golden", golden, "--atol", "1e-4").code == 0)
    #expect(ToolRun("verify", model, "--golden", golden, "--rtol", "-1").code == 64)
    #expect(ToolRun("verify", model, "--golden", golden, "--atol", "nan").code == 64)
  }

  @Test("Outputs and inputs in a file each, as `run` takes and writes them")
  func apart() throws {
    let directory = try TemporaryDirectory()
    let (inputs, outputs) = (
      directory.file("inputs.safetensors"), directory.file("outputs.safetensors")
    )
    let arguments = ["input_ids", "attention_mask", "token_type_ids"]
    #expect(
      ToolRun(
        arguments: ["convert", golden, inputs, "--no-verify"]
          + arguments.flatMap { ["--include", $0] }
      ).code == 0)
    #expect(
      ToolRun(
        arguments: ["convert", golden, outputs, "--no-verify"]
          + arguments.flatMap { ["--exclude", $0] }
      ).code == 0)
    #expect(ToolRun("verify", model, "--golden", outputs, "--inputs", inputs).code == 0)
    let without = ToolRun("verify", model, "--golden", outputs)
    #expect(without.code == 65)
    #expect(without.error.contains("input_ids"), "\(without.error)")
  }

  @Test("What cannot be read, found or run is an error of one line")
  func errors() throws {
    let directory = try TemporaryDirectory()
    for arguments in [
      ["verify", model, "--golden", directory.file("absent.safetensors")],
      ["verify", directory.path, "--golden", golden],
      ["verify", Fixtures.path("golden/tiny-bert.safetensors"), "--golden", golden],
      ["verify", model, "--golden", model + "/model.safetensors"],
      ["verify", model, "--golden", golden, "--architecture", "BertForAnything"],
      ["verify", model, "--golden", golden, "--architecture", "BertForQuestionAnswering"],
    ] {
      let run = ToolRun(arguments: arguments)
      #expect(run.code == 65 || run.code == 74, "\(arguments): \(run.code)")
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
    }
  }

  /// The path of a copy of the fixture with another configuration.
  private func mutated(
    _ text: String, _ other: String, in directory: TemporaryDirectory
  ) throws -> String {
    let configuration = String(
      decoding: try Fixture("tiny-bert/config.json").bytes(), as: UTF8.self)
    let parts = configuration.split(
      separator: text, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    _ = try directory.write(Array((parts[0] + other + parts[1]).utf8), as: "config.json")
    _ = try directory.write(
      try Fixture("tiny-bert/model.safetensors").bytes(), as: "model.safetensors")
    return directory.path
  }
}
