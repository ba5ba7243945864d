internal import CheckpointBytes

/// Graphs of operators, and vocabularies, as messages of protocol buffers.
///
/// | file | read | what counts |
/// |---|---|---|
/// | ONNX (`onnx.proto`, 1.19) | wholly | operators of domains that are nobody's known, which a library brings; data in other files |
/// | SavedModel (`saved_model.proto`, TensorFlow 2.20) | its operators | those that read and write files and call Python |
/// | either as text | its name | that it is there |
/// | SentencePiece (`sentencepiece_model.proto`, 0.2) | its pieces, the kinds of its other fields | nothing: it is data |
extension ContentWalk {
  /// Looks into a graph; false if the content is none that is known.
  mutating func examineGraph(
    _ content: ScannedContent, _ prefix: [UInt8]
  ) throws(CheckpointError) -> Bool {
    guard prefix.count >= 3, prefix[0] == 0x08 || prefix[0] == 0x0A,
      content.byteCount <= ContentWalk.contentBytes
    else { return false }
    let bytes = try content.source.bytes(at: 0, count: content.byteCount)
    if prefix[0] == 0x0A { return ContentWalk.isSentencePieceModel(bytes) }
    if prefix[1] == 1, prefix[2] == 0x12 { return try examineSavedModel(bytes, content) }
    return try examineONNX(bytes, content)
  }

  // MARK: SentencePiece

  /// `pieces` 1 (`piece` 1, `score` 2, `type` 3), `trainer_spec` 2, `normalizer_spec` 3, `self_test_data` 4, `denormalizer_spec` 5,
  /// and nothing else.
  private static func isSentencePieceModel(_ bytes: [UInt8]) -> Bool {
    var isKnown = true
    var hasSettings = false
    let isWhole = ProtobufFields.forEach(bytes[...]) { number, value in
      guard isKnown else { return }
      switch (number, value) {
      case (1, .bytes(let piece)): isKnown = isPiece(piece)
      case (2...5, .bytes(let message)):
        isKnown = ProtobufFields.forEach(message) { _, _ in }
        hasSettings = true
      default: isKnown = false
      }
    }
    return isWhole && isKnown && hasSettings
  }

  private static func isPiece(_ message: ArraySlice<UInt8>) -> Bool {
    var isKnown = true
    let isWhole = ProtobufFields.forEach(message) { number, value in
      switch (number, value) {
      case (1, .bytes), (2, .fixed), (3, .number): break
      default: isKnown = false
      }
    }
    return isWhole && isKnown
  }

  // MARK: ONNX

  /// The domains whose operators ONNX Runtime has, or that exporters use for functions of the model's own.
  private static let knownDomains: Set<String> = [
    "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc", "org.pytorch.aten", "pkg.onnxscript.torch_lib",
    "pkg.onnxscript.torch_lib.common", "pkg.torch",
  ]
  /// Operators that call Python (`onnxruntime-training`) or a library.
  private static let pythonOperators: Set<String> = [
    "PyOp", "PythonOp", "PythonOpGrad", "ExternalOp", "TritonOp",
  ]
  /// Graphs lie in attributes of operators (`If`, `Loop`); real ones a few deep.
  private static let graphDepth = 32

  private mutating func examineONNX(
    _ bytes: [UInt8], _ content: ScannedContent
  ) throws(CheckpointError) -> Bool {
    var graphs: [ArraySlice<UInt8>] = []
    var functions: [ArraySlice<UInt8>] = []
    var isKnown = true
    var texts: [ArraySlice<UInt8>] = []
    let isWhole = ProtobufFields.forEach(bytes[...]) { number, value in
      switch (number, value) {
      case (1, .number), (5, .number): break
      case (7, .bytes(let graph)): graphs.append(graph)
      case (25, .bytes(let function)): functions.append(function)
      case (2...4, .bytes), (6, .bytes), (8, .bytes), (20, .bytes): break
      case (14, .bytes(let entry)): texts.append(entry)
      default: isKnown = false
      }
    }
    guard isWhole, isKnown, !graphs.isEmpty else { return false }
    var own: Set<String> = []
    for function in functions { own.insert(ProtobufFields.text(10, in: function) ?? "") }
    let names = Set(
      functions.map {
        (ProtobufFields.text(10, in: $0) ?? "") + "." + (ProtobufFields.text(1, in: $0) ?? "")
      })
    var pending = graphs.map { (graph: $0, nodes: 1, depth: 0) } + functions.map { ($0, 7, 0) }
    while let (graph, nodes, depth) = pending.popLast() {
      guard depth <= ContentWalk.graphDepth else {
        add(content.place.problem(.limitExceeded, field: "ONNX graph", "lies too deep in others"))
        break
      }
      for node in ProtobufFields.all(nodes, in: graph) {
        let type = ProtobufFields.text(4, in: node) ?? ""
        let domain = ProtobufFields.text(7, in: node) ?? ""
        if ContentWalk.pythonOperators.contains(type) {
          report(
            code: "the ONNX operator \(quoted(type))", (.dangerous, "calls Python or a library"),
            at: content.place)
        } else if !ContentWalk.knownDomains.contains(domain), !names.contains(domain + "." + type) {
          report(
            code: "the ONNX operator \(quoted(type)) of \(quoted(domain))",
            (.unknown, "is code of a library that has to be loaded"), at: content.place)
        } else if domain == "org.pytorch.aten", type == "ATen" {
          report(
            code: "the ONNX operator \(quoted(type))",
            (.unknown, "calls an operator of PyTorch by its name"), at: content.place)
        } else if type == "EPContext" {
          examineContext(node, content.place)
        }
        for attribute in ProtobufFields.all(5, in: node) {
          // `t` 5, `tensors` 10; `g` 6, `graphs` 11; `sparse_tensor` 22, `sparse_tensors` 23.
          for tensor in ProtobufFields.all(5, in: attribute) + ProtobufFields.all(10, in: attribute)
          {
            examineTensor(tensor, content.place)
          }
          for tensor in [22, 23].flatMap({ ProtobufFields.all($0, in: attribute) }) {
            examineSparse(tensor, content.place)
          }
          pending += (ProtobufFields.all(6, in: attribute) + ProtobufFields.all(11, in: attribute))
            .map { ($0, 1, depth + 1) }
        }
      }
      guard nodes == 1 else { continue }
      for tensor in ProtobufFields.all(5, in: graph) { examineTensor(tensor, content.place) }
      for tensor in ProtobufFields.all(15, in: graph) { examineSparse(tensor, content.place) }
    }
    for entry in texts {
      let value = ProtobufFields.text(2, in: entry) ?? ""
      _ = examineJSON(Array(value.utf8), content.place)
    }
    report(
      code: "an ONNX model", (.safe, "is a graph of operators without code of its own"),
      at: content.place)
    return true
  }

  /// Elements in another file, whose name must lead nowhere else (CVE-2022-25882, CVE-2024-27318).
  private mutating func examineTensor(_ tensor: ArraySlice<UInt8>, _ place: ScannedContent.Place) {
    for entry in ProtobufFields.all(13, in: tensor)
    where ProtobufFields.text(1, in: entry) == "location" {
      let path = ProtobufFields.text(2, in: entry) ?? ""
      guard leadsOut(path) || path.contains(":") else {
        if place.member == nil {
          let file = Directory.join(splitPath(place.file).directory, path)
          if let identity = Directory.identity(of: file) { elementFiles.insert(identity) }
        }
        continue
      }
      report(
        code: "elements of \(quoted(ProtobufFields.text(8, in: tensor) ?? "")) in \(quoted(path))",
        (.dangerous, "are read from a file outside of the model's directory"), at: place)
    }
  }

  /// What a provider of ONNX Runtime has compiled: bytes, or a file beside the model, whose name must lead nowhere else.
  private mutating func examineContext(_ node: ArraySlice<UInt8>, _ place: ScannedContent.Place) {
    for attribute in ProtobufFields.all(5, in: node)
    where ProtobufFields.text(1, in: attribute) == "ep_cache_context" {
      let path = ProtobufFields.text(4, in: attribute) ?? ""
      // Compiled code lies in the same field.
      guard path.utf8.count < 4_096, leadsOut(path), ContentWalk.isText(Array(path.utf8)) else {
        continue
      }
      report(
        code: "a compiled graph in \(quoted(path))",
        (.dangerous, "is read from a file outside of the model's directory"), at: place)
    }
  }

  /// `values` 1 and `indices` 2 are tensors.
  private mutating func examineSparse(_ sparse: ArraySlice<UInt8>, _ place: ScannedContent.Place) {
    for tensor in [1, 2].flatMap({ ProtobufFields.all($0, in: sparse) }) {
      examineTensor(tensor, place)
    }
  }

  // MARK: SavedModel

  /// Operators that read and write files, or call Python. `SaveV2` and `RestoreV2` are in every SavedModel.
  private static let fileOperators: [String: String] = [
    "ReadFile": "reads a file", "WriteFile": "writes a file", "MatchingFiles": "lists files",
    "PyFunc": "calls Python", "EagerPyFunc": "calls Python", "PyFuncStateless": "calls Python",
    "ImmutableConst": "maps a file", "FixedLengthRecordReader": "reads a file",
    "LoadAndRemapMatrix": "reads a file", "DebugIdentityV2": "writes a file",
    "DumpBytes": "writes a file",
    "ShellCommand": "runs a program", "ExecuteOp": "runs a program",
    "SystemConfig": "runs a program",
  ]

  private mutating func examineSavedModel(
    _ bytes: [UInt8], _ content: ScannedContent
  ) throws(CheckpointError) -> Bool {
    guard ProtobufFields.forEach(bytes[...], { _, _ in }) else { return false }
    var found: Set<String> = []
    for meta in ProtobufFields.all(2, in: bytes[...]) {
      for graph in ProtobufFields.all(2, in: meta) {
        var nodes = ProtobufFields.all(1, in: graph)
        for library in ProtobufFields.all(2, in: graph) {
          for function in ProtobufFields.all(1, in: library) {
            nodes += ProtobufFields.all(3, in: function)
          }
        }
        for node in nodes { found.insert(ProtobufFields.text(2, in: node) ?? "") }
      }
    }
    for name in found.sorted() {
      guard let reason = ContentWalk.fileOperators[name] else { continue }
      report(
        code: "the TensorFlow operator \(quoted(name))",
        (.dangerous, reason + " when the model runs"),
        at: content.place)
    }
    search(bytes, content)
    add(
      content.place.problem(
        .unsupported, field: "content",
        "is a TensorFlow SavedModel of \(found.count) kinds of operators; what each may do is not known here"
      ))
    return true
  }
  // MARK: Graphs as text

  /// Endings of ONNX's textual forms, which `onnx.load` takes by them (`onnx/serialization.py`, 1.19); the others have more uses.
  private static let graphTextEndings = [".onnxtxt", ".onnxtext", ".onnxjson"]
  private static let protobufTextEndings = [".pbtxt", ".prototxt", ".textproto"]

  /// A graph that is written as text. Names of fields have no other spelling there.
  mutating func examineGraphText(_ bytes: [UInt8], _ place: ScannedContent.Place) {
    let name = place.name.lowercased()
    func holds(_ word: String) -> Bool { bytes.index(of: Array(word.utf8)) != nil }
    let isText = ContentWalk.protobufTextEndings.contains(where: name.hasSuffix)
    if isText, holds("python_param") || holds("\"Python\"") || holds("'Python'") {
      report(
        code: "a layer of Caffe in Python", (.unknown, "is a module of Python that is imported"),
        at: place)
    } else if isText && (holds("meta_graphs") || holds("graph_def") || holds("node") && holds("op"))
      || ContentWalk.graphTextEndings.contains(where: name.hasSuffix)
    {
      report(
        code: "a graph of TensorFlow or ONNX as text",
        (.unknown, "has operators that are looked at in the binary form only"), at: place)
    }
  }
}
