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

  /// A pupil and a teacher without dropout, whose losses torch recorded, and the arguments of a run.
  private func recorded(
    _ name: String
  ) throws -> (pupil: ModelFixture, arguments: [String], case: JSONValue) {
    let expected = try JSONValue(
      parsing: Fixture("training/states/expected.json").bytes(), context: "expected")
    let found = try #require(expected["cases"]?[ExactName(name)])
    let pupil = try model([
      ("hidden_dropout_prob", .integer(0)), ("attention_probs_dropout_prob", .integer(0)),
    ])
    let teacher = try ModelFixture(directory: "training/states", tokenizer: "bert-uncased")
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
      try pupil.write(try (name == "wide" ? teacher : pupil).bytes(file), as: "teacher/" + file)
    }
    let (texts, labels) = (
      expected["texts"]?.elements ?? [], expected["labels"]?.elements ?? []
    )
    let rows = zip(texts, labels).map {
      #"{"text": "\#($0.string ?? "")", "label": "\#($1.string ?? "")"}"# + "\n"
    }
    try pupil.write(rows.joined(), as: "train.jsonl")
    func text(_ key: ExactName) -> String { JSONWriter.text(expected[key] ?? .null) }
    let matches = (found["matches"]?.elements ?? []).flatMap { match in
      [
        "--match-states",
        (match.elements ?? []).compactMap { $0.integer.map { "\($0)" } }.joined(separator: "="),
      ]
    }
    return (
      pupil,
      [
        "train", pupil.path, "--task", "classification", "--train", pupil.file("train.jsonl"),
        "--output", pupil.file("out"), "--teacher", pupil.file("teacher"), "--mix", text("mix"),
        "--temperature", text("temperature"), "--states-weight", text("weight"),
        "--learning-rate", text("learning_rate"), "--schedule", "constant", "--steps", "4",
        "--log-every", "1", "--save-every", "2",
      ] + matches, found
    )
  }

  @Test(
    "Hidden states are learned with torch's losses, whatever batches a step is made of",
    arguments: ["wide", "same"], [4, 1])
  func states(_ name: String, _ size: Int) throws {
    let (pupil, common, recorded) = try recorded(name)
    let arguments = common + ["--batch-size", "\(size)", "--accumulate", "\(4 / size)"]
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 0, "\(run.error)")
    let state = try JSONValue(parsing: pupil.bytes("out/trainer_state.json"), context: "state")
    let found = (state["log_history"]?.elements ?? []).compactMap { $0["loss"]?.double }
    let (exact, ordinary) = (
      (recorded["float64"]?.elements ?? []).compactMap(\.double),
      (recorded["float32"]?.elements ?? []).compactMap(\.double)
    )
    #expect(found.count == 4 && exact.count == 4)
    for (step, loss) in found.enumerated() {
      let theirs = abs(ordinary[step] - exact[step])
      #expect(
        abs(loss - exact[step]) <= 4 * theirs + 2e-6, "step \(step): \(loss), torch \(exact[step])")
    }
    // What maps states is kept beside the model of a checkpoint, and is no part of what is saved.
    #expect(
      try PathKind(path: pupil.file("out/checkpoint-2/distillation.safetensors"))
        == (name == "wide" ? .file : .nothing))
    let saved = try Checkpoint.open(pupil.file("out/model.safetensors")).graph.weights.keys
    #expect(!saved.contains { $0.string.contains("distillation") })
    // A run that goes on has the same bits.
    let whole = try pupil.bytes("out/model.safetensors")
    for file in try Directory.names(in: pupil.file("out/checkpoint-4")) {
      try Directory.removeFile(pupil.file("out/checkpoint-4/" + file))
    }
    try Directory.removeFile(pupil.file("out/model.safetensors"))
    let again = ToolRun(arguments: arguments + ["--resume"])
    #expect(again.code == 0, "\(again.error)")
    #expect(try pupil.bytes("out/model.safetensors") == whole)
  }

  @Test("States that one of both does not have are refused, and what has no place for their maps")
  func stateRefusals() throws {
    let (pupil, arguments, _) = try recorded("wide")
    for (more, code, message) in [
      (["--match-states", "3=3"], 65, "the pupil has hidden states 0 to 2, 3 is asked for"),
      (["--match-states", "1=4"], 65, "the teacher has hidden states 0 to 3, 4 is asked for"),
      (["--match-states", "2=3"], 65, "the same two are matched twice"),
      (["--states-weight=-1"], 65, "a number not below 0"),
      (["--match-states", "2"], 64, "'2' is no pair of numbers, as 2=4"),
      (["--optimizer-pt"], 65, "an optimizer.pt has no place for the maps"),
    ] as [([String], Int32, String)] {
      // What takes one value is given once.
      var given = arguments
      if let place = given.firstIndex(of: "--states-weight"),
        more[0].hasPrefix("--states-weight")
      {
        given.removeSubrange(place...(place + 1))
      }
      let run = ToolRun(arguments: given + ["--dry-run"] + more)
      #expect(run.code == code && run.error.contains(message), "\(more): \(run.error)")
    }
    #expect(try PathKind(path: pupil.file("out")) == .nothing)
    let alone = ToolRun(
      arguments: [
        "train", "a", "--task", "lm", "--train", "b", "--output", "c", "--match-states", "1=1",
      ])
    #expect(alone.code == 64 && alone.error.contains("needs a --teacher"), "\(alone.error)")
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
