import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("JSON is what its schemas say")
struct SchemaTests {
  private func schema(_ name: String) throws -> JSONSchema {
    let path = Fixtures.path("../docs/schemas/\(name).schema.json")
    let bytes = try #require(FileManager.default.contents(atPath: path), "\(path)")
    return JSONSchema(try JSONValue(parsing: Array(bytes), context: path))
  }

  private func check(
    _ name: String, _ arguments: [String], code: Int32 = 0,
    source: SourceLocation = #_sourceLocation
  ) throws {
    let run = ToolRun(arguments: arguments + ["--json"])
    #expect(run.code == code, "\(arguments): \(run.error)", sourceLocation: source)
    let lines = run.output.split(separator: "\n")
    #expect(!lines.isEmpty, "\(arguments): \(run.error)", sourceLocation: source)
    for line in lines {
      let value = try JSONValue(parsing: Array(line.utf8), context: "output")
      let faults = try schema(name).faults(of: value)
      #expect(faults.isEmpty, "\(arguments): \(faults.prefix(5))", sourceLocation: source)
    }
  }

  private let model = Fixtures.path("tiny-bert/model.safetensors")
  private func hazard(_ name: String) -> String { Fixtures.path("hazards/files/" + name) }

  @Test("inspect")
  func inspect() throws {
    for options in [[], ["--digests"], ["--lineage"], ["--stats"]] {
      let files = [
        model, Fixtures.path("training/lightning.ckpt"), hazard("nested.pt"), hazard("keras-2.h5"),
        hazard("alias.safetensors"), hazard("every-dtype.safetensors"),
      ]
      try check("inspect", ["inspect"] + files + options)
    }
  }

  @Test("convert")
  func convert() throws {
    let directory = try TemporaryDirectory()
    try check("convert", ["convert", model, directory.file("a.pt")])
    try check("convert", ["convert", model, directory.file("tf_model.h5")])
    try check("convert", ["convert", model, directory.file("b.pt"), "--dtype", "fp16"])
    try check("convert", ["convert", model, directory.file("c.pt"), "--dry-run"])
    try check(
      "convert",
      [
        "convert", model, Fixtures.path("training/lightning.ckpt"), "--to", "st", "--weights-only",
        "--out-dir", directory.path + "/out",
      ])
    try check(
      "convert", ["convert", Fixtures.path("tiny-bert"), directory.file("d/"), "--verify-forward"])
  }

  @Test("diff")
  func diff() throws {
    let directory = try TemporaryDirectory()
    let half = directory.file("half.safetensors")
    #expect(ToolRun("convert", model, half, "--dtype", "fp16").code == 0)
    try check("diff", ["diff", model, half], code: 1)
    try check("diff", ["diff", model, model, "--structure"])
    let tf = directory.file("tf_model.h5")
    #expect(ToolRun("convert", model, tf).code == 0)
    try check("diff", ["diff", model, tf])
  }

  @Test("scan, manifest, doctor and cache")
  func others() throws {
    let directory = try TemporaryDirectory()
    try check("scan", ["scan", hazard("namespace.pt"), hazard("legacy.bin")])
    let manifest = directory.file("m.json")
    try check("manifest", ["manifest", model, "--output", manifest])
    try check("manifest-check", ["manifest", model, "--check", manifest])
    try check(
      "manifest-check", ["manifest", hazard("squares.safetensors"), "--check", manifest], code: 1)
    let doctor = ToolRun("doctor", "--json")
    try #expect(
      schema("doctor").faults(of: JSONValue(parsing: Array(doctor.output.utf8), context: "doctor"))
        .isEmpty)
    let cache = ToolRun("cache", "--json")
    try #expect(
      schema("cache").faults(of: JSONValue(parsing: Array(cache.output.utf8), context: "cache"))
        .isEmpty)
  }

  @Test("verify and run")
  func models() throws {
    let directory = try TemporaryDirectory()
    let (bert, golden) = (Fixtures.path("tiny-bert"), directory.file("golden.safetensors"))
    let inputs = try directory.write(ModelInputsBytes.tokens, as: "inputs.safetensors")
    try check("run", ["run", bert, "--inputs", inputs, "--output", golden, "--hidden-states"])
    try check("verify", ["verify", bert, "--golden", golden, "--inputs", inputs])
    let half = directory.file("half/")
    #expect(ToolRun("convert", bert, half, "--dtype", "bf16").code == 0)
    try check(
      "verify", ["verify", half, "--golden", golden, "--inputs", inputs, "--atol", "1e-9"], code: 1)
  }

  @Test(
    "Errors of every kind, and of one source among several",
    arguments: [
      (["inspect", "/nonexistent"], 74), (["inspect", "--nonsense"], 64), (["convrt"], 64),
      (["diff", "a"], 64), (["cache", "--color", "blue"], 64),
      (["inspect", "/nonexistent/a", "/nonexistent/b"], 74),
    ] as [([String], Int32)])
  func errors(_ arguments: [String], _ code: Int32) throws {
    try check("error", arguments, code: code)
  }

  @Test("An error tells its parts")
  func errorParts() throws {
    let run = ToolRun("inspect", hazard("hole.safetensors"), "--json")
    let value = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(try schema("error").faults(of: value).isEmpty)
    #expect(value["error"]?["file"]?.string == hazard("hole.safetensors"))
    #expect(value["error"]?["message"]?.string.map { "weighbridge: \($0)\n" } == run.error)
    #expect(value["exit"]?.integer == Int(run.code))
  }

  @Test("A checkpoint that is not whole is one object that says so")
  func incomplete() throws {
    let run = ToolRun("inspect", Fixtures.path("cases/formats/keras-refused-weights"), "--json")
    for line in run.output.split(separator: "\n") {
      #expect(throws: Never.self) { try JSONValue(parsing: Array(line.utf8), context: "output") }
    }
  }

  @Test("A value that a schema does not have is found, and one that is missing, and a wrong type")
  func schemasAreStrict() throws {
    let schema = try schema("cache")
    func faults(_ text: String) throws -> [String] {
      schema.faults(of: try JSONValue(parsing: Array(text.utf8), context: "text"))
    }
    #expect(try faults(#"{"directory":"x","models":[]}"#).isEmpty)
    #expect(try faults(#"{"directory":"x"}"#) == ["$: models is not there"])
    #expect(try faults(#"{"directory":1,"models":[]}"#).count == 1)
    #expect(
      try faults(#"{"directory":"x","models":[],"more":1}"#) == [
        "$.more: the schema does not have it"
      ])
    #expect(try faults(#"{"directory":"x","models":[{"name":"a","snapshots":[{}]}]}"#).count == 3)
  }
}

/// Inputs for a model of any family, byte by byte.
enum ModelInputsBytes {
  static var tokens: [UInt8] {
    let ids: [Int64] = [1, 2, 3, 4, 5, 6]
    var data: [UInt8] = []
    for id in ids { data += [UInt8](littleEndian: [UInt64(bitPattern: id)]) }
    let text = Array(#"{"input_ids":{"dtype":"I64","shape":[2,3],"data_offsets":[0,48]}}"#.utf8)
    return [UInt8](littleEndian: [UInt64(text.count)]) + text + data
  }
}
