import CheckpointBytes
import Foundation
import TestSupport
import Testing

@Suite("Converting several checkpoints, and comparing directories")
struct ConvertSeveralTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")
  private let trained = Fixtures.path("training/trained.pt")

  @Test("Each source has a line and a file of its name, and the worst exit code is that of all")
  func several() throws {
    let directory = try TemporaryDirectory()
    let broken = try directory.write([1, 2, 3], as: "broken.pt")
    let out = directory.file("out/deep")
    let run = ToolRun("convert", model, broken, trained, "--to", "hdf5", "--out-dir", out)
    #expect(run.code == 65)
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 2, "\(run.output)")
    #expect(lines[0].hasPrefix("\(model): \(out)/model.h5, 47 tensors, "), "\(lines[0])")
    #expect(lines[0].hasSuffix("verified: equal"))
    #expect(run.error.hasPrefix("weighbridge: \(broken): "))
    #expect(try Directory.names(in: out) == ["model.h5", "trained.h5"])
    let objects = try ToolRun(
      "convert", model, broken, "--to", "hdf5", "--out-dir", out, "--force", "--json"
    ).output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8), context: "line") }
    #expect(objects.map { $0["source"]?.string } == [model, broken])
    #expect(objects[1]["error"]?["kind"]?.string != nil)
    #expect(objects[1]["exit"]?.integer == 65)
  }

  @Test("What is complete already is named where a conversion is gone on with")
  func complete() throws {
    let directory = try TemporaryDirectory()
    let out = directory.file("out")
    let arguments = [
      "convert", model, trained, "--to", "safetensors", "--out-dir", out, "--resume",
    ]
    #expect(ToolRun(arguments: arguments).code == 0)
    let again = ToolRun(arguments: arguments)
    #expect(again.code == 0)
    #expect(
      again.output.hasPrefix("\(model): complete already: \(out)/model.safetensors, 42 tensors, "),
      "\(again.output)")
    let object = try JSONValue(
      printed: ToolRun(
        "convert", model, "--to", "safetensors", "--out-dir", out, "--resume", "--json"
      ).output)
    #expect(object["files"] == .array([]))
    #expect(object["in_place"] == .array([.string(out + "/model.safetensors")]))
  }

  @Test("A path that is not there is told before what a directory on the other side holds")
  func nothingThere() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(try Fixture("tiny-bert/model.safetensors").bytes(), as: "a.safetensors")
    _ = try directory.write(try Fixture("tiny-bert/model.safetensors").bytes(), as: "b.safetensors")
    let nothing = directory.file("nothing")
    for paths in [[directory.path, nothing], [nothing, directory.path]] {
      let run = ToolRun(arguments: ["diff"] + paths)
      #expect(run.code == 74)
      #expect(run.error.hasPrefix("weighbridge: \(nothing): "), "\(run.error)")
    }
  }

  @Test("An empty destination is none, and no name of the root directory")
  func emptyDestination() {
    for arguments in [[""], ["--output", "", "--format", "pytorch"]] {
      let run = ToolRun(arguments: ["convert", model] + arguments)
      #expect(run.code == 65 && run.error.contains("the destination's path is empty"), "\(run)")
    }
  }

  @Test(
    "Links that lead round are not followed, and told like what is no file; others are compared")
  func links() throws {
    let directory = try TemporaryDirectory()
    for side in ["first", "second"] {
      let sub = directory.file(side + "/sub")
      try FileManager.default.createDirectory(atPath: sub, withIntermediateDirectories: true)
      _ = try directory.write([1], as: side + "/sub/file")
      for number in 0..<8 {
        try FileManager.default.createSymbolicLink(
          atPath: sub + "/\(number)", withDestinationPath: "../sub")
      }
    }
    let round = ToolRun("diff", "-r", directory.file("first"), directory.file("second"))
    #expect(round.code == 1, "\(round)")
    #expect(
      round.output.contains("sub/file: equal\n") && round.output.contains("sub/7: not compared"))
    #expect(round.output.split(separator: "\n").count == 9)
    // One side's link leads where the other's does not: what lies there is looked at again.
    for (side, target) in [("third", "a"), ("fourth", "b")] {
      for (folder, content) in [("a", 1), ("b", 2)] as [(String, UInt8)] {
        let path = directory.file("\(side)/\(folder)")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        _ = try directory.write([content], as: "\(side)/\(folder)/file")
      }
      try FileManager.default.createSymbolicLink(
        atPath: directory.file(side + "/z"), withDestinationPath: target)
    }
    let other = ToolRun("diff", "-r", directory.file("third"), directory.file("fourth"))
    #expect(other.code == 1 && other.output.contains("z/file: different"), "\(other)")
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("second/link"), withDestinationPath: "nowhere")
    let told = ToolRun("diff", "-r", directory.file("first"), directory.file("second"))
    #expect(told.code == 1 && told.output.contains("link: not compared"), "\(told)")
  }

  @Test("A model directory stays one, and a pattern that no shell expanded is expanded")
  func directoriesAndPatterns() throws {
    let directory = try TemporaryDirectory()
    for name in ["a.pt", "b.pt", "c.txt"] {
      _ = try directory.write(
        Array(FileManager.default.contents(atPath: trained) ?? Data()), as: name)
    }
    let out = directory.file("out")
    let run = ToolRun(
      "convert", directory.file("*.pt"), Fixtures.path("tiny-bert"), "--to", "safetensors",
      "--out-dir", out)
    #expect(run.code == 0, "\(run.error)")
    #expect(try Directory.names(in: out) == ["a.safetensors", "b.safetensors", "tiny-bert"])
    #expect(try Directory.names(in: out + "/tiny-bert").contains("config.json"))
  }

  @Test("Two sources of one name are refused before anything is written")
  func sameName() throws {
    let directory = try TemporaryDirectory()
    let bytes = Array(FileManager.default.contents(atPath: trained) ?? Data())
    let first = try directory.write(bytes, as: "x.pt")
    let second = try directory.write(bytes, as: "x.bin")
    let run = ToolRun(
      "convert", first, second, "--to", "safetensors", "--out-dir", directory.file("out"))
    #expect(run.code == 65)
    #expect(run.error.contains("would both become"), "\(run.error)")
    #expect(try PathKind(path: directory.file("out")) == .nothing)
  }

  @Test(
    "How many paths there may be is said",
    arguments: [
      (["a.pt"], "Missing expected argument"),
      (["a.pt", "b.pt", "c.pt"], "several sources go with --to FORMAT --out-dir DIRECTORY"),
      (["a.pt", "b.pt", "--out", "c.pt"], "several sources go with"),
      (["a.pt", "--out-dir", "d"], "--out-dir needs the format"),
      (["a.pt", "--out-dir", "d", "--to", "st", "-o", "x"], "contradict each other"),
    ])
  func usage(_ arguments: [String], _ said: String) {
    let run = ToolRun(arguments: ["convert"] + arguments)
    #expect(run.code == 64)
    #expect(run.error.contains(said), "\(run.error)")
  }

  @Test("-o, --out and --overwrite are understood")
  func spellings() throws {
    let directory = try TemporaryDirectory()
    let out = directory.file("x.pt")
    #expect(ToolRun("convert", model, "-o", out).code == 0)
    #expect(ToolRun("convert", model, "--out", out).code == 65)
    #expect(ToolRun("convert", model, "--output", out, "--overwrite", "--dtype", "fp16").code == 0)
    #expect(ToolRun("convert", model, out, "-f", "--dtype", "half", "-q").output.isEmpty)
  }

  @Test("An adapter and a diffusion model keep the name by which their libraries find them")
  func ownNames() throws {
    let directory = try TemporaryDirectory()
    for (name, expected) in [
      ("adapter_model.safetensors", "adapter_model.bin"),
      ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
      ("model.safetensors", "pytorch_model.bin"),
    ] {
      let source = directory.file(name + ".d")
      try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
      try Data(SafetensorsBytes.of([("base_model.model.q.lora_A.weight", [2], [1, 2])]))
        .write(to: URL(fileURLWithPath: source + "/" + name))
      let out = directory.file(name + ".out")
      let run = ToolRun("convert", source, out + "/", "--format", "pytorch")
      #expect(run.code == 0, "\(run.error)")
      #expect(try Directory.names(in: out) == [expected])
    }
  }

  @Test("Two directories are compared file by file, files of different formats by their base names")
  func directories() throws {
    let directory = try TemporaryDirectory()
    let (left, right) = (directory.file("left"), directory.file("right"))
    for path in [left, right + "/deep"] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    func write(_ bytes: [UInt8], _ path: String) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
    try write(SafetensorsBytes.of([("w", [2], [1, 2])]), left + "/same.safetensors")
    try write(SafetensorsBytes.of([("w", [2], [1, 2])]), left + "/other.safetensors")
    #expect(ToolRun("convert", left + "/same.safetensors", right + "/same.pt").code == 0)
    try write(SafetensorsBytes.of([("w", [2], [1, 3])]), right + "/other.safetensors")
    try write([1], left + "/notes.txt")
    try write([1], right + "/notes.txt")
    try write([1], right + "/deep/new.txt")
    let run = ToolRun("diff", left, right)
    #expect(run.code == 1, "\(run.error)")
    #expect(
      Set(run.output.split(separator: "\n")) == [
        "same.safetensors / same.pt: 1 tensor in both: 1 identical, 0 different",
        "other.safetensors: 1 tensor in both: 0 identical, 1 different",
        "notes.txt: equal", "deep/new.txt: only in the second",
      ], "\(run.output)")
    // One that holds a single checkpoint is compared as a directory, too, if the other holds several.
    let one = directory.file("one")
    try FileManager.default.createDirectory(atPath: one, withIntermediateDirectories: true)
    try write(SafetensorsBytes.of([("w", [2], [1, 2])]), one + "/same.safetensors")
    let uneven = ToolRun("diff", one, left)
    #expect(uneven.code == 1, "\(uneven.error)")
    #expect(
      Set(uneven.output.split(separator: "\n")) == [
        "same.safetensors: 1 tensor in both: 1 identical, 0 different",
        "other.safetensors: only in the second", "notes.txt: only in the second",
      ], "\(uneven.output)")
    #expect(ToolRun("diff", "--recursive", left, left).code == 0)
    #expect(ToolRun("diff", "--recursive", left, left + "/notes.txt").code == 65)
    let lines = try ToolRun("diff", left, right, "--json").output.split(separator: "\n").map {
      try JSONValue(parsing: Array($0.utf8), context: "line")
    }
    #expect(lines.count == 4 && lines.allSatisfy { $0["name"]?.string != nil })
  }

  @Test("--structure reads no data: other values are the same structure, another type is not")
  func structure() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(
      SafetensorsBytes.of([("w", [2], [1, 2]), ("v", [1], [3])]), as: "a.safetensors")
    let second = try directory.write(
      SafetensorsBytes.of([("w", [2], [9, 9]), ("v", [1], [3])]), as: "b.safetensors")
    #expect(ToolRun("diff", first, second).code == 1)
    let same = ToolRun("diff", first, second, "--structure")
    #expect(same.code == 0)
    #expect(same.output == "2 tensors in both: 2 of the same type and shape, 0 different\n")
    let half = directory.file("half.safetensors")
    #expect(ToolRun("convert", first, half, "--dtype", "fp16").code == 0)
    let other = ToolRun("diff", first, half, "--structure")
    #expect(other.code == 1)
    #expect(other.output.contains("dtype F32 / F16"), "\(other.output)")
    #expect(ToolRun("diff", first, second, "--structure", "--atol", "1").code == 64)
  }

  @Test("The worst place has an index for each dimension, and a line of its own")
  func worstPlace() throws {
    let directory = try TemporaryDirectory()
    var values = [Float](repeating: 0.25, count: 12)
    let first = try directory.write(
      SafetensorsBytes.of([("w", [3, 4], values)]), as: "a.safetensors")
    values[7] = 0.40226489305496216
    let second = try directory.write(
      SafetensorsBytes.of([("w", [3, 4], values)]), as: "b.safetensors")
    let text = ToolRun("diff", first, second).output
    #expect(
      text.contains("\n  worst at [1, 3]: 0.2500 / 0.4023; 1 of 12 values differ\n"), "\(text)")
    #expect(!text.contains("NaN"), "\(text)")
  }
}
