import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge train --task pretraining")
struct PretrainingTests {
  private let expected: JSONValue
  private let model: ModelFixture

  init() throws {
    expected = try JSONValue(
      parsing: Fixture("training/pretraining/expected.json").bytes(), context: "expected")
    model = try ModelFixture(directory: "training/pretraining", tokenizer: "bert-uncased")
    try model.copy("training/pretraining/documents.txt", as: "documents.txt")
  }

  private func integers(_ value: JSONValue?) -> [Int] {
    value?.elements?.compactMap(\.integer) ?? []
  }

  @Test("Pairs are those that the reference's algorithm makes of the same draws")
  func pairs() throws {
    let tokenizer = try Tokenizer(contentsOf: model.file("tokenizer.json"))
    let data = try TrainingData(path: model.file("documents.txt"))
    let task = try TrainingTask(.preTraining, of: data)
    let length = try #require(expected["max_length"]?.integer)
    let found = try task.examples(data, tokenizer, length: length, takesTypes: true, seed: 42)
    let wanted = try #require(expected["examples"]?.elements)
    #expect(found.count == wanted.count && wanted.count > 6)
    for (example, recorded) in zip(found, wanted) {
      #expect(example.ids == integers(recorded["input_ids"]))
      #expect(example.typeIDs == integers(recorded["token_type_ids"]))
      guard case .nextSentence(let label) = example.label else {
        Issue.record("an example is no pair")
        continue
      }
      #expect(label == recorded["next_sentence_label"]?.integer)
    }
    // Documents of other files are rows: the same pairs.
    let rows =
      (try String(decoding: Fixture("training/pretraining/documents.txt").bytes(), as: UTF8.self))
      .split(separator: "\n\n").enumerated().map { number, text in
        number % 2 == 0
          ? JSONValue.object([JSONValue.Member("text", .string(String(text)))])
          : .object([
            JSONValue.Member(
              "sentences", .array(text.split(separator: "\n").map { .string(String($0)) }))
          ])
      }
    try model.write(rows.map { JSONWriter.text($0) + "\n" }.joined(), as: "documents.jsonl")
    let same = try task.examples(
      TrainingData(path: model.file("documents.jsonl")), tokenizer, length: length,
      takesTypes: true, seed: 42)
    #expect(same.map(\.ids) == found.map(\.ids))
    let others = try task.examples(data, tokenizer, length: length, takesTypes: true, seed: 43)
    #expect(others.map(\.ids) != found.map(\.ids))
  }

  @Test(
    "Losses are torch's, step by step, whatever batches a step is made of",
    arguments: [(size: 4, batches: 1), (size: 2, batches: 2), (size: 1, batches: 4)])
  func losses(_ step: (size: Int, batches: Int)) throws {
    let output = model.file("out")
    let recorded = try #require(expected["losses"]?["float64"]?.elements).compactMap(\.double)
    let ordinary = try #require(expected["losses"]?["float32"]?.elements).compactMap(\.double)
    let run = ToolRun(arguments: [
      "train", model.path, "--task", "pretraining", "--train", model.file("documents.txt"),
      "--eval", model.file("documents.txt"), "--output", output, "--steps", "\(recorded.count)",
      "--batch-size", "\(step.size)", "--accumulate", "\(step.batches)", "--max-length", "24",
      "--learning-rate", "0.01", "--schedule",
      "constant", "--log-every", "1", "--json",
    ])
    #expect(run.code == 0, "\(run.error)")
    let state = try JSONValue(
      parsing: model.bytes("out/trainer_state.json"), context: "state")
    let found = (state["log_history"]?.elements ?? []).compactMap { $0["loss"]?.double }
    #expect(found.count == recorded.count)
    for (step, (loss, wanted)) in zip(found, recorded).enumerated() {
      let theirs = abs(ordinary[step] - wanted)
      #expect(
        abs(loss - wanted) <= 4 * theirs + 1e-5,
        "step \(step): \(loss), torch \(wanted) ± \(theirs)")
    }
    let results = try JSONValue(printed: run.output)["results"]
    let accuracy = try #require(results?["eval_next_sentence_accuracy"]?.double)
    #expect((0...1).contains(accuracy))
  }

  @Test("What makes no pairs is told")
  func refusals() throws {
    try model.write("the cart rolls\nit is there\n", as: "one.txt")
    try model.write("{\"sentences\": [\"a\", 1]}\n{\"text\": \"b\"}\n", as: "bad.jsonl")
    for (file, options, message) in [
      ("one.txt", [], "expected two at least, as second sentences come from others, found 1"),
      ("bad.jsonl", [], "line 1, sentences"),
      ("documents.txt", ["--max-length", "4"], "no room for a token of either sentence"),
    ] as [(String, [String], String)] {
      let run = ToolRun(
        arguments: [
          "train", model.path, "--task", "pretraining", "--train", model.file(file), "--output",
          model.file("out"), "--dry-run",
        ] + options)
      #expect(run.code != 0 && run.error.contains(message), "\(file): \(run.error)")
    }
  }
}
