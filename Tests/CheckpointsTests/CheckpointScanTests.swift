import CheckpointBytes
import Checkpoints
import TestSupport
import Testing

private typealias P = PickleBytes

private func scan(_ bytes: [UInt8], as name: String = "model.bin") throws -> CheckpointScan {
  let directory = try TemporaryDirectory()
  return try CheckpointScan(try directory.write(bytes, as: name))
}

/// `os.system('x')` in a protocol: with `GLOBAL` and as text below 4, with `STACK_GLOBAL` from 4 on.
private func call(_ version: UInt8) -> [UInt8] {
  let arguments =
    version == 0 ? Array("(Vx\ntR.".utf8) : P.text("x") ++ P.tuple1 ++ P.reduce ++ P.stop
  switch version {
  case 0, 1: return P.global("os", "system") ++ arguments
  case 2, 3: return P.proto(version) ++ P.global("os", "system") ++ arguments
  default:
    let names = P.text("os") ++ P.memoize ++ P.text("system") ++ P.memoize ++ P.stackGlobal
    return P.proto(version) ++ names ++ arguments
  }
}

/// A `.npy` file of a type.
private func npy(_ descr: String, _ shape: String, _ body: [UInt8]) -> [UInt8] {
  let header = Array("{'descr': \(descr), 'fortran_order': False, 'shape': \(shape), }\n".utf8)
  return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + body
}

@Suite("A scan finds what would be called, wherever it lies")
struct HiddenCallTests {
  private static let noise: [UInt8] = (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ 19) }
  private static let text = Array("A text with lines\nand (parentheses) and so on.\n".utf8)

  /// The ways to put a pickle somewhere.
  static let places: [(name: String, put: @Sendable ([UInt8]) -> [UInt8])] = [
    ("alone", { $0 }),
    ("behind other bytes", { noise + $0 }),
    // Each letter may begin a name, and the end of the line is the same for all of them.
    ("behind a long line of letters", { Array(repeating: 0x63, count: 100_000) + noise + $0 }),
    ("before other bytes", { $0 + noise }),
    ("in a text", { text + $0 + text }),
    ("a member", { storedArchive([("archive/weights.bin", $0)]) }),
    ("behind other bytes of a member", { storedArchive([("a/b", noise + $0 + noise)]) }),
    ("a member's text", { storedArchive([("a/README.md", text + $0)]) }),
    ("an archive in an archive", { storedArchive([("a/b.zip", storedArchive([("c", $0)]))]) }),
    ("before an archive", { $0 + storedArchive([("a/data.pkl", P.proto(2) ++ P.none ++ P.stop)]) }),
    ("behind an archive", { storedArchive([("a/data.pkl", P.proto(2) ++ P.none ++ P.stop)]) + $0 }),
    ("an array of objects", { npy("'|O'", "(1,)", $0) }),
    ("an array of objects among numbers", { npy("[('a', '<i4'), ('b', 'O')]", "(1,)", $0) }),
    ("behind an array", { npy("'<f4'", "(1,)", [0, 0, 128, 63] + $0) }),
    ("an array in an archive", { storedArchive([("a.npy", npy("'|O'", "(1,)", $0))]) }),
    (
      "a storage that no pickle refers to",
      {
        storedArchive([("a/data.pkl", P.proto(2) ++ P.none ++ P.stop), ("a/data/0", $0)])
      }
    ),
    ("an archive without its directory", { Array(storedArchive([("a/b", $0)]).dropLast(30)) }),
    (
      "a member said to be encrypted",
      {
        var archive = storedArchive([("a", $0)])
        archive[6] = 1
        archive[archive.count - 22 - 46 - 1 + 8] = 1
        return archive
      }
    ),
    ("a member that occurs twice", { storedArchive([("a", text), ("a", $0)]) }),
  ]

  @Test("in every protocol", arguments: places.map(\.name), [0, 1, 2, 3, 4, 5] as [UInt8])
  func finds(_ place: String, _ version: UInt8) throws {
    let put = try #require(HiddenCallTests.places.first { $0.name == place }?.put)
    let scan = try scan(put(call(version)))
    #expect(scan.verdict == .dangerous)
    #expect(scan.findings.contains { $0.rendering == "os.system('x')" && $0.use == "called" })
  }

  @Test("A call in any of the five pickles of a legacy stream is dangerous")
  func legacyStream() throws {
    let magic = P.proto(2) ++ P.long([0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19])
    let plain: [[UInt8]] = [
      magic, P.proto(2) ++ [0x4D, 0xE9, 0x03], P.proto(2) ++ P.emptyDict, P.proto(2) ++ P.emptyDict,
      P.proto(2) ++ P.emptyList,
    ]
    let sound = try scan(plain.flatMap { $0 + P.stop })
    #expect(sound.verdict == .safe && sound.pickleCount == 5)
    for place in plain.indices {
      var pickles = plain
      pickles[place] = Array(call(2).dropLast())
      #expect(try scan(pickles.flatMap { $0 + P.stop }).verdict == .dangerous)
    }
    let behind = try scan(plain.flatMap { $0 + P.stop } + call(0))
    #expect(behind.verdict == .dangerous && behind.pickleCount == 6)
  }

  @Test("An archive that begins where the file of another format does is looked at once")
  func archiveOverFile() throws {
    func number(_ value: Int) -> [UInt8] {
      (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let front = npy("'<f4'", "(1,)", [0, 0, 128, 63])
    let archive = storedArchive([("a.pkl", call(2))])
    let members = archive.dropLast(22 + 51)
    // Places from the file's beginning on, and bytes in front of the end record: the archive begins nowhere else.
    var directory = Array(archive[members.endIndex...].dropLast(22))
    directory.replaceSubrange(42..<46, with: number(front.count))
    var end = Array(archive.suffix(22))
    end.replaceSubrange(16..<20, with: number(front.count + members.count))
    let scan = try scan(front + members + directory + [0, 0, 0, 0] + end, as: "a.npy")
    #expect(scan.verdict == .dangerous)
    #expect(scan.pickleCount < 10, "\(scan.pickleCount)")
  }

  @Test(
    "What begins like a tar and has no sound header is looked through once", .timeLimit(.minutes(1))
  )
  func brokenTar() throws {
    var bytes = [UInt8](repeating: 0x20, count: 1_024)
    bytes.replaceSubrange(257..<262, with: Array("ustar".utf8))
    let scan = try scan(bytes + call(2))
    #expect(scan.verdict == .dangerous)
    #expect(scan.problems.count == 1, "\(scan.problems)")
  }

  @Test("What lies behind too many archives is said not to be looked into", .timeLimit(.minutes(1)))
  func archives() throws {
    let inner = storedArchive([("x", Array("text".utf8))])
    func members(_ count: Int) -> [(name: String, bytes: [UInt8])] {
      [("first.pkl", call(2))] + (0..<count).map { ("\($0).zip", inner) } + [("last.pkl", call(2))]
    }
    let few = try scan(storedArchive(members(100)))
    #expect(few.problems.isEmpty)
    #expect(few.pickleCount == 2)
    let many = try scan(storedArchive(members(12_000)))
    #expect(many.problems.map(\.kind) == [.limitExceeded])
    #expect(many.pickleCount == 1)
  }

  @Test("What comes before a break is found, and the break is told")
  func broken() throws {
    let cut = try scan(Array(call(2).dropLast()))
    #expect(cut.verdict == .dangerous && cut.problems.map(\.kind) == [.truncated])
  }

  @Test("A global behind any number of others is found")
  func many() throws {
    let others = (0..<1_500).flatMap { _ in P.global("collections", "OrderedDict") ++ P.pop }
    let scan = try scan(P.proto(2) ++ others ++ Array(call(2).dropFirst(2)))
    #expect(scan.verdict == .dangerous)
  }
}

@Suite("A scan of what runs nothing")
struct SoundScanTests {
  private static let fixtures = [
    "dtypes.pt", "dtypes-legacy.pth", "views.pt", "nested-2.pt", "nested-3.pt", "nested-4.pt",
    "nested-5.pt", "nested-legacy-5.pth", "numpy.pt", "numpy-5.pt", "module.pt",
    "module-legacy.pth", "parameters.pt", "special.pt", "script.pt", "plain.pt", "deflated.pt",
    "big-endian.pt", "old.tar", "distributed.pt",
  ]

  @Test("What PyTorch wrote is all known as data", arguments: fixtures)
  func torch(_ file: String) throws {
    let scan = try CheckpointScan(Fixtures.path("torch-checkpoints/\(file)"))
    #expect(scan.verdict == .safe && scan.problems.isEmpty && scan.pickleCount > 0)
  }

  @Test("Storages are numbers, whatever their bytes look like")
  func storages() throws {
    let id =
      P.mark ++ P.text("storage") ++ P.global("torch", "ByteStorage") ++ P.text("0")
      ++ P.text("cpu") ++ P.integer(30) ++ P.tuple ++ P.binPersID
    let pickle = P.proto(2) ++ id ++ P.stop
    for content in [call(0), call(2), call(4), [0x80, 2, 0, 0], Array("PK\u{3}\u{4}".utf8)] {
      let scan = try scan(storedArchive([("a/data.pkl", pickle), ("a/data/0", content)]))
      #expect(scan.verdict == .safe && scan.pickleCount == 1)
    }
    // A key that is no number could name what another program takes for a file of its own.
    let named =
      P.mark ++ P.text("storage") ++ P.global("torch", "ByteStorage")
      ++ P.text("inputs/model.pt") ++ P.text("cpu") ++ P.integer(30) ++ P.tuple ++ P.binPersID
    let archive = storedArchive([
      ("a/data.pkl", P.proto(2) ++ named ++ P.stop), ("a/data/inputs/model.pt", call(2)),
    ])
    #expect(try scan(archive).verdict == .dangerous)
  }

  @Test("What a module of TransformerEngine unpickles is a pickle, if it can be one")
  func extraStates() throws {
    func archive(_ name: String, _ content: [UInt8]) -> [UInt8] {
      let storage =
        P.mark ++ P.text("storage") ++ P.global("torch", "ByteStorage") ++ P.text("0")
        ++ P.text("cpu") ++ P.integer(30) ++ P.tuple ++ P.binPersID
      let tensor =
        P.global("torch._utils", "_rebuild_tensor_v2") ++ P.mark ++ storage ++ P.integer(0)
        ++ P.integer(30) ++ P.tuple1 ++ P.integer(1) ++ P.tuple1 ++ P.tuple ++ P.reduce
      let pickle = P.proto(2) ++ P.emptyDict ++ P.text(name) ++ tensor ++ P.setItem ++ P.stop
      return storedArchive([("a/data.pkl", pickle), ("a/data/0", content)])
    }
    let numbers: [UInt8] = [1, 2, 3, 200]
    #expect(try scan(archive("a._extra_state", call(2))).verdict == .dangerous)
    #expect(try scan(archive("a.weight", call(2))).verdict == .safe)
    #expect(try scan(archive("a._extra_state", numbers)).verdict == .safe)
    func safetensors(_ name: String, _ content: [UInt8]) -> [UInt8] {
      let header = Array(
        #"{"\#(name)":{"dtype":"U8","shape":[\#(content.count)],"data_offsets":[0,\#(content.count)]}}"#
          .utf8)
      return [UInt8](littleEndian: [UInt64(header.count)]) + header + content
    }
    #expect(try scan(safetensors("a._extra_state", call(2))).verdict == .dangerous)
    #expect(try scan(safetensors("a.weight", call(2))).verdict == .safe)
    #expect(try scan(safetensors("a._extra_state", numbers)).verdict == .safe)
  }

  /// `torch.export.load` gives what a configuration calls a pickle to `torch.load(weights_only=False)`.
  @Test("What torch.export says to be a pickle is no storage, whatever else is said of it")
  func exportedWeights() throws {
    let evil =
      P.proto(2) ++ P.global("os", "system") ++ P.text("x") ++ P.tuple1 ++ P.reduce ++ P.stop
    func archive(_ entries: String) -> [UInt8] {
      storedArchive([
        ("m/data/weights/model_weights_config.json", Array("{\"config\": {\(entries)}}".utf8)),
        ("m/data/weights/weight_0", evil),
      ])
    }
    let numbers = #""a": {"path_name": "weight_0", "use_pickle": false}"#
    #expect(try scan(archive(numbers), as: "model.pt2").verdict == .safe)
    for name in ["weight_0", "WEIGHT_0"] {
      let both = numbers + #", "b": {"path_name": "\#(name)", "use_pickle": true}"#
      #expect(try scan(archive(both), as: "model.pt2").verdict == .dangerous)
    }
  }

  @Test("Arrays of numbers, text and JSON are data")
  func plain() throws {
    let numbers = npy("'<f4'", "(2,)", [0x80, 2, 0, 0, 0x63, 0x28, 0x80, 4])
    let mixed = npy(
      "[('a', '<i4'), ('b', '|S3', (2,))]", "(1,)", [UInt8](repeating: 0x2E, count: 10))
    for bytes in [
      numbers, mixed, numbers + mixed, Array("cat\ndog\nimport\nos\n".utf8),
      Array(#"{"a": [1]}"#.utf8), [],
      storedArchive([("a.npy", numbers), ("README.md", Array("(see below)\n".utf8))]),
    ] {
      let scan = try scan(bytes, as: "a.dat")
      #expect(scan.verdict == .safe, "\(scan.problems)")
    }
  }

  @Test("What is of no known kind is said not to be looked into")
  func unknown() throws {
    let image = [0x89] + Array("PNG\r\n\u{1A}\n".utf8) + [UInt8](repeating: 0xC3, count: 90)
    for bytes in [
      image, Array("7z".utf8) + [0xBC, 0xAF, 0x27, 0x1C, 0, 4], npy("'<f4'", "(2,)", [1]),
    ] {
      let scan = try scan(bytes)
      #expect(scan.verdict == .unknown && scan.findings.isEmpty && scan.problems.count == 1)
    }
    let directory = try TemporaryDirectory()
    _ = try directory.write(Array("{}".utf8), as: "config.json")
    #expect(try CheckpointScan(directory.path).verdict == .safe)
    _ = try directory.write(image, as: "logo.png")
    let scan = try CheckpointScan(directory.path)
    #expect(scan.verdict == .unknown && scan.files.count == 2 && scan.problems.count == 1)
  }

  @Test("A class that nobody knows is unknown, and so is a call of what is data by name only")
  func globals() throws {
    #expect(try scan(P.proto(2) ++ P.global("my", "Class") ++ P.stop).verdict == .unknown)
    let list = P.global("builtins", "list")
    #expect(try scan(P.proto(2) ++ list ++ P.stop).verdict == .safe)
    #expect(try scan(P.proto(2) ++ list ++ P.emptyTuple ++ P.reduce ++ P.stop).verdict == .unknown)
    let metadata = P.global("torch.distributed.checkpoint.metadata", "Metadata")
    #expect(
      try scan(P.proto(2) ++ metadata ++ P.emptyTuple ++ P.newObj ++ P.stop).verdict == .safe)
    // The names that distributed tensors had until torch 2.4.
    for (module, name) in [
      ("api", "DTensor"), ("placement_types", "DTensorSpec"), ("placement_types", "TensorMeta"),
      ("placement_types", "Shard"), ("placement_types", "Replicate"),
      ("placement_types", "Partial"), ("placement_types", "_Partial"),
      ("device_mesh", "DeviceMesh"),
    ] {
      let old = P.global("torch.distributed._tensor.\(module)", name)
      #expect(
        try scan(P.proto(2) ++ old ++ P.emptyTuple ++ P.newObj ++ P.stop).verdict == .safe)
    }
    // What lies in it may be a pickle, for others to load: that it is data nobody knows, that it opens files is not so.
    let memory = P.global("_io", "BytesIO")
    #expect(
      try scan(P.proto(2) ++ memory ++ P.emptyTuple ++ P.newObj ++ P.stop).verdict == .unknown)
    let file = P.global("_io", "FileIO")
    #expect(
      try scan(P.proto(2) ++ file ++ P.emptyTuple ++ P.newObj ++ P.stop).verdict == .dangerous)
    let other = P.global("torch.distributed.rpc", "rpc_sync")
    #expect(try scan(P.proto(2) ++ other ++ P.stop).verdict == .dangerous)
  }

  @Test("A class whose initialiser opens an address is data as long as no operation calls it")
  func initialisers() throws {
    for name in [
      ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
      ("transformers.training_args", "TrainingArguments"),
      ("torch.distributed.device_mesh", "DeviceMesh"),
    ] {
      let named = P.proto(2) ++ P.global(name.0, name.1)
      let state = P.emptyDict ++ P.text("dirpath") ++ P.text("a") ++ P.setItem ++ P.build ++ P.stop
      #expect(try scan(named ++ P.stop).verdict == .safe)
      #expect(try scan(named ++ P.emptyTuple ++ P.newObj ++ state).verdict == .safe)
      let called = named ++ P.text("http://a/b") ++ P.tuple1 ++ P.reduce
      #expect(try scan(called ++ P.stop).verdict == .unknown)
      #expect(try scan(called ++ state).verdict == .unknown)
      let made = P.mark ++ P.text("http://a/b") ++ Array("i\(name.0)\n\(name.1)\n.".utf8)
      #expect(try scan(P.proto(2) ++ made).verdict == .unknown)
    }
  }

  /// Loaded by Python, the first of these writes `/tmp/x` over, without naming anything but data.
  @Test("What is handed to a function that calls it is called")
  func calledByOthers() throws {
    let map = P.global("numpy", "memmap")
    let arguments =
      P.mark ++ P.text("/tmp/x") ++ P.text("uint8") ++ P.text("w+") ++ P.tuple
    let made =
      P.global("torch._tensor", "_rebuild_from_type_v2") ++ P.mark ++ map ++ map ++ arguments
      ++ P.none ++ P.tuple ++ P.reduce
    #expect(try scan(P.proto(2) ++ made ++ P.stop).verdict == .dangerous)
    let opened =
      P.global("numpy.random._pickle", "__randomstate_ctor") ++ P.text("/tmp/x") ++ map ++ P.tuple2
      ++ P.reduce
    #expect(try scan(P.proto(2) ++ opened ++ P.stop).verdict == .dangerous)
    let instance =
      P.global("copyreg", "_reconstructor") ++ map ++ map ++ P.text("/tmp/x") ++ P.tuple3
      ++ P.reduce
    #expect(try scan(P.proto(2) ++ instance ++ P.stop).verdict == .dangerous)
    let list = P.global("builtins", "list")
    let unknown =
      P.global("torch._tensor", "_rebuild_from_type_v2") ++ P.mark ++ list ++ list ++ P.emptyTuple
      ++ P.none ++ P.tuple ++ P.reduce
    #expect(try scan(P.proto(2) ++ unknown ++ P.stop).verdict == .unknown)
    // What Python and numpy write.
    let plain =
      P.global("copyreg", "_reconstructor") ++ P.global("argparse", "Namespace")
      ++ P.global("builtins", "object") ++ P.none ++ P.tuple3 ++ P.reduce
    let generator =
      P.global("numpy.random._pickle", "__randomstate_ctor") ++ P.text("MT19937")
      ++ P.global("numpy.random._pickle", "__bit_generator_ctor") ++ P.tuple2 ++ P.reduce
    #expect(try scan(P.proto(2) ++ plain ++ P.pop ++ generator ++ P.stop).verdict == .safe)
    // A class of the process itself is changed, not an instance.
    let state = P.emptyDict ++ P.text("a") ++ P.none ++ P.setItem ++ P.build
    #expect(
      try scan(P.proto(2) ++ P.global("argparse", "Namespace") ++ state ++ P.stop).verdict
        == .unknown)
  }
}

@Suite("A scan finds code beside pickles")
struct ConfiguredCodeTests {
  static let configurations: [(json: String, verdict: CheckpointScan.Verdict)] = [
    (#"{"class_name": "Dense", "module": "keras.layers", "config": {"units": 2}}"#, .safe),
    (#"{"class_name": "L2", "module": "keras.src.regularizers", "config": {}}"#, .safe),
    (#"{"class_name": "function", "module": "builtins", "config": "relu"}"#, .safe),
    (#"{"class_name": "Mine", "module": null, "registered_name": "Custom>Mine"}"#, .safe),
    (#"{"class_name": "Mine", "module": "my_layers", "registered_name": "Mine"}"#, .unknown),
    (#"{"class_name": "get_file", "module": "keras.utils", "config": {}}"#, .dangerous),
    (#"{"class_name": "function", "module": "keras.src.utils", "config": "get_file"}"#, .dangerous),
    (#"{"class_name": "system", "module": "os", "config": {}}"#, .dangerous),
    (#"{"class_name": "eval", "module": "builtins", "config": {}}"#, .dangerous),
    (#"{"class_name": "__lambda__", "config": {"code": "4wEA"}}"#, .dangerous),
    (
      #"{"a": [{"class_name": "Lambda", "config": {"function": ["4wEA", null, null], "function_type": "lambda"}}]}"#,
      .dangerous
    ),
    (
      #"{"class_name": "Lambda", "config": {"function": "twice", "function_type": "function"}}"#,
      .unknown
    ),
    (#"{"class_name": "TFOpLambda", "config": {"function": "io.write_file"}}"#, .unknown),
    (#"{"class_name": "Lambda", "class_name": "Dense"}"#, .unknown),
  ]

  @Test("in a configuration of Keras", arguments: configurations.indices)
  func keras(_ index: Int) throws {
    let (json, verdict) = ConfiguredCodeTests.configurations[index]
    let scan = try scan(storedArchive([("config.json", Array(json.utf8))]), as: "model.keras")
    #expect(scan.verdict == verdict, "\(json) \(scan.findings) \(scan.problems)")
  }

  /// `os.system('x')` in base64, as `base64.b64encode` writes it, and with what `base64.b64decode` passes over.
  @Test(
    "in pickles that Stable-Baselines3 keeps in JSON",
    arguments: [
      "Y29zCnN5c3RlbQooVngKdFIu", "Y29zCn!N5c3R-lbQooVngKdFIu====",
      "Y29zCnN5c3RlbQooVngKdFIuTg==N5c3R",
    ])
  func serialized(_ text: String) throws {
    let json = #"{"policy_class": {":type:": "x", ":serialized:": "\#(text)"}}"#
    let found = try scan(storedArchive([("data", Array(json.utf8))]), as: "ppo.zip")
    #expect(
      found.verdict == .dangerous && found.findings.contains { $0.rendering == "os.system('x')" })
    let plain = #"{"a": {":type:": "x", ":serialized:": "gAJOLg=="}}"#
    #expect(try scan(Array(plain.utf8), as: "data").verdict == .safe)
  }

  @Test("in sources of an archive that are Python, and not in those that are TorchScript")
  func sources() throws {
    let source = Array("import os\nos.system('true')\n".utf8)
    #expect(try scan(storedArchive([("a/collections.py", source)])).verdict == .unknown)
    let pickle = P.proto(2) ++ P.none ++ P.stop
    let compiled = Array("class M(Module):\n  training : bool\n".utf8)
    let script = [
      ("a/data.pkl", pickle), ("a/constants.pkl", pickle), ("a/code/__torch__.py", compiled),
    ]
    #expect(try scan(storedArchive(script)).verdict == .safe)
    for name in ["a/x.cpp", "a/x.cu", "a/x.h"] {
      #expect(try scan(storedArchive([(name, source)])).verdict == .unknown)
    }
    // torch.export's loader compiles it.
    let wrapper = "m/data/aotinductor/model/x.wrapper.cpp"
    #expect(try scan(storedArchive([(wrapper, source)]), as: "m.pt2").verdict == .dangerous)
    let package = script + [("a/.data/extern_modules", Array("os\n".utf8))]
    #expect(try scan(storedArchive(package)).verdict == .unknown)
  }
}
