import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("Checkpoints as training leaves them")
struct WeightsOnlyTests {
  /// A file, and what of it is the model.
  struct Case: CustomTestStringConvertible, Sendable {
    let file: String
    let aside: Int
    let model: JSONValue
    var path: String { Fixtures.path("training/" + file) }
    var testDescription: String { file }

    static let all: [Case] = {
      let bytes =
        FileManager.default.contents(atPath: Fixtures.path("training/expected.json")) ?? Data()
      let cases = (try? JSONValue(parsing: Array(bytes), context: "expected.json"))?.elements ?? []
      return cases.map {
        Case(
          file: $0["file"]?.string ?? "", aside: $0["aside"]?.integer ?? -1,
          model: $0["model"] ?? .null)
      }
    }()
  }

  private func json(_ run: ToolRun) throws -> JSONValue {
    try JSONValue(parsing: Array(run.output.utf8), context: "output")
  }

  /// Name, type, shape and digest of each tensor of a file.
  private func tensors(_ path: String) throws -> [ExactName: JSONValue] {
    let listed = try json(ToolRun("inspect", path, "--json", "--digests"))
    return Dictionary(
      (listed["tensors"]?.elements ?? []).map { tensor in
        let fields = ["dtype", "shape", "sha256"].map { (key: ExactName) in
          JSONValue.Member(key, tensor[key] ?? .null)
        }
        return (ExactName(tensor["name"]?.string ?? ""), .object(fields))
      }, uniquingKeysWith: { first, _ in first })
  }

  @Test(
    "--weights-only leaves what torch has in the state dict, and lists the rest",
    arguments: Case.all)
  func weightsOnly(_ checkpoint: Case) throws {
    let directory = try TemporaryDirectory()
    // Of a file by this name Transformers reads nothing, so that no layout is chosen by itself.
    let destination = directory.file("weights.safetensors")
    let run = ToolRun("convert", checkpoint.path, destination, "--weights-only", "--json")
    #expect(run.code == 0, "\(run.error)")
    #expect(try tensors(destination) == checkpoint.model.dictionary)
    let dropped = try json(run)["dropped"]?.elements ?? []
    #expect(dropped.count { $0["item"]?.string?.hasPrefix("tensor ") == true } == checkpoint.aside)
    #expect(dropped.allSatisfy { $0["reason"]?.string?.isEmpty == false })
  }

  @Test("A Lightning checkpoint becomes a model directory at the first try")
  func lightning() throws {
    let directory = try TemporaryDirectory()
    let checkpoint = try #require(Case.all.first)
    let unknown = ToolRun("convert", checkpoint.path, directory.file("out/"))
    #expect(unknown.code == 65)
    #expect(
      unknown.error.hasPrefix("weighbridge: \(checkpoint.path): attention heads: "),
      "\(unknown.error)")
    let run = ToolRun("convert", checkpoint.path, directory.file("out/"), "--attention-heads", "2")
    #expect(run.code == 0, "\(run.error)")
    #expect(
      run.output.contains("best_model_score': the state of the training loop"), "\(run.output)")
    #expect(run.output.contains("more: the state of an optimizer"), "\(run.output)")
    let found = try tensors(directory.file("out/model.safetensors"))
    let expected = checkpoint.model.dictionary.map {
      (ExactName(String($0.key.string.dropFirst("model.".count))), $0.value)
    }
    #expect(found == Dictionary(uniqueKeysWithValues: expected))
  }

  @Test("Without the switch everything is carried, and a note says how to be without the rest")
  func everything() throws {
    let directory = try TemporaryDirectory()
    let checkpoint = try #require(Case.all.last)
    let run = ToolRun("convert", checkpoint.path, directory.file("a.safetensors"))
    #expect(run.code == 0)
    #expect(
      run.output.contains(
        "12 of 20 tensors are what training leaves beside a model; --weights-only leaves them aside"
      ), "\(run.output)")
    #expect(try tensors(directory.file("a.safetensors")).count == 20)
  }

  @Test(
    "The states of an optimizer are known by what is in them, whatever a program called them",
    arguments: [
      "optim", "opt", "optim_state_dict", "opt_state", "optimizer_G", "optimizer_0", "solver",
      "opts.0",
    ])
  func ownNames(front: String) throws {
    let directory = try TemporaryDirectory()
    var file = TensorFile()
    file.add("net.weight", [2])
    // A model's part of such a name (OPT) has no slots.
    file.add("decoder.state.embed.weight", [2])
    for name in ["state.0.step", "state.0.exp_avg", "state.net.weight.momentum_buffer"] {
      file.add("\(front).\(name)", [2])
    }
    let source = try directory.write(file.bytes, as: "a.safetensors")
    let out = directory.file("b.safetensors")
    let run = ToolRun("convert", source, out, "--weights-only")
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains("the state of an optimizer"), "\(run.output)")
    #expect(Set(try tensors(out).keys) == ["net.weight", "decoder.state.embed.weight"])
    // What has another thing beside is a model's.
    file.add("\(front).decoder.layers.0.weight", [2])
    _ = try directory.write(file.bytes, as: "a.safetensors")
    #expect(ToolRun("convert", source, out, "--weights-only", "--force").code == 0)
    #expect(try tensors(out).count == 6)
  }

  @Test("The state dict of an optimizer alone is no model")
  func optimizerAlone() throws {
    let directory = try TemporaryDirectory()
    var file = TensorFile()
    for name in ["state.0.step", "state.0.exp_avg"] { file.add(name, [2]) }
    let source = try directory.write(file.bytes, as: "a.safetensors")
    let run = ToolRun("convert", source, directory.file("b.pt"), "--weights-only")
    #expect(run.code == 65)
    #expect(run.error.contains("no tensor is the model's"), "\(run.error)")
  }

  @Test("A file of nothing but an optimizer's states is refused, and the switch named")
  func nothingLeft() throws {
    let directory = try TemporaryDirectory()
    let part = directory.file("optimizer.pt")
    #expect(
      ToolRun("convert", Fixtures.path("training/trained.pt"), part, "--include", "optimizer.*")
        .code == 0)
    let run = ToolRun("convert", part, directory.file("b.pt"), "--weights-only")
    #expect(run.code == 65)
    #expect(run.error.contains("no tensor is the model's"), "\(run.error)")
    #expect(run.error.contains("--weights-only"), "\(run.error)")
  }
}
