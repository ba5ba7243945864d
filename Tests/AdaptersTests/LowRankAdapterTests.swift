import Adapters
import CheckpointBytes
import Checkpoints
import OrderedCollections
import TensorValues
import TestSupport
import Testing
import WeightGraph

@Suite("Low-rank adapters")
struct LowRankAdapterTests {
  private func numbers(_ weight: Weight) throws -> [Float] {
    let cast = try weight.cast(to: .f32)
    var values = [Float](repeating: 0, count: weight.shape.elementCount)
    try unsafe values.withUnsafeMutableBytes { try unsafe cast.read(at: 0, into: $0) }
    return values
  }

  /// The largest distance of a weight from what PEFT has.
  private func distance(_ weight: Weight, _ other: Weight) throws -> Float {
    #expect(weight.shape == other.shape)
    #expect(weight.dtype == other.dtype)
    return zip(try numbers(weight), try numbers(other)).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(
    "Merged weights are those of merge_and_unload, and all others stay the same storage",
    arguments: [
      ("layers", "bert", 6), ("magnitudes", "bert", 29), ("token-rows", "bert", 5),
      ("patterns", "bert", 5), ("convolution", "gpt2", 6), ("output", "gpt2", 1),
      ("table", "gpt2", 4), ("parameters", "bert", 4),
    ])
  func merged(name: String, model: String, count: Int) throws {
    let folder = "adapters/\(name)"
    let graph = try Checkpoint.open(Fixtures.path("adapters/\(model)")).graph
    let adapter = try LowRankAdapter(Fixtures.path(folder))
    let result = try adapter.applied(to: graph)
    let expected = try Checkpoint.open(Fixtures.path("adapters/expected/\(name).safetensors")).graph
    var changed = 0
    for (name, weight) in result.graph.weights {
      guard let wanted = expected["merged." + name.string] else {
        #expect(weight.lineage == graph[name]?.lineage, "\(name)")
        continue
      }
      changed += 1
      // Sums in another order: a unit in the last place or two of float32.
      #expect(try distance(weight, wanted) < 3e-7, "\(name)")
    }
    #expect(changed == count)
    #expect(result.adapted.count + result.replaced.count + result.added.count >= changed)
    // A table that is stored whole is the output matrix no more.
    #expect(result.added == (name == "table" ? ["lm_head.weight"] : []))
    #expect(try !adapter.isIdentity())
  }

  @Test(
    "What changes is computed in the type that is asked for, as if the model had been loaded in it",
    arguments: [
      ("layers", "bert"), ("magnitudes", "bert"), ("token-rows", "bert"), ("table", "gpt2"),
    ])
  func types(name: String, model: String) throws {
    let half = try Checkpoint.open(Fixtures.path("adapters/\(model)")).graph.mapWeights {
      (_, weight) throws(CheckpointError) in
      weight.dtype == .f32 ? try weight.cast(to: .bf16) : weight
    }
    let loaded = try half.mapWeights { (_, weight) throws(CheckpointError) in
      weight.dtype == .bf16 ? try weight.cast(to: .f32) : weight
    }
    let adapter = try LowRankAdapter(Fixtures.path("adapters/\(name)"))
    let (found, wanted) = (
      try adapter.applied(to: half, as: .f32), try adapter.applied(to: loaded)
    )
    #expect(found.adapted == wanted.adapted && found.replaced == wanted.replaced)
    for name in found.adapted + found.replaced {
      let weights = (try #require(found.graph[name]), try #require(wanted.graph[name]))
      #expect(try distance(weights.0, weights.1) == 0, "\(name)")
    }
    // No type asks for nothing, and a narrower one is a matter of what comes afterwards.
    for dtype in [nil, DType.bf16] {
      let narrow = try adapter.applied(to: half, as: dtype)
      #expect(narrow.adapted.allSatisfy { narrow.graph[$0]?.dtype == .bf16 })
    }
  }

  @Test("What gradients alone are computed with is passed over")
  func gradientsAlone() throws {
    let module = "base_model.model.bert.encoder.layer.0.attention.self.query"
    func entry(_ part: String, _ shape: String, _ start: Int, _ end: Int) -> String {
      "\"\(module).\(part)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(start),\(end)]}"
    }
    let header = Array(
      "{\(entry("lora_A.weight", "[1,2]", 0, 8)),\(entry("lora_B.weight", "[2,1]", 8, 16)),\(entry("lora_velora_embed", "[1]", 16, 20))}"
        .utf8)
    let directory = try TemporaryDirectory()
    let settings =
      #"{"peft_type":"LORA","r":1,"target_modules":["query"],"velora_config":{"num_groups":2}}"#
    _ = try directory.write(Array(settings.utf8), as: "adapter_config.json")
    let count = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    _ = try directory.write(
      count + header + [UInt8](repeating: 1, count: 20), as: "adapter_model.safetensors")
    let adapter = try LowRankAdapter(directory.path)
    #expect(adapter.modules.count == 1 && adapter.replacements.isEmpty)
    #expect(try adapter.descriptions()[0].contains("VeLoRA"))
  }

  @Test("Factors of 0 and of −0 change nothing, and one other number does")
  func identity() throws {
    let module = "base_model.model.bert.encoder.layer.0.attention.self.query"
    func entry(_ part: String, _ shape: String, _ start: Int) -> String {
      "\"\(module).\(part).weight\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(start),\(start + 8)]}"
    }
    let header = Array(
      "{\(entry("lora_A", "[1,2]", 0)),\(entry("lora_B", "[2,1]", 8))}".utf8)
    let cases: [([Float], Bool)] = [
      ([0, 0], true), ([-0.0, 0], true), ([-0.0, -0.0], true),
      ([-0.0, .leastNonzeroMagnitude], false),
      ([0, .nan], false),
    ]
    for (up, isIdentity) in cases {
      let directory = try TemporaryDirectory()
      let settings = #"{"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":["query"]}"#
      _ = try directory.write(Array(settings.utf8), as: "adapter_config.json")
      let numbers = ([1, 2] + up).flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: Float(number).bitPattern >> UInt32(8 * $0)) }
      }
      let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
      _ = try directory.write(length + header + numbers, as: "adapter_model.safetensors")
      #expect(try LowRankAdapter(directory.path).isIdentity() == isIdentity, "\(up)")
    }
  }

  @Test("Reading in pieces gives the bytes of reading at once")
  func pieces() throws {
    let graph = try Checkpoint.open(Fixtures.path("adapters/bert")).graph
    for name in ["magnitudes", "patterns"] {
      let result = try LowRankAdapter(Fixtures.path("adapters/" + name)).applied(to: graph)
      for name in result.adapted {
        let weight = try #require(result.graph[name])
        let whole = try numbers(weight)
        for (index, value) in whole.enumerated() {
          var one: Float = 0
          try unsafe withUnsafeMutableBytes(of: &one) {
            try unsafe weight.read(at: index * 4, into: $0)
          }
          #expect(one.bitPattern == value.bitPattern)
        }
      }
    }
  }

  @Test("Names without the body's prefix, or with one more, are found")
  func prefixes() throws {
    let graph = try Checkpoint.open(Fixtures.path("adapters/bert")).graph
    let adapter = try LowRankAdapter(Fixtures.path("adapters/token-rows"))
    let wanted = try adapter.applied(to: graph)
    let bare = try graph.renamed { name in
      name.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : nil
    }
    #expect(try adapter.applied(to: bare).adapted.count == wanted.adapted.count)
    let wrapped = try graph.renamed { ExactName("model." + $0.string) }
    #expect(try adapter.applied(to: wrapped).adapted.first?.hasPrefix("model.bert.") == true)
  }

  @Test("A module that the model does not have is an error with its name")
  func foreign() throws {
    let graph = try Checkpoint.open(Fixtures.path("adapters/gpt2")).graph
    let adapter = try LowRankAdapter(Fixtures.path("adapters/layers"))
    let error = #expect(throws: CheckpointError.self) { try adapter.applied(to: graph) }
    #expect(error?.kind == .notFound)
    let partly = try Checkpoint.open(Fixtures.path("adapters/bert")).graph.renamed {
      $0 == "bert.encoder.layer.1.attention.self.value.weight" ? nil : $0
    }
    let other = #expect(throws: CheckpointError.self) { try adapter.applied(to: partly) }
    #expect(other?.tensor == "bert.encoder.layer.1.attention.self.value.weight")
  }

  @Test("Heads that only the adapter has are added, if modules_to_save names them")
  func added() throws {
    let graph = try Checkpoint.open(Fixtures.path("adapters/bert")).graph.renamed {
      $0.hasPrefix("classifier.") ? nil : $0
    }
    let result = try LowRankAdapter(Fixtures.path("adapters/layers")).applied(to: graph)
    #expect(result.added == ["classifier.bias", "classifier.weight"])
    let all = try LowRankAdapter(Fixtures.path("adapters/magnitudes"))
    let error = #expect(throws: CheckpointError.self) { try all.applied(to: graph) }
    #expect(error?.tensor == "classifier.bias")
  }

  @Test("A head that only the adapter has stands beside a body whose names had no prefix")
  func headOfBareBody() throws {
    let whole = try Checkpoint.open(Fixtures.path("adapters/bert")).graph
    let bare = try whole.renamed { name in
      name.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : nil
    }
    let result = try LowRankAdapter(Fixtures.path("adapters/layers")).applied(to: bare)
    #expect(result.added == ["classifier.bias", "classifier.weight"])
    #expect(Set(result.graph.weights.keys) == Set(whole.weights.keys))
    let expected = try Checkpoint.open(Fixtures.path("adapters/expected/layers.safetensors")).graph
    let merged = expected.weights.filter { $0.key.hasPrefix("merged.") }
    #expect(merged.count == 6)
    for (name, weight) in merged {
      let own = try #require(result.graph[ExactName(String(name.string.dropFirst(7)))])
      #expect(try distance(own, weight) < 3e-7, "\(name)")
    }
  }

  @Test("A table of a body alone that is stored whole leaves the output matrix what it was")
  func tableOfBareBody() throws {
    let whole = try Checkpoint.open(Fixtures.path("adapters/gpt2")).graph
    let bare = try whole.renamed { ExactName(String($0.string.dropFirst("transformer.".count))) }
    let adapter = try LowRankAdapter(Fixtures.path("adapters/table"))
    let (wanted, result) = (try adapter.applied(to: whole), try adapter.applied(to: bare))
    #expect(result.isUntied && result.added == ["lm_head.weight"])
    #expect(Set(result.graph.weights.keys) == Set(wanted.graph.weights.keys))
    for (name, weight) in wanted.graph.weights {
      #expect(try distance(try #require(result.graph[name]), weight) == 0, "\(name)")
    }
  }

  @Test("A part of a head is not put on a body alone")
  func partOfHead() throws {
    let bare = try Checkpoint.open(Fixtures.path("adapters/bert")).graph.renamed { name in
      name.hasPrefix("bert.") ? ExactName(String(name.string.dropFirst(5))) : nil
    }
    let query = "bert.encoder.layer.0.attention.self.query"
    let directory = try adapter(
      #"{"peft_type": "LORA", "r": 2, "modules_to_save": ["transform.dense"]}"#,
      [
        (query + ".lora_A.weight", [2, 8]), (query + ".lora_B.weight", [8, 2]),
        ("cls.predictions.transform.dense.weight", [8, 8]),
        ("cls.predictions.transform.dense.bias", [8]),
      ])
    let opened = try LowRankAdapter(directory.path)
    let error = #expect(throws: CheckpointError.self) { try opened.applied(to: bare) }
    #expect(error?.kind == .inconsistent)
    #expect(error?.tensor == "cls.predictions.transform.dense.weight")
  }

  @Test("A weight that a file has under both its names is changed as one that it has under one")
  func twoNames() throws {
    let one = try Checkpoint.open(Fixtures.path("adapters/gpt2")).graph
    var both = WeightGraph()
    for (name, weight) in one.weights { try both.insert(weight, as: name) }
    let table: ExactName = "transformer.wte.weight"
    try both.insert(try #require(one[table]), as: "lm_head.weight")
    for name in ["output", "table"] {
      let adapter = try LowRankAdapter(Fixtures.path("adapters/\(name)"))
      let (first, second) = (try adapter.applied(to: one), try adapter.applied(to: both))
      #expect(first.isUntied == (name == "table") && second.isUntied == first.isUntied)
      let wanted = try #require(first.graph["lm_head.weight"] ?? first.graph[table])
      #expect(try distance(try #require(second.graph["lm_head.weight"]), wanted) == 0, "\(name)")
      let words = try #require(second.graph[table])
      #expect(try distance(words, try #require(first.graph[table])) == 0, "\(name)")
    }
  }

  @Test("A directory of several adapters names them")
  func several() throws {
    let directory = try TemporaryDirectory()
    for name in ["tone", "style"] {
      try Directory.make(directory.file(name))
      for file in ["adapter_config.json", "adapter_model.safetensors"] {
        let bytes = try Fixture("adapters/layers/\(file)").bytes()
        _ = try directory.write(bytes, as: "\(name)/\(file)")
      }
    }
    let error = #expect(throws: CheckpointError.self) { try LowRankAdapter(directory.path) }
    #expect(error?.kind == .notFound)
    #expect(
      error.map { "\($0)".contains("'style', 'tone'") } == true, "\(String(describing: error))")
    _ = try LowRankAdapter(directory.file("tone"))
  }

  /// An adapter in a directory of its own, with other settings.
  private func altered(
    _ name: String, _ changes: [(ExactName, JSONValue)]
  ) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    let bytes = try Fixture("adapters/\(name)/adapter_config.json").bytes()
    var document = try JSONValue(parsing: bytes, context: "settings")
    for (key, value) in changes { document = document.setting(key, to: value) }
    _ = try directory.write(Array(JSONWriter.text(document).utf8), as: "adapter_config.json")
    _ = try directory.write(
      try Fixture("adapters/\(name)/adapter_model.safetensors").bytes(),
      as: "adapter_model.safetensors")
    return directory
  }

  @Test(
    "What would change numbers in a way that is not known is refused by its name",
    arguments: [
      ("peft_type", JSONValue.string("IA3")), ("use_qalora", .boolean(true)),
      ("alora_invocation_tokens", .array([.integer(1)])),
      ("init_lora_weights", .string("pissa_niter_4")),
      ("target_parameters", .array([.string("experts.gate_up_proj")])),
      ("layer_replication", .array([.array([])])),
      ("rank_pattern", .object([.init("(?=a)", .integer(2))])),
    ] as [(ExactName, JSONValue)])
  func refused(key: ExactName, value: JSONValue) throws {
    let directory = try altered("layers", [(key, value)])
    let error = #expect(throws: CheckpointError.self) { try LowRankAdapter(directory.path) }
    #expect(error?.kind == .unsupported)
    #expect(error?.site.field == key.string)
    #expect(error?.site.file == directory.file("adapter_config.json"))
  }

  @Test(
    "A rank that the factors do not have, and magnitudes that are not there, are told with the tensor"
  )
  func contradicted() throws {
    let rank = try altered("layers", [("r", .integer(8))])
    let error = #expect(throws: CheckpointError.self) { try LowRankAdapter(rank.path) }
    #expect(error?.kind == .mismatch)
    #expect(
      error?.tensor == "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight")
    let magnitudes = try altered("layers", [("use_dora", .boolean(true))])
    let other = #expect(throws: CheckpointError.self) { try LowRankAdapter(magnitudes.path) }
    #expect(other?.kind == .inconsistent)
  }

  /// An adapter with settings and float32 tensors of zeros.
  private func adapter(
    _ settings: String, _ tensors: [(name: String, shape: [Int])]
  ) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    _ = try directory.write(Array(settings.utf8), as: "adapter_config.json")
    var file = TensorFile()
    for tensor in tensors { file.add("base_model.model." + tensor.name, tensor.shape) }
    _ = try directory.write(file.bytes, as: "adapter_model.safetensors")
    return directory
  }

  @Test(
    "Factors of any shape are put on a weight, or refused", .serialized,
    arguments: [[], [2], [3, 2], [2, 3], [3, 2, 1], [3, 2, 1, 1], [0, 2], [3, 0]])
  func factors(shape: [Int]) throws {
    let directory = try adapter(
      #"{"peft_type": "LORA", "r": 2}"#, [("m.lora_A.weight", [2, 3]), ("m.lora_B.weight", shape)])
    var model = TensorFile()
    model.add("m.weight", [3, 3])
    let graph = try Checkpoint.open(try directory.write(model.bytes, as: "m.safetensors")).graph
    let opened = try LowRankAdapter(directory.path)
    guard shape.prefix(2) != [3, 2] else {
      #expect(try opened.applied(to: graph).adapted == ["m.weight"])
      return
    }
    let error = #expect(throws: CheckpointError.self) { try opened.applied(to: graph) }
    #expect(error?.kind == .mismatch && error?.tensor == "m.weight")
  }

  @Test(
    "More patterns than any adapter has are refused, whether it is for their sizes or for the names"
  )
  func manyPatterns() throws {
    func settings(_ patterns: [String]) -> String {
      let members = patterns.map { "\"\($0)\": 2" }.joined(separator: ", ")
      return #"{"peft_type": "LORA", "r": 2, "rank_pattern": {"# + members + "}}"
    }
    let tensors = [("m.lora_A.weight", [2, 3]), ("m.lora_B.weight", [3, 2])]
    let large = try adapter(settings((0..<450).map { "\($0)(a{50}){50}" }), tensors)
    let error = #expect(throws: CheckpointError.self) { try LowRankAdapter(large.path) }
    #expect(error?.kind == .limitExceeded && error?.site.field == "rank_pattern")
    let names = (0..<200).map { "n\($0)" + String(repeating: ".a", count: 3000) }
    let long = try adapter(
      settings((0..<90).map { "\($0)(a{50}){50}" }),
      names.flatMap { [($0 + ".lora_A.weight", [2, 3]), ($0 + ".lora_B.weight", [3, 2])] })
    let other = #expect(throws: CheckpointError.self) { try LowRankAdapter(long.path) }
    #expect(other?.kind == .limitExceeded && other?.site.field == "rank_pattern")
    #expect(other?.site.file == long.file("adapter_config.json"))
    // One for each of a thousand modules is nothing unusual.
    let many = (0..<1000).map { "model.layers.\($0).self_attn.q_proj" }
    let usual = try adapter(
      settings(many),
      many.flatMap { [($0 + ".lora_A.weight", [2, 3]), ($0 + ".lora_B.weight", [3, 2])] })
    #expect(try LowRankAdapter(usual.path).modules.count == 1000)
  }

  @Test("A weight that so many modules share that reading it would not end is refused")
  func shared() throws {
    var model = TensorFile()
    model.add("m.weight", [3, 3])
    for (count, isRefused) in [(2, false), (16, false), (17, true)] {
      let names = (0..<count).map { "m\($0)" }
      let directory = try adapter(
        #"{"peft_type": "LORA", "r": 2}"#,
        names.flatMap { [($0 + ".lora_A.weight", [2, 3]), ($0 + ".lora_B.weight", [3, 2])] })
      let file = try Checkpoint.open(try directory.write(model.bytes, as: "m.safetensors")).graph
      var graph = WeightGraph()
      let weight = try #require(file["m.weight"])
      for name in names { try graph.insert(weight, as: ExactName(name + ".weight")) }
      let opened = try LowRankAdapter(directory.path)
      guard isRefused else {
        #expect(try opened.applied(to: graph).adapted.count == count)
        continue
      }
      let error = #expect(throws: CheckpointError.self) { try opened.applied(to: graph) }
      #expect(error?.kind == .limitExceeded)
    }
  }

  @Test("Modules that are stored whole are named by any run of components but the last")
  func savedModules() throws {
    let settings = #"{"peft_type": "LORA", "modules_to_save": ["head.out", "score", ""]}"#
    for (name, isAdded) in [
      ("score.weight", true), ("a.head.out.b.weight", true), ("head.out", false),
      ("head.x.out.weight", false), ("myscore.weight", false), ("a.score", false),
    ] {
      let directory = try adapter(settings, [(name, [2])])
      let opened = try LowRankAdapter(directory.path)
      let result = try? opened.applied(to: WeightGraph())
      #expect(result?.added == (isAdded ? [ExactName(name)] : nil), "\(name)")
    }
  }

  @Test("Scales follow the settings, one module's before all others'")
  func scales() throws {
    let patterns = try LowRankAdapter(Fixtures.path("adapters/patterns"))
    // α / √r: 5 / √2, 8 / √3, and 8 / √2 of the table.
    #expect(
      patterns.modules.map { Float($0.scale) } == [
        8 / Float(2).squareRoot(), 5 / Float(2).squareRoot(), 8 / Float(3).squareRoot(),
      ])
  }

  @Test(
    "A name that is no part of an adapter is refused, and ends nothing",
    arguments: [
      "base_model.model.x.modules_to_save", "base_model.model.modules_to_save.default",
      "base_model.model.", "base_layer", "lora_A", "base_model.model.x.lora_C.weight",
      "base_model.model.x.lora_A.a.b.weight", "modules_to_save",
    ])
  func names(name: String) throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write(
      try Fixture("adapters/layers/adapter_config.json").bytes(), as: "adapter_config.json")
    // A safetensors file of one number.
    let header = "{\"\(name)\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
    let size = unsafe withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
      unsafe Array($0)
    }
    _ = try directory.write(
      size + Array(header.utf8) + [0, 0, 0, 0], as: "adapter_model.safetensors")
    let error = #expect(throws: CheckpointError.self) { try LowRankAdapter(directory.path) }
    #expect(error?.kind == .unsupported)
    #expect(error?.tensor == name)
  }
}
