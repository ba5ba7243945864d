import CheckpointBytes
import TestSupport
import Testing
import ToolCommands

@Suite("weighbridge diff")
struct DiffCommandTests {
  private let model = Fixtures.path("tiny-bert/model.safetensors")

  @Test("Names that one side lacks, other shapes and other values are told apart, worst first")
  func kinds() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(
      safetensors([
        ("gone", [1], [1]), ("near", [2], [1, 2]), ("far", [2], [1, 2]), ("bent", [2], [1, 2]),
        ("same", [1], [7]),
      ]),
      as: "a.safetensors")
    let second = try directory.write(
      safetensors([
        ("new", [1], [1]), ("near", [2], [1, 2.0000002]), ("far", [2], [1, -6]),
        ("bent", [2, 1], [1, 2]), ("same", [1], [7]),
      ]),
      as: "b.safetensors")
    let run = ToolRun("diff", first, second, "--json")
    #expect(run.code == 1)
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(document["missing"] == .array([.string("gone")]))
    #expect(document["extra"] == .array([.string("new")]))
    let tensors = document["tensors"]?.elements ?? []
    #expect(tensors.map { $0["name"]?.string } == ["bent", "far", "near", "same"])
    #expect(tensors[1]["max_abs"] == .double(8))
    #expect(tensors[1]["worst_index"]?.integer == 1)
    #expect(tensors[2]["max_ulps"]?.integer == 1)
    #expect(tensors[3]["identical"] == .boolean(true))
    let text = ToolRun("diff", first, second).output
    // From 2 to -6: how many numbers lie between says nothing.
    let far = text.split(separator: "\n").first { $0.hasPrefix("far ") }
    #expect(far?.split(separator: " ").dropLast().last == "–", "\(text)")
    #expect(text.contains("4 tensors in both: 1 identical, 3 different; 1 missing, 1 extra"))
  }

  @Test("A tolerance lets small differences pass")
  func tolerance() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(safetensors([("w", [2], [1, 100])]), as: "a.safetensors")
    let second = try directory.write(
      safetensors([("w", [2], [1.001, 100.05])]), as: "b.safetensors")
    #expect(ToolRun("diff", first, second).code == 1)
    #expect(ToolRun("diff", first, second, "--rtol", "1e-3", "--atol", "1e-4").code == 0)
    #expect(ToolRun("diff", first, second, "--rtol", "1e-4").code == 1)
    #expect(ToolRun("diff", first, second, "--rtol", "-1").code == 64)
  }

  @Test("A tolerance of 0 asks for the same values, of whatever type, and not for the same bytes")
  func noTolerance() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(safetensors([("w", [2], [0, 100])]), as: "a.safetensors")
    let same = try directory.write(safetensors([("w", [2], [-0.0, 100])]), as: "b.safetensors")
    let half = directory.file("half.safetensors")
    #expect(ToolRun("convert", first, half, "--dtype", "float16").code == 0)
    let near = try directory.write(safetensors([("w", [2], [0, 100.05])]), as: "c.safetensors")
    for option in ["--atol", "--rtol"] {
      for other in [same, half] {
        #expect(ToolRun("diff", first, other).code == 1)
        #expect(ToolRun("diff", first, other, option, "0").code == 0)
      }
      let run = ToolRun("diff", first, near, option, "0")
      #expect(run.code == 1 && run.output.contains("1 beyond the tolerance"), "\(run.output)")
      #expect(ToolRun("diff", first, near, option, "0", "--structure").code == 64)
    }
  }

  @Test("What is no dense tensor is not compared, and never called equal but of the same bytes")
  func notCompared() throws {
    let directory = try TemporaryDirectory()
    let special = Fixtures.path("torch-checkpoints/special.pt")
    let names = ["quantized", "channels", "coo", "csr", "meta", "bits", "nested"]
    let plain = directory.file("plain.safetensors")
    #expect(
      ToolRun(
        arguments: ["convert", special, plain, "--weights-only"]
          + names.flatMap { ["--exclude", $0] }
      ).code == 0)
    for options in [[], ["--atol", "1"], ["--structure"]] {
      let run = ToolRun(arguments: ["diff", special, plain, "--json"] + options)
      #expect(run.code == 1)
      let printed = try JSONValue(parsing: Array(run.output.utf8), context: "output")
      #expect(printed["equal"] == .boolean(false))
      #expect(printed["not_compared"] == .array(names.map { .string($0) }))
      #expect(ToolRun(arguments: ["diff", special, special] + options).code == 0)
      let text = ToolRun(arguments: ["diff", special, plain] + options).output
      #expect(text.contains("; 7 not compared") && text.contains("  coo\n"), "\(text)")
    }
    let copy = try directory.write(Fixture("torch-checkpoints/special.pt").bytes(), as: "copy.pt")
    #expect(ToolRun("diff", special, copy).code == 0)
    let several = ToolRun("inspect", special, plain).output
    #expect(several.contains("; 7 not read as tensors\n"), "\(several)")
    let manifest = ToolRun("manifest", special)
    #expect(manifest.code == 65)
    #expect(manifest.error.contains("'quantized'") && manifest.error.contains("there is no digest"))
  }

  @Test("Of complex numbers both parts are compared, and the place is the element's")
  func complexNumbers() throws {
    let directory = try TemporaryDirectory()
    func file(_ name: String, _ values: [Float]) throws -> String {
      let bytes = SafetensorsBytes.of([("a", [2, 2], values)], dtype: "C64")
      return try directory.write(bytes, as: name)
    }
    let first = try file("a.safetensors", [1, 2, 3, 4, 5, 6, 7, 8])
    let second = try file("b.safetensors", [1, 2, 3, 4, 5, 9, 7, 8])
    let run = ToolRun("diff", first, second)
    #expect(
      run.output.contains("worst at [1, 0]: 6.000 / 9.000; 1 of 8 parts differ"), "\(run.output)")
    let json = ToolRun("diff", first, second, "--json").output
    #expect(json.contains(#""worst_index":2,"worst_place":[1,0]"#), "\(json)")
    let within = ToolRun("diff", first, second, "--atol", "2").output
    #expect(within.contains("1 of 8 parts differ, 1 beyond the tolerance"), "\(within)")
  }

  @Test("What is no regular file is not compared, and told as what it is; the others are")
  func linksToThemselves() throws {
    let directory = try TemporaryDirectory()
    for name in ["l", "r"] {
      try Directory.make(directory.file(name))
      _ = try directory.write(Array("a".utf8), as: name + "/a")
      _ = try directory.link(to: "loop", as: name + "/loop")
      _ = try directory.link(to: "nothing", as: name + "/lost")
      _ = try directory.link(to: "/dev/null", as: name + "/null")
      _ = try directory.link(to: ".", as: name + "/round")
    }
    let run = ToolRun("diff", "-r", directory.file("l"), directory.file("r"))
    #expect(run.code == 1)
    let lines = run.output.split(separator: "\n")
    #expect(
      lines == [
        "loop: not compared: a link that leads round",
        "lost: not compared: a link that leads nowhere",
        "null: not compared: a pipe, a socket or a device",
        "round: not compared: a link that leads round", "a: equal",
      ], "\(lines)")
  }

  @Test("Integers are compared with all their bits")
  func integers() throws {
    let directory = try TemporaryDirectory()
    func file(_ name: String, _ dtype: String, _ values: [UInt64]) throws -> String {
      let end = 8 * values.count
      let header =
        #"{"a":{"dtype":"\#(dtype)","shape":[\#(values.count)],"data_offsets":[0,\#(end)]}}"#
      func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      }
      return try directory.write(
        bytes(UInt64(header.utf8.count)) + header.utf8 + values.flatMap(bytes), as: name)
    }
    let first = try file("first.safetensors", "I64", [1 << 62, 5])
    let second = try file("second.safetensors", "I64", [(1 << 62) + 200, 5])
    #expect(ToolRun("diff", first, second, "--atol", "199").code == 1)
    let within = ToolRun("diff", first, second, "--atol", "200", "--json")
    #expect(within.code == 0)
    #expect(within.output.contains(#""max_abs":200.0"#))
    let third = try file("third.safetensors", "U64", [.max])
    let fourth = try file("fourth.safetensors", "U64", [.max - 1])
    #expect(ToolRun("diff", third, fourth, "--atol", "0.5").code == 1)
    #expect(ToolRun("diff", third, fourth, "--atol", "1").code == 0)
  }

  @Test("NaNs on one side are a difference at any tolerance")
  func nan() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(safetensors([("w", [2], [1, .nan])]), as: "a.safetensors")
    let second = try directory.write(safetensors([("w", [2], [1, 1])]), as: "b.safetensors")
    let run = ToolRun("diff", first, second, "--atol", "1000", "--json")
    #expect(run.code == 1)
    let document = try JSONValue(parsing: Array(run.output.utf8), context: "output")
    #expect(document["tensors"]?.elements?[0]["nan"] == .array([.integer(1), .integer(0)]))
    #expect(ToolRun("diff", first, first).code == 0)
  }

  @Test("A model equals itself across formats")
  func acrossFormats() throws {
    let directory = try TemporaryDirectory()
    let other = directory.file("m.h5")
    #expect(ToolRun("convert", model, other, "--layout", "flat").code == 0)
    let run = ToolRun("diff", model, other)
    #expect(run.code == 0)
    #expect(run.output == "42 tensors in both: 42 identical, 0 different\n")
  }

  @Test("A model equals itself across layouts, under Transformers' names")
  func acrossLayouts() throws {
    let directory = try TemporaryDirectory()
    let other = directory.file("tf_model.h5")
    #expect(ToolRun("convert", model, other).code == 0)
    let run = ToolRun("diff", model, other)
    #expect(run.code == 0)
    #expect(run.output.hasPrefix("compared under Transformers' names:\n"))
    #expect(run.output.hasSuffix(" identical, 0 different\n"))
  }

  /// A safetensors file of F32 tensors.
  private func safetensors(_ tensors: [(String, [Int], [Float])]) -> [UInt8] {
    var header: [String] = []
    var data: [UInt8] = []
    for (name, shape, values) in tensors {
      let start = data.count
      for value in values { data += [UInt8](littleEndian: [value.bitPattern]) }
      header.append(
        "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(start),\(data.count)]}"
      )
    }
    let text = Array("{\(header.joined(separator: ","))}".utf8)
    return [UInt8](littleEndian: [UInt64(text.count)]) + text + data
  }
}

@Suite("weighbridge scan")
struct ScanCommandTests {
  @Test(
    "A file of known data is clean, whatever its container",
    arguments: ["nested.pt", "legacy.bin", "tar.pt", "namespace.pt"])
  func clean(_ name: String) {
    let run = ToolRun("scan", Fixtures.path("hazards/files/\(name)"))
    #expect(run.code == 0, "\(run.output)")
    #expect(run.output.hasSuffix("verdict: nothing but data\n"))
  }

  @Test("A call is shown with what it would have been given, and never made")
  func call() throws {
    let directory = try TemporaryDirectory()
    // What pickletools shows as: GLOBAL 'os system', MARK, UNICODE 'echo hi', TUPLE, REDUCE, STOP.
    let path = try directory.write(Array("cos\nsystem\n(Vecho hi\ntR.".utf8), as: "x.pkl")
    let run = ToolRun("scan", path)
    #expect(run.code == 1)
    #expect(
      run.output.contains("dangerous: @ 22: would have called os.system('echo hi')"),
      "\(run.output)")
    #expect(run.output.contains("verdict: dangerous"))
    let document = try JSONValue(
      parsing: Array(ToolRun("scan", path, "--json").output.utf8), context: "output")
    #expect(document["verdict"]?.string == "dangerous")
    let globals = document["globals"]?.elements ?? []
    #expect(globals.map { $0["use"]?.string } == ["named", "called"])
    #expect(globals.map { $0["global"]?.string } == ["os.system", "os.system"])
  }

  @Test("A directory is scanned file by file")
  func directory() throws {
    let run = ToolRun("scan", Fixtures.path("tiny-bert"))
    #expect(run.output.contains(" 4 files, 0 pickles, 0 globals"), "\(run.output)")
    // The script that made the files lies beside them; it is no data, and nothing else is wrong.
    #expect(run.code == 1, "\(run.output)")
    #expect(run.output.contains("make.py holds Python source"), "\(run.output)")
    #expect(!run.output.contains("not looked into"), "\(run.output)")
  }
}
