import CheckpointBytes
import Checkpoints
import Conversion
import TensorValues
import TestSupport
import Testing

@Suite struct DirectoryConversionTests {
  private func model() throws -> TemporaryDirectory {
    let source = try TemporaryDirectory()
    for name in ["config.json", "model.safetensors"] {
      _ = try source.write(Fixture("tiny-bert/\(name)").bytes(), as: name)
    }
    try Directory.make(source.file("1_Pooling"))
    _ = try source.write(Array("{}".utf8), as: "1_Pooling/config.json")
    return source
  }

  private func convert(
    _ source: String, _ destination: String, _ change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> ConversionReceipt {
    var options = ConversionOptions()
    change(&options)
    return try ConversionPlan(
      Checkpoint.open(source), named: source, to: destination, options: options
    ).run()
  }

  @Test("A directory becomes a directory, with everything beside the weights")
  func whole() throws {
    let source = try model()
    _ = try source.write([1], as: "tf_model.h5")
    let target = try TemporaryDirectory()
    let receipt = try convert(source.path, target.file("new") + "/")
    let names = ["model.safetensors", "1_Pooling/config.json", "config.json"]
    #expect(receipt.files.map(\.path) == names.map { target.file("new/" + $0) })
    #expect(receipt.omissions.map(\.item) == ["file 'tf_model.h5'"])
    for name in names.dropFirst() {
      let copy = try SourceFile(path: target.file("new/" + name))
      let original = try SourceFile(path: source.file(name))
      #expect(
        try copy.bytes(at: 0, count: copy.size) == original.bytes(at: 0, count: original.size))
    }
    #expect(
      try Directory.names(in: target.file("new")).sorted() == [
        "1_Pooling", "config.json", "model.safetensors",
      ])
  }

  @Test(
    "A file that stands there with another content is not replaced unasked, and nothing is written")
  func existing() throws {
    let source = try model()
    let target = try TemporaryDirectory()
    let path = try target.write([1, 2], as: "config.json")
    do {
      _ = try convert(source.path, target.path)
      Issue.record("the file was replaced")
    } catch let error as CheckpointError {
      #expect(error == CheckpointError(.inconsistent, file: path, ""))
    }
    #expect(try Directory.names(in: target.path) == ["config.json"])
    let receipt = try convert(source.path, target.path) { $0.replacesExisting = true }
    #expect(receipt.files.count == 3)
    #expect(try SourceFile(path: path).size == Fixture("tiny-bert/config.json").bytes().count)
  }

  @Test("Within one directory nothing is copied onto itself")
  func inPlace() throws {
    let source = try model()
    let receipt = try convert(source.path, source.path) { $0.format = .pytorch }
    #expect(receipt.files.map(\.path) == [source.file("pytorch_model.bin")])
    // It is the same model in another form.
    #expect(
      receipt.notes.map(\.description).contains(
        "\(source.file("model.safetensors")) stays, beside the source; readers of the directory take it before pytorch_model.bin"
      ))
    #expect(try Directory.names(in: source.path).contains("model.safetensors"))
  }

  @Test("What readers of a directory take before what is written is replaced as well, or kept")
  func otherFormat() throws {
    let (source, target) = (try model(), try model())
    let old = target.file("model.safetensors")
    let index = try target.write(Array("{}".utf8), as: "model.safetensors.index.json")
    for resumes in [false, true] {
      let refused = #expect(throws: CheckpointError.self) {
        _ = try convert(source.path, target.path) {
          $0.format = .pytorch
          $0.resumes = resumes
        }
      }
      #expect(refused?.kind == .inconsistent && refused?.site.file == old)
    }
    let receipt = try convert(source.path, target.path) {
      $0.format = .pytorch
      $0.replacesExisting = true
    }
    for path in [old, index] {
      #expect(
        receipt.notes.map(\.description).contains(
          "removed \(path), which this conversion replaces"))
    }
    #expect(try Checkpoint.open(target.path).format == .pytorch)
    // Nobody takes these before safetensors.
    _ = try convert(source.path, target.path)
    #expect(try Directory.names(in: target.path).contains("pytorch_model.bin"))
    #expect(try Checkpoint.open(target.path).format == .safetensors)
  }

  @Test("The configuration says the type that the weights were cast to")
  func castType() throws {
    let source = try model()
    let text = String(decoding: try Fixture("tiny-bert/config.json").bytes(), as: UTF8.self)
    _ = try source.write(
      Array(text.replacing("{\n", with: "{\n  \"dtype\": \"float32\",\n", maxReplacements: 1).utf8),
      as: "config.json")
    let target = try TemporaryDirectory()
    let receipt = try convert(source.path, target.path) { $0.dtype = .f16 }
    let file = try SourceFile(path: target.file("config.json"))
    let written = try JSONValue(parsing: file.bytes(at: 0, count: file.size), context: "")
    #expect(written["dtype"]?.string == "float16")
    #expect(receipt.notes.contains { $0.description.hasPrefix("config.json: ") })
  }
}
