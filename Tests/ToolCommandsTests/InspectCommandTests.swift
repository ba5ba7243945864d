import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge inspect")
struct InspectCommandTests {
  private func json(_ arguments: String...) throws -> JSONValue {
    let run = ToolRun(arguments: ["inspect", "--json"] + arguments)
    #expect(run.code == 0, "\(run.error)")
    return try JSONValue(parsing: Array(run.output.utf8), context: "output")
  }

  @Test("The JSON lists each tensor with name, dtype, shape and bytes, ties and digests")
  func fields() throws {
    let document = try json(Fixtures.path("hazards/files/alias.safetensors"), "--digests")
    #expect(document["format"]?.string == "safetensors")
    let tensors = document["tensors"]?.elements ?? []
    #expect(tensors.map { $0["name"]?.string } == ["bias", "decoder", "embedding"])
    #expect(tensors[1]["dtype"]?.string == "F32")
    #expect(tensors[1]["shape"] == .array([.integer(3), .integer(2)]))
    #expect(tensors[1]["bytes"]?.integer == 24)
    #expect(tensors[2]["tied_to"]?.string == "decoder")
    #expect(tensors[1]["tied_to"] == nil)
    #expect(tensors[1]["sha256"]?.string == tensors[2]["sha256"]?.string)
    #expect(
      tensors[1]["sha256"]?.string
        == "344b4b868d88aecbf020f846ee72ace2f58c1de9f9e9ab28cca797a34c3f5911")
  }

  @Test("Layers are folded into one line for people, and complete in the JSON")
  func folding() throws {
    let path = Fixtures.path("tiny-bert/model.safetensors")
    let text = ToolRun("inspect", path).output
    #expect(text.contains("bert.encoder.layer.{0…1}.intermediate.dense.weight"))
    #expect(text.contains("metadata: format = pt"))
    #expect((try json(path)["tensors"]?.elements ?? []).count == 42)
  }

  @Test("--lineage says where the bytes of a tensor lie and what is done to them")
  func lineage() throws {
    let text = ToolRun("inspect", Fixtures.path("hazards/files/views.pt"), "--lineage").output
    #expect(text.contains("← transpose ←"), "\(text)")
  }

  @Test("Whatever a name holds, the output stays one line for it")
  func oddNames() throws {
    let text = ToolRun("inspect", Fixtures.path("hazards/files/special.safetensors")).output
    #expect(text.split(separator: "\n").count == 11, "\(text)")
  }

  @Test(
    "What is no checkpoint is said in one line",
    arguments: [
      ([], "an empty file"), (Array("GGUF\u{3}\0\0\0".utf8), "a GGUF file"),
      (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "a Git LFS pointer"),
      (Array("<!DOCTYPE html>".utf8), "an HTML page"), (Array("hello".utf8), "unknown content"),
    ] as [([UInt8], String)])
  func otherContent(_ sample: ([UInt8], String)) throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun("inspect", try directory.write(sample.0, as: "model.bin"))
    #expect(run.code == 65)
    #expect(run.error.contains("found \(sample.1)"), "\(run.error)")
    #expect(run.error.split(separator: "\n").count == 1)
  }

  @Test("A path that leads nowhere is an I/O error")
  func missing() {
    let run = ToolRun("inspect", "/nonexistent/model.safetensors")
    #expect(run.code == 74)
    #expect(
      run.error
        == "weighbridge: /nonexistent/model.safetensors: cannot be opened: No such file or directory\n"
    )
  }
}
