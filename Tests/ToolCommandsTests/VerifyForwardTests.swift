import CheckpointBytes
import ModelFamilies
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge convert --verify-forward")
struct VerifyForwardTests {
  private let models = [
    ("bert-masked", "bert-uncased"), ("bert-classifier", "bert-uncased"),
    ("roberta-masked", "roberta"), ("gpt2", "gpt2"),
  ]

  @Test("Source and result compute the same, bit for bit, in every format and layout")
  func equal() throws {
    for (task, tokenizer) in models {
      let model = try ModelFixture(task: task, tokenizer: tokenizer)
      let directory = try TemporaryDirectory()
      for (name, options) in [
        ("torch", ["--format", "pytorch"]), ("tf", ["--format", "hdf5"]),
        ("shards", ["--max-shard-size", "10000B"]), ("one.bin", []), ("one.h5", []),
        ("flat.h5", ["--layout", "flat"]),
      ] {
        let run = ToolRun(
          arguments: ["convert", model.path, directory.file(name), "--verify-forward", "--json"]
            + options)
        #expect(run.code == 0, "\(task) \(name): \(run.error)")
        guard run.code == 0 else { continue }
        let forward = try JSONValue(printed: run.output)["forward"]
        #expect(forward?["equal"] == .boolean(true))
        #expect(forward?["largest_difference"]?.double == 0)
        #expect((forward?["outputs"]?.integer ?? 0) >= 4)
      }
    }
  }

  @Test("A cast is allowed what its type may do to outputs, and the largest difference is said")
  func cast() throws {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    let run = ToolRun(
      "convert", model.path, model.file("half.safetensors"), "--dtype", "F16", "--verify-forward",
      "--json")
    #expect(run.code == 0, "\(run.error)")
    let difference = try JSONValue(printed: run.output)["forward"]?["largest_difference"]?.double
    #expect((difference ?? 0) > 0 && (difference ?? 1) < 0.1)
    let text = ToolRun(
      "convert", model.path, model.file("again.safetensors"), "--verify-forward")
    #expect(
      text.output.contains(
        "\n  forward  source and result on the same tokens: equal: 4 outputs, no value differs\n"),
      "\(text.output)")
  }

  @Test("RoBERTa's positions begin behind the padding token: there are that many tokens fewer")
  func positions() throws {
    let (source, directory) = (try TemporaryDirectory(), try TemporaryDirectory())
    let small = try SmallModel(.roberta)
    try source.write(small.file, configuration: small.configuration(and: #", "pad_token_id": 4"#))
    let run = ToolRun("convert", source.path, directory.file("new"), "--verify-forward")
    #expect(run.code == 0, "\(run.error)")
  }

  @Test(
    "A result that computes something else is not put in place, and neither is what does not run")
  func refused() throws {
    let directory = try TemporaryDirectory()
    // KerasHub computes another GELU: allowed by name, but outputs are not those of the source.
    let classifier = try ModelFixture(task: "bert-classifier", tokenizer: nil)
    let other = ToolRun(
      "convert", classifier.path, directory.file("preset"), "--layout", "keras-hub",
      "--allow-loss", "*", "--verify-forward")
    #expect(other.code == 65)
    #expect(other.error.contains("layer 0"), "\(other.error)")
    #expect(try PathKind(path: directory.file("preset")) == .nothing)

    let bare = Fixtures.path("hazards/files/squares.safetensors")
    let unknown = ToolRun("convert", bare, directory.file("a.safetensors"), "--verify-forward")
    #expect(unknown.code == 65 && unknown.error.contains("config.json"), "\(unknown.error)")
    let part = ToolRun(
      "convert", classifier.path, directory.file("b.safetensors"), "--verify-forward",
      "--exclude", "classifier.*")
    #expect(part.code == 65, "\(part.error)")
    for run in [other, unknown, part] {
      #expect(run.output == "" && run.error.split(separator: "\n").count == 1, "\(run.error)")
    }
    #expect(try Directory.names(in: directory.path).isEmpty)
  }
}
