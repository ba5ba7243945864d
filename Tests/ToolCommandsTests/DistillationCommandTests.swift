import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge train --teacher")
struct DistillationCommandTests {
  private func model(_ changes: [(String, JSONValue)] = []) throws -> ModelFixture {
    let labels = JSONValue.object(
      ["heavy", "light", "balanced"].enumerated().map {
        JSONValue.Member(ExactName("\($0)"), .string($1))
      })
    return try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased", changes: [("id2label", labels)] + changes)
  }

  private let texts = ["cafes are near", "running water", "a good day", "unaffordable"]

  private func examples(_ model: ModelFixture) throws -> String {
    let lines = texts.map { #"{"text": "\#($0)", "label": "heavy"}"# + "\n" }.joined()
    try model.write(lines, as: "train.jsonl")
    return model.file("train.jsonl")
  }

  private func scores(_ path: String) throws -> [[String: Double]] {
    let run = ToolRun(arguments: ["classify", path, "--json"] + texts)
    return try (JSONValue(printed: run.output)["results"]?.elements ?? []).map { result in
      Dictionary(
        uniqueKeysWithValues: (result["labels"]?.elements ?? []).map {
          ($0["label"]?.string ?? "", $0["score"]?.double ?? .nan)
        })
    }
  }

  @Test("A pupil that learns of its teacher alone gives its probabilities, whatever the labels say")
  func learns() throws {
    let teacher = try model()
    let data = try examples(teacher)
    // The pupil is the same model after it has forgotten: it learned that all is heavy.
    let (pupil, taught) = (teacher.file("pupil"), teacher.file("taught"))
    let common = ["--task", "classification", "--train", data, "--learning-rate", "0.01"]
    let quiet = ["--steps", "30", "--schedule", "constant", "--batch-size", "4"]
    let forgot = ToolRun(
      arguments: ["train", teacher.path] + common + quiet + ["--output", pupil])
    #expect(forgot.code == 0, "\(forgot.error)")
    let learned = ToolRun(
      arguments: ["train", pupil] + common + ["--steps", "200", "--batch-size", "4"]
        + ["--output", taught, "--teacher", teacher.path, "--mix", "1", "--temperature", "1.5"])
    #expect(learned.code == 0, "\(learned.error)")
    let (wanted, before, after) = (
      try scores(teacher.path), try scores(pupil), try scores(taught)
    )
    func distance(_ found: [[String: Double]]) -> Double {
      zip(found, wanted).flatMap { one, other in
        other.map { abs((one[$0.key] ?? .nan) - $0.value) }
      }.reduce(0) { $0 >= $1 ? $0 : $1 }
    }
    #expect(wanted.count == texts.count && distance(before) > 0.3)
    #expect(distance(after) < 0.05, "\(distance(after))")
  }

  @Test("A teacher with other labels, another tokenizer or another task is refused")
  func refusals() throws {
    let pupil = try model()
    let common = [
      "train", pupil.path, "--task", "classification", "--train", try examples(pupil), "--output",
      pupil.file("out"), "--dry-run",
    ]
    let others = JSONValue.object(
      ["light", "heavy", "balanced"].enumerated().map {
        JSONValue.Member(ExactName("\($0)"), .string($1))
      })
    let swapped = try ModelFixture(
      task: "bert-classifier", tokenizer: "bert-uncased", changes: [("id2label", others)])
    for (arguments, message) in [
      (["--teacher", swapped.path], "its labels are 'light', 'heavy'"),
      (["--teacher", pupil.path, "--mix", "1.5"], "from 0 to 1"),
      (["--teacher", pupil.path, "--temperature", "0"], "above 0"),
      (["--teacher", pupil.path, "--problem", "multi_label_classification"], "no probabilities"),
    ] {
      let run = ToolRun(arguments: common + arguments)
      #expect(run.code == 65 && run.error.contains(message), "\(arguments): \(run.error)")
    }
  }
}
