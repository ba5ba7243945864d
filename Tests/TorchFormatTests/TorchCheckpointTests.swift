import CheckpointBytes
import TensorValues
import TestSupport
import Testing
import TorchFormat

private typealias P = PickleBytes

/// What PyTorch and numpy say is in a fixture.
private struct Expected {
  struct Tensor: Equatable {
    let name: String
    let dtype: String
    let shape: [Int]
    let bytes: String
  }

  var tensors: [Tensor] = []
  var special: [String] = []

  init(_ file: String) throws {
    let document = try JSONValue(parsing: fixtureBytes("expected.json"), context: "expected")
    let entry = try #require(document[ExactName(file)])
    for tensor in entry["tensors"]?.elements ?? [] {
      tensors.append(
        Tensor(
          name: tensor["name"]?.string ?? "?", dtype: tensor["dtype"]?.string ?? "?",
          shape: tensor["shape"]?.elements?.compactMap(\.integer) ?? [],
          bytes: tensor["bytes"]?.string ?? "?"))
    }
    special = entry["special"]?.elements?.compactMap(\.string) ?? []
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

@Suite("Checkpoints that PyTorch wrote")
struct TorchCheckpointTests {
  static let files: [(name: String, container: TorchContainer)] = [
    ("dtypes.pt", .zip), ("dtypes-legacy.pth", .legacyStream), ("views.pt", .zip),
    ("views-legacy.pth", .legacyStream), ("root.pt", .zip), ("nested-2.pt", .zip),
    ("nested-3.pt", .zip), ("nested-4.pt", .zip), ("nested-5.pt", .zip),
    ("nested-legacy-5.pth", .legacyStream), ("conjugate.pt", .zip), ("numpy.pt", .zip),
    ("numpy-5.pt", .zip), ("module.pt", .zip), ("module-legacy.pth", .legacyStream),
    ("parameters.pt", .zip), ("special.pt", .zip), ("distributed.pt", .zip),
    ("script.pt", .torchScript),
    ("script-attributes.pt", .torchScript), ("script-traced.pt", .torchScript), ("plain.pt", .zip),
    ("deflated.pt", .zip), ("big-endian.pt", .zip), ("old.tar", .tar),
  ]

  @Test("hold the names, types, shapes and bytes that PyTorch says", arguments: files)
  func agrees(_ file: String, _ container: TorchContainer) throws {
    let expected = try Expected(file)
    let checkpoint = try TorchCheckpoint(reading: SourceFile(path: fixture(file)))
    let found = try checkpoint.tensors.map {
      Expected.Tensor(
        name: $0.name.string, dtype: $0.dtype.rawValue, shape: $0.shape.dimensions,
        bytes: hexadecimal(try $0.gathered()))
    }
    #expect(found == expected.tensors)
    #expect(Set(checkpoint.specialTensors.map(\.name.string)) == Set(expected.special))
    #expect(checkpoint.container == container)
  }

  @Test("The limits of pickles hold in every container", arguments: ["zip", "legacy", "deflated"])
  func pickleLimits(_ kind: String) throws {
    let file = ["zip": "plain.pt", "legacy": "module-legacy.pth", "deflated": "deflated.pt"][kind]
    var limits = ReadLimits()
    limits.inflatedPickleBytes = 8
    let source = try SourceFile(path: fixture(try #require(file)))
    if kind == "deflated" {
      let error = #expect(throws: CheckpointError.self) {
        try TorchCheckpoint(reading: source, limits: limits)
      }
      #expect(error?.kind == .limitExceeded)
    } else {
      #expect(throws: Never.self) { try TorchCheckpoint(reading: source, limits: limits) }
    }
    limits = ReadLimits()
    limits.pickleValues = 4
    let error = #expect(throws: CheckpointError.self) {
      try TorchCheckpoint(reading: source, limits: limits)
    }
    #expect(error?.kind == .limitExceeded)
  }

  @Test("One storage object stands for each storage")
  func sharing() throws {
    for file in ["views.pt", "views-legacy.pth"] {
      let checkpoint = try TorchCheckpoint(reading: SourceFile(path: fixture(file)))
      let storages = Dictionary(
        uniqueKeysWithValues: checkpoint.tensors.map {
          ($0.name.string, ObjectIdentifier($0.storage))
        })
      let base = try #require(storages["base"])
      #expect(storages.filter { $0.value == base }.count == 7, "\(file)")
      #expect(storages["expanded"] != base)
    }
  }

  @Test("Special tensors are told for what they are")
  func specialTensors() throws {
    let checkpoint = try TorchCheckpoint(reading: SourceFile(path: fixture("special.pt")))
    let found = Dictionary(
      uniqueKeysWithValues: checkpoint.specialTensors.map { ($0.name.string, $0.description) })
    #expect(
      found["quantized"] == "quantized qint8 [2, 3], per_tensor_affine, scale 0.1, zero point 1")
    #expect(
      found["channels"]
        == "quantized quint8 [3, 2], per_channel_affine, 3 scales and zero points along dimension 0"
    )
    #expect(found["coo"] == "sparse_coo float32 [3, 3], 3 values")
    #expect(found["csr"] == "sparse_csr float32 [3, 3], 3 values")
    #expect(found["meta"] == "meta float32 [2, 3], no data")
    #expect(found["bits"] == "bits8 [3]")
  }

  @Test("A tensor of which one process has a part is told for that, and is nothing dangerous")
  func distributedTensors() throws {
    let file = try SourceFile(path: fixture("distributed.pt"))
    let found = try TorchCheckpoint(reading: file).specialTensors.map(\.description)
    #expect(
      found == Array(repeating: "wrapper torch.distributed.tensor.DTensor float32 [8, 3]", count: 3)
    )
  }

  @Test("Everything else is kept as values")
  func tree() throws {
    let checkpoint = try TorchCheckpoint(reading: SourceFile(path: fixture("nested-4.pt")))
    guard case .dictionary(let entries) = checkpoint.tree else {
      Issue.record("expected a dictionary")
      return
    }
    let values = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    #expect(values[.string("none")] == InertValue.none)
    #expect(values[.string("text")] == .string("é"))
    #expect(values[.integer(1)] == .dictionary([.init(.integer(2), .weight("1.2"))]))
    let state = InertValue.dictionary([
      ("weight", .weight("namespace.weight")), ("rate", .float(0.1)),
    ])
    #expect(
      values[.string("namespace")]
        == .object(InertValue.Object(type: "argparse.Namespace", state: state)))
  }

  @Test("Every prefix of a file is refused, and none traps")
  func prefixes() throws {
    for file in ["plain.pt", "nested-legacy-5.pth"] {
      let whole = try fixtureBytes(file)
      for length in 0..<whole.count {
        #expect(throws: CheckpointError.self, "\(file): \(length)") {
          try open(Array(whole[..<length]))
        }
      }
    }
  }

  @Test("The first bytes tell the container")
  func announced() throws {
    for (file, container) in TorchCheckpointTests.files {
      let prefix = Array(try fixtureBytes(file).prefix(TorchContainer.prefixLength))
      let expected = container == .torchScript ? .zip : container
      #expect(TorchContainer.announced(by: prefix) == expected, "\(file)")
    }
    #expect(TorchContainer.announced(by: P.proto(2) ++ P.none ++ P.stop) == nil)
    #expect(TorchContainer.announced(by: []) == nil)
  }
}

@Suite("Files that changed one thing")
struct ChangedFileTests {
  /// `plain.pt`, which has no checksums, with the first occurrence of some bytes replaced by as many others.
  private func changed(_ old: [UInt8], _ new: [UInt8]) throws -> [UInt8] {
    var bytes = try fixtureBytes("plain.pt")
    let place = try #require(
      bytes.indices.first { bytes[$0...].starts(with: old) }, "the bytes are not there")
    bytes.replaceSubrange(place..<(place + old.count), with: new)
    return bytes
  }

  @Test("ZIP archives are refused for what is wrong with them")
  func archives() throws {
    let cases: [(old: [UInt8], new: [UInt8], kind: FailureKind, field: String?)] = [
      // The byte order, the count of elements, the size, the offset, the storage class, a global
      (Array("little".utf8), Array("middle".utf8), .malformed, nil),
      (
        P.text("cpu") ++ P.put(6) ++ P.integer(4), P.text("cpu") ++ P.put(6) ++ P.integer(5),
        .inconsistent, "persistent id"
      ),
      (P.text("0"), P.text("9"), .notFound, "persistent id"),
      (
        P.integer(2) ++ P.integer(2), P.integer(2) ++ P.integer(3), .malformed,
        "torch._utils._rebuild_tensor_v2"
      ),
      (Array("FloatStorage".utf8), Array("_loatStorage".utf8), .forbidden, "GLOBAL"),
      (Array("FloatStorage".utf8), Array("ShortStorage".utf8), .inconsistent, "persistent id"),
      (Array("OrderedDict".utf8), Array("namedtupled".utf8), .forbidden, "GLOBAL"),
    ]
    for (old, new, kind, field) in cases {
      let bytes = try changed(old, new)
      let error = #expect(throws: CheckpointError.self) { try open(bytes) }
      #expect(error?.kind == kind && error?.site.field == field, "\(String(describing: error))")
    }
  }

  @Test("Damage of what PyTorch reads beside the object is damage of the file")
  func records() throws {
    let bytes = try fixtureBytes("plain.pt")
    func replaced(_ old: String, _ new: String) -> [UInt8] {
      var result = bytes
      for place in bytes.indices where bytes[place...].starts(with: Array(old.utf8)) {
        result.replaceSubrange(place..<(place + old.utf8.count), with: Array(new.utf8))
      }
      return result
    }
    func kind(_ bytes: [UInt8]) -> FailureKind? {
      #expect(throws: CheckpointError.self) { try open(bytes) }?.kind
    }
    #expect(kind(replaced("plain/version", "plain/versioN")) == .notFound)
    // The extra field of a local header, and the number of the alignment.
    for name in ["/.format_version", "/.storage_alignment", "/.data/serialization_id"] {
      let place = try #require(bytes.indices.first { bytes[$0...].starts(with: Array(name.utf8)) })
      var changed = bytes
      changed[place - 1] ^= 1
      #expect(kind(changed) == .malformed, "\(name)")
    }
  }

  private static let whole = LegacyFile.dictionary([(P.text("w"), LegacyFile.tensor())])

  @Test("A legacy stream made by hand is read")
  func legacyStream() throws {
    let checkpoint = try open(LegacyFile(ChangedFileTests.whole).bytes)
    #expect(checkpoint.tensors.map(\.name) == ["w"])
    #expect(try checkpoint.tensors[0].gathered() == [UInt8](repeating: 1, count: 16))
  }

  @Test("Legacy streams are refused for what is wrong with them")
  func legacyStreams() throws {
    func error(_ change: (inout LegacyFile) -> Void) -> CheckpointError? {
      var file = LegacyFile(ChangedFileTests.whole)
      change(&file)
      return #expect(throws: CheckpointError.self) { try open(file.bytes) }
    }
    #expect(error { $0.version = P.proto(2) ++ P.integer(9) }?.site.field == "protocol version")
    #expect(error { $0.system = P.proto(2) ++ P.none }?.site.field == "sys_info")
    #expect(error { $0.keys = P.proto(2) ++ P.emptyList }?.kind == .inconsistent)
    #expect(error { $0.keys = P.proto(2) ++ P.emptyDict }?.kind == .malformed)
    #expect(
      error { $0.keys = P.proto(2) ++ P.emptyList ++ P.text("8") ++ P.append }?.kind
        == .inconsistent)
    #expect(error { $0.storages[0] = 5 }?.site.field == "number of elements")
    #expect(error { $0.storages.removeLast() }?.kind == .truncated)
    #expect(error { $0.storages.append(0) }?.kind == .malformed)
    // 2⁶² + 4 elements of four bytes are 16 bytes if nobody looks.
    #expect(
      error {
        $0.storages = P.littleEndian(Int64(1 << 62 + 4)) ++ [UInt8](repeating: 1, count: 16)
      }?
      .kind == .inconsistent)
  }

  @Test("A forbidden global is found in each of the five pickles")
  func forbiddenEverywhere() {
    let call = P.proto(2) ++ P.global("os", "system") ++ P.text("x") ++ P.tuple1 ++ P.reduce
    let places: [WritableKeyPath<LegacyFile, [UInt8]>] = [
      \.version, \.system, \.object, \.keys,
    ]
    for place in places {
      var file = LegacyFile(ChangedFileTests.whole)
      file[keyPath: place] = call
      let error = #expect(throws: CheckpointError.self) { try open(file.bytes) }
      #expect(error?.kind == .forbidden && error?.site.field == "GLOBAL")
      #expect(error?.description.contains("'os.system'") == true)
    }
    // The first pickle decides what the file is: with another number it is none of these containers.
    var file = LegacyFile(ChangedFileTests.whole)
    file.magic = call
    #expect(throws: CheckpointError.self) { try open(file.bytes) }
  }

  @Test("Tensors and storages are refused for arguments of the wrong kind, number or range")
  func arguments() {
    let tensor = LegacyFile.tensor()
    let view: (UInt8, UInt8) -> [UInt8] = { offset, count in
      P.text("v") ++ P.integer(offset) ++ P.integer(count) ++ P.tuple3
    }
    let rebuild = P.global("torch._utils", "_rebuild_tensor_v2")
    let cases: [[UInt8]] = [
      LegacyFile.tensor(offset: 1), LegacyFile.tensor(size: [3, 2]),
      LegacyFile.tensor(stride: [2]), LegacyFile.tensor(stride: [3, 1]),
      LegacyFile.tensor(LegacyFile.storage(count: 5)),
      LegacyFile.tensor(LegacyFile.storage(key: "a/b")),
      LegacyFile.tensor(LegacyFile.storage(view: view(0, 5))),
      LegacyFile.tensor(LegacyFile.storage(view: view(5, 0))),
      LegacyFile.tensor(LegacyFile.storage(view: view(2, 2))), LegacyFile.tensor(P.none),
      LegacyFile.tensor(P.integer(1) ++ P.binPersID),
      LegacyFile.tensor(P.line("P", "('storage',)")),
      rebuild ++ P.emptyTuple ++ P.reduce,
      tensor ++ P.text("x") ++ P.none ++ P.setItem, tensor ++ P.none ++ P.append,
      tensor ++ P.emptyDict ++ P.build,
      P.global("torch", "FloatStorage") ++ P.emptyTuple ++ P.newObj,
      P.global("builtins", "list") ++ P.emptyTuple ++ P.reduce,
      P.global("collections", "OrderedDict") ++ P.emptyTuple ++ P.reduce ++ P.integer(1) ++ P.build,
      P.global("_codecs", "encode") ++ P.text("x") ++ P.text("zip_codec") ++ P.tuple2 ++ P.reduce,
      // A dictionary as a member of a set, and as a key.
      P.global("__builtin__", "set") ++ P.emptyList ++ P.emptyDict ++ P.append ++ P.tuple1
        ++ P.reduce,
      P.global("collections", "OrderedDict") ++ P.emptyList ++ P.emptyList ++ P.emptyDict
        ++ P.append
        ++ P.integer(1) ++ P.append ++ P.append ++ P.tuple1 ++ P.reduce,
    ]
    for (index, value) in cases.enumerated() {
      // The good tensor keeps the storage in use; the bad one need not be reached to be refused.
      let unused = tensor ++ value ++ P.pop
      let bytes = LegacyFile(unused).bytes
      let error = #expect(throws: CheckpointError.self, "case \(index)") { try open(bytes) }
      #expect([.malformed, .inconsistent, .forbidden].contains(error?.kind), "case \(index)")
    }
  }
}
