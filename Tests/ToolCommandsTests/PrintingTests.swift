import CheckpointBytes
import Foundation
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("What Swift prints is what the tool prints")
struct PrintingTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")

  /// What the tool prints, without its last line feed.
  private func printed(_ arguments: String..., code: Int32 = 0) -> String {
    let run = ToolRun(arguments: arguments)
    #expect(run.code == code, "\(run.error)")
    return String(run.output.dropLast())
  }

  /// What the tool says, in the words of Swift.
  private func inSwift(_ text: String) -> String {
    text.replacing("--weights-only", with: "ConversionOptions.weightsOnly")
      .replacing("--layout", with: "ConversionOptions.layout")
      .replacing(" (see --verbose or --json)", with: "")
  }

  @Test(
    "A plan and a receipt",
    arguments: [
      ("tiny-bert/model.safetensors", "tf_model.h5", "fp16"), ("tiny-bert", "dir/", "bf16"),
      ("training/lightning.ckpt", "a.pt", "F32"),
    ])
  func conversions(_ fixture: String, _ name: String, _ dtype: String) throws {
    let directory = try TemporaryDirectory()
    let (source, destination) = (Fixtures.path(fixture), directory.file(name))
    var options = ConversionOptions()
    options.dtype = dtype == "fp16" ? .f16 : dtype == "bf16" ? .bf16 : .f32
    options.weightsOnly = true
    let plan = try ConversionPlan(
      Checkpoint.open(source), named: source, to: destination, options: options)
    let arguments = ["convert", source, destination, "--dtype", dtype, "--weights-only"]
    #expect(inSwift(ToolRun(arguments: arguments + ["--dry-run"]).output) == "\(plan)\n")

    let receipt = try plan.run()
    try FileManager.default.removeItem(atPath: destination)
    let run = ToolRun(arguments: arguments)
    #expect(run.code == 0, "\(run.error)")
    // The last line is how long it took.
    func lines(_ text: String) -> [Substring] { text.split(separator: "\n").dropLast() }
    #expect(lines("\(receipt)") == lines(inSwift(run.output)))
    #expect("\(receipt)".contains("read back and compared: equal"))
    #expect("\(receipt)".contains("\n  took     "))

    try FileManager.default.removeItem(atPath: destination)
    let document = ToolRun(arguments: arguments + ["--json"])
    func members(_ text: String) throws -> [JSONValue.Member] {
      try JSONValue(printed: text).members?.filter { $0.key != "seconds" } ?? []
    }
    #expect(try members("\(receipt.json)") == members(inSwift(document.output)))
    #expect(receipt.json["verified"]?["equal"] == .boolean(true))
  }

  @Test("A remedy within it is called as each calls it, and a list that is cut says how long it is")
  func words() throws {
    let source = Fixtures.path("training/lightning.ckpt")
    let plan = try ConversionPlan(
      Checkpoint.open(source), named: source, to: "/nonexistent/a.pt", options: ConversionOptions())
    let tool = printed("convert", source, "/nonexistent/a.pt", "--dry-run")
    #expect("\(plan)".contains("ConversionOptions.weightsOnly"), "\(plan)")
    #expect(!"\(plan)".contains("--"))
    #expect(tool.contains("--weights-only"))
    #expect("\(plan)" == inSwift(tool))
  }

  @Test("A difference")
  func differences() throws {
    let directory = try TemporaryDirectory()
    // Some tensors of a model, so that they are compared under the names that they have.
    let (all, half) = (directory.file("all.safetensors"), directory.file("half.safetensors"))
    #expect(ToolRun("convert", model, all, "--include", "*.bias").code == 0)
    #expect(
      ToolRun("convert", all, half, "--dtype", "fp16", "--exclude", "*LayerNorm*").code == 0)
    let (first, second) = (try Checkpoint.open(all).graph, try Checkpoint.open(half).graph)
    let difference = try CheckpointDifference(first, second)
    #expect(
      difference.described(first: all, second: half) == printed("diff", all, half, code: 1))
    #expect("\(difference)".hasPrefix("only in the first:\n  bert."), "\(difference)")
    #expect("\(difference)".contains("worst at ["))
  }

  @Test("A verification, equal and not")
  func verifications() throws {
    let directory = try TemporaryDirectory()
    let bert = Fixtures.path("tiny-bert")
    let golden = Fixtures.path("golden/tiny-bert.safetensors")
    let half = directory.file("half/")
    #expect(ToolRun("convert", bert, half, "--dtype", "bf16").code == 0)
    for (path, code) in [(bert, 0), (half, 1)] as [(String, Int32)] {
      let report = try verify(
        loadLanguageModel(from: path), against: GoldenRecord(opening: golden),
        tolerance: Tolerance(absolute: 1e-5, relative: 1e-5))
      let tool = printed(
        "verify", path, "--golden", golden, "--atol", "1e-5", "--rtol", "1e-5", code: code)
      // Above it the tool says what was compared with what.
      #expect("\(report)" == tool.split(separator: "\n").dropFirst().joined(separator: "\n"))
    }
  }

  @Test("A scan", arguments: ["namespace.pt", "nested.pt", "alias.safetensors"])
  func scans(_ name: String) throws {
    let path = Fixtures.path("hazards/files/" + name)
    let scan = try CheckpointScan(path)
    #expect("\(scan)\n" == ToolRun("scan", path).output)
  }

  @Test("A report of loading says how often each outcome occurs, and folds layers")
  func loading() throws {
    let report = try loadLanguageModel(from: Fixtures.path("tiny-bert")).report
    let lines = "\(report)".split(separator: "\n")
    #expect(lines.first?.contains(" kept") == true, "\(report)")
    #expect(lines.contains { $0.contains("layer.{0…1}.") }, "\(report)")
  }
}
