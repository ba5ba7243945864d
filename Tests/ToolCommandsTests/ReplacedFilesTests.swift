import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

/// What a command reads is not what it writes over.
@Suite("Files that a command would replace, and reads")
struct ReplacedFilesTests {
  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }

  /// Runs a command that is refused for a file, which stays what it is.
  private func expectRefusal(
    of path: String, reading read: String? = nil, _ arguments: String...
  ) throws {
    let before = try bytes(path)
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 65, "\(arguments): \(run.output)")
    #expect(
      run.error.contains("\(read ?? path): is read, and would be replaced by what is written"),
      "\(run.error)")
    #expect(try bytes(path) == before)
  }

  @Test("Texts, by whatever path, are not replaced by the answers to them")
  func texts() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let directory = try TemporaryDirectory()
    let texts = try directory.write(Array("{\"text\":\"the scale\"}\n".utf8), as: "a.jsonl")
    let link = try directory.link(to: "a.jsonl", as: "link.jsonl")
    try expectRefusal(of: texts, "classify", model.path, "--input", texts, "--output", texts)
    try expectRefusal(
      of: texts, "classify", model.path, "--input", texts, "--output",
      directory.path + "/./a.jsonl")
    try expectRefusal(of: texts, "classify", model.path, "--input", texts, "--output", link)
    try expectRefusal(
      of: texts, reading: link, "tokenize", model.path, "--input", link, "--output", texts)
    try expectRefusal(
      of: texts, "embed", model.path, "--input", texts, "--output", directory.file("v.npy"),
      "--write-ranges", texts)
    #expect(try Directory.names(in: directory.path) == ["a.jsonl", "link.jsonl"])
    // What an earlier run has written is.
    let answers = directory.file("answers.jsonl")
    for _ in 0..<2 {
      #expect(
        ToolRun("classify", model.path, "--input", texts, "--output", answers).code == 0)
    }
  }

  @Test("A model's own files, and the inputs of a run, are not replaced by what comes out")
  func models() throws {
    let model = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
      let path = Directory.join(model.path, name)
      try expectRefusal(of: path, "classify", model.path, "the scale", "--output", path)
    }
    let directory = try TemporaryDirectory()
    let golden = Fixtures.path("golden/tiny-bert.safetensors")
    let inputs = directory.file("in.safetensors")
    #expect(ToolRun("convert", golden, inputs, "--include", "input_ids").code == 0)
    let weights = directory.file("weights.safetensors")
    #expect(ToolRun("convert", Fixtures.path("tiny-bert/model.safetensors"), weights).code == 0)
    _ = try directory.write(try Fixture("tiny-bert/config.json").bytes(), as: "config.json")
    for path in [inputs, weights] {
      try expectRefusal(of: path, "run", weights, "--inputs", inputs, "--output", path)
    }
    let output = directory.file("out.safetensors")
    for _ in 0..<2 {
      #expect(ToolRun("run", weights, "--inputs", inputs, "--output", output).code == 0)
    }
    try expectRefusal(
      of: weights, "run", weights, "--inputs", inputs, "--output", output, "--report",
      try directory.link(to: "weights.safetensors", as: "page.html"))
  }

  @Test("A file that has taken the place of one that was replaced can be read")
  func places() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write([1], as: "a")
    let other = try directory.write([2], as: "b")
    try ReplacedFiles.shared.whileReplacing([path, directory.file("none")]) {
      #expect(throws: CheckpointError.self) { try SourceFile(path: path) }
      #expect(try bytes(other) == [2])
      let file = try OutputFile(path: path)
      try file.write([3], at: 0)
      try file.commit()
      #expect(try bytes(path) == [3])
    }
    #expect(try bytes(path) == [3])
  }
}
