import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("weighbridge train --optimizer-pt")
struct TorchStateTests {
  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }

  @Test(
    "A run that goes on from optimizer.pt has the bits of one that was not stopped",
    arguments: ["adamw", "adam", "sgd"])
  func resumes(_ method: String) throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let texts = ["cafes are near", "running water", "a good day", "unaffordable", "a", "b c"]
    let lines = texts.enumerated().map { #"{"text": "\#($1)", "label": "\#($0 % 2)"}"# + "\n" }
    try model.write(lines.joined(), as: "train.jsonl")
    let output = model.file("out")
    let arguments = [
      "train", model.path, "--task", "classification", "--train", model.file("train.jsonl"),
      "--output", output, "--steps", "4", "--save-every", "2", "--batch-size", "2",
      "--optimizer-pt", "--optimizer", method, "--weight-decay", "0.01", "--learning-rate", "0.001",
    ]
    let first = ToolRun(arguments: arguments)
    #expect(first.code == 0, "\(first.error)")
    let whole = try bytes(output + "/model.safetensors")
    for name in try Directory.names(in: output + "/checkpoint-4") {
      try Directory.removeFile(output + "/checkpoint-4/" + name)
    }
    try Directory.removeFile(output + "/checkpoint-2/optimizer.safetensors")
    try Directory.removeFile(output + "/model.safetensors")
    let second = ToolRun(arguments: arguments + ["--resume"])
    #expect(second.code == 0, "\(second.error)")
    #expect(try bytes(output + "/model.safetensors") == whole)
    // The card says what was done.
    let card = try String(decoding: bytes(output + "/README.md"), as: UTF8.self)
    #expect(card.hasPrefix("---\nlibrary_name: transformers\npipeline_tag: text-classification\n"))
    #expect(card.contains("| optimizer | \(method) |") && card.contains("| steps | 4 |"))
    // torch's structure, by torch's names.
    let state = try Checkpoint.open(output + "/checkpoint-2/optimizer.pt").graph
    let names = Set(state.weights.keys.map(\.string))
    #expect(names.contains(method == "sgd" ? "state.0.momentum_buffer" : "state.0.exp_avg_sq"))
    #expect(ToolRun("scan", output + "/checkpoint-2/scheduler.pt").code == 0)
  }
}
