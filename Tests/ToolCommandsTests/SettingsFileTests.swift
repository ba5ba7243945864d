import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge train --settings")
struct SettingsFileTests {
  private let model: ModelFixture

  init() throws {
    model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let rows = (0..<9).map { #"{"text": "a good day", "label": "\#($0 % 2)"}"# + "\n" }
    try model.write(rows.joined(), as: "train.jsonl")
  }

  private func run(_ settings: String, _ arguments: [String] = []) throws -> ToolRun {
    try model.write(settings, as: "run.json")
    return ToolRun(
      arguments: ["train", model.path, "--settings", model.file("run.json"), "--dry-run"]
        + arguments)
  }

  private var common: String {
    #""task": "classification", "train": "\#(model.file("train.jsonl"))", "output": "\#(model.file("out"))""#
  }

  @Test("Options of the file hold, those that are typed win")
  func options() throws {
    let file =
      "{\(common), \"epochs\": 2, \"batch-size\": 3, \"freeze\": [\"bert.embeddings.*\", \"bert.pooler.*\"], \"json\": true}"
    let plan = try JSONValue(printed: run(file).output)
    #expect(plan["steps_per_epoch"]?.integer == 3 && plan["steps"]?.integer == 6)
    let (all, learning) = (
      try #require(plan["parameters"]?.integer), try #require(plan["learning_parameters"]?.integer)
    )
    // Words, positions, types and the norm of 12 columns; the pooler.
    #expect(all - learning == (240 + 64 + 2 + 2) * 12 + 12 * 12 + 12)
    #expect(plan["labels"]?.elements?.map(\.string) == ["heavy", "light", "balanced"])
    #expect(plan["evaluation_examples"] == .null)
    let typed = try JSONValue(
      printed: run(file, ["--epochs=1", "--freeze", "bert.pooler.*"]).output)
    #expect(typed["steps"]?.integer == 3)
    #expect(typed["learning_parameters"]?.integer == all - 12 * 12 - 12)
    #expect(typed["new_parameters"] == plan["new_parameters"])
  }

  @Test("A false flag is none, and a number may be a text")
  func values() throws {
    let quiet = try run("{\(common), \"json\": false, \"learning-rate\": \"1e-4\"}")
    #expect(quiet.code == 0 && quiet.output.isEmpty, "\(quiet.error)")
  }

  @Test("What is no option, or no value of it, is told with file and key")
  func failures() throws {
    for (members, key, message) in [
      ("\"batch_size\": 3", "batch_size", "there is no such option"),
      ("\"settings\": \"a\"", "settings", "there is no such option"),
      ("\"help\": true", "help", "there is no such option"),
      ("\"epochs\": \"many\"", "epochs", "'many' is invalid"),
      ("\"epochs\": [1, 2]", "epochs", "expected a text or a number, found [1,2]"),
      ("\"optimizer\": \"lion\"", "optimizer", "'lion' is none of adamw, adam, sgd"),
      ("\"checkpointing\": 1", "checkpointing", "expected true or false, found 1"),
      ("\"steps\": 1.5", "steps", "'1.5' is invalid"),
    ] {
      let found = try run("{\(common), \(members)}")
      #expect(
        found.code == 65 && found.error.contains("run.json") && found.error.contains(key)
          && found.error.contains(message), "\(members): \(found.error)")
    }
    #expect(try run("[1]").error.contains("expected a JSON object"))
    #expect(try run("{").error.contains("no JSON"))
    let missing = ToolRun(arguments: ["train", model.path, "--settings=\(model.file("none.json"))"])
    #expect(missing.code != 0 && missing.error.contains("none.json"))
  }
}
