import CheckpointBytes
import TensorValues
import TestSupport
import Testing
import TorchFormat

private typealias P = PickleBytes

@Suite("Names and values of a checkpoint's object")
struct TorchTreeTests {
  private let tensor = LegacyFile.tensor()

  private func names(_ object: [UInt8]) throws -> [String] {
    try open(LegacyFile(object).bytes).tensors.map(\.name.string)
  }

  @Test("Keys are joined by dots, integers and indices in decimal; one tensor alone has no name")
  func paths() throws {
    #expect(try names(tensor) == [""])
    #expect(try names(P.emptyList ++ tensor ++ P.append) == ["0"])
    let inner = LegacyFile.dictionary([(P.integer(3), tensor)])
    #expect(try names(LegacyFile.dictionary([(P.text("a.b"), inner)])) == ["a.b.3"])
    #expect(try names(LegacyFile.dictionary([(P.yes, tensor)])) == ["True"])
    #expect(try names(LegacyFile.dictionary([(P.text(""), inner)])) == [".3"])
  }

  @Test("A tensor that two containers share has two names")
  func sharedTensors() throws {
    let first = tensor ++ P.put(1)
    #expect(
      try names(LegacyFile.dictionary([(P.text("a"), first), (P.text("b"), P.get(1))])) == [
        "a", "b",
      ])
    let list = P.emptyList ++ P.put(2) ++ tensor ++ P.append
    #expect(
      try names(LegacyFile.dictionary([(P.text("a"), list), (P.text("b"), P.get(2))]))
        == ["a.0", "b.0"])
  }

  @Test("Two tensors of one name are inconsistent")
  func sameName() {
    let object = LegacyFile.dictionary([(P.integer(0), tensor), (P.text("0"), tensor)])
    let error = #expect(throws: CheckpointError.self) { try names(object) }
    #expect(error?.kind == .inconsistent && error?.tensor == "0")
  }

  @Test("Names that are canonically equivalent are two names")
  func exactNames() throws {
    let object = LegacyFile.dictionary([
      (P.text("caf\u{E9}"), tensor), (P.text("cafe\u{301}"), tensor),
    ])
    #expect(try names(object).count == 2)
  }

  @Test("A key that is no text is named as Python's str writes it")
  func keysOfValues() throws {
    func encoded(_ text: String) -> [UInt8] {
      P.global("_codecs", "encode") ++ P.text(text) ++ P.text("latin1") ++ P.tuple2 ++ P.reduce
    }
    let cases: [([UInt8], String)] = [
      (P.integer(1) ++ P.tuple1, "(1,)"),
      (P.integer(0) ++ P.text("it's") ++ P.tuple2, "(0, \"it's\")"),
      (P.integer(0) ++ P.none ++ P.tuple1 ++ P.tuple2, "(0, (None,))"),
      (P.mark ++ P.integer(2) ++ P.frozenSet, "frozenset({2})"),
      (encoded("a\u{FF}\n"), "b'a\\xff\\n'"),
      (P.none, "None"), (P.no, "False"), (P.float(1.5), "1.5"),
      (P.global("torch", "float16"), "torch.float16"),
      (
        P.global("torch", "Size") ++ P.integer(1) ++ P.integer(2) ++ P.tuple2 ++ P.tuple1
          ++ P.reduce, "torch.Size([1, 2])"
      ),
    ]
    for (key, name) in cases {
      #expect(try names(LegacyFile.dictionary([(key, tensor)])) == [name])
    }
  }

  @Test("A key without a text of its own is named by its place, and stays in the structure")
  func keysOfObjects() throws {
    let first = tensor ++ P.put(1)
    let object = LegacyFile.dictionary([(P.text("w"), P.none), (first, P.get(1))])
    let checkpoint = try open(LegacyFile(object).bytes)
    #expect(checkpoint.tensors.map(\.name) == ["<key 1>", "<1>"])
    #expect(
      checkpoint.tree
        == .dictionary([
          .init(.string("w"), .none), .init(.weight("<key 1>"), .weight("<1>")),
        ]))
    // A tuple that holds a tensor, one that is too deep, one that is too long.
    let deep = P.integer(1) ++ [UInt8](repeating: P.tuple1[0], count: 9)
    let long = P.text(String(repeating: "k", count: 300)) ++ P.tuple1
    #expect(
      try names(
        LegacyFile.dictionary(
          [(P.get(1) ++ P.tuple1, P.none)].map {
            (tensor ++ P.put(1) ++ P.pop ++ $0.0, $0.1)
          })) == ["<key 0>.0"])
    for key in [deep, long] {
      #expect(try names(LegacyFile.dictionary([(key, tensor)])) == ["<0>"])
    }
  }

  @Test("Attributes of a tensor are told by its name, tensors among them are tensors")
  func attributes() throws {
    let state = LegacyFile.dictionary([
      (P.text("tag"), P.text("x")), (P.text("inner"), P.get(1)),
      (P.text("list"), P.emptyList ++ P.get(1) ++ P.append),
    ])
    let hooks = P.global("collections", "OrderedDict") ++ P.emptyTuple ++ P.reduce
    let parameter =
      P.global("torch._utils", "_rebuild_parameter_with_state") ++ P.mark ++ tensor ++ P.put(1)
      ++ P.yes ++ hooks ++ state ++ P.tuple ++ P.reduce
    let checkpoint = try open(LegacyFile(LegacyFile.dictionary([(P.text("p"), parameter)])).bytes)
    #expect(checkpoint.tensors.map(\.name) == ["p", "p.inner", "p.list.0"])
    #expect(checkpoint.tensors.map(\.isTrained) == [true, false, false])
    let attributes = try #require(checkpoint.tensorAttributes.first)
    #expect(attributes.name == "p" && checkpoint.tensorAttributes.count == 1)
    #expect(attributes.values.map(\.name) == ["tag", "list"])
    #expect(attributes.values.map(\.value) == [.string("x"), .list([.weight("p.list.0")])])
  }

  @Test("Of a module, what its state dict leaves out is told apart, and no weight of the structure")
  func outsideTheState() throws {
    let empty = P.emptyDict
    let buffers = LegacyFile.dictionary([(P.text("kept"), tensor), (P.text("scratch"), tensor)])
    let temporary = P.global("__builtin__", "set") ++ P.emptyList ++ P.text("scratch") ++ P.append
    let state = LegacyFile.dictionary([
      (P.text("_parameters"), empty), (P.text("_buffers"), buffers),
      (P.text("_non_persistent_buffers_set"), temporary ++ P.tuple1 ++ P.reduce),
      (P.text("_modules"), empty), (P.text("stride"), tensor),
    ])
    let module =
      P.global("torch.nn.modules.linear", "Identity") ++ P.emptyTuple ++ P.newObj ++ state
      ++ P.build
    let checkpoint = try open(LegacyFile(module).bytes)
    #expect(checkpoint.tensors.map(\.name) == ["kept"])
    #expect(checkpoint.specialTensors.map(\.name) == ["scratch", "stride"])
    #expect(checkpoint.specialTensors.map(\.isOutsideState) == [true, true])
  }

  @Test("A refusal of a name tells the way out, and only where there is one")
  func remedies() {
    let named = LegacyFile(P.global("my.module", "Config")).bytes
    let error = #expect(throws: CheckpointError.self) { try open(named) }
    #expect(error?.remedy?.remedies == [.keepUnknownObjects, .scan])
    let code = LegacyFile([0x82, 1]).bytes
    let other = #expect(throws: CheckpointError.self) { try open(code) }
    #expect(other?.kind == .forbidden && other?.remedy == nil)
  }

  @Test("A list in itself becomes a reference, and the tensors beside it are read")
  func cycles() throws {
    let object = P.emptyList ++ P.put(0) ++ tensor ++ P.append ++ P.get(0) ++ P.append
    let checkpoint = try open(LegacyFile(object).bytes)
    let reference = InertValue.object(
      InertValue.Object(type: "reference to an enclosing value", arguments: [.string("1")]))
    #expect(checkpoint.tree == .list([.weight("0"), reference]))
  }

  @Test("What a short file unfolds to is bounded: depth, paths, names, bytes")
  func limits() {
    let deep = [[UInt8]](repeating: P.emptyList, count: 1_001).flatMap(\.self)
    let closing = [[UInt8]](repeating: P.append, count: 1_000).flatMap(\.self)
    // Each list holds the one before twice: 2³⁰ paths.
    var paths = P.emptyList ++ P.put(0)
    for level in 0..<30 {
      let next = UInt8(level)
      paths += P.pop ++ P.emptyList ++ P.get(next) ++ P.append ++ P.get(next) ++ P.append
        ++ P.put(next + 1)
    }
    // The same with a tensor at the end, so that every path would be a name.
    let manyTensors = Array(tensor ++ P.put(0)) + paths.dropFirst(3)
    let key = P.text(String(repeating: "k", count: 40_000)) ++ P.put(9)
    let longName = P.emptyDict ++ key ++ P.emptyDict ++ P.get(9) ++ tensor ++ P.setItem ++ P.setItem
    // 2³⁰ elements in four bytes, expanded.
    let huge = P.mark ++ P.binInt(1 << 30) ++ P.tuple ++ P.mark ++ P.integer(0) ++ P.tuple
    let hooks = P.global("collections", "OrderedDict") ++ P.emptyTuple ++ P.reduce
    let head = P.mark ++ LegacyFile.storage() ++ P.integer(0)
    let expanded =
      P.global("torch._utils", "_rebuild_tensor_v2") ++ head ++ huge ++ P.no ++ hooks ++ P.tuple
      ++ P.reduce
    for (index, object) in [deep ++ closing, paths, manyTensors, longName, expanded].enumerated() {
      // The storage must be declared where the case itself does not use it.
      let bytes = LegacyFile(tensor ++ P.pop ++ object).bytes
      let error = #expect(throws: CheckpointError.self, "case \(index)") { try open(bytes) }
      #expect(error?.kind == .limitExceeded, "case \(index): \(String(describing: error))")
    }
  }

  @Test(
    "What calls are given is counted each time: a shape, content and members that thousands share")
  func shared() throws {
    let count = 3_000
    let numbers = P.mark ++ (0..<20_000).flatMap { _ in P.integer(1) }
    func each(_ object: [UInt8]) -> [UInt8] {
      P.mark ++ (0..<count).flatMap { _ in object } ++ [UInt8(ascii: "l")]
    }
    let hooks = P.global("collections", "OrderedDict") ++ P.emptyTuple ++ P.reduce
    func view(_ shape: [UInt8], _ hooks: [UInt8]) -> [UInt8] {
      P.global("torch._utils", "_rebuild_tensor_v2") ++ P.mark ++ LegacyFile.storage()
        ++ P.integer(0) ++ shape ++ shape ++ P.no ++ hooks ++ P.tuple ++ P.reduce
    }
    let text = P.text(String(repeating: "x", count: 200_000)) ++ P.put(9) ++ P.pop
    let encoded =
      P.global("_codecs", "encode") ++ P.get(9) ++ P.text("latin1") ++ P.tuple2 ++ P.reduce
    let entries = numbers ++ [UInt8(ascii: "d")] ++ P.put(9) ++ P.pop
    let list = numbers ++ [UInt8(ascii: "l")] ++ P.put(9) ++ P.pop
    let set = P.global("builtins", "set") ++ P.get(9) ++ P.tuple1 ++ P.reduce
    let short = P.mark ++ P.integer(1) ++ P.tuple
    let shape = P.mark ++ (0..<1_001).flatMap { _ in P.integer(1) } ++ P.tuple
    let fine = P.mark ++ (0..<1_000).flatMap { _ in P.integer(1) } ++ P.tuple
    let cases = [
      text ++ each(encoded), entries ++ each(view(short, P.get(9))), list ++ each(set),
      fine ++ P.put(9) ++ P.pop ++ each(view(P.get(9), hooks)), view(shape, hooks),
    ]
    for (index, object) in cases.enumerated() {
      let bytes = LegacyFile(tensor ++ P.pop ++ object).bytes
      let error = #expect(throws: CheckpointError.self, "case \(index)") { try open(bytes) }
      #expect(error?.kind == .limitExceeded, "case \(index): \(String(describing: error))")
    }
    let one = LegacyFile(tensor ++ P.pop ++ P.mark ++ view(fine, hooks) ++ [UInt8(ascii: "l")])
    #expect(try open(one.bytes).tensors.first?.shape.rank == 1_000)
  }

  @Test("Without tensors a file is no checkpoint, unless its container is empty")
  func noTensors() throws {
    func empty(_ object: [UInt8]) -> LegacyFile {
      var file = LegacyFile(object)
      file.keys = P.proto(2) ++ P.emptyList
      file.storages = []
      return file
    }
    let error = #expect(throws: CheckpointError.self) { try open(empty(P.integer(1)).bytes) }
    #expect(error?.kind == .notFound)
    #expect(try open(empty(P.emptyDict).bytes).tensors.isEmpty)
    #expect(try open(empty(P.integer(1)).bytes, inert: true).tree == .integer(1))
  }

  @Test("A class that is not known is refused, and kept as a name when asked for")
  func inert() throws {
    let object = P.global("my.module", "Config") ++ P.integer(1) ++ P.tuple1 ++ P.reduce
    let state = LegacyFile.dictionary([(P.text("rate"), P.float(0.5))]) ++ P.build
    let bytes = LegacyFile(
      LegacyFile.dictionary([(P.text("w"), tensor), (P.text("c"), object ++ state)])
    ).bytes
    let error = #expect(throws: CheckpointError.self) { try open(bytes) }
    #expect(error?.kind == .forbidden && error?.description.contains("'my.module.Config'") == true)
    let checkpoint = try open(bytes, inert: true)
    let kept = InertValue.Object(
      type: "my.module.Config", arguments: [.integer(1)],
      state: .dictionary([("rate", .float(0.5))]))
    #expect(
      checkpoint.tree == .dictionary([("w", .weight("w")), ("c", .object(kept))]))
  }

  @Test("A bare pickle and other files are told apart from checkpoints")
  func otherFiles() {
    for bytes in [P.proto(2) ++ P.none ++ P.stop, [], Array("hello".utf8)] {
      let error = #expect(throws: CheckpointError.self) { try open(bytes) }
      #expect(error?.kind == .malformed)
    }
  }
}
