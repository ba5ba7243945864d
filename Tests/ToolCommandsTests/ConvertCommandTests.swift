import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge convert")
struct ConvertCommandTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")

  @Test("A round trip through all formats gives back the same file")
  func roundTrip() throws {
    let directory = try TemporaryDirectory()
    let stations = ["a.pt", "b.h5", "c.safetensors"].map(directory.file)
    var source = model
    for destination in stations {
      let run = ToolRun("convert", source, destination)
      #expect(run.code == 0, "\(run.error)")
      #expect(run.output.contains("read back and compared: equal, bit for bit"))
      source = destination
    }
    #expect(try bytes(source) == bytes(model))
  }

  @Test("An existing destination is kept unless --force is given")
  func existing() throws {
    let directory = try TemporaryDirectory()
    let destination = try directory.write([1, 2, 3], as: "old.pt")
    let refused = ToolRun("convert", model, destination)
    #expect(refused.code == 65)
    #expect(
      refused.error
        == "weighbridge: \(destination): exists already; use --force to replace it\n")
    #expect(try bytes(destination) == [1, 2, 3])
    #expect(ToolRun("convert", model, destination, "--force").code == 0)
    #expect(try bytes(destination).count > 90_000)
  }

  @Test("A mistyped or foreign extension makes no directory of that name, but for a slash")
  func mistakenExtension() throws {
    let directory = try TemporaryDirectory()
    for name in ["model.safetensor", "model.safe-tensors", "MODEL.KERAS", "model.onnx"] {
      let run = ToolRun("convert", model, directory.file(name))
      #expect(run.code == 65)
      #expect(run.error.contains("\(name): the extension names no format"), "\(run.error)")
    }
    for name in ["bert.v1", "model.onnx/", "model"] {
      let run = ToolRun("convert", model, directory.file(name), "--layout", "flat")
      #expect(run.code == 0, "\(run.error)")
      #expect(try PathKind(path: directory.file(name)) == .directory)
    }
  }

  @Test("Converting a file onto itself keeps every byte of it")
  func ontoItself() throws {
    let directory = try TemporaryDirectory()
    let copy = try directory.write(try bytes(model), as: "model.safetensors")
    #expect(ToolRun("convert", copy, copy).code == 65)
    #expect(ToolRun("convert", copy, copy, "--force").code == 0)
    #expect(try bytes(copy) == bytes(model))
    #expect(try Directory.names(in: directory.path) == ["model.safetensors"])
  }

  @Test("A damaged source leaves nothing behind and the old destination untouched")
  func damaged() throws {
    let directory = try TemporaryDirectory()
    let cut = try directory.write(try bytes(model).dropLast(10), as: "cut.safetensors")
    let old = try directory.write([7], as: "old.pt")
    let run = ToolRun("convert", cut, old, "--force")
    #expect(run.code == 65)
    #expect(run.error.split(separator: "\n").count == 1)
    #expect(try bytes(old) == [7])
    #expect(try Directory.names(in: directory.path) == ["cut.safetensors", "old.pt"])
  }

  @Test("--dry-run prints the plan and writes nothing")
  func dryRun() throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun("convert", model, directory.file("new/model.bin"), "--dry-run")
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains("dry run: nothing is written"))
    #expect(try Directory.names(in: directory.path).isEmpty)
  }

  @Test("Tensors are selected and renamed by patterns over whole names")
  func patterns() throws {
    let directory = try TemporaryDirectory()
    let destination = directory.file("part.safetensors")
    let run = ToolRun(
      "convert", model, destination, "--include", "bert.encoder.layer.*", "--exclude", "*.bias",
      "--rename", "bert.encoder.layer.*=>h.*")
    #expect(run.code == 0, "\(run.error)")
    let listed = ToolRun("inspect", destination, "--json")
    let document = try JSONValue(parsing: Array(listed.output.utf8), context: "output")
    let names = (document["tensors"]?.elements ?? []).compactMap { $0["name"]?.string }
    #expect(names.count == 16)
    #expect(names.allSatisfy { $0.hasPrefix("h.") && $0.hasSuffix(".weight") })
  }

  @Test(
    "A request that contradicts the checkpoint is refused",
    arguments: [
      (["--include", "nothing*"], "the pattern 'nothing*' matches no tensor"),
      (["--exclude", "x"], "the pattern 'x' matches no tensor"),
      (["--rename", "x=>y"], "the rule 'x=>y' matches no tensor"),
      (["--rename", "*.bias=>same"], "would get this name"),
    ])
  func contradictions(_ sample: ([String], String)) throws {
    let directory = try TemporaryDirectory()
    let run = ToolRun(
      arguments: ["convert", model, directory.file("out.pt")] + sample.0)
    #expect(run.code == 65)
    #expect(run.error.contains(sample.1), "\(run.error)")
    #expect(run.error.split(separator: "\n").count == 1)
    #expect(try Directory.names(in: directory.path).isEmpty)
  }

  @Test(
    "Bad usage ends with 64",
    arguments: [
      ["--dtype", "F31"], ["--format", "gguf"], ["--max-shard-size", "many"], ["--rename", "a"],
      ["--layout", "sideways"], ["--nonsense"],
    ])
  func usage(_ arguments: [String]) throws {
    #expect(ToolRun(arguments: ["convert", model, "/tmp/never.pt"] + arguments).code == 64)
  }

  @Test("A cast says how far it moved the values")
  func cast() throws {
    let directory = try TemporaryDirectory()
    let destination = directory.file("half.safetensors")
    let run = ToolRun("convert", model, destination, "--dtype", "BF16")
    #expect(run.code == 0, "\(run.error)")
    #expect(run.output.contains("from F32 to BF16, largest rounding error"))
    let diff = ToolRun("diff", model, destination)
    #expect(diff.code == 1)
    #expect(diff.output.contains("dtype F32 / BF16"))
    #expect(ToolRun("diff", model, destination, "--rtol", "0.01", "--atol", "1e-3").code == 0)
  }

  @Test(
    "A cast says which values no longer are what they were, and what cannot be cast how to leave it"
  )
  func overflow() throws {
    let directory = try TemporaryDirectory()
    let source = try directory.write(
      SafetensorsBytes.of([("w", [4], [1e10, .infinity, .nan, 1])]), as: "a.safetensors")
    for (dtype, words) in [
      // PyTorch saturates in E4M3, infinities too; in E5M2 one of the numbers becomes infinite.
      ("F8_E4M3", "1 value became infinite or NaN, or did not stay infinite"),
      ("F8_E5M2", "1 value became infinite or NaN, or did not stay infinite"),
      ("F8_E4M3FNUZ", "2 values became infinite or NaN, or did not stay infinite"),
    ] {
      let run = ToolRun(
        "convert", source, directory.file("\(dtype).safetensors"), "--dtype", dtype)
      #expect(run.output.contains("; \(words)\n"), "\(run.output)")
    }
    let packed = try directory.write(
      SafetensorsBytes.of([("w", [2, 8], [0, 0])], dtype: "F4"), as: "b.safetensors")
    let run = ToolRun("convert", packed, directory.file("c.safetensors"), "--dtype", "F32")
    #expect(run.code == 65)
    #expect(
      run.error.hasSuffix(
        "tensor 'w': F4 cannot be cast to F32 (unsupported); --exclude 'w' leaves it out\n"),
      "\(run.error)")
  }

  @Test("Shards are written with an index, and read back as one")
  func shards() throws {
    let directory = try TemporaryDirectory()
    let destination = directory.file("sharded/")
    let run = ToolRun("convert", model, destination, "--max-shard-size", "30KB")
    #expect(run.code == 0, "\(run.error)")
    let names = try Directory.names(in: destination)
    #expect(names.contains("model.safetensors.index.json"))
    #expect(names.contains("model-00001-of-00004.safetensors"), "\(names)")
    #expect(ToolRun("diff", model, destination).code == 0)
  }

  @Test("Shards replace a single file of the same name, and the other way round")
  func otherForm() throws {
    let directory = try TemporaryDirectory()
    let single = directory.file("model.safetensors")
    #expect(ToolRun("convert", model, single).code == 0)
    let sharding = ["convert", model, single, "--max-shard-size", "30KB"]
    #expect(ToolRun(arguments: sharding).code == 65)
    #expect(ToolRun(arguments: sharding + ["--force"]).code == 0)
    #expect(try !Directory.names(in: directory.path).contains("model.safetensors"))
    #expect(ToolRun("diff", model, directory.path).code == 0)
    #expect(ToolRun("convert", model, single).code == 65)
    #expect(ToolRun("convert", model, single, "--force").code == 0)
    #expect(try !Directory.names(in: directory.path).contains("model.safetensors.index.json"))
    #expect(ToolRun("diff", model, directory.path).code == 0)
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try SourceFile(path: path)
    return try file.bytes(at: 0, count: file.size)
  }
}
