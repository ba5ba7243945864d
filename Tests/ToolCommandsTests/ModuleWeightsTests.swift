import CheckpointBytes
import TestSupport
import Testing
import Weighbridge

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Modules of sentence-transformers that have weights of their own")
struct ModuleWeightsTests {
  /// A model with a LayerNorm behind its pooling.
  private static func model() throws -> ModelFixture {
    let model = try ModelFixture(task: "bert-masked", tokenizer: "bert-uncased")
    try model.writeSentenceTransformer(pooling: "mean", normalizes: false, length: 64)
    let modules = try String(decoding: model.bytes("modules.json"), as: UTF8.self)
    try model.write(
      modules.dropLast()
        + #", {"idx": 2, "name": "2", "path": "2_LayerNorm", "type": "sentence_transformers.models.LayerNorm"}]"#,
      as: "modules.json")
    try model.write(#"{"dimension": 12}"#, as: "2_LayerNorm/config.json")
    try write(bias: 0.25, into: model.path)
    return model
  }

  /// The weights of the LayerNorm.
  private static func write(bias: Float, into path: String) throws {
    var graph = WeightGraph()
    try graph.insert(
      try Weight((0..<12).map { Float($0) / 8 }, shape: [12]), as: "norm.weight")
    try graph.insert(try Weight([Float](repeating: bias, count: 12), shape: [12]), as: "norm.bias")
    var options = ConversionOptions()
    options.replacesExisting = true
    _ = try graph.write(to: path + "/2_LayerNorm/model.safetensors", options: options)
  }

  @Test("A conversion takes them along, and the result computes the same")
  func converted() throws {
    let model = try Self.model()
    let directory = try TemporaryDirectory()
    let other = directory.file("other")
    #expect(ToolRun("convert", model.path, other, "--to", "pytorch").code == 0)
    let file = "/2_LayerNorm/model.safetensors"
    #expect(
      try SourceFile(path: other + file).bytes(at: 0, count: SourceFile(path: other + file).size)
        == SourceFile(path: model.path + file).bytes(
          at: 0, count: SourceFile(path: model.path + file).size))
    let run = ToolRun("embed", other, "the scale", "--json")
    #expect(run.code == 0)
    #expect(run.output == ToolRun("embed", model.path, "the scale", "--json").output)
    #expect(ToolRun("diff", model.path, other).code == 0)
  }

  @Test("A manifest has them, a difference names them, and another one is not run")
  func pinned() throws {
    let model = try Self.model()
    let directory = try TemporaryDirectory()
    let manifest = directory.file("m.json")
    #expect(ToolRun("manifest", model.path, "--output", manifest).code == 0)
    let other = directory.file("other")
    #expect(ToolRun("convert", model.path, other, "--to", "safetensors").code == 0)
    let embed = ["embed", other, "a", "--manifest", manifest]
    #expect(ToolRun("manifest", other, "--check", manifest).code == 0)
    #expect(ToolRun(arguments: embed).code == 0)

    try Self.write(bias: 0.5, into: other)
    #expect(ToolRun("manifest", other, "--check", manifest).code == 1)
    let refused = ToolRun(arguments: embed)
    #expect(refused.code == 65 && refused.error.contains("2_LayerNorm/norm.bias"), "\(refused)")
    let difference = ToolRun("diff", model.path, other)
    #expect(difference.code == 1 && difference.output.contains("2_LayerNorm/norm.bias"))
    #expect(ToolRun("diff", "--structure", model.path, other).code == 0)

    // A file alone says nothing of what follows it.
    let file = model.path + "/model.safetensors"
    #expect(ToolRun("manifest", file, "--output", manifest).code == 0)
    let part = ToolRun("embed", file, "a", "--manifest", manifest)
    #expect(part.code == 65 && part.error.contains("no weights of the modules"), "\(part)")
    var opening = OpenOptions()
    opening.manifest = try CheckpointManifest(contentsOf: manifest)
    #expect(throws: CheckpointError.self) {
      try SentenceEmbedder.load(from: file, opening: opening)
    }
  }

  @Test("They are found wherever what runs them finds them, however long the list is, and once")
  func found() throws {
    let model = try Self.model()
    let directory = try TemporaryDirectory()
    let manifest = directory.file("m.json")
    // Another name than the usual ones, and a list of more than a megabyte.
    let folder = model.path + "/2_LayerNorm/"
    let weights = try model.bytes("2_LayerNorm/model.safetensors")
    try Directory.removeFile(folder + "model.safetensors")
    try model.write(weights, as: "2_LayerNorm/weights.safetensors")
    let list = try model.bytes("modules.json")
    try model.write([UInt8](repeating: 0x20, count: 1 << 21) + list, as: "modules.json")
    #expect(ToolRun("manifest", model.path, "--output", manifest).code == 0)
    #expect(ToolRun("embed", model.path, "a", "--manifest", manifest).code == 0)
    var other = weights
    other[other.count - 1] ^= 1
    try model.write(other, as: "2_LayerNorm/weights.safetensors")
    let refused = ToolRun("embed", model.path, "a", "--manifest", manifest)
    #expect(refused.code == 65 && refused.error.contains("2_LayerNorm/"), "\(refused)")

    // A folder that is the directory itself, again and again.
    #expect(unsafe symlink(".", model.path + "/loop") == 0)
    let entry = #"{"path": "loop"}"#
    try model.write(
      "[" + [String](repeating: entry, count: 12).joined(separator: ",") + "]", as: "modules.json")
    #expect(ToolRun("inspect", model.path).code == 0)
    // A list that cannot be read may name anything.
    try model.write("[", as: "modules.json")
    #expect(ToolRun("inspect", model.path).code == 0)
    #expect(ToolRun("manifest", model.path).code == 65)
  }

  @Test("What makes vectors and ranks is pinned like every other model")
  func pinnedModel() throws {
    let model = try Self.model()
    let directory = try TemporaryDirectory()
    let manifest = directory.file("m.json")
    #expect(ToolRun("manifest", model.path, "--output", manifest).code == 0)
    var bytes = try model.bytes("model.safetensors")
    bytes[bytes.count - 1] ^= 1
    try model.write(bytes, as: "model.safetensors")
    for command in [
      ["embed", model.path, "a"], ["similarity", model.path, "a", "--document", "b"],
    ] {
      let run = ToolRun(arguments: command + ["--manifest", manifest])
      #expect(run.code == 65 && run.error.contains("not as the manifest has it"), "\(run)")
    }
    let ranker = try ModelFixture(task: "bert-classifier", tokenizer: "bert-uncased")
    let run = ToolRun(
      "rerank", ranker.path, "a", "--document", "b", "--manifest", manifest)
    #expect(run.code == 65 && run.error.contains("manifest"), "\(run)")
  }

  @Test("A pattern does not pass over a file whose name nothing can open")
  func unreadableName() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(Array("N.".utf8), as: "good.pkl")
    let name = Array((directory.path + "/").utf8) + [0xFF] + Array("evil.pkl".utf8) + [0]
    let descriptor = unsafe name.withUnsafeBufferPointer { buffer in
      unsafe buffer.baseAddress.map { start in
        unsafe start.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
          unsafe open($0, O_WRONLY | O_CREAT, 0o600)
        }
      }
    }
    try #require(descriptor.map { $0 >= 0 } == true)
    close(descriptor ?? -1)
    let run = ToolRun("scan", directory.file("*.pkl"))
    #expect(run.code == 65 && run.error.contains("is no UTF-8"), "\(run)")
    #expect(ToolRun("scan", directory.file("g*.pkl")).code == 0)
  }
}
