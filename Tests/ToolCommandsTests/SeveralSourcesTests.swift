import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("Several sources in one call")
struct SeveralSourcesTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")
  private let namespace = Fixtures.path("hazards/files/namespace.pt")

  @Test("inspect gives a line for each, and says what cannot be opened without stopping there")
  func inspect() throws {
    let directory = try TemporaryDirectory()
    let broken = try directory.write([1, 2, 3], as: "broken.pt")
    let run = ToolRun("inspect", model, broken, namespace)
    #expect(run.code == 65)
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("\(model): safetensors (safetensors), 42 tensors, "))
    #expect(lines[0].contains("BertForMaskedLM"))
    #expect(lines[1].hasPrefix("\(namespace): pytorch (zip), "))
    #expect(run.error.hasPrefix("weighbridge: \(broken): "))
    let objects = try ToolRun("inspect", model, namespace, "--json").output.split(separator: "\n")
      .map { try JSONValue(parsing: Array($0.utf8), context: "output") }
    #expect(objects.map { $0["source"]?.string } == [model, namespace])
  }

  @Test(
    "scan gives a line for what is data and everything for what is not, and the worst exit code")
  func scan() throws {
    let directory = try TemporaryDirectory()
    // A pickle that would call os.system.
    let dangerous = try directory.write(
      Array("\u{80}".unicodeScalars.map { UInt8($0.value) }) + [2]
        + Array("cos\nsystem\n(S'id'\ntR.".utf8), as: "bad.pkl")
    let run = ToolRun("scan", namespace, dangerous)
    #expect(run.code == 1)
    let lines = run.output.split(separator: "\n")
    #expect(lines.first == "\(namespace): 1 file, 1 pickle, 4 globals: nothing but data")
    #expect(run.output.contains("dangerous: "))
    #expect(run.output.contains("os.system"))
    #expect(lines.last?.hasPrefix("verdict: dangerous") == true)
    #expect(ToolRun("scan", namespace, namespace).code == 0)
  }

  @Test(
    "'-' is refused by name where a checkpoint is meant",
    arguments: [
      ["inspect", "-"], ["scan", "-"], ["diff", "-", "a"], ["convert", "-", "a.pt"],
      ["convert", "a.pt", "-"], ["verify", "-", "--golden", "a"], ["verify", "a", "--golden", "-"],
      ["verify", "--outputs", "-", "--golden", "a"],
      ["verify", "a", "--golden", "a", "--against", "-"],
      ["run", "-", "--inputs", "a", "--output", "b"],
      ["run", "a", "--inputs", "-", "--output", "b"],
      ["run", "a", "--inputs", "b", "--output", "-"], ["classify", "-", "a"],
      ["embed", "a", "b", "--adapter", "-"], ["convert", "a.pt", "b.pt", "--manifest", "-"],
      ["tokenize", "-", "a"],
    ])
  func standardStreams(_ arguments: [String]) {
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 64)
    #expect(run.error.contains("'-' is no file"))
  }

  @Test("Answers go to standard output without an option, and to no file that is called so")
  func standardOutput() {
    let run = ToolRun("classify", "a", "b", "--output", "-")
    #expect(run.code == 64 && run.error.contains("without it, answers go to standard output"))
  }

  @Test("A checkpoint behind --report is not taken for the page, which would replace it")
  func pageOverCheckpoint() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write([1, 2, 3], as: "b.pt")
    let run = ToolRun("inspect", "--report", path, model)
    #expect(run.code == 64 && run.error.contains("--report is followed by the page to write"))
    #expect(try SourceFile(path: path).size == 3)
  }

  @Test("What is found out about a call when it runs is said with the usage of its command")
  func usage() {
    let run = ToolRun("inspect", model, model, "--report", "a.html")
    #expect(
      run.error == """
        Error: --report is the page of one source
        Usage: weighbridge inspect [<options>] <source> ...
          See 'weighbridge inspect --help' for more information.

        """)
    let convert = ToolRun("convert", model)
    #expect(
      convert.error == """
        Error: Missing expected argument '<destination>'
        Usage: weighbridge convert SOURCE DESTINATION [OPTIONS]
               weighbridge convert SOURCE ... --to FORMAT --out-dir DIRECTORY [OPTIONS]
          See 'weighbridge convert --help' for more information.

        """)
  }
}
