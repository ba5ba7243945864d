import CheckpointBytes
import TensorValues
import TestSupport
import Testing
import TorchFormat
import ZipFormat

@Suite("TorchArchivePlan")
struct TorchArchivePlanTests {
  typealias Plan = TorchArchivePlan

  private func tensor(
    _ name: ExactName, _ dtype: DType, _ dimensions: [Int], storage: Int
  ) throws -> Plan.Tensor {
    let shape = try #require(Shape(dimensions))
    return Plan.Tensor(name: name, dtype: dtype, shape: shape, storage: storage)
  }

  private func listing(_ plan: Plan) throws -> [String] {
    try #require(pickleListing(plan.pickle))
  }

  @Test("A state dict is pickled as torch pickles it")
  func stateDict() throws {
    let plan = try Plan(
      tensors: [
        tensor("weight", .f32, [2, 3], storage: 0), tensor("scale", .u16, [4], storage: 1),
        tensor("tied", .f32, [2, 3], storage: 0),
      ],
      storageByteCounts: [24, 8],
      attributes: [
        ("_metadata", orderedDictionary([("", .dictionary([("version", .integer(1))]))]))
      ])
    #expect(try listing(plan) == stateDictListing)
    #expect(plan.omissions.isEmpty)
    #expect(plan.rawTensors.isEmpty)
  }

  @Test("The archive holds torch's records in torch's order, with the storages aligned")
  func records() throws {
    let storages: [[UInt8]] = [[1, 2, 3, 4], [], [5, 6, 7, 8, 9, 10, 11, 12]]
    let plan = try Plan(
      tensors: [
        tensor("b", .i64, [], storage: 2), tensor("a", .f32, [1], storage: 0),
        tensor("empty", .f32, [0, 3], storage: 1),
      ],
      storageByteCounts: storages.map(\.count))
    let archive = try archive(plan, storages)
    #expect(
      archive.members.map(\.name.string) == [
        "archive/data.pkl", "archive/.format_version", "archive/.storage_alignment",
        "archive/byteorder", "archive/data/0", "archive/data/1", "archive/data/2",
        "archive/version", "archive/.data/serialization_id",
      ])
    #expect(plan.storageOffsets.allSatisfy { $0.isMultiple(of: 64) })
    func text(_ name: ExactName) throws -> String {
      let member = try #require(archive[name])
      return String(decoding: try archive.bytes(of: member, limit: 1_000), as: UTF8.self)
    }
    #expect(try text("archive/.format_version") == "0")
    #expect(try text("archive/.storage_alignment") == "64")
    #expect(try text("archive/byteorder") == "little")
    #expect(try text("archive/version") == "3\n")
    #expect(try text("archive/.data/serialization_id").utf8.count == 40)
    // Records are numbered in the order in which the pickle names the storages.
    for (key, storage) in [2, 0, 1].enumerated() {
      let member = try #require(archive[ExactName("archive/data/\(key)")])
      #expect(try archive.bytes(of: member, limit: 1_000) == storages[storage])
    }
  }

  private func archive(_ plan: Plan, _ storages: [[UInt8]]) throws -> ZipArchive {
    var bytes = [UInt8](repeating: 0, count: plan.byteCount)
    for (offset, storage) in zip(plan.storageOffsets, storages) {
      bytes.replaceSubrange(offset..<(offset + storage.count), with: storage)
    }
    for piece in try plan.pieces(storageCRC32s: storages.map { CRC32.checksum($0) }) {
      bytes.replaceSubrange(piece.offset..<(piece.offset + piece.bytes.count), with: piece.bytes)
    }
    #expect(bytes.count == plan.byteCount)
    let directory = try TemporaryDirectory()
    return try ZipArchive(
      SourceFile(path: directory.write(bytes, as: "a.pt")), limits: ReadLimits())
  }

  @Test(
    "Every dtype has torch's name",
    arguments: [
      (.bool, "BoolStorage"), (.u8, "ByteStorage"), (.i8, "CharStorage"), (.i16, "ShortStorage"),
      (.i32, "IntStorage"), (.i64, "LongStorage"), (.f16, "HalfStorage"),
      (.bf16, "BFloat16Storage"), (.f32, "FloatStorage"), (.f64, "DoubleStorage"),
      (.c64, "ComplexFloatStorage"), (.c128, "ComplexDoubleStorage"), (.c32, "complex32"),
      (.u16, "uint16"), (.u32, "uint32"), (.u64, "uint64"), (.f8E5M2, "float8_e5m2"),
      (.f8E4M3, "float8_e4m3fn"), (.f8E8M0, "float8_e8m0fnu"), (.f8E4M3FNUZ, "float8_e4m3fnuz"),
      (.f8E5M2FNUZ, "float8_e5m2fnuz"), (.f4, "float4_e2m1fn_x2"), (.f6E2M3, "ByteStorage"),
      (.f6E3M2, "ByteStorage"),
    ] as [(DType, String)])
  func dtypes(dtype: DType, name: String) throws {
    let byteCount = try #require(dtype.byteCount(elementCount: 8))
    let plan = try Plan(
      tensors: [tensor("w", dtype, [2, 4], storage: 0)], storageByteCounts: [byteCount])
    #expect(try listing(plan).contains("GLOBAL torch " + name))
    #expect(plan.rawTensors == (dtype == .f6E2M3 || dtype == .f6E3M2 ? ["w"] : []))
  }

  @Test("F4 counts pairs in its last extent")
  func pairs() throws {
    let plan = try Plan(tensors: [tensor("w", .f4, [2, 6], storage: 0)], storageByteCounts: [6])
    let lines = try listing(plan)
    let sizes = lines.firstIndex(of: "BINPERSID").map { Array(lines[($0 + 2)...].prefix(6)) }
    #expect(
      sizes == ["BININT1 2", "BININT1 3", "TUPLE2", "BININT1 3", "BININT1 1", "TUPLE2"])
  }

  @Test("What torch has no dtype for is bytes, with the truth beside them")
  func rawBytes() throws {
    let plan = try Plan(
      tensors: [
        tensor("six", .f6E2M3, [2, 4], storage: 0), tensor("odd", .f4, [2, 3], storage: 1),
      ], storageByteCounts: [6, 3], attributes: [("__dtypes__", .string("stale"))])
    #expect(plan.rawTensors == ["six", "odd"])
    let lines = try listing(plan)
    #expect(!lines.contains("BINUNICODE stale"))
    #expect(
      lines.suffix(22)
        == [
          "EMPTY_DICT", "BINUNICODE __dtypes__", "EMPTY_DICT", "MARK",
          "BINUNICODE six", "EMPTY_LIST", "MARK", "BINUNICODE F6_E2M3", "BININT1 2", "BININT1 4",
          "APPENDS", "BINUNICODE odd", "EMPTY_LIST", "MARK", "BINUNICODE F4", "BININT1 2",
          "BININT1 3",
          "APPENDS", "SETITEMS", "SETITEM", "BUILD", "STOP",
        ])
  }

  @Test("Ties of different dtypes share an untyped storage")
  func mixedTie() throws {
    let plan = try Plan(
      tensors: [tensor("a", .f32, [2], storage: 0), tensor("b", .i32, [2, 1], storage: 0)],
      storageByteCounts: [8])
    let lines = try listing(plan)
    #expect(lines.count { $0 == "GLOBAL torch.storage UntypedStorage" } == 2)
    #expect(lines.contains("GLOBAL torch float32"))
    #expect(lines.contains("GLOBAL torch int32"))
  }

  @Test("The same input gives the same bytes")
  func deterministic() throws {
    func plan() throws -> Plan {
      try Plan(
        tensors: (0..<50).map { try tensor(ExactName("w\($0)"), .f32, [1], storage: $0) },
        storageByteCounts: [Int](repeating: 4, count: 50),
        tree: .dictionary([("set", .set([.integer(3), .integer(1)])), ("w7", .weight("w7"))]))
    }
    #expect(try plan().pickle == plan().pickle)
  }

  @Test("What does not fit together is refused, and the tensor named")
  func refusals() throws {
    func expect(
      _ tensor: String?, _ tensors: [Plan.Tensor], _ storages: [Int],
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(
        throws: CheckpointError(.inconsistent, tensor: tensor, ""),
        sourceLocation: sourceLocation
      ) { try Plan(tensors: tensors, storageByteCounts: storages) }
    }
    expect("w", [try tensor("w", .f32, [2], storage: 1)], [8])
    expect("w", [try tensor("w", .f32, [2], storage: -1)], [8])
    expect("w", [try tensor("w", .f32, [2], storage: 0)], [7])
    expect("w", [try tensor("w", .f32, [1], storage: 0)], [7])
    expect("w", [try tensor("w", .f4, [3], storage: 0)], [2])
    expect("w", [try tensor("w", .f32, [1 << 61], storage: 0)], [8])
    expect(
      "w", [try tensor("w", .f32, [1], storage: 0), try tensor("w", .f32, [1], storage: 0)], [4])
    expect(nil, [try tensor("w", .f32, [1], storage: 0)], [4, 4])
  }

  @Test("One checksum for each storage is asked for")
  func checksums() throws {
    let plan = try Plan(tensors: [], storageByteCounts: [])
    #expect(throws: CheckpointError(.inconsistent, .init(field: "CRC-32"), "")) {
      try plan.pieces(storageCRC32s: [1])
    }
  }
}

/// `collections.OrderedDict` with text keys.
func orderedDictionary(
  _ items: [(String, InertValue)], state: InertValue? = nil
) -> InertValue {
  .object(
    InertValue.Object(
      type: "collections.OrderedDict",
      items: items.map { InertValue.Entry(.string($0.0), $0.1) }, state: state))
}

/// `data.pkl` of `torch.save(OrderedDict(weight=zeros(2, 3), scale=zeros(4, dtype=uint16), tied=weight.view(2, 3)))` with
/// `_metadata = OrderedDict({"": {"version": 1}})`, torch 2.13.0, listed by `pickletools.genops`.
private let stateDictListing: [String] = """
  PROTO 2
  GLOBAL collections OrderedDict
  EMPTY_TUPLE
  REDUCE
  MARK
  BINUNICODE weight
  GLOBAL torch._utils _rebuild_tensor_v2
  MARK
  MARK
  BINUNICODE storage
  GLOBAL torch FloatStorage
  BINUNICODE 0
  BINUNICODE cpu
  BININT1 6
  TUPLE
  BINPERSID
  BININT1 0
  BININT1 2
  BININT1 3
  TUPLE2
  BININT1 3
  BININT1 1
  TUPLE2
  NEWFALSE
  GLOBAL collections OrderedDict
  EMPTY_TUPLE
  REDUCE
  TUPLE
  REDUCE
  BINUNICODE scale
  GLOBAL torch._utils _rebuild_tensor_v3
  MARK
  MARK
  BINUNICODE storage
  GLOBAL torch.storage UntypedStorage
  BINUNICODE 1
  BINUNICODE cpu
  BININT1 8
  TUPLE
  BINPERSID
  BININT1 0
  BININT1 4
  TUPLE1
  BININT1 1
  TUPLE1
  NEWFALSE
  GLOBAL collections OrderedDict
  EMPTY_TUPLE
  REDUCE
  GLOBAL torch uint16
  TUPLE
  REDUCE
  BINUNICODE tied
  GLOBAL torch._utils _rebuild_tensor_v2
  MARK
  MARK
  BINUNICODE storage
  GLOBAL torch FloatStorage
  BINUNICODE 0
  BINUNICODE cpu
  BININT1 6
  TUPLE
  BINPERSID
  BININT1 0
  BININT1 2
  BININT1 3
  TUPLE2
  BININT1 3
  BININT1 1
  TUPLE2
  NEWFALSE
  GLOBAL collections OrderedDict
  EMPTY_TUPLE
  REDUCE
  TUPLE
  REDUCE
  SETITEMS
  EMPTY_DICT
  BINUNICODE _metadata
  GLOBAL collections OrderedDict
  EMPTY_TUPLE
  REDUCE
  BINUNICODE\u{20}
  EMPTY_DICT
  BINUNICODE version
  BININT1 1
  SETITEM
  SETITEM
  SETITEM
  BUILD
  STOP
  """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
