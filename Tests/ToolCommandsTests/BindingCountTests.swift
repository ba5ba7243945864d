import CheckpointBytes
import LayoutRules
import Synchronization
import TestSupport
import Testing
import ToolCommands
import Weighbridge

/// Recognising and binding are the same work whoever asks for it, and a second time shows in no result.
@Suite("One recognition and one binding for each checkpoint")
struct BindingCountTests {
  private let source = Fixtures.path("cases/models/config-old-bert")

  /// The bindings and recognitions that a run of the tool makes.
  private func count(_ arguments: String...) throws -> [Int] {
    let count = WorkCount()
    let run = WorkCount.$current.withValue(count) { ToolRun(arguments: arguments) }
    #expect(run.code == 0 || arguments[0] == "diff", "\(run.output)\(run.error)")
    return [count.recognitions.load(ordering: .relaxed), count.bindings.load(ordering: .relaxed)]
  }

  @Test("inspect, whatever it prints")
  func inspect() throws {
    let plain = try count("inspect", source)
    #expect(plain == [1, 1])
    let whole = try count("inspect", source, "--digests", "--lineage", "--json")
    #expect(whole == [1, 1])
  }

  @Test(
    "convert, into files and directories of each layout",
    arguments: [
      ("out.safetensors", "auto"), ("out.safetensors", "transformers"), ("out.h5", "auto"),
      ("directory", "auto"), ("directory", "transformers"), ("out.h5", "tf"),
    ])
  func convert(_ destination: String, _ layout: String) throws {
    let directory = try TemporaryDirectory()
    let path = directory.file(destination)
    let format = destination == "directory" ? ["--format", "safetensors"] : []
    let count = WorkCount()
    let arguments = ["convert", source, path, "--layout", layout] + format
    let run = WorkCount.$current.withValue(count) { ToolRun(arguments: arguments) }
    #expect(run.code == 0, "\(run.output)\(run.error)")
    #expect(count.recognitions.load(ordering: .relaxed) == 1)
    #expect(count.bindings.load(ordering: .relaxed) <= 1)
  }

  @Test("diff binds each side, and none where the names are the same")
  func diff() throws {
    let directory = try TemporaryDirectory()
    let other = directory.file("tf_model.h5")
    #expect(ToolRun("convert", source, other).code == 0)
    let different = try count("diff", source, other)
    #expect(different == [2, 2])
    let same = try count("diff", source, source)
    #expect(same == [0, 0])
  }

  @Test("run, verify and loading in Swift, with a class and without")
  func load() throws {
    let directory = try TemporaryDirectory()
    let output = directory.file("out.safetensors")
    let inputs = source + "/in.safetensors"
    let run = try count("run", source, "--inputs", inputs, "--output", output)
    #expect(run == [1, 1])
    let verify = try count("verify", source, "--golden", output, "--inputs", inputs)
    #expect(verify == [1, 1])
    let count = WorkCount()
    // The body of a model with a head: what the head has is left aside, and not bound to be told apart.
    _ = try WorkCount.$current.withValue(count) {
      try BertModel.load(from: source, options: LoadOptions(threads: 1))
    }
    #expect(count.recognitions.load(ordering: .relaxed) == 1)
    #expect(count.bindings.load(ordering: .relaxed) == 1)
  }
}
