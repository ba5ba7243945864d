import CheckpointBytes
import TestSupport
import Testing

@Suite("weighbridge train --threads")
struct TrainingThreadsTests {
  /// Texts of as many tokens as the model takes: rows of a batch are more than one thread takes of any operator.
  private func examples(_ count: Int) -> String {
    let words = [
      "cafes", "are", "near", "running", "water", "a", "good", "day", "unaffordable", "the",
      "scale", "is", "even",
    ]
    var generator = SeededGenerator(seed: 20)
    return (0..<count).map { number in
      let text = (0..<70).map { _ in words[Int(generator.next() % UInt64(words.count))] }
      return "{\"text\": \"\(text.joined(separator: " "))\", \"label\": \"\(number % 2)\"}\n"
    }.joined()
  }

  @Test("A seed has the same bits on 1, 2 and 3 threads after 20 steps, another seed has others")
  func sameBits() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    try model.write(examples(100), as: "train.jsonl")
    func trained(threads: Int, seed: Int = 7) throws -> (weights: [UInt8], log: JSONValue?) {
      let name = "on-\(threads)-by-\(seed)"
      // Batches of 32, so that an epoch has 4 steps and its last one 4 texts.
      let run = ToolRun(arguments: [
        "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
        "--output", model.file(name), "--steps", "20", "--batch-size", "32", "--learning-rate",
        "0.001", "--log-every", "1", "--seed", "\(seed)", "--threads", "\(threads)",
      ])
      #expect(run.code == 0, "\(run.error)")
      let state = try JSONValue(
        parsing: model.bytes(name + "/trainer_state.json"), context: "state")
      return (try model.bytes(name + "/model.safetensors"), state["log_history"])
    }
    let one = try trained(threads: 1)
    #expect(one.log?.elements?.count == 20)
    for threads in [2, 3] {
      let several = try trained(threads: threads)
      #expect(several.weights == one.weights && several.log == one.log, "\(threads) threads")
    }
    #expect(try trained(threads: 2, seed: 8).weights != one.weights)
  }
}
