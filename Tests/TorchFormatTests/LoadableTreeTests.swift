import CheckpointBytes
import TensorValues
import Testing
import TorchFormat

@Suite("Structures in a torch checkpoint")
struct LoadableTreeTests {
  typealias Plan = TorchArchivePlan

  private let weights = ["model.a", "b"].enumerated().map {
    Plan.Tensor(name: ExactName($0.element), dtype: .u8, shape: .scalar, storage: $0.offset)
  }

  private func plan(
    _ tree: InertValue, attributes: [(String, InertValue)] = []
  ) throws -> Plan {
    try Plan(tensors: weights, storageByteCounts: [1, 1], tree: tree, attributes: attributes)
  }

  private func listing(_ plan: Plan) throws -> [String] {
    try #require(pickleListing(plan.pickle))
  }

  @Test("The structure is kept, and other weights are added at the top level")
  func structure() throws {
    let plan = try plan(
      .dictionary([("model", orderedDictionary([("a", .weight("model.a"))])), ("epoch", .none)]))
    let lines = try listing(plan)
    #expect(lines.starts(with: ["PROTO 2", "EMPTY_DICT", "MARK", "BINUNICODE model"]))
    let keys = lines.filter { ["model", "a", "epoch", "b", "model.a"].contains($0.dropFirst(11)) }
    #expect(keys.map { $0.dropFirst(11) } == ["model", "a", "epoch", "b"])
  }

  @Test(
    "What torch.load does not accept is left out and listed",
    arguments: [
      .object(.init(type: "argparse.Namespace", state: .dictionary([("lr", .float(1))]))),
      .object(.init(type: "collections.OrderedDict", arguments: [.list([])])),
      .object(.init(type: "torch.device", arguments: [.integer(1)])),
      .object(.init(type: "torch.Size", arguments: [.tuple([.float(1)])])),
      .frozenSet([.integer(1)]), .global("torch.relu"), .global("os.system"),
      .array(dtype: "F64", shape: [], bytes: [0, 0, 0, 0, 0, 0, 0, 0]),
      .bigInteger([UInt8](repeating: 1, count: 256)),
    ] as [InertValue])
  func omissions(value: InertValue) throws {
    let plan = try plan(.dictionary([("kept", .integer(1)), ("lost", .list([.none, value]))]))
    #expect(plan.omissions.map(\.path) == ["lost.1"])
    let lines = try listing(plan)
    let list = lines.firstIndex(of: "EMPTY_LIST").map { lines[$0...].prefix(5) }
    #expect(list == ["EMPTY_LIST", "MARK", "NONE", "NONE", "APPENDS"])
  }

  @Test("A value that is left out leaves its dictionary, and its weights move to the top level")
  func weightsSurvive() throws {
    let module = InertValue.object(
      .init(type: "torch.nn.modules.linear.Linear", state: .dictionary([("a", .weight("model.a"))]))
    )
    let plan = try plan(.dictionary([("model", module)]))
    #expect(plan.omissions.map(\.path) == ["model"])
    let keys = try listing(plan).filter { $0.hasPrefix("BINUNICODE ") }.map { $0.dropFirst(11) }
    #expect(keys == ["model.a", "storage", "0", "cpu", "b", "storage", "1", "cpu"])
  }

  @Test("A defaultdict becomes a dict, which is listed")
  func defaultDictionary() throws {
    let value = InertValue.object(
      .init(
        type: "collections.defaultdict", arguments: [.global("builtins.int")],
        items: [.init(.string("a"), .weight("model.a"))]))
    let plan = try plan(.dictionary([("model", value)]))
    #expect(plan.omissions.map(\.path) == ["model"])
    #expect(try listing(plan).contains("BINUNICODE a"))
  }

  @Test("A layout is written as torch writes it, by name")
  func layout() throws {
    let lines = try listing(plan(.dictionary([("layout", .global("torch.sparse_coo"))])))
    let call = lines.firstIndex(of: "GLOBAL torch.serialization _get_layout")
    #expect(
      call.map { Array(lines[$0...].dropFirst().prefix(3)) }
        == ["BINUNICODE torch.sparse_coo", "TUPLE1", "REDUCE"])
  }

  @Test("Keys that Python cannot hash are left out")
  func unhashableKeys() throws {
    let plan = try plan(
      .dictionary([
        .init(.list([]), .integer(1)),
        .init(.tuple([.integer(1), .dictionary([("a", .none)])]), .none),
        .init(.tuple([.integer(1)]), .integer(2)),
      ]))
    #expect(plan.omissions.count == 2)
    #expect(try listing(plan).contains("BININT1 2"))
  }

  @Test("Attributes make the root an OrderedDict and replace its own")
  func attributes() throws {
    let state = InertValue.dictionary([("_metadata", .string("old")), ("other", .string("kept"))])
    let plan = try plan(
      orderedDictionary([("b", .weight("b"))], state: state),
      attributes: [("_metadata", .string("new"))])
    let lines = try listing(plan)
    #expect(!lines.contains("BINUNICODE old"))
    #expect(
      lines.suffix(9) == [
        "EMPTY_DICT", "MARK", "BINUNICODE other", "BINUNICODE kept", "BINUNICODE _metadata",
        "BINUNICODE new", "SETITEMS", "BUILD", "STOP",
      ])
  }

  @Test("Large dictionaries and lists are written in batches of a thousand")
  func batches() throws {
    let plan = try plan(
      .dictionary([("list", .list([InertValue](repeating: .none, count: 2_001)))]))
    let lines = try listing(plan)
    #expect(lines.count { $0 == "APPENDS" } == 2)
    #expect(lines.count { $0 == "APPEND" } == 1)
  }

  @Test("A weight that is not there is refused by name")
  func unknownWeight() {
    #expect(
      throws: CheckpointError(.notFound, .init(member: "data.pkl"), tensor: "nowhere", "")
    ) { try plan(.dictionary([("a", .weight("nowhere"))])) }
  }

  @Test("Two entries under one key are refused, a weight's name included")
  func duplicateKeys() {
    #expect(throws: CheckpointError(.inconsistent, .init(member: "data.pkl"), "")) {
      try plan(.dictionary([.init(.integer(1), .none), .init(.boolean(true), .none)]))
    }
    let error = #expect(
      throws: CheckpointError(.inconsistent, .init(member: "data.pkl"), tensor: "b", "")
    ) { try plan(.dictionary([("b", .none)])) }
    #expect(
      error?.remedy?.remedies == [.weightsOnly, .rename(from: "b", to: "b.weight")],
      "\(error as Any)")
  }

  @Test("A root that is no dictionary cannot take more weights")
  func listRoot() throws {
    #expect(throws: CheckpointError(.inconsistent, .init(member: "data.pkl"), "")) {
      try plan(.list([.weight("b")]))
    }
    #expect(try listing(plan(.list([.weight("b"), .weight("model.a")])))[1] == "EMPTY_LIST")
  }

  @Test("A structure deeper than the limit is refused")
  func depth() {
    var value = InertValue.none
    for _ in 0..<1_001 { value = .list([value]) }
    #expect(throws: CheckpointError(.limitExceeded, .init(member: "data.pkl"), "")) {
      try plan(value)
    }
  }
}
