import CheckpointBytes
import TestSupport
import Testing
import ToolCommands
import Weighbridge

@Suite("Manifests, and what is loaded only if it is what one has")
struct ManifestTests {
  private let bert = Fixtures.path("tiny-bert")
  private var model: String { bert + "/model.safetensors" }

  /// The manifest of the model, written by the tool.
  private func manifest(in directory: TemporaryDirectory) -> String {
    let path = directory.file("m.json")
    #expect(ToolRun("manifest", model, "--output", path).code == 0)
    return path
  }

  /// The model with one byte of one tensor changed, and its configuration.
  private func changed(in directory: TemporaryDirectory) throws -> String {
    var bytes = try SourceFile(path: model).bytes(at: 0, count: SourceFile(path: model).size)
    bytes[bytes.count - 1] ^= 1
    let path = try directory.write(bytes, as: "model.safetensors")
    let settings = try SourceFile(path: bert + "/config.json")
    _ = try directory.write(settings.bytes(at: 0, count: settings.size), as: "config.json")
    return path
  }

  @Test("What Swift writes is what the tool writes, and what is read is what was written")
  func written() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    let made = try CheckpointManifest(of: Checkpoint.open(model), at: model)
    let file = try SourceFile(path: path)
    #expect(try made.text == String(decoding: file.bytes(at: 0, count: file.size), as: UTF8.self))
    #expect(try CheckpointManifest(contentsOf: path) == made)
    let copy = directory.file("copy.json")
    try made.write(to: copy)
    #expect(try CheckpointManifest(contentsOf: copy) == made)
    let digests = ToolRun("inspect", model, "--digests").output
    #expect(digests.contains("model sha256 \(made.sha256)"))
  }

  @Test("Where something has no digest, there is none of the whole")
  func undigested() throws {
    let path = Fixtures.path("torch-checkpoints/special.pt")
    let text = ToolRun("inspect", path, "--digests").output
    #expect(
      text.contains("\nno digest of all tensors: 'quantized' is quantized qint8 [2, 3], "),
      "\(text)")
    #expect(text.contains("  sha256 ") && !text.contains("all tensors sha256"), "\(text)")
    let run = ToolRun("inspect", path, "--digests", "--json")
    let json = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(run.code == 0 && json["tensors"] != nil && json["model_sha256"] == nil)
    #expect(ToolRun("manifest", path).code == 65)
  }

  @Test("A manifest replaces another one, and nothing that is none")
  func replaced() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    #expect(ToolRun("manifest", model, "--output", path).code == 0)
    let checkpoint = try changed(in: directory)
    let run = ToolRun("manifest", model, "--output", checkpoint)
    #expect(
      run.error
        == "weighbridge: \(checkpoint): is there and is no manifest: it is not replaced\n")
    #expect(run.code == 65 && ToolRun("inspect", checkpoint).code == 0)
  }

  @Test("A model that is what its manifest has is loaded, in any container")
  func pinned() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    var opening = OpenOptions()
    opening.manifest = try CheckpointManifest(contentsOf: path)
    let model = try BertForMaskedLM.load(from: bert, opening: opening)
    #expect(model.parameters.elementCount > 0)
    let other = directory.file("other/")
    #expect(
      ToolRun("convert", bert, other, "--format", "pytorch", "--manifest", path).code == 0)
    #expect(try loadLanguageModel(from: other, opening: opening).parameters.elementCount > 0)
  }

  @Test(
    "The further hard links of an HDF5 file are tensors of it, in a manifest and by their names")
  func links() throws {
    let directory = try TemporaryDirectory()
    let (file, path) = (Fixtures.path("hdf5/types.h5"), directory.file("m.json"))
    #expect(ToolRun("manifest", file, "--output", path).code == 0)
    let names = try CheckpointManifest(contentsOf: path).tensors.keys
    #expect(names.contains("group/hard") && names.contains("scalar"))
    for name in ["out.pt", "out.h5"] {
      let other = directory.file(name)
      #expect(ToolRun("convert", file, other).code == 0)
      #expect(ToolRun("manifest", other, "--check", path).code == 0, "\(name)")
      #expect(ToolRun("convert", other, directory.file("b-" + name), "--manifest", path).code == 0)
    }
    let listed = ToolRun("inspect", file, "--include", "*/hard")
    #expect(listed.code == 0 && listed.output.contains("group/hard = scalar"), "\(listed)")
  }

  @Test("One that differs in a value is refused in one line that names the tensor")
  func refused() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    let file = try changed(in: directory)
    var opening = OpenOptions()
    opening.manifest = try CheckpointManifest(contentsOf: path)
    let error = #expect(throws: CheckpointError.self) {
      try loadLanguageModel(from: file, opening: opening)
    }
    #expect(error?.kind == .mismatch && error?.site.file == file)
    let name = try #require(error?.tensor)
    let line = "\(file): tensor '\(name)': not as the manifest has it: values"
    #expect(error?.description == line)
    #expect(throws: CheckpointError.self) { try Checkpoint.open(file, options: opening) }
    for arguments in [
      ["convert", file, directory.file("out.pt")], ["fill-mask", file, "a [MASK]"],
      ["run", file, "--inputs", "/nonexistent", "--output", directory.file("o.safetensors")],
    ] {
      let run = ToolRun(arguments: arguments + ["--manifest", path])
      #expect(run.code == 65)
      #expect(run.error == "weighbridge: \(line)\n")
    }
    #expect(try !Directory.names(in: directory.path).contains("out.pt"))
    #expect(ToolRun("convert", file, directory.file("out.pt")).code == 0)
  }

  @Test("Another type, a tensor less and a tensor more are refused before values are looked at")
  func structure() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    var opening = OpenOptions()
    opening.manifest = try CheckpointManifest(contentsOf: path)
    func refusal(_ name: String, _ options: String...) -> CheckpointError? {
      let file = directory.file(name)
      #expect(ToolRun(arguments: ["convert", model, file] + options).code == 0)
      return #expect(throws: CheckpointError.self) {
        try Checkpoint.open(file, options: opening)
      }
    }
    let half = refusal("half.safetensors", "--dtype", "bf16")
    #expect(half?.kind == .mismatch)
    #expect(half?.description.contains("dtype BF16, expected F32; and ") == true)
    let less = refusal("less.safetensors", "--exclude", "cls.predictions.bias")
    #expect(less?.kind == .inconsistent && less?.tensor == "cls.predictions.bias")
    #expect(less?.description.hasSuffix("in the manifest, and not there") == true)

    let small = directory.file("small.json")
    #expect(ToolRun("manifest", directory.file("less.safetensors"), "-o", small).code == 0)
    opening.manifest = try CheckpointManifest(contentsOf: small)
    let more = #expect(throws: CheckpointError.self) {
      try Checkpoint.open(model, options: opening)
    }
    #expect(more?.description.hasSuffix("'cls.predictions.bias': not in the manifest") == true)
  }

  @Test("What is no manifest is said to be none, before anything else is opened")
  func noManifest() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Array("{}".utf8), as: "m.json")
    let run = ToolRun("fill-mask", "/nonexistent", "a [MASK]", "--manifest", path)
    #expect(run.code == 65)
    #expect(run.error.hasPrefix("weighbridge: \(path): this is no manifest of a checkpoint"))
  }

  @Test("A shape is whole numbers from 0", arguments: ["3.0", "-3", "\"3\"", "null", "1e30"])
  func wrongShape(_ extent: String) throws {
    let directory = try TemporaryDirectory()
    let text =
      #"{"weighbridge_manifest": 1, "sha256": "", "tensors": {"a": {"dtype": "F32", "shape": [2, \#(extent)], "sha256": ""}}}"#
    let path = try directory.write(Array(text.utf8), as: "m.json")
    let error = CheckpointError(.malformed, file: path, field: "shape", tensor: "a", "")
    #expect(throws: error) { try CheckpointManifest(contentsOf: path) }
  }

  @Test("A difference prints as --check prints it")
  func difference() throws {
    let directory = try TemporaryDirectory()
    let path = manifest(in: directory)
    let file = try changed(in: directory)
    let found = try CheckpointManifest(of: Checkpoint.open(file), at: file)
    let difference = try CheckpointManifest(contentsOf: path).difference(to: found)
    let run = ToolRun("manifest", file, "--check", path)
    #expect(run.code == 1 && !difference.isEqual)
    #expect(run.output == "\(difference)\n".replacing("\nnot as", with: "\n\(file): not as"))
    #expect(
      "\(difference)".hasSuffix("\nnot as the manifest has it: 0 missing, 0 extra, 1 changed"))
  }
}
