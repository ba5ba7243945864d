import CheckpointBytes
import Checkpoints
import Foundation
import TestSupport
import Testing

private typealias P = PickleBytes

private func scanned(_ bytes: [UInt8], as name: String = "model.bin") throws -> CheckpointScan {
  let directory = try TemporaryDirectory()
  return try CheckpointScan(try directory.write(bytes, as: name))
}

/// `os.system('x')` in protocol 0.
private let call = Array("cos\nsystem\n(Vx\ntR.".utf8)

/// Numbers as bytes, little-endian.
private func u32(_ value: UInt32) -> [UInt8] { [UInt8](littleEndian: [value]) }
private func u64(_ value: UInt64) -> [UInt8] { [UInt8](littleEndian: [value]) }

@Suite("A scan of trees of directories")
struct ScannedTreeTests {
  @Test("looks at every file below, follows links, and visits a directory once")
  func tree() throws {
    let directory = try TemporaryDirectory()
    try Directory.make(directory.path + "/a")
    try Directory.make(directory.path + "/a/b")
    _ = try directory.write(call, as: "a/b/x.pkl")
    _ = try directory.write(Array("{}".utf8), as: "config.json")
    _ = try directory.link(to: directory.path, as: "a/up")
    _ = try directory.link(to: directory.path + "/nowhere", as: "broken")
    let scan = try CheckpointScan(directory.path)
    #expect(scan.verdict == .dangerous && scan.files.count == 2)
    #expect(scan.findings.last?.file.hasSuffix("a/b/x.pkl") == true)
    #expect(scan.problems.map(\.kind) == [.notFound])
  }
}

#if os(Linux)
  @Suite("A scan of names that are no text")
  struct UnreadableNameTests {
    @Test("says that what has one was not looked into")
    func name() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path.utf8CString.dropLast() + [0x2F, 0x61, CChar(bitPattern: 0xFF), 0]
      let descriptor = unsafe open(Array(path), O_CREAT | O_WRONLY, 0o600)
      #expect(descriptor >= 0 && close(descriptor) == 0)
      let scan = try CheckpointScan(directory.path)
      #expect(scan.verdict == .unknown && scan.files.isEmpty)
      #expect(scan.problems.map(\.kind) == [.unsupported])
    }
  }
#endif

@Suite("A scan looks into data sets of single bytes")
struct ByteDatasetTests {
  @Test("whatever their size")
  func size() throws {
    var limits = ReadLimits()
    // Most of the 300 MB are in no chunk.
    limits.inflateRatio = 1 << 24
    let scan = try CheckpointScan(Fixtures.path("hdf5/call-in-bytes.h5"), limits: limits)
    #expect(scan.verdict == .dangerous && !scan.findings.isEmpty)
    #expect(scan.findings.allSatisfy { $0.member == "x" }, "\(scan.findings)")
  }
}

@Suite("A scan looks into what is compressed")
struct CompressedScanTests {
  @Test("with a stream of each kind", arguments: ["bz2", "xz", "lzma", "lz4"])
  func streams(_ kind: String) throws {
    let scan = try CheckpointScan(Fixtures.path("compressed-streams/call.\(kind)"))
    #expect(scan.verdict == .dangerous && scan.problems.isEmpty, "\(scan.problems)")
    #expect(scan.findings.contains { $0.rendering == "os.system('x')" && $0.use == "called" })
  }

  @Test("and says what it cannot decode")
  func filter() throws {
    let scan = try CheckpointScan(Fixtures.path("compressed-streams/delta.xz"))
    #expect(scan.verdict == .unknown && scan.problems.first?.kind == .unsupported)
  }
}

@Suite("A scan of joblib's files")
struct JoblibScanTests {
  /// `BININT` of -1, as the size of a type that has the one of its name.
  private static let minusOne: [UInt8] = [0x4A, 0xFF, 0xFF, 0xFF, 0xFF]

  /// A wrapper of an array with its state, as joblib 1.5 writes it, and what follows it.
  private func wrapped(
    _ type: String, _ shape: [Int], _ content: [UInt8], aligned: Bool = true,
    itemSize: [UInt8] = minusOne
  ) -> [UInt8] {
    let dtype =
      P.global("numpy", "dtype") ++ P.text(type) ++ [0x89, 0x88] ++ [0x87] ++ P.reduce
      ++ P.mark ++ P.integer(3) ++ P.text("|") ++ P.none ++ P.none ++ P.none ++ itemSize
      ++ JoblibScanTests.minusOne ++ P.integer(63) ++ P.tuple ++ P.build
    var extents = P.mark
    for extent in shape { extents = extents ++ P.integer(UInt8(extent)) }
    var state =
      P.emptyDict ++ P.mark ++ P.text("subclass") ++ P.global("numpy", "ndarray") ++ P.text("shape")
      ++ extents ++ P.tuple ++ P.text("order") ++ P.text("C") ++ P.text("dtype") ++ dtype
      ++ P.text("allow_mmap") ++ [0x88]
    if aligned { state = state ++ P.text("numpy_array_alignment_bytes") ++ P.integer(16) }
    return P.global("joblib.numpy_pickle", "NumpyArrayWrapper") ++ P.emptyTuple ++ P.newObj ++ state
      ++ [0x75] ++ P.build ++ (aligned && type != "O8" ? [3, 0xFF, 0xFF, 0xFF] : []) ++ content
  }

  @Test("passes over the bytes of arrays of numbers")
  func numbers() throws {
    let numbers = (0..<48).map { UInt8(truncatingIfNeeded: $0 * 37) }
    for aligned in [true, false] {
      let bytes =
        P.proto(2) ++ P.mark ++ wrapped("f8", [2, 3], numbers, aligned: aligned)
        ++ wrapped("U2", [6], numbers, aligned: aligned) ++ P.tuple ++ P.stop
      let scan = try scanned(bytes, as: "model.joblib")
      #expect(scan.verdict == .safe && scan.pickleCount == 1, "\(scan.problems) \(scan.findings)")
    }
  }

  @Test(
    "does not believe the name of a type that is given another size, nor that an array is one again"
  )
  func otherSizes() throws {
    // joblib passes over one byte of these, and runs the rest.
    let type =
      P.proto(2)
      ++ wrapped("S40", [1], [0] ++ Array(call.dropLast()), aligned: false, itemSize: P.integer(1))
      ++ P.stop
    #expect(try scanned(type, as: "model.joblib").verdict != .safe)
    // What is given a state once more is the array, and no wrapper.
    let state =
      P.emptyDict ++ P.mark ++ P.text("dtype") ++ P.global("numpy", "dtype") ++ P.text("u1") ++ [
        0x85
      ]
      ++ P.reduce ++ P.text("shape") ++ P.mark ++ P.integer(100) ++ P.tuple ++ [0x75] ++ P.build
    let again =
      P.proto(2) ++ wrapped("i1", [1], [1], aligned: false) ++ state ++ Array(call.dropLast())
      ++ P.stop
      ++ [UInt8](repeating: 0, count: 100)
    let scan = try scanned(again, as: "model.joblib")
    #expect(scan.verdict == .dangerous, "\(scan.findings)")
  }

  @Test("follows what a plain unpickler runs of an array's bytes before it fails")
  func plainCall() throws {
    let bytes =
      P.proto(2) ++ P.mark ++ P.text("x")
      ++ wrapped("u1", [12], Array("0ios\nsystem\n".utf8) + [0], aligned: false)
      ++ P.pop ++ P.pop ++ P.stop
    #expect(try scanned(bytes, as: "model.joblib").verdict == .dangerous)
  }

  @Test("reads the types in arrays of objects as joblib does, and other names as both do")
  func memoOfArray() throws {
    // The memo of the pickle around has another text in the place of the module; joblib begins a memo of its own.
    func file(_ outer: String, _ module: String, _ name: String) -> [UInt8] {
      let global =
        P.text(module) ++ P.memoize ++ P.pop ++ [0x68, 0] ++ P.text(name) ++ P.stackGlobal
      let object = global ++ P.text("O8") ++ P.no ++ P.yes ++ P.tuple3 ++ P.reduce
      return P.proto(4) ++ P.text(outer) ++ P.memoize ++ P.pop
        ++ wrapped("O8", [1], P.proto(4) ++ object ++ P.stop) ++ P.stop
    }
    #expect(
      try scanned(file("NumpyArrayWrapper", "numpy", "dtype"), as: "a.joblib").verdict == .safe)
    // A module of any other name is imported, whatever it has.
    #expect(try scanned(file("mine", "numpy", "dtype"), as: "a.joblib").verdict == .unknown)
    #expect(try scanned(file("os", "numpy", "system"), as: "a.joblib").verdict == .dangerous)
    #expect(try scanned(file("numpy", "os", "system"), as: "a.joblib").verdict == .dangerous)
    #expect(try scanned(file("mine", "numpy", "ndarray"), as: "a.joblib").verdict == .unknown)
  }

  @Test("finds calls in arrays of objects, behind arrays, and in numbers that are operations")
  func calls() throws {
    let objects = P.proto(2) ++ wrapped("O8", [1], call) ++ P.stop
    let behind =
      P.proto(2) ++ P.mark ++ wrapped("i1", [4], [1, 2, 3, 4]) ++ Array(call.dropLast()) ++ P.tuple
      ++ P.stop
    // A plain unpickler takes what joblib passes over.
    let numbers =
      P.proto(2) ++ wrapped("u1", [call.count], call, aligned: false) ++ P.stop
    for bytes in [objects, behind, numbers] {
      let scan = try scanned(bytes, as: "model.joblib")
      #expect(scan.verdict == .dangerous, "\(scan.problems) \(scan.findings)")
    }
    // Made by another function, it is the same to joblib: the array is five bytes here, and the call is not in a text.
    let array = wrapped("u1", [5], [0x42, UInt8(call.count), 0, 0, 0], aligned: false)
    let made = P.global("joblib.numpy_pickle", "NumpyArrayWrapper")
    let hidden =
      P.proto(2) ++ P.global("copyreg", "_reconstructor") ++ P.mark ++ made
      ++ P.global("builtins", "object") ++ P.none ++ P.tuple ++ P.reduce
      ++ Array(array.dropFirst(made.count + P.emptyTuple.count + P.newObj.count)) ++ call
    #expect(try scanned(hidden, as: "model.joblib").verdict != .safe)
  }
}

@Suite("A scan of pickles that do not say that they are")
struct PlainPickleScanTests {
  /// What CPython 3.11 takes, in its C or its Python version, and goes on to call `os.abort`; all of it text.
  static let texts = [
    "(I0x1\nios\nabort\n.", "(I 7\nios\nabort\n.", "(I1_0\nios\nabort\n.",
    "(L0x1L\nios\nabort\n.", "(Finfinity\nios\nabort\n.", "(F1_0.5\nios\nabort\n.",
    "(V\\ud800\nios\nabort\n.", "(S'\\q'\nios\nabort\n.", "(S'a'b'\nios\nabort\n.",
    "(S'\\501'\nios\nabort\n.", "(Np 1\nios\nabort\n.", "(Np1_0\nios\nabort\n.",
    "(Np1\ng 1\nios\nabort\n.", "(cos\nabort\nI0x1\no.",
    // One that calls nothing lies in front.
    "N.(I0x1\nios\nabort\n.", "N.I1\n.(I0x1\nios\nabort\n.",
  ]

  @Test("finds what they call, however they spell their values", arguments: texts)
  func spelling(_ text: String) throws {
    let scan = try scanned(Array(text.utf8))
    #expect(scan.verdict == .dangerous && scan.findings.contains { $0.use == "instantiated" })
  }

  @Test("goes on to the call behind any number of operations")
  func length() throws {
    let text = "(" + String(repeating: "N0", count: 20_000) + "S'x'\nios\nsystem\n."
    let scan = try scanned(Array(text.utf8))
    #expect(scan.findings.last?.rendering == "os.system('x')" && scan.verdict == .dangerous)
    // What is never decided is not called data.
    let endless = "(" + String(repeating: "N0", count: 2_500_000) + "S'x'\nios\nsystem\n."
    #expect(try scanned(Array(endless.utf8)).verdict != .safe)
  }

  @Test("takes no text for one that Python would stop at")
  func stops() throws {
    for text in [
      "(I0y1\nios\nabort\n.", "(Fone\nios\nabort\n.", "(S'a\nios\nabort\n.", "(Np-1\nios\nabort\n.",
    ] {
      #expect(try scanned(Array(text.utf8)).verdict == .safe, "\(text)")
    }
  }
}

@Suite("A scan of pickles in the values of pickles")
struct EmbeddedPickleTests {
  static let spellings: [(name: String, put: @Sendable ([UInt8]) -> [UInt8])] = [
    ("bytes", { P.proto(4) ++ [0x42] ++ u32(UInt32($0.count)) ++ $0 ++ P.stop }),
    (
      "hexadecimal",
      {
        P.proto(4) ++ P.text($0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
          ++ P.stop
      }
    ),
  ]

  @Test("finds what they would call", arguments: spellings.map(\.name))
  func calls(_ name: String) throws {
    let put = try #require(EmbeddedPickleTests.spellings.first { $0.name == name }?.put)
    let scan = try scanned(put(P.proto(2) ++ call))
    #expect(scan.verdict == .dangerous)
    #expect(scan.findings.last?.member?.hasPrefix(name) == true)
    // gAJjb3MKc3lzdGVtCihWeAp0Ui4= is the same in base64.
    let text = try textScan("gAJjb3MKc3lzdGVtCihWeAp0Ui4=")
    #expect(text.verdict == .dangerous && text.findings.last?.member?.hasPrefix("base64") == true)
  }

  private func textScan(_ text: String) throws -> CheckpointScan {
    let directory = try TemporaryDirectory()
    return try CheckpointScan(
      try directory.write(P.proto(4) ++ P.text(text) ++ P.stop, as: "model.pkl"))
  }

  @Test("leaves other text alone")
  func text() throws {
    for value in [
      "bert.encoder.layer.0.attention", "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrst",
    ] {
      #expect(try textScan(value).verdict == .safe)
    }
  }
}

@Suite("A scan of templates")
struct TemplateScanTests {
  static let templates: [(text: String, verdict: CheckpointScan.Verdict)] = [
    (
      "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message.content }}{% endfor %}",
      .safe
    ),
    (
      "{%- set ns = namespace(found=false) -%}{{ messages[0]['content'] | trim }}{{ messages[1:] }}",
      .safe
    ),
    (
      "{{ messages[loop.index0 - 1].role }}{{ raise_exception('roles must alternate') }}{{ x['__end__'] }}",
      .dangerous
    ),
    (
      "{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}{# a word of __class__ #}",
      .safe
    ),
    ("{{ ''.__class__.__mro__[1].__subclasses__() }}", .dangerous),
    ("{{ x | attr('a') }}", .dangerous),
    // Jinja 3.1 without its sandbox runs these.
    ("{{ (messages|map('trim')).gi_frame.f_builtins['eval']('1') }}", .dangerous),
    ("{{ messages.append.im_class }}", .dangerous),
    ("{% filter attr('x') %}{% endfilter %}", .dangerous),
    (
      "{% set u=(lipsum|string)[18] %}{% set k=[u,u,'glo','bals',u,u]|join %}{{ [lipsum]|map(attribute=k)|list }}",
      .unknown
    ),
    ("{% set k=[u,u,'a']|join %}{{ x|map(attribute=k)|list }}", .unknown),
    ("{% for k in [[('a_b')[1]*2,'class']|join] %}{{ ''[k] }}{% endfor %}", .unknown),
    ("{{ x|map('attr', k)|list }}", .unknown),
    ("{% set m='at'~'tr' %}{{ x|map(m, 'b')|list }}", .unknown),
    ("{{ x|map('at'~'tr', 'b')|list }}", .unknown),
    ("{{ x|sort(attribute='a.gi_frame') }}", .dangerous),
    (
      "{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join(', ') }}",
      .safe
    ),
    ("{{ request['application']['\\x5f\\x5fglobals\\x5f\\x5f'] }}", .dangerous),
    ("{{ lipsum.abc }}", .dangerous),
    ("{{ cycler['a'] }}", .dangerous),
    ("{{ os.popen('id') }}", .dangerous),
    ("{% set a = '_' * 2 ~ 'class' ~ '_' * 2 %}{{ ''[a] }}", .unknown),
    ("{{ messages['a' ~ b] }}", .unknown),
    ("{% include 'other' %}", .unknown),
    ("{{ message['content'] ", .unknown),
  ]

  @Test("judges what they reach", arguments: templates.indices)
  func judge(_ index: Int) throws {
    let (text, verdict) = TemplateScanTests.templates[index]
    let json = JSONWriter.text(.object([JSONValue.Member("chat_template", .string(text))]))
    let scan = try scanned(Array(json.utf8), as: "tokenizer_config.json")
    #expect(scan.verdict == verdict, "\(text) \(scan.findings)")
    #expect(scan.findings.allSatisfy { !$0.reason.isEmpty } && scan.findings.count == 1)
    #expect(try self.verdict(text, as: "chat_template.jinja") == verdict)
  }

  private func verdict(_ text: String, as name: String) throws -> CheckpointScan.Verdict {
    let directory = try TemporaryDirectory()
    return try CheckpointScan(try directory.write(Array(text.utf8), as: name)).verdict
  }

  /// A GGUF file with one text and one tensor of four numbers.
  private func gguf(_ key: String, _ text: String, version: UInt32 = 3, rest: [UInt8] = [])
    -> [UInt8]
  {
    func string(_ text: String) -> [UInt8] { u64(UInt64(text.utf8.count)) + Array(text.utf8) }
    var bytes = Array("GGUF".utf8) + u32(version) + u64(1) + u64(1)
    bytes += string(key) + u32(8) + string(text)
    bytes += string("w") + u32(1) + u64(4) + u32(0) + u64(0)
    bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
    return bytes + [UInt8](repeating: 0x3F, count: 16) + rest
  }

  @Test("in GGUF files, which are read to the end of their numbers")
  func gguf() throws {
    let key = "tokenizer.chat_template"
    #expect(try scanned(gguf(key, "{{ messages[0]['role'] }}"), as: "a.gguf").verdict == .safe)
    #expect(try scanned(gguf(key, "{{ ''.__class__ }}"), as: "a.gguf").verdict == .dangerous)
    #expect(try scanned(gguf("a", "plain"), as: "a.gguf").findings.isEmpty)
    #expect(try scanned(gguf("a", "plain", rest: call)).verdict == .dangerous)
    #expect(try scanned(gguf("a", "plain", version: 9)).verdict == .unknown)
    #expect(try scanned(Array(gguf("a", "plain").dropLast())).verdict == .unknown)
  }
}

@Suite("A scan of graphs and configurations")
struct GraphScanTests {
  private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    [number << 3 | 2, UInt8(bytes.count)] + bytes
  }

  /// An ONNX model of one node, with a tensor or what was compiled in another file perhaps.
  private func onnx(
    _ type: String, domain: String = "", location: String? = nil, context: String? = nil
  ) -> [UInt8] {
    var node = field(4, Array(type.utf8))
    if !domain.isEmpty { node += field(7, Array(domain.utf8)) }
    if let context {
      node += field(5, field(1, Array("ep_cache_context".utf8)) + field(4, Array(context.utf8)))
    }
    var graph = field(1, node) + field(2, Array("g".utf8))
    if let location {
      let entry = field(1, Array("location".utf8)) + field(2, Array(location.utf8))
      graph += field(5, field(8, Array("w".utf8)) + field(13, entry))
    }
    return [0x08, 8] + field(2, Array("test".utf8)) + field(7, graph)
  }

  @Test("names ONNX models, operators of strangers and files elsewhere")
  func onnx() throws {
    #expect(try scanned(onnx("Add"), as: "a.onnx").verdict == .safe)
    #expect(try scanned(onnx("Add"), as: "a.onnx").findings.map(\.rendering) == ["an ONNX model"])
    #expect(try scanned(onnx("Mine", domain: "my.domain")).verdict == .unknown)
    #expect(try scanned(onnx("PythonOp", domain: "com.microsoft")).verdict == .dangerous)
    #expect(try scanned(onnx("TritonOp", domain: "com.microsoft")).verdict == .dangerous)
    #expect(try scanned(onnx("ATen", domain: "org.pytorch.aten")).verdict == .unknown)
    for (context, verdict) in [("../x.so", CheckpointScan.Verdict.dangerous), ("x.bin", .safe)] {
      let model = onnx("EPContext", domain: "com.microsoft", context: context)
      #expect(try scanned(model).verdict == verdict)
    }
    #expect(try scanned(onnx("Add", location: "weights.bin")).verdict == .safe)
    for path in ["../secret", "/etc/passwd", "a/../../b", "C:\\x"] {
      #expect(try scanned(onnx("Add", location: path)).verdict == .dangerous)
    }
  }

  @Test("takes what lies beside an ONNX model for its numbers, where the model says so")
  func elementsOfONNX() throws {
    let directory = try TemporaryDirectory()
    let numbers: [UInt8] = [1, 0xFE, 3, 0xFC]
    _ = try directory.write(numbers, as: "a.data")
    _ = try directory.write(onnx("Add", location: "./a.data"), as: "m.onnx")
    let data = directory.path + "/a.data"
    #expect(try CheckpointScan(directory.path).verdict == .safe)
    #expect(try CheckpointScan(data).verdict == .unknown)
    // Another file there is nobody's.
    let other = try directory.write(numbers, as: "b.data")
    #expect(try CheckpointScan(directory.path).problems.map(\.site.file) == [other])
    _ = try directory.write([], as: "b.data")
    // What other loaders would find in it stays.
    _ = try directory.write(Array("cos\nsystem\n(S'a'\ntR.".utf8), as: "a.data")
    #expect(try CheckpointScan(directory.path).verdict == .dangerous)
    _ = try directory.write([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], as: "a.data")
    #expect(try CheckpointScan(directory.path).verdict == .unknown)
  }

  @Test("takes a vocabulary of SentencePiece for data, and a graph that begins like one for none")
  func sentencePiece() throws {
    let piece = field(1, field(1, Array("<unk>".utf8)) + [0x15, 0, 0, 0, 0, 0x18, 2])
    let settings = field(2, [0x18, 2])
    #expect(try scanned(piece + piece + settings, as: "spiece.model").verdict == .safe)
    #expect(try scanned(piece + settings + [0x38, 1], as: "spiece.model").verdict == .unknown)
    #expect(try scanned(piece + settings + call, as: "spiece.model").verdict != .safe)
    let node = field(1, field(1, Array("w".utf8)) + field(2, Array("PyFunc".utf8)))
    #expect(try scanned(node + settings, as: "graph.pb").verdict == .unknown)
  }

  @Test("names operators of a SavedModel that read and write files")
  func savedModel() throws {
    func model(_ operation: String) -> [UInt8] {
      let node = field(1, Array("n".utf8)) + field(2, Array(operation.utf8))
      return [0x08, 1] + field(2, field(2, field(1, node)))
    }
    #expect(try scanned(model("WriteFile"), as: "saved_model.pb").verdict == .dangerous)
    #expect(try scanned(model("MatMul"), as: "saved_model.pb").verdict == .unknown)
  }

  static let texts: [(name: String, text: String, verdict: CheckpointScan.Verdict)] = [
    ("a.yaml", "a: !!python/object/apply:os.system ['x']\n", .dangerous),
    ("a.yaml", "a: !!python/tuple [1, 2]\n", .safe),
    ("a.yaml", "model:\n  _target_: os.system\n", .dangerous),
    ("a.yaml", "model:\n  _target_: my.Model\n", .unknown),
    ("a.json", #"{"a": {"_target_": "subprocess.run", "args": "x"}}"#, .dangerous),
    ("a.json", #"{"py/object": "os.system"}"#, .dangerous),
    ("config.json", #"{"auto_map": {"AutoModel": "modeling.MyModel"}}"#, .unknown),
    ("config.json", #"{"auto_map": null, "model_type": "bert"}"#, .safe),
    (
      "schema.json", #"{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}"#,
      .dangerous
    ),
    // PyYAML 6 gives all of these to `os.system`, or to Hydra.
    ("a.yaml", "a: !!pyth%6Fn/object/apply:os.system ['x']\n", .dangerous),
    ("a.yaml", "a: !<tag:yaml.org,2002:pytho%6e/object/apply:os.system> ['x']\n", .dangerous),
    (
      "a.yaml", "%TAG !p! tag:yaml.org,2002:pyt\n---\na: !p!hon/object/apply:os.system ['x']\n",
      .unknown
    ),
    ("a.yaml", "a: !!python/tuple [!!python/object/apply:os.system ['x']]\n", .dangerous),
    (
      "a.yaml",
      "\u{FEFF}%TAG !p! tag:yaml.org,2002:pyt\n---\na: !p!hon/object/apply:os.system ['x']\n",
      .unknown
    ),
    ("a.yaml", "a: {\"_t\\x61rget_\": os.system}\n", .dangerous),
    ("a.yaml", "\"_tar\\\n  get_\": os.system\n", .dangerous),
    ("a.yaml", "a: &t os.system\n_target_: *t\n", .unknown),
    ("a.yaml", "a: &t _target_\n*t : os.system\n", .unknown),
    ("a.yaml", "? _target_\n: os.system\n", .unknown),
    ("a.yaml", "_target_:\n  os.system\n", .unknown),
    ("README.md", "The chat_template wraps each turn in `{{ ... }}` placeholders.\n", .safe),
    ("README.md", "The key `_target_` names a class, 100% of the time.\n", .safe),
    (
      "adapter_config.json",
      #"{"auto_mapping": {"base_model_class": "system", "parent_library": "os"}}"#, .dangerous
    ),
    (
      "adapter_config.json",
      #"{"auto_mapping": {"base_model_class": "M", "parent_library": "transformers.models.m"}}"#,
      .safe
    ),
    (
      "modules.json", #"[{"idx": 0, "name": "0", "path": "", "type": "my_module.Transformer"}]"#,
      .unknown
    ),
    (
      "modules.json",
      #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Pooling"}]"#,
      .safe
    ),
    ("a.sh", "rm -r x\n", .unknown),
    ("run", "#!/bin/sh\nrm -r x\n", .unknown),
    (
      "a.json",
      #"{"class_name": "TorchModuleWrapper", "config": {"module": "Y29zCnN5c3RlbQooVngKdFIu"}}"#,
      .dangerous
    ),
    (
      "a.json", #"{"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}"#,
      .unknown
    ),
    ("a.json", #"{"class_name": "StringLookup", "config": {"vocabulary": ["a"]}}"#, .safe),
    (
      "a.json", #"{"class_name": "Dense", "config": {"fn": "get_file", "url": "http://x"}}"#,
      .dangerous
    ),
    ("a.json", #"{"class_name": "Dense", "config": {"fn_module": "subprocess"}}"#, .dangerous),
    (
      "a.json",
      #"{"class_name": "A", "config": {"loader": "keras.config.enable_unsafe_deserialization"}}"#,
      .dangerous
    ),
    (
      "a.json", #"{"class_name": "function", "config": "load_model", "module": "keras.models"}"#,
      .dangerous
    ),
    ("a.json", #"{"class_name": "function", "config": "eval", "module": "builtins"}"#, .dangerous),
    ("a.json", #"{"class_name": "function", "config": "softmax", "module": "builtins"}"#, .safe),
    ("a.json", #"{"class_name": "Functional", "module": "keras.src.models.functional"}"#, .safe),
    (
      "config.json",
      "\u{FEFF}" + #"{"class_name": "Lambda", "config": {"function_type": "lambda"}}"#, .dangerous
    ),
    ("a.pmml", "<!DOCTYPE p [ <!ENTITY x SYSTEM 'file:///etc/passwd'> ]><p>&x;</p>", .dangerous),
    ("a.xml", "<net><layers><layer type='Python' library='evil.so'/></layers></net>", .unknown),
    ("a.xml", "<net><layers><layer type='Convolution'/></layers></net>", .safe),
  ]

  @Test(
    "tells lines apart by every newline",
    arguments: ["\n", "\r", "\r\n", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}"])
  func lines(newline: String) throws {
    // Two lines hold what is looked for, one of them twice; the last has no end.
    let lines = ["é: 1", "%TAG !a! tag:a,2000: # %TAG", "b: 2", "", "%TAG !b! tag:b,2000:"]
    let scan = try scanned(Array(lines.joined(separator: newline).utf8), as: "a.yaml")
    #expect(
      scan.findings.map(\.rendering) == [
        "the YAML directive '%TAG !a! tag:a,2000: # %TAG'",
        "the YAML directive '%TAG !b! tag:b,2000:'",
      ])
  }

  @Test(
    "looks through a line of many names once, and lists as many as anybody reads",
    arguments: ["_target_: b.c, ", "&_target_ ", "!!python/object:b.c ", "!!python/object:b.c"])
  func longLine(_ name: String) throws {
    let line = "a: {" + String(repeating: name, count: 20_000) + "}\n"
    let scan = try scanned(Array(line.utf8), as: "a.yaml")
    #expect(scan.findings.count == 10_000 && scan.verdict != .safe)
    #expect(scan.problems.map(\.kind) == [.limitExceeded])
    #expect(scan.findings.allSatisfy { $0.rendering.utf8.count < 1_000 })
  }

  @Test("reads texts that name what to import", arguments: texts.indices)
  func text(_ index: Int) throws {
    let (name, text, verdict) = GraphScanTests.texts[index]
    let scan = try scanned(Array(text.utf8), as: name)
    #expect(scan.verdict == verdict, "\(text) \(scan.findings) \(scan.problems)")
  }

  @Test("says so where a configuration is larger than what is taken apart")
  func largeText() throws {
    let directory = try TemporaryDirectory()
    let text = #"{"class_name": "Lambda", "config": {"function_type": "lambda"}}"#
    let path = try directory.write(Array(text.utf8), as: "config.json")
    var limits = ReadLimits()
    limits.jsonBytes = 10
    let scan = try CheckpointScan(path, limits: limits)
    #expect(scan.verdict == .unknown && scan.problems.map(\.kind) == [.limitExceeded])
  }

  @Test("tells members whose names and links lead out of the directory")
  func places() throws {
    // A mark behind a slash, or a sign before it, makes one character of both, and a directory all the same.
    for name in [
      "../../x", "/etc/passwd", "..\\x", "a/../../b", "../\u{301}x", "\u{D4E}/../../x", "/\u{301}x",
    ] {
      #expect(try scanned(storedArchive([(name, Array("a".utf8))])).verdict == .dangerous)
    }
    for name in ["a/../b", "a..b/c", "./a"] {
      #expect(try scanned(storedArchive([(name, Array("a".utf8))])).verdict == .safe)
    }
    // A symbolic link: made on UNIX, mode 0o120777 in the upper half of the attributes.
    for target in ["/etc/passwd", "/\u{301}x"] {
      var archive = storedArchive([("link", Array(target.utf8))])
      let entry = archive.count - 22 - 46 - 4
      archive[entry + 5] = 3
      archive[entry + 40] = 0xFF
      archive[entry + 41] = 0xA1
      #expect(try scanned(archive).verdict == .dangerous, "\(target)")
    }
    let header = #"{"__metadata__":{"note":"import os; os.system('x')"}}"#
    let note = u64(UInt64(header.utf8.count)) + Array(header.utf8)
    #expect(try scanned(note, as: "a.safetensors").verdict == .unknown)
  }

  @Test("passes over images to their end, and looks at what lies behind")
  func image() throws {
    func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
      [0, 0, 0, UInt8(data.count)] + Array(type.utf8) + data + [0, 0, 0, 0]
    }
    let png =
      [0x89] + Array("PNG\r\n\u{1A}\n".utf8) + chunk("IHDR", [UInt8](repeating: 1, count: 13))
      + chunk("IEND", [])
    #expect(try scanned(png, as: "logo.png").verdict == .safe)
    #expect(try scanned(png + call, as: "logo.png").verdict == .dangerous)
    #expect(try scanned(png + storedArchive([("a", call)]), as: "logo.png").verdict == .dangerous)
    #expect(try scanned(Array(png.dropLast(3)), as: "logo.png").verdict == .unknown)
  }

  @Test("judges TorchScript by the operators that write files")
  func script() throws {
    let pickle = P.proto(2) ++ P.none ++ P.stop
    func archive(_ source: String) -> [UInt8] {
      storedArchive([
        ("a/data.pkl", pickle), ("a/constants.pkl", pickle),
        ("a/code/__torch__.py", Array(source.utf8)),
      ])
    }
    let plain = try scanned(archive("def forward(self):\n  return torch.relu(x)\n"))
    #expect(plain.verdict == .safe && plain.findings.map(\.rendering) == ["TorchScript source"])
    let calls: [(source: String, verdict: CheckpointScan.Verdict)] = [
      // torch 2.13 runs all up to the one of `mine`.
      ("torch.save(x, \"/tmp/y\")", .dangerous),
      ("torch . save (x, \"/tmp/y\")", .dangerous),
      ("torch.\\\nsave(x, \"/tmp/y\")", .dangerous),
      ("torch.autograd.save(x, \"/tmp/y\")", .dangerous),
      ("ops . aten . save(x, \"/tmp/y\")", .dangerous),
      ("f = torch.save\n  f(x, \"/tmp/y\")", .dangerous),
      ("y = torch.from_file (\"/etc/passwd\", False, 10)", .dangerous),
      ("y = ops.debugprims.load_tensor(\"/tmp/y\", [1], [1])", .dangerous),
      ("t = torch\n  t.save(x, \"/tmp/y\")", .unknown),
      ("self = torch\n  self.save(x, \"/tmp/y\")", .unknown),
      ("t = ops.aten\n  t.save(x, \"/tmp/y\")", .unknown),
      ("(torch).save(x, \"/tmp/y\")", .unknown),
      ("getattr(torch, \"sa\" \"ve\")(x, \"/tmp/y\")", .unknown),
      ("getattr(ops, \"aten\").save(x, \"/tmp/y\")", .unknown),
      ("return ops.mine.operator(x)", .unknown),
      ("import os", .unknown),
      ("return ops.torchvision.nms(x, y, 0.5)", .safe),
      ("return self.save(x) # torch.save(", .safe),
      ("_0 = getattr(self, \"0\")", .safe),
      ("_0 = __torch__.torchvision.ops.misc.torch.Norm(\"torch.save(\")", .safe),
      ("return torch.device('cpu')", .safe),
    ]
    for (source, verdict) in calls {
      let scan = try scanned(archive("def forward(self):\n  \(source)\n"))
      #expect(scan.verdict == verdict, "\(source) \(scan.findings)")
    }
    // torch.package finds its mark in any case of letters.
    let package = storedArchive([
      ("a/data.pkl", pickle), ("a/constants.pkl", pickle), ("a/.data/EXTERN_MODULES", []),
      ("a/code/x.py", Array("x = 1\n".utf8)),
    ])
    #expect(try scanned(package).verdict == .unknown)
    let bytecode = P.proto(2) ++ P.text("aten::save") ++ P.stop
    #expect(
      try scanned(storedArchive([("a/data.pkl", pickle), ("a/bytecode.pkl", bytecode)])).verdict
        == .dangerous)
  }
}

@Suite("A scan takes files as the programs do that read them")
struct OtherReadersTests {
  @Test("which run a last line without its end", arguments: ["model.bin", "model.txt", "model"])
  func cutLine(_ name: String) throws {
    #expect(try scanned(Array("(S\"x\"\nios\nsystemX".utf8), as: name).verdict == .dangerous)
  }

  @Test("which go by the last record of a ZIP archive, whatever its comment")
  func archiveInComment() throws {
    var inner = storedArchive([("x/data.pkl", call)])
    // The length of its comment.
    inner[inner.count - 2] = 0xFF
    inner[inner.count - 1] = 0xFF
    var outer = storedArchive([("x/version", Array("3".utf8))])
    let start = outer.count
    outer[start - 2] = UInt8(inner.count)
    // Its places are those of the whole file.
    let directory = inner.count - 22
    inner[directory + 16] += UInt8(start)
    for index in inner.indices.dropLast(46) where inner[index...].starts(with: [0x50, 0x4B, 1, 2]) {
      inner[index + 42] += UInt8(start)
    }
    #expect(try scanned(outer + inner, as: "model.pt").verdict == .dangerous)
  }

  @Test("which find a ZIP archive at the end of anything", arguments: ["npy", "gz", "pkl"])
  func trailingArchive(_ kind: String) throws {
    let archive = storedArchive([("config.json", Array(#"{"class_name": "__lambda__"}"#.utf8))])
    let header = Array(
      "{'descr': '|u1', 'fortran_order': False, 'shape': (\(archive.count),), }".utf8)
    let front: [UInt8] =
      switch kind {
      case "npy": [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header
      case "gz":
        [
          0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 3, UInt8(archive.count & 0xFF),
          UInt8(archive.count >> 8),
        ]
      default: P.proto(3) ++ [0x42] ++ u32(UInt32(archive.count + 8))
      }
    var bytes = front + archive
    // What follows the archive is its comment.
    let rest: [UInt8] =
      kind == "gz"
      ? [3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      : kind == "pkl" ? [UInt8](repeating: 0, count: 8) + P.stop : []
    bytes[bytes.count - 2] = UInt8(rest.count)
    #expect(try scanned(bytes + rest, as: "model.keras").verdict == .dangerous)
  }

  @Test("which take the storages of an archive for arrays, by their first bytes")
  func arrayInStorage() throws {
    let header = Array("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".utf8)
    let array = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + call
    let pickle =
      P.proto(2) ++ P.emptyDict ++ P.text("w") ++ P.global("torch._utils", "_rebuild_tensor_v2")
      ++ P.mark
      ++ P.mark ++ P.text("storage") ++ P.global("torch", "ByteStorage") ++ P.text("0")
      ++ P.text("cpu")
      ++ P.integer(UInt8(array.count)) ++ P.tuple ++ [0x51] ++ P.integer(0)
      ++ P.integer(UInt8(array.count))
      ++ [0x85] ++ P.integer(1) ++ [0x85] ++ [0x89] ++ P.global("collections", "OrderedDict")
      ++ P.emptyTuple
      ++ P.reduce ++ P.tuple ++ P.reduce ++ P.setItem ++ P.stop
    let archive = storedArchive([
      ("x/data.pkl", pickle), ("x/data/0", array), ("x/version", Array("3".utf8)),
    ])
    let scan = try scanned(archive, as: "weights.npz")
    #expect(scan.verdict == .dangerous, "\(scan.findings) \(scan.problems)")
  }

  @Test("which evaluate what torch.export has written")
  func exportedPrograms() throws {
    func verdict(_ text: String) throws -> CheckpointScan.Verdict {
      try scanned(Array(text.utf8), as: "model.json").verdict
    }
    let plain = [
      "Symbol('s77', positive=True, integer=True)", "2*s0 + 1", "Max(1, FloorDiv(s0, 2))", "0.5*u3",
    ]
    for text in plain { #expect(try verdict(#"{"expr_str": "\#(text)"}"#) == .safe, "\(text)") }
    for text in ["__import__('os').system('x')", "s0.__class__", "open('x')", "s0.a", "[1]"] {
      #expect(try verdict(#"{"expr_str": "\#(text)"}"#) == .dangerous, "\(text)")
    }
    #expect(try verdict(#"{"guards_code": []}"#) == .safe)
    #expect(try verdict(#"{"guards_code": ["f() == 0"]}"#) == .unknown)
    #expect(try verdict(#"{"target": "torch.ops.aten.relu.default"}"#) == .safe)
    #expect(try verdict(#"{"target": "torch.ops.aten.from_file.default"}"#) == .dangerous)
  }

  @Test("which know an escaped slash, and the character 127")
  func escapes() throws {
    let call = #"{"py\/reduce": [{"py\/function": "os.system"}, {"py\/tuple": ["x"]}]}"#
    #expect(try scanned(Array(call.utf8), as: "x.json").verdict == .dangerous)
    #expect(try scanned(Array("{\"\u{7F}\": 1}".utf8), as: "vocab.json").verdict == .safe)
  }

  @Test("which take a sum of signed bytes for a checksum, and read no content of directories")
  func tarHeaders() throws {
    func header(_ name: [UInt8], size: Int, type: Character, signed: Bool) -> [UInt8] {
      var block = [UInt8](repeating: 0, count: 512)
      block.replaceSubrange(0..<name.count, with: name)
      let digits = String(size, radix: 8)
      block.replaceSubrange(
        124..<135, with: Array((String(repeating: "0", count: 11 - digits.count) + digits).utf8))
      block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
      block[156] = type.asciiValue ?? 0
      let sum = block.reduce(0) { $0 + (signed ? Int(Int8(bitPattern: $1)) : Int($1)) }
      block.replaceSubrange(148..<154, with: Array("0\(String(sum, radix: 8))".utf8.prefix(6)))
      block[154] = 0
      return block
    }
    let content = call + [UInt8](repeating: 0, count: 512 - call.count)
    let signed =
      header(Array("GGUF".utf8) + [0xC3, 0xA9], size: call.count, type: "0", signed: true) + content
    #expect(try scanned(signed, as: "model.pt").verdict == .dangerous)
    let directory = header(Array("d".utf8), size: 512, type: "5", signed: false) + content
    #expect(try scanned(directory, as: "model.pt").verdict != .safe)
  }

  @Test("which take up the values of HDF5 files one by one")
  func hdf5Values() throws {
    for name in ["call-in-attribute.h5", "call-in-heap.h5"] {
      let scan = try CheckpointScan(Fixtures.path("hdf5/" + name))
      #expect(scan.verdict == .dangerous, "\(name): \(scan.problems)")
    }
    // In front of an HDF5 file there may be another one.
    let file = try Array(Data(contentsOf: URL(filePath: Fixtures.path("hdf5/cycle.h5"))))
    let block = call + [UInt8](repeating: 0, count: 512 - call.count)
    #expect(try scanned(block + file, as: "x.h5").verdict == .dangerous)
  }

  @Test("which read elements of sparse tensors of ONNX from other files")
  func sparseTensors() throws {
    func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
      [number << 3 | 2, UInt8(content.count)] + content
    }
    let location = field(13, field(1, Array("location".utf8)) + field(2, Array("../x".utf8)))
    let model = [8, 8] + field(7, field(15, field(1, location)))
    #expect(try scanned(model, as: "x.onnx").verdict == .dangerous)
  }
}
